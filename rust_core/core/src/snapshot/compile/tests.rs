#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]
#![allow(
    clippy::semicolon_if_nothing_returned,
    clippy::too_many_lines,
    reason = "a table is as long as its rows, and each row one expression"
)]

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::jose::Algorithm;
use crate::snapshot::{
    Access, Audience, Catalogue, Fault, Mode, PathRule, Profile, Route, ScopeRule,
};

fn document() -> Value {
    json!({
        "format": "accredit-compiled/1",
        "issuers": [
            {
                "issuer": "https://i.example",
                "algorithms": ["RS256", "Ed25519"],
                "profile": {"kind": "rfc9068"},
                "refreshable": true
            },
            {
                "issuer": "https://old.example/realm",
                "algorithms": ["ES256"],
                "profile": {
                    "kind": "legacy", "client": "azp", "scope": "scp", "marker": {"typ": "Bearer"}
                },
                "refreshable": false
            }
        ],
        "resources": [
            {
                "resource": "https://api.example/orders",
                "owner": "orders-team",
                "issuers": ["https://old.example/realm", "https://i.example"],
                "audience": {"mode": "exactly_one"},
                "max_lifetime_s": 900,
                "mode": "enforce",
                "report_since_s": null,
                "report_until_s": null,
                "paths": "refuse",
                "scopes": {"any": ["orders:read", "orders:write"]},
                "metadata_url": null,
                "cors_preflight": false,
                "selectors": {"route_metadata": ["orders"], "destination_principal": []},
                "routes": [
                    {
                        "hosts": ["api.example"],
                        "paths": ["/api/v1/orders/**", "/api/v1/order/*"],
                        "methods": ["GET"],
                        "scopes": {"all": ["orders:read"]},
                        "access": "token",
                        "cors_preflight": true
                    },
                    {
                        "hosts": ["api.example"],
                        "paths": ["/health"],
                        "methods": ["GET", "HEAD"],
                        "scopes": null,
                        "access": "public",
                        "cors_preflight": false
                    }
                ]
            },
            {
                "resource": "urn:example:reports",
                "owner": null,
                "issuers": ["https://i.example"],
                "audience": {"mode": "family", "members": ["urn:example:reports", "urn:b"], "max": 2},
                "max_lifetime_s": 3600,
                "mode": "report",
                "report_since_s": 1_800_000_000,
                "report_until_s": 1_807_776_000,
                "paths": "resolve",
                "scopes": null,
                "metadata_url": "https://m.example/reports",
                "cors_preflight": true,
                "selectors": {"route_metadata": [], "destination_principal": ["spiffe://t/reports"]},
                "routes": []
            }
        ]
    })
}

fn compile(document: &Value) -> Result<Catalogue, Vec<Fault>> {
    Catalogue::compile(document.to_string().as_bytes())
}

/// The places and messages of the faults that a change of the document causes.
fn faults(change: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
    let mut document = document();
    change(&mut document);
    compile(&document).unwrap_err().into_iter().map(|fault| (fault.place, fault.message)).collect()
}

