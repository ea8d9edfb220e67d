//! From the document to the catalogue: references, hosts, patterns, ties.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use aws_lc_rs::digest;

use super::catalogue::{Access, Catalogue, Fault, Issuer, Resource, Route};
use super::document::{self, Document, Faults, Place, ResourceEntry, RouteEntry};
use super::host::Host;
use super::locate::{HostRoutes, Places};
use super::routes::{Pattern, RouteAt, Trie};

impl Catalogue {
    /// Compiles a document of format `accredit-compiled/1`.
    ///
    /// Reports every fault of the document, not only the first; nothing is compiled in part.
    pub fn compile(document: &[u8]) -> Result<Self, Vec<Fault>> {
        let faults = Faults::default();
        let read = document::read(document, &faults);
        let issuer_indices = issuer_indices(&read, &faults);
        let places = places(&read, &faults);
        let resources = resources(read.resources, &issuer_indices, &faults);
        let faults = faults.into_vec();
        if !faults.is_empty() {
            return Err(faults);
        }
        let issuers = read
            .issuers
            .into_iter()
            .map(|entry| Issuer {
                issuer: entry.issuer,
                algorithms: entry.algorithms,
                profile: entry.profile,
                refreshable: entry.refreshable,
            })
            .collect();
        Ok(Self { digest: sha256(document), issuers, resources, issuer_indices, places })
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, bytes).as_ref() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn issuer_indices(document: &Document, faults: &Faults) -> HashMap<String, usize> {
    let all = Place::ROOT.member("issuers");
    let mut indices = HashMap::with_capacity(document.issuers.len());
    for (index, entry) in document.issuers.iter().enumerate() {
        if !entry.issuer.is_empty() && indices.insert(entry.issuer.clone(), index).is_some() {
            let message = format!("issuer `{}` stands twice", entry.issuer);
            faults.add(&all.element(index), message);
        }
    }
    indices
}

fn resources(
    entries: Vec<ResourceEntry>,
    issuers: &HashMap<String, usize>,
    faults: &Faults,
) -> Vec<Resource> {
    let all = Place::ROOT.member("resources");
    let compile = |(index, entry)| resource(entry, &all.element(index), issuers, faults);
    entries.into_iter().enumerate().map(compile).collect()
}

fn resource(
    entry: ResourceEntry,
    place: &Place<'_>,
    issuers: &HashMap<String, usize>,
    faults: &Faults,
) -> Resource {
    let named = place.member("issuers");
    let mut accepted = Vec::with_capacity(entry.issuers.len());
    for (index, issuer) in entry.issuers.iter().enumerate() {
        match issuers.get(issuer) {
            Some(found) => accepted.push(*found),
            None => {
                faults.add(
                    &named.element(index),
                    format!("`{issuer}` is no issuer of the catalogue"),
                );
            }
        }
    }
    accepted.sort_unstable();
    Resource {
        metadata_url: entry.metadata_url.or_else(|| derived_metadata_url(&entry.resource)),
        resource: entry.resource,
        owner: entry.owner,
        issuers: accepted,
        audience: entry.audience,
        max_lifetime_s: entry.max_lifetime_s,
        mode: entry.mode,
        paths: entry.paths,
        scopes: entry.scopes,
        cors_preflight: entry.cors_preflight,
        routes: entry.routes.into_iter().flat_map(routes).collect(),
    }
}

/// One route for each path pattern.
fn routes(entry: RouteEntry) -> impl Iterator<Item = Route> {
    let RouteEntry { hosts, paths, methods, scopes, access, cors_preflight } = entry;
    paths.into_iter().map(move |pattern| Route {
        access,
        scopes: scopes.clone(),
        methods: methods.clone(),
        hosts: hosts.clone(),
        pattern,
        cors_preflight,
    })
}

/// Where RFC 9728, section 3.1 puts the metadata of an `https` resource: the well-known path goes
/// between the host and the path, and a path that is `/` alone is dropped.
fn derived_metadata_url(resource: &str) -> Option<String> {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let rest = resource.strip_prefix("https://")?;
    let (host, path) = match rest.find(['/', '?']) {
        Some(end) => rest.split_at_checked(end)?,
        None => (rest, ""),
    };
    // What stands in a challenge's quoted string has to need no escape.
    if host.is_empty() || resource.contains(['"', '\\']) {
        return None;
    }
    let path = match path.strip_prefix('/') {
        Some("") => "",
        Some(query) if query.starts_with('?') => query,
        _ => path,
    };
    Some(format!("https://{host}{WELL_KNOWN}{path}"))
}

/// A pattern that a route has, and where the document says so.
struct Planned {
    pattern: Pattern,
    at: RouteAt,
    /// Indices in the document: of the route, and of the path within the route.
    route: usize,
    path: usize,
}

/// The patterns of one host name: those without port, and those of each port.
#[derive(Default)]
struct PlannedHost<'p> {
    portless: Vec<&'p Planned>,
    ports: HashMap<u16, Vec<&'p Planned>>,
}

