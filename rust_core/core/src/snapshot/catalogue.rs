//! The compiled catalogue: issuers, resources and routes, as decisions read them.

use std::collections::HashMap;
use std::fmt;

use super::locate::Places;
use crate::jose::AlgorithmSet;

/// One thing that is wrong with a compiled document.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    /// Where: a JSON Pointer (RFC 6901) into the document; empty for the document as a whole.
    pub place: String,
    /// What is wrong there and what to do, one sentence without an end stop.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "/" } else { &self.place };
        write!(to, "{place}: {}", self.message)
    }
}

/// An authorization server whose tokens some resources accept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// The issuer identifier, compared by code point with `iss`.
    pub issuer: String,
    /// The algorithms that its access tokens may be signed with.
    pub algorithms: AlgorithmSet,
    /// Which claims its access tokens have.
    pub profile: Profile,
    /// Whether its key set can be fetched again; not so for keys given in line.
    pub refreshable: bool,
}

/// How an issuer's access tokens look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Profile {
    /// As RFC 9068 says.
    Rfc9068,
    /// As the operator states, for issuers older than RFC 9068.
    Legacy {
        /// The claim that names the client: `client_id`, `azp`, `cid` or `appid`.
        client: String,
        /// The claim that holds the scopes: `scope` or `scp`.
        scope: String,
        /// Payload members, and the string that each must equal, that tell an access token from
        /// other tokens of the issuer. Never empty.
        marker: Vec<(String, String)>,
    },
}

/// Which audiences a token for a resource may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The resource alone.
    ExactlyOne,
    /// The resource, and whatever else.
    Any,
    /// The resource, and of others only these.
    Family(Vec<String>),
}

/// Whether a resource's denials are enforced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A denial is a denial.
    Enforce,
    /// A denial that softens is an allow without identity, from `since_s` until before `until_s`,
    /// in seconds since the Unix epoch.
    Report {
        /// First second, inclusive.
        since_s: i64,
        /// Last second, exclusive.
        until_s: i64,
    },
}

/// Which scopes a token needs. Never empty; each a scope-token of RFC 6749, section 3.3.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ScopeRule {
    /// Every one of them.
    All(Vec<String>),
    /// At least one of them.
    Any(Vec<String>),
}

/// Whether a route needs a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// A token for the resource.
    Token,
    /// Nothing; a credential that is shown is neither judged nor forwarded.
    Public,
}

/// What a resource does with a path that is not in canonical form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathRule {
    /// Refuse it.
    Refuse,
    /// Remove dot segments and merge slashes, and refuse everything else.
    Resolve,
}

/// A protected API.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource {
    /// The resource identifier (RFC 8707, section 2), compared by code point with `aud`.
    pub resource: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Indices into [`Catalogue::issuers`], sorted and without duplicates.
    pub issuers: Vec<usize>,
    /// Which audiences a token may have.
    pub audience: Audience,
    /// The longest `exp - iat` in seconds; positive.
    pub max_lifetime_s: i64,
    /// Whether denials are enforced.
    pub mode: Mode,
    /// What is done with a path that is not canonical.
    pub paths: PathRule,
    /// What a request that names no path needs; `None` refuses such requests.
    pub scopes: Option<ScopeRule>,
    /// Where the protected resource metadata is (RFC 9728): as given, else derived by section 3.1
    /// for `https` resources, else `None`.
    pub metadata_url: Option<String>,
    /// Whether CORS preflights are let through to every route.
    pub cors_preflight: bool,
    /// Its routes: one for each path pattern, in the order of the document.
    pub routes: Vec<Route>,
}

/// One path pattern of a resource, with the methods that it takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Whether a token is needed.
    pub access: Access,
    /// Which scopes; `None` where none is needed.
    pub scopes: Option<ScopeRule>,
    /// The methods, compared by code point. Never empty.
    pub methods: Vec<String>,
    /// The hosts, as written. Empty where only a selector leads here.
    pub hosts: Vec<String>,
    /// The path pattern, as written.
    pub pattern: String,
    /// Whether CORS preflights for its methods are let through.
    pub cors_preflight: bool,
}

/// The compiled catalogue, immutable.
#[derive(Debug)]
pub struct Catalogue {
    pub(super) digest: String,
    pub(super) issuers: Vec<Issuer>,
    pub(super) resources: Vec<Resource>,
    pub(super) issuer_indices: HashMap<String, usize>,
    pub(super) places: Places,
}

impl Catalogue {
    /// The SHA-256 of the document's bytes, in lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Every issuer, in the order of the document.
    #[must_use]
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// The index of the issuer with this identifier, compared by code point.
    #[must_use]
    pub fn issuer_index(&self, iss: &str) -> Option<usize> {
        self.issuer_indices.get(iss).copied()
    }

    /// Every resource, in the order of the document.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }
}
