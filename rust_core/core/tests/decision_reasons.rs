//! Every reason is reached by a request, through the same bytes that a gateway sends, and an
//! explanation never differs from the decision.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "a test may fail loudly"
)]

mod support;

use std::collections::BTreeSet;

use accredit_core::decide::Patience;
use accredit_core::engine::{Checked, Engine, EngineSettings};
use accredit_core::reason::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{
    ISSUER, NOW, Signer, at, catalogue, changed, claims, engine, engine_of, explain, field, jwks,
    keys, question, request, with, without,
};

/// What the engine said last, through the record that a log would get.
fn last(engine: &Engine) -> String {
    engine.drain_records(1_000).last().unwrap().reason.to_owned()
}

fn sent(engine: &Engine, bytes: &[u8]) -> String {
    let checked = engine.check(bytes, &at(NOW), Patience::Final);
    assert!(matches!(checked, Checked::Answered(_)));
    last(engine)
}

fn claimed(changes: Value) -> String {
    sent(&engine(), &request(&keys().rsa.token("RS256", &with(claims(), changes))))
}

fn headed(changes: Value) -> String {
    let header = with(json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}), changes);
    let token = keys().rsa.token_of("RS256", &header.to_string(), &claims().to_string());
    sent(&engine(), &request(&token))
}

fn asked(change: impl FnOnce(&mut Value)) -> String {
    let mut question = question(&keys().rsa.token("RS256", &claims()));
    change(&mut question);
    support::ask(&engine(), &question)["reason"].as_str().unwrap().to_owned()
}

/// A request over `http` fields and with these context extensions.
fn extended(extensions: &[(&str, &[u8])]) -> Vec<u8> {
    let token = keys().rsa.token("RS256", &claims());
    let mut bytes = request(&token);
    for (name, value) in extensions {
        let entry = [field(1, name.as_bytes()), field(2, value)].concat();
        bytes.extend(field(1, &field(10, &entry)));
    }
    bytes
}

