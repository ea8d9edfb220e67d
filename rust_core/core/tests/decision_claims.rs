//! Every claim × {absent, null, each wrong type, empty, duplicate, huge}, and the matrix of what
//! common libraries accept (attack 9 of the `ext_authz` attack list).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

mod support;

use accredit_core::decide::Patience;
use accredit_core::engine::{Engine, EngineSettings};
use serde_json::{Value, json};
use support::{
    ISSUER, LEGACY_ISSUER, NOW, ORDERS, claims, engine, judged, keys, question, reason_of, with,
    without,
};

const REQUIRED: [&str; 7] = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];

fn because(reason: &str, claim: &str) -> (String, Option<String>) {
    (reason.to_owned(), Some(claim.to_owned()))
}

#[test]
fn the_good_token_is_allowed_with_every_algorithm() {
    let (engine, keys) = (engine(), keys());
    for (alg, signer) in [
        ("RS256", &keys.rsa),
        ("RS384", &keys.rsa),
        ("RS512", &keys.rsa),
        ("PS256", &keys.rsa),
        ("PS384", &keys.rsa),
        ("PS512", &keys.rsa),
        ("ES256", &keys.p256),
        ("ES384", &keys.p384),
        ("ES512", &keys.p521),
        ("EdDSA", &keys.ed),
        ("Ed25519", &keys.ed),
    ] {
        assert_eq!(reason_of(&engine, &signer.token(alg, &claims())), "ok", "{alg}");
    }
}

#[test]
fn attack_9_each_required_claim_absent_or_null() {
    let engine = engine();
    for name in REQUIRED {
        assert_eq!(
            judged(&engine, &without(claims(), name)),
            because("claim_absent", name),
            "{name} absent"
        );
        assert_eq!(
            judged(&engine, &with(claims(), json!({name: null}))),
            because("claim_null", name),
            "{name} null"
        );
    }
    for name in ["nbf", "scope"] {
        assert_eq!(
            judged(&engine, &with(claims(), json!({name: null}))),
            because("claim_null", name),
            "{name} null"
        );
    }
}

#[test]
fn attack_9_each_claim_with_every_json_type() {
    let engine = engine();
    let shapes = [
        ("string", json!("x")),
        ("number", json!(NOW + 60)),
        ("bool", json!(true)),
        ("array", json!(["x"])),
        ("object", json!({"x": "y"})),
    ];
    for name in ["iss", "sub", "client_id", "jti", "azp", "exp", "iat", "nbf", "aud", "scope"] {
        let right: &[&str] = match name {
            "exp" | "iat" | "nbf" => &["number"],
            "aud" => &["string", "array"],
            _ => &["string"],
        };
        for (shape, value) in &shapes {
            if right.contains(shape) {
                continue;
            }
            assert_eq!(
                judged(&engine, &with(claims(), json!({name: value}))),
                because("claim_type", name),
                "{name} as {shape}"
            );
        }
    }
    assert_eq!(
        judged(&engine, &with(claims(), json!({"exp": (NOW + 60).to_string()}))),
        because("claim_type", "exp"),
        "a date as a string of digits"
    );
    assert_eq!(
        judged(&engine, &with(claims(), json!({"aud": [ORDERS, 1]}))),
        because("claim_type", "aud")
    );
}

#[test]
fn attack_9_each_claim_empty_or_huge() {
    let engine = engine();
    let huge = "x".repeat(2_000);
    for name in ["iss", "sub", "client_id", "jti"] {
        for value in ["", &huge] {
            assert_eq!(
                judged(&engine, &with(claims(), json!({name: value}))),
                because("claim_value", name),
                "{name} of {} bytes",
                value.len()
            );
        }
    }
    for (case, value, name) in [
        ("empty audience", json!({"aud": ""}), "aud"),
        ("no audience", json!({"aud": []}), "aud"),
        ("an empty one among them", json!({"aud": [ORDERS, ""]}), "aud"),
        ("too many", json!({"aud": vec![ORDERS; 65]}), "aud"),
        ("before the epoch", json!({"exp": -1}), "exp"),
        ("past the year 9999", json!({"exp": 253_402_300_800_i64}), "exp"),
        ("1e300", json!({"exp": 1e300}), "exp"),
        ("the largest integer", json!({"exp": u64::MAX}), "exp"),
        ("negative nbf", json!({"nbf": -5}), "nbf"),
    ] {
        assert_eq!(judged(&engine, &with(claims(), value)), because("claim_value", name), "{case}");
    }
}

