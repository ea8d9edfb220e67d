//! Which resource and which route a request calls: step 1 of the pipeline.
//!
//! A selector chooses the resource and never the route. Host and path choose both, and where there
//! is a selector they must not name another resource. The most specific path decides, and then its
//! methods: a method that it does not list is refused, and no less specific path is asked.

use std::collections::HashMap;

use super::catalogue::{Catalogue, PathRule, Resource, Route};
use super::host::Host;
use super::path::{CanonicalPath, Form};
use super::routes::{RouteAt, Trie};
use crate::facts::{Facts, Headers, Once, Selector, Selectors};
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

/// Where resources are found: by selector value, and by host and path.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) by_resource: HashMap<String, usize>,
    pub(super) by_route_metadata: HashMap<String, usize>,
    pub(super) by_destination: HashMap<String, usize>,
    pub(super) by_host: HashMap<String, HostRoutes>,
    /// For each resource, its routes that name no host.
    pub(super) hostless: Vec<Option<Trie>>,
    /// For each resource whose token routes all name the same hosts, these routes: for a request
    /// that names no host.
    pub(super) unnamed: Vec<Option<Trie>>,
}

/// The routes of one host name.
///
/// A pattern without port fits no port, 80 and 443. For 80 and 443 the tries in `ports` hold those
/// patterns too, so that one lookup is always enough.
#[derive(Debug, Default)]
pub(super) struct HostRoutes {
    pub(super) portless: Trie,
    pub(super) ports: HashMap<u16, Trie>,
}

impl HostRoutes {
    fn trie(&self, port: Option<u16>) -> Option<&Trie> {
        match port {
            None => Some(&self.portless),
            Some(port) => {
                self.ports.get(&port).or_else(|| matches!(port, 80 | 443).then_some(&self.portless))
            }
        }
    }
}

/// A resource by index, where one was found, and what was found there.
type Found<'c> = (Option<usize>, Result<Target<'c>, Reason>);

impl Catalogue {
    /// Finds the resource and the route that a request calls.
    ///
    /// Costs one step for each segment of the path, whatever the number of resources, and allocates
    /// only for a path that has escapes or has to be resolved.
    #[must_use]
    pub fn locate<'c>(&'c self, facts: &Facts<'_>) -> Located<'c> {
        let (resource, target) = match self.select(&facts.selectors) {
            Ok(selected) => self.place(facts, selected),
            Err(reason) => (None, Err(reason)),
        };
        Located { resource: resource.and_then(|index| self.resources.get(index)), target }
    }

    /// The resource that the selectors name, where there are any.
    fn select(&self, selectors: &Selectors<'_>) -> Result<Option<usize>, Reason> {
        let places = &self.places;
        let asked = [
            (selectors.resource, &places.by_resource),
            (selectors.route_metadata, &places.by_route_metadata),
            (selectors.destination_principal, &places.by_destination),
        ];
        if asked.iter().any(|(selector, _)| *selector == Selector::Malformed) {
            return Err(Reason::SelectorMalformed);
        }
        let mut selected = None;
        let mut conflict = false;
        for (selector, values) in asked {
            if let Selector::Value(value) = selector {
                let resource = *values.get(value).ok_or(Reason::ResourceUnknown)?;
                conflict |= selected.is_some_and(|before| before != resource);
                selected = Some(resource);
            }
        }
        if conflict { Err(Reason::SelectorConflict) } else { Ok(selected) }
    }

    fn place<'c>(&'c self, facts: &Facts<'_>, selected: Option<usize>) -> Found<'c> {
        let Ok(host) = facts.host.map(Host::read).transpose() else {
            return (selected, Err(Reason::HostMalformed));
        };
        let Some(target) = facts.path else {
            return (selected, self.whole(selected));
        };
        let Ok(path) = CanonicalPath::read(target, PathRule::Resolve) else {
            return (selected, Err(Reason::PathNotCanonical));
        };
        if selected.is_some_and(|resource| !self.takes(&path, resource)) {
            return (selected, Err(Reason::PathNotCanonical));
        }
        let routes = host.map(|host| self.routes_of(&host, &path)).unwrap_or_default();
        match (routes, selected) {
            ([], None) if path.form() == Form::Resolved => (None, Err(Reason::PathNotCanonical)),
            ([], None) => (None, Err(Reason::ResourceUnknown)),
            ([], Some(resource)) => match self.without_host(resource, host.is_some(), &path) {
                [] => (selected, Err(Reason::RouteUnknown)),
                routes => self.choose(routes, facts, selected),
            },
            (routes, _) => {
                if !routes.iter().all(|route| self.takes(&path, route.resource)) {
                    return (selected, Err(Reason::PathNotCanonical));
                }
                self.choose(routes, facts, selected)
            }
        }
    }