#[test]
fn a_whole_document_compiles_to_what_it_says() {
    let catalogue = compile(&document()).unwrap();
    let [new, old] = catalogue.issuers() else { panic!("two issuers") };
    assert_eq!((new.issuer.as_str(), new.refreshable), ("https://i.example", true));
    assert_eq!(new.profile, Profile::Rfc9068);
    assert!(
        new.algorithms.contains(Algorithm::Rs256) && !new.algorithms.contains(Algorithm::Es256)
    );
    assert_eq!(
        old.profile,
        Profile::Legacy {
            client: "azp".into(),
            scope: "scp".into(),
            marker: vec![("typ".into(), "Bearer".into())]
        }
    );
    assert_eq!(catalogue.issuer_index("https://old.example/realm"), Some(1));
    assert_eq!(catalogue.issuer_index("https://old.example/realm/"), None);

    let [orders, reports] = catalogue.resources() else { panic!("two resources") };
    assert_eq!(orders.issuers, [0, 1]);
    assert_eq!(orders.audience, Audience::ExactlyOne);
    assert_eq!((orders.max_lifetime_s, orders.mode), (900, Mode::Enforce));
    assert_eq!(
        orders.scopes,
        Some(ScopeRule::Any(vec!["orders:read".into(), "orders:write".into()]))
    );
    let patterns: Vec<&str> = orders.routes.iter().map(|route| route.pattern.as_str()).collect();
    assert_eq!(patterns, ["/api/v1/orders/**", "/api/v1/order/*", "/health"]);
    assert_eq!(
        orders.routes[1],
        Route {
            access: Access::Token,
            scopes: Some(ScopeRule::All(vec!["orders:read".into()])),
            methods: vec!["GET".into()],
            hosts: vec!["api.example".into()],
            pattern: "/api/v1/order/*".into(),
            cors_preflight: true,
        }
    );
    assert_eq!((orders.routes[2].access, &orders.routes[2].scopes), (Access::Public, &None));

    assert_eq!((reports.owner.as_ref(), reports.paths), (None, PathRule::Resolve));
    assert_eq!(
        reports.audience,
        Audience::Family(vec!["urn:example:reports".into(), "urn:b".into()])
    );
    assert_eq!(reports.mode, Mode::Report { since_s: 1_800_000_000, until_s: 1_807_776_000 });
    assert_eq!(reports.metadata_url.as_deref(), Some("https://m.example/reports"));
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let minimal = br#"{"format":"accredit-compiled/1","issuers":[],"resources":[]}"#;
    // By sha256sum.
    let digest = "9179de3e18ef668d9d2068229e688d26c2bb2ef1d92273ed4a1a0ee7cfc2393a";
    assert_eq!(Catalogue::compile(minimal).unwrap().digest(), digest);
}

#[test]
fn the_metadata_url_is_derived_as_rfc_9728_says() {
    for (resource, expected) in [
        // The examples of section 3.1.
        (
            "https://resource.example.com",
            Some("https://resource.example.com/.well-known/oauth-protected-resource"),
        ),
        (
            "https://resource.example.com/resource1",
            Some("https://resource.example.com/.well-known/oauth-protected-resource/resource1"),
        ),
        ("https://h.example/", Some("https://h.example/.well-known/oauth-protected-resource")),
        ("https://h.example/a/", Some("https://h.example/.well-known/oauth-protected-resource/a/")),
        (
            "https://h.example:8443/a?b=c",
            Some("https://h.example:8443/.well-known/oauth-protected-resource/a?b=c"),
        ),
        ("https://h.example?b", Some("https://h.example/.well-known/oauth-protected-resource?b")),
        ("https://h.example/?b", Some("https://h.example/.well-known/oauth-protected-resource?b")),
        ("http://h.example/a", None),
        ("urn:example:a", None),
        ("https:///a", None),
        ("https://h.example/\"a", None),
    ] {
        assert_eq!(super::derived_metadata_url(resource).as_deref(), expected, "{resource}");
    }
}