#[test]
fn attack_9_each_claim_twice_and_each_syntax_that_others_accept() {
    let (engine, keys) = (engine(), keys());
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}).to_string();
    let good = claims().to_string();
    let inside = &good[1..good.len() - 1];
    let mut payloads: Vec<(String, String)> = claims()
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (format!("{name} twice"), format!("{{{inside},\"{name}\":{value}}}")))
        .collect();
    for (case, payload) in [
        ("byte-order mark", format!("\u{feff}{good}")),
        ("NaN", format!("{{{inside},\"x\":NaN}}")),
        ("infinite exponent", format!("{{{inside},\"x\":1e999}}")),
        ("trailing comma", format!("{{{inside},}}")),
        ("comment", format!("{{{inside}/**/}}")),
        ("two documents", format!("{good}{good}")),
        ("lone surrogate", format!("{{{inside},\"x\":\"\\ud800\"}}")),
        ("deep", format!("{{{inside},\"x\":{}{}}}", "[".repeat(40), "]".repeat(40))),
        ("wide", format!("{{{inside},\"x\":[{}1]}}", "1,".repeat(2_000))),
        ("an array", "[]".to_owned()),
        ("nothing", String::new()),
        ("escaped twin", format!("{{{inside},\"\\u0061ud\":\"{ORDERS}\"}}")),
    ] {
        payloads.push((case.to_owned(), payload));
    }
    for (case, payload) in payloads {
        let token = keys.rsa.token_of("RS256", &header, &payload);
        assert_eq!(reason_of(&engine, &token), "claims_malformed", "{case}");
    }
}

#[test]
fn tokens_of_other_kinds_are_refused_always() {
    let engine = engine();
    for (case, changes) in [
        ("ID token", json!({"at_hash": "x"})),
        ("code hash", json!({"c_hash": "x"})),
        ("state hash", json!({"s_hash": null})),
        ("logout or event token", json!({"events": {}})),
        ("typ ID", json!({"typ": "ID"})),
        ("typ Refresh", json!({"typ": "Refresh"})),
        ("typ Offline", json!({"typ": "Offline"})),
        ("typ Logout in another case", json!({"typ": "LOGOUT"})),
    ] {
        let strict = with(claims(), changes.clone());
        assert_eq!(judged(&engine, &strict).0, "not_access_token", "{case}");
        let legacy = with(legacy_claims(), changes);
        assert_eq!(judged(&engine, &legacy).0, "not_access_token", "{case}, legacy");
    }
}

fn legacy_claims() -> Value {
    json!({
        "iss": LEGACY_ISSUER, "azp": "partner-7", "typ": "Bearer", "aud": ORDERS,
        "iat": NOW - 60, "exp": NOW + 240, "scope": "orders:read",
    })
}

#[test]
fn the_legacy_profile_states_what_it_accepts() {
    let (engine, keys) = (engine(), keys());
    assert_eq!(judged(&engine, &legacy_claims()).0, "ok");
    for (case, claims, expected) in [
        ("no marker", without(legacy_claims(), "typ"), "not_access_token"),
        ("marker of another type", with(legacy_claims(), json!({"typ": 1})), "not_access_token"),
        ("no audience", without(legacy_claims(), "aud"), "claim_absent"),
        ("no expiry", without(legacy_claims(), "exp"), "claim_absent"),
        ("no issue date", without(legacy_claims(), "iat"), "claim_absent"),
        ("no client", without(legacy_claims(), "azp"), "claim_absent"),
        ("clients differ", with(legacy_claims(), json!({"client_id": "x"})), "client_conflict"),
        ("clients agree", with(legacy_claims(), json!({"client_id": "partner-7"})), "ok"),
    ] {
        assert_eq!(judged(&engine, &claims).0, expected, "{case}");
    }
    for (typ, expected) in [
        (json!(null), "header_malformed"),
        (json!("JWT"), "ok"),
        (json!("jwt"), "ok"),
        (json!("at+jwt"), "ok"),
        (json!("logout+jwt"), "type_refused"),
        (json!("dpop+jwt"), "type_refused"),
    ] {
        let header = json!({"alg": "RS256", "kid": "rsa", "typ": typ}).to_string();
        let token = keys.rsa.token_of("RS256", &header, &legacy_claims().to_string());
        assert_eq!(reason_of(&engine, &token), expected, "typ {typ}");
    }
    let header = json!({"alg": "RS256", "kid": "rsa"}).to_string();
    let token = keys.rsa.token_of("RS256", &header, &legacy_claims().to_string());
    assert_eq!(reason_of(&engine, &token), "ok", "no typ");
}

#[test]
fn the_strict_profile_demands_its_typ() {
    let (engine, keys) = (engine(), keys());
    for (typ, expected) in [
        ("at+jwt", "ok"),
        ("AT+JWT", "ok"),
        ("application/at+jwt", "ok"),
        ("Application/At+Jwt", "ok"),
        ("JWT", "type_refused"),
        ("application/jwt", "type_refused"),
        ("logout+jwt", "type_refused"),
        ("dpop+jwt", "type_refused"),
        ("at+jwt ", "type_refused"),
        ("", "type_refused"),
    ] {
        let header = json!({"alg": "RS256", "kid": "rsa", "typ": typ}).to_string();
        let token = keys.rsa.token_of("RS256", &header, &claims().to_string());
        assert_eq!(reason_of(&engine, &token), expected, "typ {typ:?}");
    }
    let header = json!({"alg": "RS256", "kid": "rsa"}).to_string();
    let token = keys.rsa.token_of("RS256", &header, &claims().to_string());
    assert_eq!(reason_of(&engine, &token), "type_refused", "no typ");
}

