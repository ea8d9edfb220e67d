#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Target;
use crate::facts::{Facts, Headers, Selector, Selectors};
use crate::reason::Reason;
use crate::snapshot::Catalogue;

/// Three resources: `orders` and `items` by host, `tool` by selector alone.
fn catalogue() -> Catalogue {
    compile(&json!([
        {
            "resource": "urn:orders", "scopes": {"all": ["orders"]},
            "selectors": {"route_metadata": ["orders"], "destination_principal": ["spiffe://t/o"]},
            "routes": [
                {"hosts": ["api.example"], "paths": ["/orders/**"], "methods": ["GET"], "scopes": null},
                {"hosts": ["api.example"], "paths": ["/orders/new"], "methods": ["POST"], "scopes": null},
                {
                    "hosts": ["api.example"], "paths": ["/orders/health"], "methods": ["GET"],
                    "scopes": null, "access": "public"
                },
                {
                    "hosts": ["api.example"], "paths": ["/cors"], "methods": ["GET", "PUT"],
                    "scopes": null, "cors_preflight": true
                },
                {
                    "hosts": ["api.example"], "paths": ["/cors/own"], "methods": ["GET", "OPTIONS"],
                    "scopes": null, "cors_preflight": true
                },
                {"hosts": ["api.example"], "paths": ["/shared"], "methods": ["GET"], "scopes": null},
                {"paths": ["/inner"], "methods": ["GET"], "scopes": null}
            ]
        },
        {
            "resource": "urn:items", "paths": "resolve", "cors_preflight": true,
            "selectors": {"route_metadata": ["items"]},
            "routes": [
                {"hosts": ["api.example"], "paths": ["/items/**"], "methods": ["GET"], "scopes": null},
                {
                    "hosts": ["api.example:8443"], "paths": ["/items/**"], "methods": ["PUT"],
                    "scopes": null
                },
                {"hosts": ["api.example"], "paths": ["/shared"], "methods": ["PUT"], "scopes": null},
                {"hosts": ["[2001:db8::1]:8443"], "paths": ["/v6"], "methods": ["GET"], "scopes": null}
            ]
        },
        {
            "resource": "urn:tool",
            "routes": [
                {"paths": ["/call/*"], "methods": ["POST"], "scopes": null},
                {"hosts": ["tool.example"], "paths": ["/call/x"], "methods": ["POST"], "scopes": null}
            ]
        }
    ]))
}

fn compile(resources: &Value) -> Catalogue {
    let mut resources = resources.as_array().unwrap().clone();
    for resource in &mut resources {
        let resource = resource.as_object_mut().unwrap();
        resource.insert("issuers".into(), json!(["https://i.example"]));
        resource.insert("audience".into(), json!({"mode": "exactly_one"}));
        resource.insert("max_lifetime_s".into(), json!(900));
        resource.insert("mode".into(), json!("enforce"));
    }
    let document = json!({
        "format": "accredit-compiled/1",
        "issuers": [{
            "issuer": "https://i.example", "algorithms": ["RS256"], "profile": {"kind": "rfc9068"}
        }],
        "resources": resources,
    });
    Catalogue::compile(document.to_string().as_bytes()).unwrap()
}

fn http<'a>(method: &'a str, host: &'a str, path: &'a str) -> Facts<'a> {
    Facts { method: Some(method), host: Some(host), path: Some(path), ..Facts::default() }
}

fn selected<'a>(resource: &'a str, facts: Facts<'a>) -> Facts<'a> {
    let resource = Selector::Value(resource);
    Facts { selectors: Selectors { resource, ..Selectors::default() }, ..facts }
}

/// `resource pattern` on success, else the resource, if any, and the reason.
fn locate(catalogue: &Catalogue, facts: &Facts<'_>) -> String {
    let located = catalogue.locate(facts);
    let resource = located.resource.map_or("-", |resource| resource.resource.as_str());
    match located.target {
        Ok(Target::Route(route)) => format!("{resource} {}", route.pattern),
        Ok(Target::Whole) => format!("{resource} whole"),
        Ok(Target::Preflight(route)) => format!("{resource} preflight {}", route.pattern),
        Err(reason) => format!("{resource} {}", reason.entry().code),
    }
}

