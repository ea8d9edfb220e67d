//! The answer to a gateway: what to change on the request, or what to send back.

use std::borrow::Cow;

/// What the gateway is told to do.
///
/// There is no default: an answer is made by [`super::Decision::answer`] and by nothing else, so
/// that a zero value, which ext_authz would read as an allow, cannot be built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect<'a> {
    /// Let the request pass.
    Allow {
        /// Headers to set on the request, overwriting what is there.
        set: Vec<(&'static str, Cow<'a, str>)>,
        /// Headers to remove from the request, by exact name; never one that `set` holds.
        remove: Vec<Cow<'a, str>>,
    },
    /// Refuse the request.
    Deny {
        /// HTTP status: 400, 401, 403 or 503.
        status: u16,
        /// Headers of the refusal.
        headers: Vec<(&'static str, Cow<'a, str>)>,
        /// The body, the same for every refusal.
        body: &'static str,
    },
}

/// An [`Effect`] with the metadata that goes to the gateway's logs. Borrows from the decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer<'a> {
    /// What to do.
    pub effect: Effect<'a>,
    /// Dynamic metadata, key and value: only what a gateway's logs may hold, never a token.
    pub metadata: Vec<(&'static str, Cow<'a, str>)>,
}
