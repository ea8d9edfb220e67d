//! What may be seen of an identifier outside: enough to tell two apart, not enough to use one.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

/// The first four characters, if there are more than eight, and six hexadecimal digits of the
/// SHA-256 of the whole.
#[must_use]
pub(crate) fn mask(identifier: &str) -> String {
    let mut masked = String::with_capacity(16);
    if identifier.len() > 8 {
        masked.extend(identifier.chars().take(4).filter(char::is_ascii_graphic));
    }
    masked.push('~');
    for byte in digest(&SHA256, identifier.as_bytes()).as_ref().iter().take(3) {
        for nibble in [byte >> 4, byte & 0x0f] {
            masked.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    masked
}

/// A name that people choose and publish (an issuer, an audience, a type), for an explanation: as it
/// is where it is short and plain, else masked.
#[must_use]
pub(crate) fn shown(name: &str) -> String {
    const NAME: usize = 200;
    let plain = name.len() <= NAME
        && !name.contains("eyJ")
        && name.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { name.to_owned() } else { mask(name) }
}

/// The longest piece of a path that a record keeps. A JWS header alone is longer than most names.
const SEGMENT: usize = 40;

/// The longest path that a record keeps.
const PATH: usize = 200;

/// A path fit for logs: no query, no long segment, nothing that begins like a JWS, ASCII only.
#[must_use]
pub(crate) fn path_for_record(path: &str) -> Cow<'_, str> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path.len() <= PATH && path.split('/').all(is_plain_segment) {
        return path.into();
    }
    let mut kept = String::with_capacity(path.len().min(PATH));
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            kept.push('/');
        }
        kept.push_str(if is_plain_segment(segment) { segment } else { "~" });
        if kept.len() > PATH {
            kept.truncate(PATH);
            kept.push('~');
            break;
        }
    }
    kept.into()
}

fn is_plain_segment(segment: &str) -> bool {
    segment.len() <= SEGMENT && is_plain(segment)
}

/// A method fit for logs: a short token, else a placeholder.
#[must_use]
pub(crate) fn method_for_record(method: &str) -> Cow<'_, str> {
    short_ascii(method, 20)
}

/// A host fit for logs.
#[must_use]
pub(crate) fn host_for_record(host: &str) -> Cow<'_, str> {
    short_ascii(host, 255)
}

fn short_ascii(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && is_plain(text) { text.into() } else { "~".into() }
}

fn is_plain(text: &str) -> bool {
    !text.as_bytes().windows(3).any(|three| three == b"eyJ")
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{mask, path_for_record};

    #[test]
    fn a_mask_tells_apart_and_gives_nothing_away() {
        assert!(mask("partner-7").starts_with("part~"));
        assert_eq!(mask("abc"), "~ba7816", "FIPS 180-2, appendix B.1");
        assert_ne!(mask("partner-7"), mask("partner-8"));
        assert!(!mask("short").contains("sh"));
        assert_eq!(mask("short").len(), 7);
        assert!(mask("é\n-a-long-name").is_ascii());
    }

    #[test]
    fn a_recorded_path_holds_no_query_and_nothing_long() {
        for (path, expected) in [
            ("/a/b?access_token=x", "/a/b"),
            ("/a/eyJhbGciOi.x.y/b", "/a/~/b"),
            ("/a/0123456789012345678901234567890123456789x", "/a/~"),
            ("/a b/\u{e9}", "/~/~"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(path_for_record(path), expected, "{path}");
        }
        assert!(path_for_record(&"/abcdefghi".repeat(100)).len() <= 260);
    }
}