#[test]
fn host_path_and_method_find_the_route() {
    let catalogue = catalogue();
    for (method, host, path, expected) in [
        ("GET", "api.example", "/orders", "urn:orders /orders/**"),
        ("GET", "api.example", "/orders/1/lines?x=1", "urn:orders /orders/**"),
        ("GET", "api.example", "/orders/health", "urn:orders /orders/health"),
        ("GET", "api.example", "/%6Frders/1", "urn:orders /orders/**"),
        ("POST", "api.example", "/orders/new", "urn:orders /orders/new"),
        // The most specific path decides, and then its methods.
        ("GET", "api.example", "/orders/new", "urn:orders route_method"),
        ("POST", "api.example", "/orders/1", "urn:orders route_method"),
        ("get", "api.example", "/orders/1", "urn:orders route_method"),
        ("GET", "api.example", "/ORDERS/1", "- resource_unknown"),
        ("GET", "api.example", "/ordersx", "- resource_unknown"),
        ("GET", "api.example", "/other", "- resource_unknown"),
        ("GET", "other.example", "/orders", "- resource_unknown"),
        ("GET", "api.example.evil.example", "/orders", "- resource_unknown"),
        // Two resources share a pattern by method.
        ("GET", "api.example", "/shared", "urn:orders /shared"),
        ("PUT", "api.example", "/shared", "urn:items /shared"),
        ("DELETE", "api.example", "/shared", "- resource_ambiguous"),
        // Routes without hosts are for selectors.
        ("GET", "api.example", "/inner", "- resource_unknown"),
        ("POST", "api.example", "/call/x", "- resource_unknown"),
    ] {
        let found = locate(&catalogue, &http(method, host, path));
        assert_eq!(found, expected, "{method} {host} {path}");
    }
}

#[test]
fn attack_5_hosts_fit_by_name_and_port() {
    let catalogue = catalogue();
    for (method, host, path, expected) in [
        ("GET", "API.Example", "/orders", "urn:orders /orders/**"),
        ("GET", "api.example.", "/orders", "urn:orders /orders/**"),
        ("GET", "api.example:80", "/orders", "urn:orders /orders/**"),
        ("GET", "api.example:443", "/orders", "urn:orders /orders/**"),
        ("GET", "api.example:8443", "/orders", "- resource_unknown"),
        ("PUT", "api.example:8443", "/items/1", "urn:items /items/**"),
        ("GET", "api.example:8443", "/items/1", "urn:items route_method"),
        ("PUT", "api.example", "/items/1", "urn:items route_method"),
        ("GET", "[2001:DB8::0:1]:8443", "/v6", "urn:items /v6"),
        ("GET", "[2001:db8::1]", "/v6", "- resource_unknown"),
        ("GET", "api.example:0", "/orders", "- host_malformed"),
        ("GET", "api.example:443:80", "/orders", "- host_malformed"),
        ("GET", "user@api.example", "/orders", "- host_malformed"),
        ("GET", "api.example\0", "/orders", "- host_malformed"),
        ("GET", "api.example..", "/orders", "- host_malformed"),
        // The host is judged before the path.
        ("GET", "a b", "//", "- host_malformed"),
    ] {
        let found = locate(&catalogue, &http(method, host, path));
        assert_eq!(found, expected, "{method} {host} {path}");
    }
}

