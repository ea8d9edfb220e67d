//! What a token claims, judged one subject a file: [`claims`], [`audience`], [`lifetime`],
//! [`scope`].

pub mod audience;
pub mod claims;
pub mod lifetime;
pub mod scope;

use crate::reason::Reason;

/// A denial in the making: the reason, and the claim or member it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// The name of the claim, where the reason is about one; never a value.
    pub claim: Option<&'static str>,
}

impl Fault {
    /// A fault of one claim.
    #[must_use]
    pub const fn of(reason: Reason, claim: &'static str) -> Self {
        Self { reason, claim: Some(claim) }
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self { reason, claim: None }
    }
}