#[test]
fn every_reason_is_reached() {
    let (good, keys) = (keys().rsa.token("RS256", &claims()), keys());
    let without_catalogue = Engine::new(EngineSettings::default());
    let without_keys = Engine::new(EngineSettings::default());
    without_keys.load_catalogue(catalogue().to_string().as_bytes()).unwrap();
    let unknown = Signer::ec("new", "P-256").token("ES256", &claims());
    let refreshing = engine();
    let later = at(NOW + 10);
    let first = refreshing.check(&request(&unknown), &later, Patience::MayWait);
    assert!(matches!(first, Checked::Pending(_)));
    let _ = refreshing.check(&request(&unknown), &later, Patience::Final);
    let two_keys = engine();
    let ms = u64::try_from(NOW).unwrap() * 1_000;
    two_keys
        .set_keys(ISSUER, &jwks(&[&keys.p256, &Signer::ec("x", "P-256")]), ms, NOW + 9)
        .unwrap();
    let bare = json!({"alg": "ES256", "typ": "at+jwt"}).to_string();
    let bare = keys.p256.token_of("ES256", &bare, &claims().to_string());
    let own_scopes = engine_of(&changed(json!({
        "routes": [], "scopes": {"all": ["orders:read"]},
        "selectors": {"route_metadata": [], "destination_principal": []}
    })));
    let mut shared = catalogue();
    for (index, method) in ["GET", "POST"].into_iter().enumerate() {
        shared["resources"][index]["routes"] = json!([{
            "hosts": ["api.example"], "paths": ["/shared"], "methods": [method],
            "scopes": null, "access": "token", "cors_preflight": false}]);
    }
    let shared_path = engine_of(&shared);
    let whole = json!({"token": good, "resource": support::ORDERS});
    assert_eq!(support::ask(&own_scopes, &whole)["reason"], "ok");
    let form = |engine: &Engine| {
        let http = [
            field(2, b"GET"),
            field(
                3,
                &[field(1, b"content-type"), field(2, b"application/x-www-form-urlencoded")]
                    .concat(),
            ),
            field(4, b"/orders/1"),
            field(5, b"api.example"),
            field(11, b"access_token=x"),
        ]
        .concat();
        sent(engine, &field(1, &field(4, &field(2, &http))))
    };
    let refusal = |reason: Reason| {
        let engine = engine();
        assert!(!engine.refusal(reason, &at(NOW)).is_empty());
        last(&engine)
    };

    let reached: Vec<(&str, String)> = vec![
        ("ok", sent(&engine(), &request(&good))),
        ("request_malformed", sent(&engine(), b"\xff\xff")),
        ("request_too_large", sent(&engine(), &vec![0; 1_048_577])),
        ("request_not_http", sent(&engine(), b"")),
        ("selector_malformed", sent(&engine(), &extended(&[("accredit.resource", b"")]))),
        (
            "selector_conflict",
            sent(&engine(), &extended(&[("accredit.resource", support::BILLS.as_bytes())])),
        ),
        ("resource_unknown", asked(|q| q["path"] = json!("/nowhere"))),
        (
            "resource_ambiguous",
            support::ask(
                &shared_path,
                &with(
                    question(&good),
                    json!({
                        "path": "/shared", "method": "PUT"
                    }),
                ),
            )["reason"]
                .as_str()
                .unwrap()
                .to_owned(),
        ),
        ("host_malformed", asked(|q| q["host"] = json!("api.example:x"))),
        ("path_not_canonical", asked(|q| q["path"] = json!("/orders/../bills"))),
        (
            "route_unknown",
            asked(|q| {
                q["resource"] = json!(support::ORDERS);
                q["path"] = json!("/nowhere");
            }),
        ),
        ("route_method", asked(|q| q["method"] = json!("DELETE"))),
        (
            "route_required",
            asked(|q| {
                *q = json!({"token": q["token"], "resource": support::ORDERS});
            }),
        ),
        ("credential_missing", asked(|q| q["token"] = Value::Null)),
        ("credential_multiple", asked(|q| q["headers"] = json!({"Authorization": "Bearer x"}))),
        (
            "credential_in_query",
            asked(|q| {
                q["token"] = Value::Null;
                q["path"] = json!("/orders/1?access_token=x");
            }),
        ),
        ("credential_in_form", form(&engine())),
        ("credential_malformed", asked(|q| q["token"] = json!("a b"))),
        (
            "scheme_unsupported",
            asked(|q| {
                q["token"] = Value::Null;
                q["headers"] = json!({"authorization": "Basic eDp5"});
            }),
        ),
        ("token_too_large", asked(|q| q["token"] = json!("x".repeat(20_000)))),
        ("token_malformed", asked(|q| q["token"] = json!("opaque"))),
        ("token_encrypted", asked(|q| q["token"] = json!("a.b.c.d.e"))),
        ("header_malformed", headed(json!({"kid": 1}))),
        ("algorithm_refused", headed(json!({"alg": "none"}))),
        ("algorithm_unsupported", headed(json!({"alg": "Ed448"}))),
        ("type_refused", headed(json!({"typ": "JWT"}))),
        ("critical_refused", headed(json!({"crit": ["exp"]}))),
        ("issuer_unknown", claimed(json!({"iss": "https://nobody.example"}))),
        ("issuer_not_accepted", claimed(json!({"iss": support::OTHER_ISSUER}))),
        ("key_unknown", headed(json!({"kid": "nobody"}))),
        ("key_ambiguous", sent(&two_keys, &request(&bare))),
        ("key_mismatch", headed(json!({"alg": "ES256"}))),
        ("keys_refreshing", last(&refreshing)),
        ("keys_unavailable", sent(&without_keys, &request(&good))),
        ("signature_invalid", headed(json!({"alg": "RS512"}))),
        (
            "claims_malformed",
            sent(
                &engine(),
                &request(&keys.rsa.token_of(
                    "RS256",
                    &json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}).to_string(),
                    "[]",
                )),
            ),
        ),
        (
            "claim_absent",
            sent(&engine(), &request(&keys.rsa.token("RS256", &without(claims(), "exp")))),
        ),
        ("claim_null", claimed(json!({"sub": null}))),
        ("claim_type", claimed(json!({"exp": "1"}))),
        ("claim_value", claimed(json!({"sub": ""}))),
        ("not_access_token", claimed(json!({"at_hash": "x"}))),
        ("client_conflict", claimed(json!({"azp": "x"}))),
        ("token_expired", claimed(json!({"exp": NOW - 30}))),
        ("token_not_yet_valid", claimed(json!({"nbf": NOW + 31}))),
        ("token_from_future", claimed(json!({"iat": NOW + 31}))),
        ("lifetime_too_long", claimed(json!({"exp": NOW + 10_000}))),
        ("audience_mismatch", claimed(json!({"aud": support::BILLS}))),
        ("audience_too_broad", claimed(json!({"aud": [support::ORDERS, support::BILLS]}))),
        ("scope_malformed", claimed(json!({"scope": " orders:read"}))),
        ("scope_insufficient", claimed(json!({"scope": "orders"}))),
        ("binding_unsupported", claimed(json!({"cnf": {"jkt": "x"}}))),
        ("status_unsupported", claimed(json!({"status": {}}))),
        ("overloaded", refusal(Reason::Overloaded)),
        ("catalogue_missing", sent(&without_catalogue, &request(&good))),
        ("internal", refusal(Reason::Internal)),
    ];
    for (expected, reason) in &reached {
        assert_eq!(expected, reason);
    }
    let reached: BTreeSet<&str> = reached.iter().map(|(code, _)| *code).collect();
    let all: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(reached, all);
}

