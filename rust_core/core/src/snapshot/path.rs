//! Request paths: what is canonical, and what can be made so.
//!
//! A gateway, a decision and an upstream agree on a path only where nobody has to interpret it. So
//! a path is refused as soon as two readers could differ: dot segments, empty segments, escaped or
//! raw separators, parameters (`;`), control characters, escapes of escapes, what is not UTF-8
//! (RFC 3986, sections 3.3 and 6.2.2). [`PathRule::Resolve`] takes dot segments and empty segments, and nothing else.
//!
//! Segments are compared decoded, so that `%61` and `a` are one.

use std::borrow::Cow;
use std::fmt;

use super::catalogue::PathRule;

/// The longest path, in bytes, without its query.
pub const MAX_BYTES: usize = 8 * 1024;
/// The most segments of a path; one that ends with `/` ends with an empty segment.
pub const MAX_SEGMENTS: usize = 256;

/// Cuts a request target at its first `?` into the path and the query, without the `?`.
#[must_use]
pub fn split_target(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// The path is not canonical, nor can it be made so by the rule in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotCanonical;

/// How far a path is from its canonical form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Sent as it is judged.
    Canonical,
    /// It had dot segments or empty segments, which [`PathRule::Resolve`] removed.
    Resolved,
}

/// A canonical path, decoded: `/`, then segments that hold no `/`, joined by `/`.
///
/// Its [`fmt::Display`] form is percent-encoded, and normalises to the same path again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CanonicalPath<'a> {
    decoded: Cow<'a, str>,
    form: Form,
}

impl<'a> CanonicalPath<'a> {
    /// Reads the target of a request, whose query is cut off.
    ///
    /// Allocates only where there is an escape to decode or something to resolve.
    pub fn read(target: &'a str, rule: PathRule) -> Result<Self, NotCanonical> {
        // No request target has a fragment (RFC 9110, section 7.1), and who cuts it off cuts first.
        let path = split_target(target).0;
        if target.len() != path.len() && target.bytes().any(|byte| byte == b'#') {
            return Err(NotCanonical);
        }
        Self::read_path(path, rule)
    }

    /// Reads a path that has no query.
    pub fn read_path(path: &'a str, rule: PathRule) -> Result<Self, NotCanonical> {
        if path.len() > MAX_BYTES || !path.starts_with('/') {
            return Err(NotCanonical);
        }
        let mut escaped = false;
        for byte in path.bytes() {
            match byte {
                b'%' => escaped = true,
                b'#' | b'?' | b'\\' | b';' => return Err(NotCanonical),
                0x21..=0x7e => {}
                _ => return Err(NotCanonical),
            }
        }
        let decoded = if escaped { Cow::Owned(decode(path)?) } else { Cow::Borrowed(path) };
        match (form(&decoded)?, rule) {
            (Form::Canonical, _) => Ok(Self { decoded, form: Form::Canonical }),
            (Form::Resolved, PathRule::Refuse) => Err(NotCanonical),
            (Form::Resolved, PathRule::Resolve) => {
                Ok(Self { decoded: Cow::Owned(resolve(&decoded)?), form: Form::Resolved })
            }
        }
    }

    /// Whether the path was sent in this form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The decoded segments behind the first `/`, joined by `/`.
    #[must_use]
    pub fn segments(&self) -> &str {
        self.decoded.strip_prefix('/').unwrap_or_default()
    }
}

impl fmt::Display for CanonicalPath<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.decoded.bytes() {
            match byte {
                b'%' | b'#' | b'?' | b'\\' | b';' | ..=0x20 | 0x7f.. => write!(to, "%{byte:02X}")?,
                _ => write!(to, "{}", char::from(byte))?,
            }
        }
        Ok(())
    }
}

/// Percent-decodes a path whose raw bytes have been judged.
fn decode(path: &str) -> Result<String, NotCanonical> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) =
            (bytes.next().and_then(hex_digit), bytes.next().and_then(hex_digit))
        else {
            return Err(NotCanonical);
        };
        match (high << 4) | low {
            b'/' | b'\\' | b';' | 0x00..=0x1f | 0x7f => return Err(NotCanonical),
            byte => decoded.push(byte),
        }
    }
    // What is still an escape would become something else under a reader that decodes twice.
    if decoded.windows(3).any(|three| {
        matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    }) {
        return Err(NotCanonical);
    }
    // Overlong forms of `.` and `/` are not UTF-8, and a lax decoder would take them for these.
    String::from_utf8(decoded).map_err(|_| NotCanonical)
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte & 0x0f),
        b'a'..=b'f' | b'A'..=b'F' => Some((byte & 0x0f).wrapping_add(9)),
        _ => None,
    }
}

/// Whether a decoded path has dot segments, or empty ones before its end.
fn form(decoded: &str) -> Result<Form, NotCanonical> {
    let mut form = Form::Canonical;
    let mut before_is_empty = false;
    let mut count: usize = 0;
    for segment in decoded.strip_prefix('/').unwrap_or_default().split('/') {
        count = count.saturating_add(1);
        if before_is_empty || segment == "." || segment == ".." {
            form = Form::Resolved;
        }
        before_is_empty = segment.is_empty();
    }
    if count > MAX_SEGMENTS { Err(NotCanonical) } else { Ok(form) }
}

/// Removes dot segments (RFC 3986, section 5.2.4) and merges slashes.
///
/// Where the order of the two matters, a `..` right behind an empty segment, readers differ: refused.
fn resolve(decoded: &str) -> Result<String, NotCanonical> {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_open = false;
    for segment in decoded.strip_prefix('/').unwrap_or_default().split('/') {
        ends_open = matches!(segment, "" | "." | "..");
        match segment {
            "." => {}
            ".." => {
                if kept.pop().is_some_and(str::is_empty) {
                    return Err(NotCanonical);
                }
            }
            _ => kept.push(segment),
        }
    }
    let mut resolved = String::with_capacity(decoded.len());
    for segment in kept.into_iter().filter(|segment| !segment.is_empty()) {
        resolved.push('/');
        resolved.push_str(segment);
    }
    if ends_open || resolved.is_empty() {
        resolved.push('/');
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests;
