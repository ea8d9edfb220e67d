//! How an explanation watches the pipeline.
//!
//! The pipeline is generic over [`Trace`]. A decision runs it with [`Silent`], which compiles to
//! nothing; an explanation runs it with [`Steps`]. There is one pipeline, so an explanation cannot
//! differ from the decision that it explains.

use crate::reason::Reason;

/// The steps, in order (see the design's pipeline).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// 1. Which resource and route is called?
    Resource,
    /// 2. Is there exactly one credential, in canonical form?
    Credential,
    /// 3. Is the JOSE header acceptable?
    Header,
    /// 4. Is the issuer known, accepted here, and which key of its is meant?
    Issuer,
    /// 5. Does the signature verify?
    Signature,
    /// 6. Are the claims those of an access token?
    Claims,
    /// 7. Is it valid now, and short-lived enough?
    Lifetime,
    /// 8. Is it meant for this resource?
    Audience,
    /// 9. Is the client registered and in standing?
    Client,
    /// 10. Does it carry the scopes that the route demands?
    Scope,
    /// 11. Is it held by its owner?
    Binding,
    /// 12. Has it been revoked?
    Revocation,
    /// 13. Was it seen where it does not belong?
    Reuse,
    /// 14. What goes with the answer?
    Obligations,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 14] = [
        Self::Resource,
        Self::Credential,
        Self::Header,
        Self::Issuer,
        Self::Signature,
        Self::Claims,
        Self::Lifetime,
        Self::Audience,
        Self::Client,
        Self::Scope,
        Self::Binding,
        Self::Revocation,
        Self::Reuse,
        Self::Obligations,
    ];

    /// The step's name in explanations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Credential => "credential",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Lifetime => "lifetime",
            Self::Audience => "audience",
            Self::Client => "client",
            Self::Scope => "scope",
            Self::Binding => "binding",
            Self::Revocation => "revocation",
            Self::Reuse => "reuse",
            Self::Obligations => "obligations",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It held.
    Pass,
    /// Nothing asked for it.
    NotAsked,
    /// It failed; the pipeline ended here.
    Fail(Reason),
}

/// The facts that a step used: names and masked values.
pub type StepFacts = Vec<(&'static str, String)>;

/// Something that watches the steps.
pub trait Trace {
    /// Takes the end of one step. `facts` is called only by a trace that keeps them.
    fn step(&mut self, step: Step, verdict: Verdict, facts: impl FnOnce() -> StepFacts);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Trace for Silent {
    #[inline]
    fn step(&mut self, _: Step, _: Verdict, _: impl FnOnce() -> StepFacts) {}
}

/// Keeps every step.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// What was seen, in order.
    pub taken: Vec<(Step, Verdict, StepFacts)>,
}

impl Trace for Steps {
    fn step(&mut self, step: Step, verdict: Verdict, facts: impl FnOnce() -> StepFacts) {
        self.taken.push((step, verdict, facts()));
    }
}