// Anything that asks for proof of possession, whatever its form, is not passed over.
#[test]
fn what_asks_for_a_step_that_does_not_exist_is_denied() {
    for cnf in [json!({}), json!(null), json!("x"), json!({"x5t#S256": "x"}), json!([])] {
        assert_eq!(claimed(json!({"cnf": cnf})), "binding_unsupported");
    }
    for status in [json!({"status_list": {"idx": 0, "uri": "https://x"}}), json!(null), json!(1)] {
        assert_eq!(claimed(json!({"status": status})), "status_unsupported");
    }
    let dpop = asked(|q| {
        q["headers"] = json!({"authorization": format!("DPoP {}", q["token"].as_str().unwrap())});
        q["token"] = Value::Null;
    });
    assert_eq!(dpop, "binding_unsupported");
}

#[test]
fn an_explanation_has_every_step_in_order_and_no_part_of_the_token() {
    let token = keys().rsa.token("RS256", &claims());
    let answer = explain(&engine(), &question(&token));
    let steps = answer["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 14);
    assert_eq!(steps[0]["step"], "resource");
    assert_eq!(steps[13]["step"], "obligations");
    assert!(steps.iter().all(|step| step["verdict"] != "not_reached" && step["verdict"] != "fail"));
    let text = answer.to_string();
    for part in token.split('.') {
        for window in [&part[..16], &part[part.len() - 16..]] {
            assert!(!text.contains(window));
        }
    }
    assert!(!steps.iter().any(|step| step.to_string().contains("partner-7")), "clients are masked");
}

fn mutations() -> impl Strategy<Value = (Value, Value, Value)> {
    let claim = prop_oneof![
        Just(json!({})),
        Just(json!({"exp": NOW - 100})),
        Just(json!({"aud": [support::ORDERS, "https://x.example"]})),
        Just(json!({"aud": support::BILLS})),
        Just(json!({"scope": "bills:read"})),
        Just(json!({"iss": support::OTHER_ISSUER})),
        Just(json!({"cnf": {}})),
        Just(json!({"iat": NOW - 10_000})),
        Just(json!({"sub": null})),
    ];
    let header = prop_oneof![
        Just(json!({})),
        Just(json!({"typ": "JWT"})),
        Just(json!({"kid": "p256"})),
        Just(json!({"alg": "PS256"})),
        Just(json!({"crit": []})),
    ];
    let request = prop_oneof![
        Just(json!({})),
        Just(json!({"path": "/bills/1"})),
        Just(json!({"path": "/orders//1"})),
        Just(json!({"method": "PUT"})),
        Just(json!({"resource": support::BILLS})),
        Just(json!({"host": "api.example:80"})),
        Just(json!({"path": "/health/orders"})),
    ];
    (claim, header, request)
}

fn composed(claim: &Value, header: &Value, request: &Value) -> Value {
    let head = with(json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}), header.clone());
    let body = with(claims(), claim.clone());
    let token = keys().rsa.token_of("RS256", &head.to_string(), &body.to_string());
    with(question(&token), request.clone())
}

/// Changes that only make the first resource stricter.
fn stricter() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"max_lifetime_s": 60})),
        Just(json!({"issuers": [support::LEGACY_ISSUER]})),
        Just(json!({"routes": []})),
        Just(json!({"routes": [{
            "hosts": ["api.example"], "paths": ["/orders/**"], "methods": ["GET"],
            "scopes": {"all": ["orders:read", "orders:admin"]}, "access": "token",
            "cors_preflight": false}]})),
    ]
}

proptest! {
    #[test]
    fn decision_and_explanation_agree((claim, header, request) in mutations()) {
        let engine = engine();
        let question = composed(&claim, &header, &request);
        let (plain, full) = (support::ask(&engine, &question), explain(&engine, &question));
        for member in ["decision", "reason", "resource", "client", "expires_at", "mode"] {
            prop_assert_eq!(&plain[member], &full[member]);
        }
        let failed: Vec<_> = full["steps"].as_array().unwrap().iter()
            .filter(|step| step["verdict"] == "fail").collect();
        if plain["decision"] == "allow" {
            prop_assert!(failed.is_empty());
        } else {
            prop_assert_eq!(failed.len(), 1);
            prop_assert_eq!(&failed[0]["reason"], &plain["reason"]);
        }
    }

    #[test]
    fn a_stricter_catalogue_allows_nothing_new(
        (claim, header, request) in mutations(),
        changes in stricter(),
    ) {
        let question = composed(&claim, &header, &request);
        let before = support::ask(&engine(), &question);
        let after = support::ask(&engine_of(&changed(changes)), &question);
        prop_assert!(before["decision"] == "allow" || after["decision"] == "deny");
    }

    #[test]
    fn no_bytes_make_the_engine_panic_or_allow(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let engine = engine();
        prop_assert!(!matches!(
            engine.check(&bytes, &at(NOW), Patience::MayWait), Checked::Pending(_)
        ));
        prop_assert_ne!(last(&engine), "ok");
        let reply: Value =
            serde_json::from_slice(&engine.query(&bytes, &at(NOW), true)).unwrap();
        prop_assert_eq!(&reply["decision"], &json!("deny"));
    }
}