#[test]
fn attack_5_a_path_that_is_not_canonical_is_refused_unless_its_resource_resolves() {
    let catalogue = catalogue();
    for (path, expected) in [
        ("//orders", "- path_not_canonical"),
        ("/orders/../items/1", "urn:items /items/**"),
        ("/items/../orders/1", "- path_not_canonical"),
        ("/items/%2e%2e/orders/1", "- path_not_canonical"),
        ("/orders/health/../1", "- path_not_canonical"),
        ("/orders/./1", "- path_not_canonical"),
        ("/orders//1", "- path_not_canonical"),
        ("/items//1", "urn:items /items/**"),
        ("//items/1", "urn:items /items/**"),
        ("/items/./1", "urn:items /items/**"),
        ("/items/%2e/1", "urn:items /items/**"),
        ("/items/a/../../items/1", "urn:items /items/**"),
        // What resolving does not cover stays refused.
        ("/items/%2f", "- path_not_canonical"),
        ("/items/%5c", "- path_not_canonical"),
        ("/items/\\", "- path_not_canonical"),
        ("/items;a=b/1", "- path_not_canonical"),
        ("/items/#a", "- path_not_canonical"),
        ("/items/%00", "- path_not_canonical"),
        ("/items/\0", "- path_not_canonical"),
        ("/items/%zz", "- path_not_canonical"),
        ("http://api.example/items/1", "- path_not_canonical"),
        ("*", "- path_not_canonical"),
        // Nothing that resolves is found there, so that it was not canonical is all there is to say.
        ("/other/../nothing", "- path_not_canonical"),
        // Shared with a resource that does not resolve.
        ("/a/../shared", "- path_not_canonical"),
    ] {
        let found = locate(&catalogue, &http("GET", "api.example", path));
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn a_selector_chooses_the_resource_and_never_the_route() {
    let catalogue = catalogue();
    for (resource, facts, expected) in [
        ("urn:orders", http("GET", "api.example", "/orders/1"), "urn:orders /orders/**"),
        ("urn:orders", http("GET", "api.example", "/items/1"), "- selector_conflict"),
        ("urn:items", http("GET", "api.example", "/shared"), "- selector_conflict"),
        ("urn:items", http("PUT", "api.example", "/shared"), "urn:items /shared"),
        ("urn:items", http("DELETE", "api.example", "/shared"), "urn:items route_method"),
        ("urn:tool", http("DELETE", "api.example", "/shared"), "- selector_conflict"),
        ("urn:orders", http("POST", "api.example", "/orders/1"), "urn:orders route_method"),
        ("urn:orders", http("GET", "api.example", "/other"), "urn:orders route_unknown"),
        // Routes without hosts, on any host that gives nothing, and without a host.
        ("urn:orders", http("GET", "pod-7.cluster", "/inner"), "urn:orders /inner"),
        ("urn:orders", http("PUT", "pod-7.cluster", "/inner"), "urn:orders route_method"),
        ("urn:orders", http("GET", "pod-7.cluster", "/orders/1"), "urn:orders route_unknown"),
        ("urn:tool", http("POST", "tool.example", "/call/x"), "urn:tool /call/x"),
        ("urn:tool", http("POST", "tool.example", "/call/y"), "urn:tool /call/*"),
        ("urn:tool", http("POST", "api.example", "/call/y"), "urn:tool /call/*"),
        ("urn:tool", Facts { host: None, ..http("POST", "", "/call/y") }, "urn:tool /call/*"),
        ("urn:tool", http("POST", "a b", "/call/y"), "urn:tool host_malformed"),
        ("urn:tool", http("POST", "tool.example", "/call//y"), "urn:tool path_not_canonical"),
        ("urn:tool", http("POST", "tool.example", "/call/%2f"), "urn:tool path_not_canonical"),
        ("urn:items", http("GET", "api.example", "/x/../items/"), "urn:items /items/**"),
        ("urn:items", http("GET", "api.example", "/x/../orders/1"), "urn:items path_not_canonical"),
        ("urn:none", http("GET", "api.example", "/orders/1"), "- resource_unknown"),
        ("URN:orders", http("GET", "api.example", "/orders/1"), "- resource_unknown"),
        // No path: the resource as a whole, where it has scopes of its own.
        ("urn:orders", Facts::default(), "urn:orders whole"),
        ("urn:items", Facts::default(), "urn:items route_required"),
        (
            "urn:orders",
            Facts { host: Some("a b"), ..Facts::default() },
            "urn:orders host_malformed",
        ),
    ] {
        let found = locate(&catalogue, &selected(resource, facts.clone()));
        assert_eq!(found, expected, "{resource} {facts:?}");
    }
    assert_eq!(locate(&catalogue, &Facts::default()), "- resource_unknown");
    let no_host = Facts { host: None, ..http("GET", "", "/orders/1") };
    assert_eq!(locate(&catalogue, &no_host), "- resource_unknown");
    let no_method = Facts { method: None, ..http("", "api.example", "/orders/1") };
    assert_eq!(locate(&catalogue, &no_method), "urn:orders route_method");
}

#[test]
fn selectors_that_disagree_are_unknown_or_malformed_refuse() {
    use Selector::{Absent, Malformed, Value as Is};
    let catalogue = catalogue();
    let orders = "urn:orders /orders/**";
    for (resource, route_metadata, destination_principal, expected) in [
        (Is("urn:orders"), Is("orders"), Is("spiffe://t/o"), orders),
        (Absent, Is("orders"), Absent, orders),
        (Absent, Absent, Is("spiffe://t/o"), orders),
        (Is("urn:orders"), Is("items"), Absent, "- selector_conflict"),
        (Absent, Is("items"), Is("spiffe://t/o"), "- selector_conflict"),
        (Is("urn:orders"), Is("none"), Absent, "- resource_unknown"),
        (Is("urn:items"), Absent, Is("spiffe://t/none"), "- resource_unknown"),
        (Is("orders"), Absent, Absent, "- resource_unknown"),
        (Malformed, Absent, Absent, "- selector_malformed"),
        (Is("urn:orders"), Malformed, Absent, "- selector_malformed"),
        (Is("urn:none"), Absent, Malformed, "- selector_malformed"),
    ] {
        let selectors = Selectors { resource, route_metadata, destination_principal };
        let facts = Facts { selectors, ..http("GET", "api.example", "/orders/1") };
        assert_eq!(locate(&catalogue, &facts), expected, "{selectors:?}");
    }
}

#[test]
fn a_cors_preflight_is_options_with_origin_and_one_requested_method() {
    let catalogue = catalogue();
    let both: &[(&str, &str)] =
        &[("origin", "https://spa.example"), ("access-control-request-method", "GET")];
    let twice = &[both, &both[1..]].concat()[..];
    let put: &[(&str, &str)] = &[both[0], ("Access-Control-Request-Method", "PUT")];
    let lower: &[(&str, &str)] = &[both[0], ("access-control-request-method", "get")];
    for (method, path, headers, expected) in [
        ("OPTIONS", "/cors", both, "urn:orders preflight /cors"),
        ("OPTIONS", "/cors", put, "urn:orders preflight /cors"),
        ("OPTIONS", "/cors", lower, "urn:orders route_method"),
        ("OPTIONS", "/cors", &both[..1], "urn:orders route_method"),
        ("OPTIONS", "/cors", &both[1..], "urn:orders route_method"),
        ("OPTIONS", "/cors", twice, "urn:orders route_method"),
        ("options", "/cors", both, "urn:orders route_method"),
        ("POST", "/cors", both, "urn:orders route_method"),
        ("GET", "/cors", both, "urn:orders /cors"),
        // A route that lists OPTIONS wants a token for it.
        ("OPTIONS", "/cors/own", both, "urn:orders /cors/own"),
        // Neither the route nor its resource lets preflights through.
        ("OPTIONS", "/orders/1", both, "urn:orders route_method"),
        // The resource does, for methods that the route has.
        ("OPTIONS", "/items/1", both, "urn:items preflight /items/**"),
        ("OPTIONS", "/items/1", put, "urn:items route_method"),
        ("OPTIONS", "/shared", put, "urn:items preflight /shared"),
        ("OPTIONS", "/shared", both, "- resource_ambiguous"),
    ] {
        let mut facts = http(method, "api.example", path);
        for (name, value) in headers {
            facts.headers.push(name, value.as_bytes());
        }
        assert_eq!(locate(&catalogue, &facts), expected, "{method} {path} {headers:?}");
        let conflict = selected("urn:tool", facts);
        assert_eq!(locate(&catalogue, &conflict), "- selector_conflict", "{method} {path}");
    }
}

#[test]
fn no_header_overrides_the_method() {
    let catalogue = catalogue();
    let mut headers = Headers::default();
    headers.push("x-http-method-override", b"GET");
    headers.push("x-method-override", b"GET");
    let facts = Facts { headers, ..http("POST", "api.example", "/orders/1") };
    let located = catalogue.locate(&facts);
    assert_eq!(located.target, Err(Reason::RouteMethod));
}

/// Whether a pattern fits decoded segments, said as plainly as can be.
fn fits(pattern: &[&str], segments: &[&str]) -> bool {
    match (pattern.split_first(), segments.split_first()) {
        (Some((&"**", _)), _) | (None, None) => true,
        (Some((piece, pattern)), Some((segment, segments))) => {
            (piece == segment || (*piece == "*" && !segment.is_empty())) && fits(pattern, segments)
        }
        _ => false,
    }
}

/// The pattern that decides, out of a list: the first by segment, literal before `*` before `**`.
fn naive<'p>(patterns: &'p [String], path: &str) -> Option<&'p str> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let rank = |pattern: &str| -> Vec<u8> {
        let rank = |piece| match piece {
            "**" => 2,
            "*" => 1,
            _ => 0,
        };
        pattern.split('/').map(rank).collect()
    };
    patterns
        .iter()
        .filter(|pattern| {
            let pieces: Vec<&str> = pattern.split('/').skip(1).collect();
            fits(&pieces, &segments)
        })
        .min_by_key(|pattern| rank(pattern))
        .map(String::as_str)
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let inner =
        proptest::collection::vec(prop_oneof![2 => "[ab]", 1 => Just("*".to_owned())], 0..5);
    let last = prop_oneof![2 => "[ab]", 1 => Just(String::new()), 1 => Just("*".to_owned()), 2 => Just("**".to_owned())];
    let pattern = (inner, last).prop_map(|(inner, last)| {
        let pieces = [inner, vec![last]].concat();
        format!("/{}", pieces.join("/"))
    });
    proptest::collection::btree_set(pattern, 0..24).prop_map(|all| all.into_iter().collect())
}

proptest! {
    #[test]
    fn the_trie_agrees_with_a_naive_matcher(
        patterns in patterns(),
        paths in proptest::collection::vec("(/[abc]){0,5}/[abc]?", 1..16),
    ) {
        let routes: Vec<Value> = patterns
            .iter()
            .map(|path| {
                json!({"hosts": ["h.example"], "paths": [path], "methods": ["GET"], "scopes": null})
            })
            .collect();
        let catalogue = compile(&json!([{"resource": "urn:r", "routes": routes}]));
        for path in &paths {
            let found = match catalogue.locate(&http("GET", "h.example", path)).target {
                Ok(Target::Route(route)) => Some(route.pattern.as_str()),
                Err(Reason::ResourceUnknown) => None,
                other => panic!("{path}: {other:?}"),
            };
            prop_assert_eq!(found, naive(&patterns, path), "{}", path);
        }
    }
}
