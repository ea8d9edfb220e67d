//! What a request says, borrowed from whatever message it came in.
//!
//! A door fills [`Facts`] without copying: from ext_authz protobuf, from check JSON, later from a
//! dynamic module inside Envoy. The pipeline reads nothing else.

/// A header that may stand once: what was found under its name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Once<'a> {
    /// No such header.
    #[default]
    Absent,
    /// Exactly one, with its value as sent.
    One(&'a [u8]),
    /// More than one; none of them is ever picked.
    Many,
}

impl<'a> Once<'a> {
    const fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Many => Self::Many,
        };
    }

    /// Whether the header stood at least once.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// The request headers that a decision looks at; all others are only passed over.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    /// `authorization`
    pub authorization: Once<'a>,
    /// `dpop` (RFC 9449, section 4.1)
    pub dpop: Once<'a>,
    /// `origin`
    pub origin: Once<'a>,
    /// `access-control-request-method`
    pub requested_method: Once<'a>,
    /// `content-type`
    pub content_type: Once<'a>,
    /// `x-forwarded-client-cert`
    pub forwarded_client_cert: Once<'a>,
    /// Exact names of headers that begin with `x-accredit-` when `_` counts as `-`.
    pub ours: Vec<&'a str>,
}

/// The prefix of every header that Accredit sets, in the form in which names are compared.
pub const OUR_PREFIX: &str = "x-accredit-";

/// Whether a header name begins with [`OUR_PREFIX`], without case and with `_` read as `-`.
///
/// Many servers hand headers on as CGI variables, where `-` and `_` are one character.
#[must_use]
pub fn is_ours(name: &[u8]) -> bool {
    let prefix = OUR_PREFIX.as_bytes();
    name.len() >= prefix.len()
        && name.iter().zip(prefix).all(|(have, want)| {
            let have = if *have == b'_' { b'-' } else { have.to_ascii_lowercase() };
            have == *want
        })
}

impl<'a> Headers<'a> {
    /// Takes one header of the request, in any case.
    pub fn push(&mut self, name: &'a str, value: &'a [u8]) {
        if self.take(name.as_bytes(), value) {
            self.ours.push(name);
        }
    }

    /// Takes one header; returns whether it is one of [`Headers::ours`], where its name belongs.
    pub(crate) fn take(&mut self, name: &[u8], value: &'a [u8]) -> bool {
        // The length decides for almost every header, before any byte is compared.
        let slot = match name.len() {
            4 if name.eq_ignore_ascii_case(b"dpop") => Some(&mut self.dpop),
            6 if name.eq_ignore_ascii_case(b"origin") => Some(&mut self.origin),
            12 if name.eq_ignore_ascii_case(b"content-type") => Some(&mut self.content_type),
            13 if name.eq_ignore_ascii_case(b"authorization") => Some(&mut self.authorization),
            23 if name.eq_ignore_ascii_case(b"x-forwarded-client-cert") => {
                Some(&mut self.forwarded_client_cert)
            }
            29 if name.eq_ignore_ascii_case(b"access-control-request-method") => {
                Some(&mut self.requested_method)
            }
            _ => None,
        };
        if let Some(slot) = slot {
            slot.add(value);
            return false;
        }
        is_ours(name)
    }
}

/// A selector as the gateway sent it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Selector<'a> {
    /// Not sent, or not enabled by setting.
    #[default]
    Absent,
    /// A non-empty string.
    Value(&'a str),
    /// Sent, and not a non-empty string.
    Malformed,
}

/// The gateway's own statements of which resource is called. Only those that the settings enable
/// are filled in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selectors<'a> {
    /// `context_extensions["accredit.resource"]`: a resource URI.
    pub resource: Selector<'a>,
    /// The configured key of `route_metadata_context`.
    pub route_metadata: Selector<'a>,
    /// `destination.principal`, for example a SPIFFE id.
    pub destination_principal: Selector<'a>,
}

/// A request body, where the gateway was told to send it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Body<'a> {
    /// The bytes that arrived.
    pub bytes: &'a [u8],
}

/// One request, borrowed.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// The method, as sent.
    pub method: Option<&'a str>,
    /// Host or :authority, as sent, with its port.
    pub host: Option<&'a str>,
    /// The request target, undecoded, with its query.
    pub path: Option<&'a str>,
    /// The headers that matter.
    pub headers: Headers<'a>,
    /// The gateway's selectors.
    pub selectors: Selectors<'a>,
    /// The body; empty where the gateway sends none.
    pub body: Body<'a>,
}

/// Which selectors a door may fill in (`selectors` in the settings).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SelectorSettings {
    /// Read `context_extensions["accredit.resource"]`.
    pub context_extension: bool,
    /// Read this key of this namespace of `route_metadata_context`.
    pub route_metadata: Option<RouteMetadataKey>,
    /// Read `destination.principal`.
    pub destination_principal: bool,
}

impl Default for SelectorSettings {
    fn default() -> Self {
        Self { context_extension: true, route_metadata: None, destination_principal: false }
    }
}

/// Where in `route_metadata_context` a selector stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteMetadataKey {
    /// The filter namespace.
    pub namespace: String,
    /// The key of the namespace's struct.
    pub key: String,
}

/// When a decision is made, and the random bits it may use. The core has no clock of its own.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Random bits for the decision id.
    pub random: [u8; 10],
}

impl Moment {
    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        i64::try_from(self.now_ms / 1000).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Headers, Once, is_ours};

    #[test]
    fn our_prefix_is_found_in_every_spelling() {
        for (name, expected) in [
            ("x-accredit-subject", true),
            ("X-Accredit-Subject", true),
            ("x_accredit_subject", true),
            ("x-accredit_role", true),
            ("x-accredit-", true),
            ("x-accredit", false),
            ("x-accredits-subject", false),
            ("accredit-subject", false),
        ] {
            assert_eq!(is_ours(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_second_header_is_never_picked_from() {
        let mut headers = Headers::default();
        headers.push("Authorization", b"Bearer a");
        assert_eq!(headers.authorization, Once::One(b"Bearer a"));
        headers.push("authorization", b"Bearer a");
        assert_eq!(headers.authorization, Once::Many);
    }
}