#[test]
fn every_fault_is_found_at_its_place() {
    type Change = fn(&mut Value);
    let cases: &[(&str, &str, Change)] = &[
        ("/format", "must be `accredit-compiled/1`", |d| {
            d["format"] = json!("accredit-compiled/2")
        }),
        ("/format", "is missing", |d| drop(d.as_object_mut().unwrap().remove("format"))),
        ("/tenants", "is not a member", |d| d["tenants"] = json!([])),
        ("/issuers", "must be an array", |d| d["issuers"] = json!({})),
        ("/issuers/0", "must be an object", |d| d["issuers"][0] = json!("https://i.example")),
        ("/issuers/0/issuer", "must be a non-empty string", |d| {
            d["issuers"][0]["issuer"] = json!("");
        }),
        ("/issuers/0/issuer", "visible ASCII", |d| d["issuers"][0]["issuer"] = json!("https://é")),
        ("/issuers/1", "stands twice", |d| d["issuers"][1]["issuer"] = json!("https://i.example")),
        ("/issuers/0/algorithms", "`HS256` is not", |d| {
            d["issuers"][0]["algorithms"] = json!(["RS256", "HS256"]);
        }),
        ("/issuers/0/algorithms", "`none` is not", |d| {
            d["issuers"][0]["algorithms"] = json!(["none"]);
        }),
        ("/issuers/0/algorithms", "at least one", |d| d["issuers"][0]["algorithms"] = json!([])),
        ("/issuers/0/algorithms/1", "stands twice", |d| {
            d["issuers"][0]["algorithms"] = json!(["RS256", "RS256"]);
        }),
        ("/issuers/0/profile/kind", "must be one of", |d| {
            d["issuers"][0]["profile"] = json!({"kind": "any"});
        }),
        ("/issuers/0/profile/marker", "is not a member", |d| {
            d["issuers"][0]["profile"] = json!({"kind": "rfc9068", "marker": {}});
        }),
        ("/issuers/1/profile/marker", "is missing", |d| {
            drop(d["issuers"][1]["profile"].as_object_mut().unwrap().remove("marker"));
        }),
        ("/issuers/1/profile/marker", "must name what tells", |d| {
            d["issuers"][1]["profile"]["marker"] = json!({});
        }),
        ("/issuers/1/profile/marker", "non-empty strings", |d| {
            d["issuers"][1]["profile"]["marker"] = json!({"typ": true});
        }),
        ("/issuers/1/profile/client", "must be one of", |d| {
            d["issuers"][1]["profile"]["client"] = json!("sub");
        }),
        ("/issuers/0/refreshable", "true or false", |d| d["issuers"][0]["refreshable"] = json!(1)),
        ("/resources/1/resource", "belongs to another", |d| {
            d["resources"][1]["resource"] = json!("https://api.example/orders");
        }),
        ("/resources/0/resource", "absolute URI", |d| {
            d["resources"][0]["resource"] = json!("https://api.example/orders#a");
        }),
        ("/resources/0/resource", "absolute URI", |d| {
            d["resources"][0]["resource"] = json!("api.example/orders");
        }),
        ("/resources/0/issuers/0", "is no issuer", |d| {
            d["resources"][0]["issuers"] = json!(["https://i.example/"]);
        }),
        ("/resources/0/issuers", "at least one", |d| d["resources"][0]["issuers"] = json!([])),
        ("/resources/0/audience", "is missing", |d| {
            drop(d["resources"][0].as_object_mut().unwrap().remove("audience"));
        }),
        ("/resources/0/audience", "must be an object", |d| {
            d["resources"][0]["audience"] = Value::Null;
        }),
        ("/resources/0/audience/mode", "must be one of", |d| {
            d["resources"][0]["audience"] = json!({"mode": "prefix"});
        }),
        ("/resources/1/audience/members", "more than `max`", |d| {
            d["resources"][1]["audience"]["max"] = json!(1);
        }),
        ("/resources/1/audience/max", "positive", |d| {
            d["resources"][1]["audience"]["max"] = json!(-1);
        }),
        ("/resources/0/max_lifetime_s", "positive integer", |d| {
            d["resources"][0]["max_lifetime_s"] = json!(0);
        }),
        ("/resources/0/max_lifetime_s", "positive integer", |d| {
            d["resources"][0]["max_lifetime_s"] = json!(900.5);
        }),
        ("/resources/0/max_lifetime_s", "positive integer", |d| {
            d["resources"][0]["max_lifetime_s"] = Value::Null;
        }),
        ("/resources/0/mode", "must be one of", |d| d["resources"][0]["mode"] = json!("off")),
        ("/resources/0/mode", "needs `report_since_s`", |d| {
            d["resources"][0]["mode"] = json!("report");
        }),
        ("/resources/0/mode", "belong to `report`", |d| {
            d["resources"][0]["report_until_s"] = json!(1);
        }),
        ("/resources/1/report_until_s", "must be after", |d| {
            d["resources"][1]["report_until_s"] = json!(1_800_000_000);
        }),
        ("/resources/1/report_until_s", "at most 90 days", |d| {
            d["resources"][1]["report_until_s"] = json!(1_807_776_001);
        }),
        ("/resources/0/paths", "must be one of", |d| d["resources"][0]["paths"] = json!("merge")),
        ("/resources/0/scopes/any", "scope-token", |d| {
            d["resources"][0]["scopes"] = json!({"any": ["a b"]});
        }),
        ("/resources/0/scopes/any", "exclude", |d| {
            d["resources"][0]["scopes"] = json!({"any": ["a"], "all": ["b"]});
        }),
        ("/resources/0/scopes/all", "at least one scope", |d| {
            d["resources"][0]["scopes"] = json!({"all": []});
        }),
        ("/resources/0/metadata_url", "http or https", |d| {
            d["resources"][0]["metadata_url"] = json!("ftp://a");
        }),
        ("/resources/0/metadata_url", "http or https", |d| {
            d["resources"][0]["metadata_url"] = json!("https://a/\"b");
        }),
        ("/resources/1/selectors/route_metadata", "belongs to another", |d| {
            d["resources"][1]["selectors"]["route_metadata"] = json!(["orders"]);
        }),
        ("/resources/1/selectors/header", "is not a member", |d| {
            d["resources"][1]["selectors"]["header"] = json!(["x-resource"]);
        }),
        ("/resources/0/binding", "is not a member", |d| d["resources"][0]["binding"] = json!({})),
        ("/resources/0/routes/0/paths/0", "must begin with", |d| {
            d["resources"][0]["routes"][0]["paths"] = json!(["api"]);
        }),
        ("/resources/0/routes/0/paths", "at least one path", |d| {
            d["resources"][0]["routes"][0]["paths"] = json!([]);
        }),
        ("/resources/0/routes/0/methods", "at least one method", |d| {
            d["resources"][0]["routes"][0]["methods"] = json!([]);
        }),
        ("/resources/0/routes/0/methods", "not a method", |d| {
            d["resources"][0]["routes"][0]["methods"] = json!(["GET POST"]);
        }),
        ("/resources/0/routes/0/scopes", "is missing", |d| {
            drop(d["resources"][0]["routes"][0].as_object_mut().unwrap().remove("scopes"));
        }),
        ("/resources/0/routes/0/hosts/0", "is no host name", |d| {
            d["resources"][0]["routes"][0]["hosts"] = json!(["*.example"]);
        }),
        ("/resources/0/routes/1/paths/0", "no `*` or `**`", |d| {
            d["resources"][0]["routes"][1]["paths"] = json!(["/health/*"]);
        }),
        ("/resources/0/routes/1/hosts", "names its hosts", |d| {
            d["resources"][0]["routes"][1]["hosts"] = json!([]);
        }),
        ("/resources/0/routes/1/scopes", "needs no scope", |d| {
            d["resources"][0]["routes"][1]["scopes"] = json!({"all": ["a"]});
        }),
        ("/resources/0/routes/1/access", "must be one of", |d| {
            d["resources"][0]["routes"][1]["access"] = json!("open");
        }),
    ];
    for (place, part, change) in cases {
        let found = faults(change);
        assert!(
            found.iter().any(|(at, message)| at == place && message.contains(part)),
            "{place} {part}: {found:?}"
        );
    }
}