fn places(document: &Document, faults: &Faults) -> Places {
    let all = Place::ROOT.member("resources");
    let mut places = Places::default();
    for (index, entry) in document.resources.iter().enumerate() {
        let place = all.element(index);
        let selectors = place.member("selectors");
        let own = std::slice::from_ref(&entry.resource);
        for (values, into, place) in [
            (own, &mut places.by_resource, place.member("resource")),
            (
                entry.route_metadata.as_slice(),
                &mut places.by_route_metadata,
                selectors.member("route_metadata"),
            ),
            (
                entry.destination_principal.as_slice(),
                &mut places.by_destination,
                selectors.member("destination_principal"),
            ),
        ] {
            for value in values.iter().filter(|value| !value.is_empty()) {
                if into.insert(value.clone(), index).is_some_and(|before| before != index) {
                    faults.add(&place, format!("`{value}` belongs to another resource as well"));
                }
            }
        }
    }
    let planned = planned(document, faults);
    let mut hosts: HashMap<String, PlannedHost<'_>> = HashMap::new();
    let tries = Tries { document, faults };
    for resource in &planned {
        let mut hostless = Vec::new();
        for pattern in resource {
            let Some(route) = document
                .resources
                .get(pattern.at.resource)
                .and_then(|entry| entry.routes.get(pattern.route))
            else {
                continue;
            };
            if route.hosts.is_empty() {
                hostless.push(pattern);
            }
            // A host that cannot be read has its fault already.
            for host in route.hosts.iter().filter_map(|host| Host::read(host).ok()) {
                let to = hosts.entry(host.name().to_owned()).or_default();
                match host.port() {
                    None => to.portless.push(pattern),
                    Some(port) => to.ports.entry(port).or_default().push(pattern),
                }
            }
        }
        places.hostless.push((!hostless.is_empty()).then(|| tries.build(&[&hostless])));
        let named = of_one_host(document, resource);
        places.unnamed.push((!named.is_empty()).then(|| tries.build(&[&named])));
    }
    for (name, host) in hosts {
        let portless = tries.build(&[&host.portless]);
        let ports = host.ports.iter().map(|(port, own)| {
            let fits_portless = matches!(port, 80 | 443);
            let portless = if fits_portless { host.portless.as_slice() } else { &[] };
            (*port, tries.build(&[portless, own]))
        });
        places.by_host.insert(name, HostRoutes { portless, ports: ports.collect() });
    }
    places
}

/// The patterns for a question that names no host, as a replayed line of traffic may: those of the
/// resource's token routes, where all of them name the same hosts. Where hosts differ nobody could
/// say which is meant, and a public route is public at its exact hosts alone.
fn of_one_host<'p>(document: &Document, patterns: &'p [Planned]) -> Vec<&'p Planned> {
    let route = |pattern: &Planned| {
        let entry = document.resources.get(pattern.at.resource)?;
        entry.routes.get(pattern.route).filter(|route| route.access == Access::Token)
    };
    let hosts =
        |pattern: &Planned| route(pattern).map(|route| route.hosts.iter().collect::<BTreeSet<_>>());
    let of_tokens: Vec<&Planned> =
        patterns.iter().filter(|pattern| route(pattern).is_some()).collect();
    let first = of_tokens.first().and_then(|pattern| hosts(pattern));
    if of_tokens.iter().all(|pattern| hosts(pattern) == first) { of_tokens } else { Vec::new() }
}