#[test]
fn clients_that_differ_are_refused() {
    let engine = engine();
    assert_eq!(judged(&engine, &with(claims(), json!({"azp": "partner-7"}))).0, "ok");
    assert_eq!(judged(&engine, &with(claims(), json!({"azp": "x"}))).0, "client_conflict");
}

// Attacks 4 and 23: the issuer is compared by code point, and no "optional" mode exists.
#[test]
fn attack_4_an_issuer_is_exactly_itself() {
    let engine = engine();
    for iss in [
        "https://issuer.example/",
        "https://issuer.example.evil",
        "https://issuer.exampl",
        "HTTPS://issuer.example",
        "https://ISSUER.example",
        "https://issuer.example:443",
        "issuer.example",
        " https://issuer.example",
    ] {
        assert_eq!(judged(&engine, &with(claims(), json!({"iss": iss}))).0, "issuer_unknown");
    }
    let other = with(claims(), json!({"iss": support::OTHER_ISSUER}));
    assert_eq!(judged(&engine, &other).0, "issuer_not_accepted");
    assert_eq!(judged(&engine, &with(claims(), json!({"iss": [ISSUER]}))).0, "claim_type");
    let bare = json!({"method": "GET", "host": "api.example", "path": "/orders/1"});
    assert_eq!(support::ask(&engine, &bare)["reason"], "credential_missing");
    let mut empty = question("");
    empty["token"] = json!("");
    assert_eq!(support::ask(&engine, &empty)["reason"], "credential_malformed");
}

#[test]
fn dates_with_fractions_are_rounded_against_the_token() {
    let engine = engine();
    for (case, changes, expected) in [
        ("fraction", json!({"exp": 1_800_000_100.5, "iat": 1_799_999_990.25}), "ok"),
        ("expired by a fraction", json!({"exp": 1_799_999_970.9}), "token_expired"),
        ("future by a fraction", json!({"iat": 1_800_000_030.5}), "token_from_future"),
        (
            "lifetime over by a fraction",
            json!({"exp": NOW + 840, "iat": 1_799_999_939.5}),
            "lifetime_too_long",
        ),
        ("lifetime at the cap", json!({"exp": NOW + 840, "iat": NOW - 60}), "ok"),
        ("not yet", json!({"nbf": NOW + 31}), "token_not_yet_valid"),
        ("just now", json!({"nbf": NOW + 30}), "ok"),
    ] {
        assert_eq!(judged(&engine, &with(claims(), changes)).0, expected, "{case}");
    }
}

/// Every row of the table of what PyJWT, oxyjwt or joserfc accept by default, each with a good
/// signature, through the `CheckRequest` that a gateway sends.
#[test]
fn attack_9_what_common_libraries_accept_is_refused() {
    let settings = EngineSettings { request_bytes: 16 * 1_048_576, ..EngineSettings::default() };
    let engine = Engine::new(settings);
    engine.load_catalogue(support::catalogue().to_string().as_bytes()).unwrap();
    let now_ms = u64::try_from(NOW).unwrap() * 1_000;
    engine.set_keys(ISSUER, &support::all_jwks(), now_ms, NOW + 60).unwrap();

    let header =
        |changes| with(json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}), changes).to_string();
    let plain = header(json!({}));
    let good = claims().to_string();
    let inside = &good[1..good.len() - 1];
    let claimed = |changes| (plain.clone(), with(claims(), changes).to_string());
    let exp = (NOW + 60).to_string();
    for (case, (header, payload), expected) in [
        ("nothing wrong", (plain.clone(), good.clone()), "ok"),
        ("`exp` absent", (plain.clone(), without(claims(), "exp").to_string()), "claim_absent"),
        ("`exp` as a string", claimed(json!({"exp": exp})), "claim_type"),
        ("`exp` 1e300", claimed(json!({"exp": 1e300})), "claim_value"),
        ("`iss` an array", claimed(json!({"iss": [ISSUER]})), "claim_type"),
        ("`crit: []`", (header(json!({"crit": []})), good.clone()), "critical_refused"),
        ("`logout+jwt`", (header(json!({"typ": "logout+jwt"})), good.clone()), "type_refused"),
        ("`dpop+jwt`", (header(json!({"typ": "dpop+jwt"})), good.clone()), "type_refused"),
        (
            "`aud` twice",
            (plain.clone(), format!("{{{inside},\"aud\":\"{ORDERS}\"}}")),
            "claims_malformed",
        ),
        ("NaN", (plain.clone(), format!("{{{inside},\"x\":NaN}}")), "claims_malformed"),
        ("a byte-order mark", (plain.clone(), format!("\u{feff}{good}")), "claims_malformed"),
        ("5 MB of payload", claimed(json!({"x": "y".repeat(5_000_000)})), "token_too_large"),
    ] {
        let token = keys().rsa.token_of("RS256", &header, &payload);
        let _answer = engine.check(&support::request(&token), &support::at(NOW), Patience::Final);
        let records = engine.drain_records(2);
        assert_eq!(
            records.iter().map(|record| record.reason).collect::<Vec<_>>(),
            [expected],
            "{case}"
        );
    }
}