#[test]
fn all_faults_are_reported_at_once_and_each_once() {
    let found = faults(|d| {
        d["issuers"][0]["algorithms"] = json!(["HS256"]);
        d["resources"][0]["mode"] = json!("off");
        d["resources"][0]["routes"][0]["hosts"] = json!(["a b", "api.example"]);
        d["resources"][1]["issuers"] = json!(["https://nobody.example"]);
    });
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "/issuers/0/algorithms",
            "/resources/0/mode",
            "/resources/0/routes/0/hosts/0",
            "/resources/1/issuers/0"
        ]
    );
}

#[test]
fn what_is_not_strict_json_is_one_fault() {
    for document in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xef\xbb\xbf{}",
        br#"{"format":"accredit-compiled/1","issuers":[],"issuers":[],"resources":[]}"#,
    ] {
        let faults = Catalogue::compile(document).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].to_string().starts_with("/: "), "{faults:?}");
    }
}

/// Two routes, each `hosts, path, methods`, of one resource or of two.
fn ties(first: (&[&str], &str, &[&str]), second: (&[&str], &str, &[&str])) -> [usize; 2] {
    [false, true].map(|apart| {
        let mut document = document();
        let routes = [first, second].map(|(hosts, path, methods)| {
            json!({"hosts": hosts, "paths": [path], "methods": methods, "scopes": null})
        });
        let [one, other] = routes;
        document["resources"][0]["routes"] = json!([one]);
        let to = usize::from(apart);
        let mut into = document["resources"][to]["routes"].as_array().unwrap().clone();
        into.push(other);
        document["resources"][to]["routes"] = json!(into);
        match compile(&document) {
            Ok(_) => 0,
            Err(faults) => {
                assert!(
                    faults.iter().all(|fault| fault.message.contains("ties with")),
                    "{faults:?}"
                );
                faults.len()
            }
        }
    })
}

