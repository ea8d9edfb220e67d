//! The JSON form of the compiled catalogue, read strictly.
//!
//! Every fault is collected and reading goes on: what cannot be read stands as its empty value,
//! which is harmless, since one fault is enough for the document to be refused.

mod members;

use members::Members;
pub(super) use members::{Faults, Place};

use super::catalogue::{Access, Audience, Mode, PathRule, Profile, ScopeRule};
use crate::jose::{Algorithm, AlgorithmSet};
use crate::json::{self, Limits, Number, Value};

/// The format that is understood.
pub const FORMAT: &str = "accredit-compiled/1";
/// The longest time for which a denial may be softened: 90 days.
pub const MAX_REPORT_S: i64 = 90 * 24 * 60 * 60;

const LIMITS: Limits = Limits { bytes: 64 * 1024 * 1024, depth: 16, nodes: 8_000_000 };

/// The document, with its entries in order.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) issuers: Vec<IssuerEntry>,
    pub(super) resources: Vec<ResourceEntry>,
}

#[derive(Debug)]
pub(super) struct IssuerEntry {
    pub(super) issuer: String,
    pub(super) algorithms: AlgorithmSet,
    pub(super) profile: Profile,
    pub(super) refreshable: bool,
}

#[derive(Debug)]
pub(super) struct ResourceEntry {
    pub(super) resource: String,
    pub(super) owner: Option<String>,
    pub(super) issuers: Vec<String>,
    pub(super) audience: Audience,
    pub(super) max_lifetime_s: i64,
    pub(super) mode: Mode,
    pub(super) paths: PathRule,
    pub(super) scopes: Option<ScopeRule>,
    pub(super) metadata_url: Option<String>,
    pub(super) cors_preflight: bool,
    pub(super) route_metadata: Vec<String>,
    pub(super) destination_principal: Vec<String>,
    pub(super) routes: Vec<RouteEntry>,
}

#[derive(Debug)]
pub(super) struct RouteEntry {
    pub(super) hosts: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) methods: Vec<String>,
    pub(super) scopes: Option<ScopeRule>,
    pub(super) access: Access,
    pub(super) cors_preflight: bool,
}

/// Reads a document as far as it can be read.
pub(super) fn read(bytes: &[u8], faults: &Faults) -> Document {
    let root = Place::ROOT;
    let value = match json::parse(bytes, &LIMITS) {
        Ok(value) => value,
        Err(error) => {
            faults.add(&root, format!("the compiled document is not strict JSON: {error}"));
            return Document::default();
        }
    };
    let members = Members::read(&value, root, faults, &["format", "issuers", "resources"]);
    let format = members.text("format");
    if !format.is_empty() && format != FORMAT {
        members.fault("format", format!("must be `{FORMAT}`; compile the catalogue again"));
    }
    Document {
        issuers: members.entries("issuers", issuer),
        resources: members.entries("resources", resource),
    }
}

