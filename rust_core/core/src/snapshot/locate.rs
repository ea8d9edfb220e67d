//! Which resource and which route a request calls: step 1 of the pipeline.

use super::catalogue::{Catalogue, Resource, Route};
use crate::facts::Facts;
use crate::reason::Reason;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct Located<'c> {
    /// The resource, where one was found, even if the request cannot be placed within it.
    pub resource: Option<&'c Resource>,
    /// What the request calls there, or why it calls nothing.
    pub target: Result<Target<'c>, Reason>,
}

/// What a request calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target<'c> {
    /// A route that lists the method.
    Route(&'c Route),
    /// The resource as a whole: the request names no path and the resource has scopes of its own.
    Whole,
    /// A CORS preflight for this route, which lets preflights through.
    Preflight(&'c Route),
}

impl Catalogue {
    /// Finds the resource and the route that a request calls.
    #[must_use]
    pub fn locate<'c>(&'c self, facts: &Facts<'_>) -> Located<'c> {
        let _ = facts;
        Located { resource: None, target: Err(Reason::ResourceUnknown) }
    }
}