#[test]
fn one_host_one_pattern_and_one_method_in_two_routes_is_a_tie() {
    let (h, get) = (&["a.example"][..], &["GET"][..]);
    for (first, second, expected) in [
        ((h, "/a", get), (h, "/a", get), [1, 1]),
        ((h, "/a", get), (h, "/%61", get), [1, 1]),
        ((h, "/a/*", get), (h, "/a/*", &["POST", "GET"][..]), [1, 1]),
        ((h, "/**", get), (h, "/**", get), [1, 1]),
        ((h, "/a", get), (&["A.Example."][..], "/a", get), [1, 1]),
        // Hosts that fit one and the same port tie there.
        ((h, "/a", get), (&["a.example:443"][..], "/a", get), [1, 1]),
        ((h, "/a", get), (&["a.example:80"][..], "/a", get), [1, 1]),
        ((h, "/a", get), (&["a.example:8443"][..], "/a", get), [0, 0]),
        ((h, "/a", get), (h, "/a", &["POST"][..]), [0, 0]),
        ((h, "/a", get), (h, "/a", &["get"][..]), [0, 0]),
        ((h, "/a", get), (h, "/*", get), [0, 0]),
        ((h, "/a", get), (h, "/a/", get), [0, 0]),
        ((h, "/a/**", get), (h, "/a", get), [0, 0]),
        ((h, "/a", get), (&["b.example"][..], "/a", get), [0, 0]),
        // Routes without hosts meet only within their resource.
        ((&[][..], "/a", get), (&[][..], "/a", get), [1, 0]),
        ((h, "/a", get), (&[][..], "/a", get), [0, 0]),
    ] {
        assert_eq!(ties(first, second), expected, "{first:?} {second:?}");
    }
}

#[test]
fn a_route_may_name_one_host_in_two_ways() {
    let mut document = document();
    document["resources"][0]["routes"][0]["hosts"] = json!(["api.example", "api.example:443"]);
    assert!(compile(&document).is_ok());
}

#[test]
fn ten_thousand_resources_compile() {
    let mut resources = String::new();
    for number in 0..10_000 {
        let comma = if number == 0 { "" } else { "," };
        write!(
            resources,
            r#"{comma}{{"resource":"https://api.example/r{number}","owner":"team","issuers":["https://i.example"],"audience":{{"mode":"exactly_one"}},"max_lifetime_s":900,"mode":"enforce","paths":"refuse","scopes":null,"routes":[{{"hosts":["api.example"],"paths":["/api/r{number}/**"],"methods":["GET"],"scopes":{{"all":["r{number}:read"]}},"access":"token","cors_preflight":false}}]}}"#
        )
        .unwrap();
    }
    let issuer = r#"{"issuer":"https://i.example","algorithms":["RS256"],"profile":{"kind":"rfc9068"},"refreshable":true}"#;
    let document = format!(
        r#"{{"format":"accredit-compiled/1","issuers":[{issuer}],"resources":[{resources}]}}"#
    );
    let catalogue = Catalogue::compile(document.as_bytes()).unwrap();
    assert_eq!(catalogue.resources().len(), 10_000);
}
