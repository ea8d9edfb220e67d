//! The answer to a gateway: what to change on the request, or what to send back.

/// A value of dynamic metadata. Only what a gateway's logs may hold; never a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MetadataValue {
    /// A string.
    Text(String),
    /// A string that lives as long as the program.
    Static(&'static str),
}

impl MetadataValue {
    /// The string itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Static(text) => text,
        }
    }
}

/// What the gateway is told to do.
///
/// There is no default: an answer is made by [`super::Decision::answer`] and by nothing else, so
/// that a zero value, which ext_authz would read as an allow, cannot be built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Let the request pass.
    Allow {
        /// Headers to set on the request, overwriting what is there.
        set: Vec<(&'static str, String)>,
        /// Headers to remove from the request, by exact name; never one that `set` holds.
        remove: Vec<String>,
    },
    /// Refuse the request.
    Deny {
        /// HTTP status: 400, 401, 403 or 503.
        status: u16,
        /// Headers of the refusal.
        headers: Vec<(&'static str, String)>,
        /// The body, the same for every refusal.
        body: &'static str,
    },
}

/// An [`Effect`] with the metadata that goes to the gateway's logs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What to do.
    pub effect: Effect,
    /// Dynamic metadata, key and value.
    pub metadata: Vec<(&'static str, MetadataValue)>,
}