/// The patterns of each resource; a fault for each host, pattern and public route that cannot be.
fn planned(document: &Document, faults: &Faults) -> Vec<Vec<Planned>> {
    let all = Place::ROOT.member("resources");
    let mut planned = Vec::with_capacity(document.resources.len());
    for (resource, entry) in document.resources.iter().enumerate() {
        let place = all.element(resource);
        let routes = place.member("routes");
        let mut patterns = Vec::new();
        let mut compiled = 0_usize..;
        for (index, route) in entry.routes.iter().enumerate() {
            let place = routes.element(index);
            let hosts = place.member("hosts");
            for (index, host) in route.hosts.iter().enumerate() {
                if Host::read(host).is_err() {
                    let message =
                        format!("`{host}` is no host name or address with an optional port");
                    faults.add(&hosts.element(index), message);
                }
            }
            let paths = place.member("paths");
            for ((path, text), at) in route.paths.iter().enumerate().zip(&mut compiled) {
                match Pattern::read(text) {
                    Ok(pattern) => {
                        if route.access == Access::Public && !pattern.is_literal() {
                            faults.add(&paths.element(path), "a public route has no `*` or `**`");
                        }
                        let at = RouteAt { resource, route: at };
                        patterns.push(Planned { pattern, at, route: index, path });
                    }
                    Err(message) => faults.add(&paths.element(path), message),
                }
            }
            if route.access == Access::Public && route.hosts.is_empty() {
                faults.add(&hosts, "a public route names its hosts");
            }
            if route.access == Access::Public && route.scopes.is_some() {
                faults.add(&place.member("scopes"), "a public route needs no scope: write null");
            }
        }
        planned.push(patterns);
    }
    planned
}

/// Builds tries and finds ties: one pattern and one method in two routes.
struct Tries<'d> {
    document: &'d Document,
    faults: &'d Faults,
}

impl Tries<'_> {
    fn build(&self, groups: &[&[&Planned]]) -> Trie {
        let mut trie = Trie::default();
        let mut by_route: HashMap<RouteAt, &Planned> = HashMap::new();
        for pattern in groups.iter().copied().flatten() {
            by_route.insert(pattern.at, pattern);
            for other in trie.insert(&pattern.pattern, pattern.at) {
                if let Some(other) = by_route.get(other).filter(|other| other.at != pattern.at) {
                    self.tie(other, pattern);
                }
            }
        }
        trie
    }

    fn tie(&self, first: &Planned, second: &Planned) {
        let (Some(first_methods), Some(second_methods)) =
            (self.methods(first), self.methods(second))
        else {
            return;
        };
        if let Some(method) = second_methods.iter().find(|method| first_methods.contains(*method)) {
            let first = path_place(first, |place| place.to_string());
            path_place(second, |place| {
                let message = format!("ties with {first}: one host, one path and {method} in both");
                self.faults.add(place, message);
            });
        }
    }

    fn methods(&self, pattern: &Planned) -> Option<&[String]> {
        let routes = &self.document.resources.get(pattern.at.resource)?.routes;
        Some(&routes.get(pattern.route)?.methods)
    }
}

/// Calls back with the place of a pattern in the document.
fn path_place<T>(pattern: &Planned, use_place: impl FnOnce(&Place<'_>) -> T) -> T {
    let (all, routes, paths) = ("resources", "routes", "paths");
    let place = Place::ROOT.member(all);
    let place = place.element(pattern.at.resource);
    let place = place.member(routes);
    let place = place.element(pattern.route);
    let place = place.member(paths);
    use_place(&place.element(pattern.path))
}

#[cfg(test)]
mod tests;