    /// A request that names no path, as a service asks about a token alone.
    fn whole(&self, selected: Option<usize>) -> Result<Target<'_>, Reason> {
        let resource = selected.and_then(|index| self.resources.get(index));
        match resource.ok_or(Reason::ResourceUnknown)?.scopes {
            Some(_) => Ok(Target::Whole),
            None => Err(Reason::RouteRequired),
        }
    }

    /// Whether a resource takes a path in the form in which it was sent.
    fn takes(&self, path: &CanonicalPath<'_>, resource: usize) -> bool {
        path.form() == Form::Canonical
            || self.resources.get(resource).is_some_and(|found| found.paths == PathRule::Resolve)
    }

    fn routes_of(&self, host: &Host, path: &CanonicalPath<'_>) -> &[RouteAt] {
        self.places
            .by_host
            .get(host.name())
            .and_then(|routes| routes.trie(host.port()))
            .map(|trie| trie.find(path))
            .unwrap_or_default()
    }

    /// A resource's routes for a request whose host fits none of them, or that names none.
    fn without_host(
        &self,
        resource: usize,
        host_named: bool,
        path: &CanonicalPath<'_>,
    ) -> &[RouteAt] {
        let places = &self.places;
        let unnamed = if host_named { None } else { places.unnamed.get(resource) };
        unnamed
            .and_then(Option::as_ref)
            .or_else(|| places.hostless.get(resource).and_then(Option::as_ref))
            .map(|trie| trie.find(path))
            .unwrap_or_default()
    }

    /// Chooses by method among the routes of one pattern; there is at least one.
    fn choose<'c>(
        &'c self,
        routes: &[RouteAt],
        facts: &Facts<'_>,
        selected: Option<usize>,
    ) -> Found<'c> {
        let method = facts.method.unwrap_or_default();
        let found = self
            .listing(routes, method.as_bytes(), |_, _| true)
            .map(|(at, route)| (at, Target::Route(route)))
            .or_else(|| {
                let requested = preflight(method, &facts.headers)?;
                self.listing(routes, requested, |resource, route| {
                    resource.cors_preflight || route.cors_preflight
                })
                .map(|(at, route)| (at, Target::Preflight(route)))
            });
        match (found, selected) {
            (Some((at, _)), Some(selected)) if at.resource != selected => {
                (None, Err(Reason::SelectorConflict))
            }
            (Some((at, target)), _) => (Some(at.resource), Ok(target)),
            (None, Some(selected)) => {
                if routes.iter().any(|at| at.resource == selected) {
                    (Some(selected), Err(Reason::RouteMethod))
                } else {
                    (None, Err(Reason::SelectorConflict))
                }
            }
            (None, None) => {
                let first = routes.first().map(|at| at.resource);
                if routes.iter().all(|at| Some(at.resource) == first) {
                    (first, Err(Reason::RouteMethod))
                } else {
                    (None, Err(Reason::ResourceAmbiguous))
                }
            }
        }
    }

    /// The route among `routes` that lists a method and passes a condition.
    fn listing<'c>(
        &'c self,
        routes: &[RouteAt],
        method: &[u8],
        condition: impl Fn(&Resource, &Route) -> bool,
    ) -> Option<(RouteAt, &'c Route)> {
        routes.iter().find_map(|at| {
            let resource = self.resources.get(at.resource)?;
            let route = resource.routes.get(at.route)?;
            (route.methods.iter().any(|listed| listed.as_bytes() == method)
                && condition(resource, route))
            .then_some((*at, route))
        })
    }
}

/// The method that a CORS preflight asks about; `None` where the request is not one.
fn preflight<'a>(method: &str, headers: &Headers<'a>) -> Option<&'a [u8]> {
    match (method, headers.origin, headers.requested_method) {
        ("OPTIONS", Once::One(_), Once::One(requested)) => Some(requested),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