fn issuer(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> IssuerEntry {
    let known = ["issuer", "algorithms", "profile", "refreshable"];
    let members = Members::read(value, place, faults, &known);
    let issuer = members.text("issuer");
    if !issuer.bytes().all(|byte| byte.is_ascii_graphic()) {
        members.fault("issuer", "must be a URL in visible ASCII");
    }
    let names = members.texts("algorithms");
    let mut algorithms = AlgorithmSet::default();
    for name in &names {
        match Algorithm::from_name(name) {
            Some(algorithm) => algorithms.insert(algorithm),
            None => members.fault("algorithms", format!("`{name}` is not a supported algorithm")),
        }
    }
    if names.is_empty() {
        members.fault("algorithms", "must name at least one algorithm");
    }
    IssuerEntry {
        issuer,
        algorithms,
        profile: members.nested("profile", profile).unwrap_or(Profile::Rfc9068),
        refreshable: members.flag("refreshable", false),
    }
}

fn profile(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> Profile {
    let legacy = matches!(value, Value::Object(object)
        if matches!(object.get("kind"), Some(Value::String(kind)) if kind == "legacy"));
    if !legacy {
        let members = Members::read(value, place, faults, &["kind"]);
        members.choice("kind", &["rfc9068", "legacy"]);
        return Profile::Rfc9068;
    }
    let members = Members::read(value, place, faults, &["kind", "client", "scope", "marker"]);
    let client = members.choice("client", &["client_id", "azp", "cid", "appid"]);
    let scope = members.choice("scope", &["scope", "scp"]);
    let mut marker = Vec::new();
    match members.required("marker") {
        Some(Value::Object(object)) => {
            for (name, value) in object.iter() {
                match value {
                    Value::String(text) if !name.is_empty() && !text.is_empty() => {
                        marker.push((name.to_owned(), text.clone().into_owned()));
                    }
                    _ => members.fault("marker", "must map claim names to non-empty strings"),
                }
            }
            if marker.is_empty() {
                members.fault("marker", "must name what tells an access token from other tokens");
            }
        }
        Some(_) => members.fault("marker", "must be an object"),
        None => {}
    }
    Profile::Legacy { client: client.to_owned(), scope: scope.to_owned(), marker }
}

fn resource(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> ResourceEntry {
    let members = Members::read(
        value,
        place,
        faults,
        &[
            "resource",
            "owner",
            "issuers",
            "audience",
            "max_lifetime_s",
            "mode",
            "report_since_s",
            "report_until_s",
            "paths",
            "scopes",
            "metadata_url",
            "cors_preflight",
            "selectors",
            "routes",
        ],
    );
    let resource = members.text("resource");
    if !resource.is_empty() && !is_resource_identifier(&resource) {
        members.fault("resource", "must be an absolute URI without fragment (RFC 8707, section 2)");
    }
    let issuers = members.texts("issuers");
    if issuers.is_empty() {
        members.fault("issuers", "must name at least one issuer");
    }
    let max_lifetime_s = match members.required("max_lifetime_s") {
        Some(Value::Number(Number::Int(seconds))) if *seconds >= 1 => *seconds,
        Some(_) => {
            members.fault("max_lifetime_s", "must be a positive integer");
            1
        }
        None => 1,
    };
    let metadata_url = members.optional_text("metadata_url");
    if metadata_url.as_deref().is_some_and(|url| !is_header_safe_url(url)) {
        members.fault("metadata_url", "must be an http or https URL in visible ASCII");
    }
    let selectors = members.nested("selectors", selectors).unwrap_or_default();
    ResourceEntry {
        resource,
        owner: members.optional_text("owner"),
        issuers,
        audience: members.required_nested("audience", audience).unwrap_or(Audience::ExactlyOne),
        max_lifetime_s,
        mode: mode(&members),
        paths: match members.optional_choice("paths", &["refuse", "resolve"]) {
            Some("resolve") => PathRule::Resolve,
            _ => PathRule::Refuse,
        },
        scopes: members.nested("scopes", scope_rule),
        metadata_url,
        cors_preflight: members.flag("cors_preflight", false),
        route_metadata: selectors.0,
        destination_principal: selectors.1,
        routes: members.entries("routes", route),
    }
}

fn mode(members: &Members<'_, '_>) -> Mode {
    let mode = members.choice("mode", &["enforce", "report"]);
    let (since_s, until_s) = (members.seconds("report_since_s"), members.seconds("report_until_s"));
    match (mode, since_s, until_s) {
        ("report", Some(since_s), Some(until_s)) => {
            if until_s <= since_s {
                members.fault("report_until_s", "must be after `report_since_s`");
            } else if until_s.saturating_sub(since_s) > MAX_REPORT_S {
                members.fault("report_until_s", "must be at most 90 days after `report_since_s`");
            }
            Mode::Report { since_s, until_s }
        }
        ("report", ..) => {
            members.fault("mode", "`report` needs `report_since_s` and `report_until_s`");
            Mode::Enforce
        }
        (_, None, None) => Mode::Enforce,
        _ => {
            members.fault("mode", "`report_since_s` and `report_until_s` belong to `report` alone");
            Mode::Enforce
        }
    }
}

fn audience(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> Audience {
    let family = matches!(value, Value::Object(object)
        if matches!(object.get("mode"), Some(Value::String(mode)) if mode == "family"));
    if family {
        let members = Members::read(value, place, faults, &["mode", "members", "max"]);
        let family = members.texts("members");
        let max = members.seconds("max").and_then(|max| usize::try_from(max).ok()).unwrap_or(0);
        if family.is_empty() {
            members.fault("members", "must name at least one resource");
        }
        if max == 0 {
            members.fault("max", "must be a positive integer");
        } else if family.len() > max {
            members.fault("members", format!("has {} members, more than `max`", family.len()));
        }
        return Audience::Family(family);
    }
    let members = Members::read(value, place, faults, &["mode"]);
    match members.choice("mode", &["exactly_one", "any", "family"]) {
        "any" => Audience::Any,
        _ => Audience::ExactlyOne,
    }
}

fn scope_rule(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> ScopeRule {
    let members = Members::read(value, place, faults, &["all", "any"]);
    let (name, other) = if members.get("any").is_some() { ("any", "all") } else { ("all", "any") };
    if members.get(other).is_some() {
        members.fault(name, "`all` and `any` exclude each other");
    }
    let scopes = members.texts(name);
    if scopes.is_empty() {
        members.fault(name, "must name at least one scope; write null where none is needed");
    }
    for scope in &scopes {
        // scope-token of RFC 6749, section 3.3.
        if !scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
            members.fault(name, "holds what is not a scope-token (RFC 6749, section 3.3)");
        }
    }
    if name == "any" { ScopeRule::Any(scopes) } else { ScopeRule::All(scopes) }
}

fn selectors(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> (Vec<String>, Vec<String>) {
    let known = ["route_metadata", "destination_principal"];
    let members = Members::read(value, place, faults, &known);
    (members.optional_texts("route_metadata"), members.optional_texts("destination_principal"))
}

fn route(value: &Value<'_>, place: Place<'_>, faults: &Faults) -> RouteEntry {
    let known = ["hosts", "paths", "methods", "scopes", "access", "cors_preflight"];
    let members = Members::read(value, place, faults, &known);
    let paths = members.texts("paths");
    if paths.is_empty() {
        members.fault("paths", "must name at least one path");
    }
    let methods = members.texts("methods");
    if methods.is_empty() {
        members.fault("methods", "must name at least one method");
    }
    if !methods.iter().all(|method| is_method(method)) {
        members.fault("methods", "holds what is not a method (RFC 9110, section 9.1)");
    }
    // Absent would read as `no scope needed`: that has to be said.
    members.required("scopes");
    RouteEntry {
        hosts: members.optional_texts("hosts"),
        paths,
        methods,
        scopes: members.nested("scopes", scope_rule),
        access: match members.optional_choice("access", &["token", "public"]) {
            Some("public") => Access::Public,
            _ => Access::Token,
        },
        cors_preflight: members.flag("cors_preflight", false),
    }
}

/// An absolute URI without fragment, in visible ASCII (RFC 3986, section 4.3).
fn is_resource_identifier(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut scheme = scheme.bytes();
    scheme.next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// A URL that can stand in a quoted string of a challenge as it is.
fn is_header_safe_url(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://"))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// A token of RFC 9110, section 5.6.2.
fn is_method(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
