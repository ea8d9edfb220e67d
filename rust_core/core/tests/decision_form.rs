//! The token's form and header: attacks 9 to 14, 23 and 24 of the `ext_authz` attack list, and the
//! byte-flip property over a whole decision.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

mod support;

use serde_json::{Value, json};
use support::{
    ISSUER, NOW, b64, catalogue, changed, claims, engine, engine_of, jwks, keys, question,
    reason_of, with,
};

fn header(changes: Value) -> String {
    with(json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}), changes).to_string()
}

fn with_header(changes: Value) -> String {
    keys().rsa.token_of("RS256", &header(changes), &claims().to_string())
}

#[test]
fn attack_10_crit_is_refused_in_every_form() {
    let engine = engine();
    for crit in [
        json!({"crit": []}),
        json!({"crit": "exp"}),
        json!({"crit": null}),
        json!({"crit": {}}),
        json!({"crit": ["x-unknown"], "x-unknown": 1}),
        json!({"crit": ["exp", "exp"], "exp": 1}),
        json!({"crit": ["absent"]}),
        json!({"crit": ["alg"]}),
        json!({"crit": [1]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["b64"], "b64": true}),
        json!({"b64": false}),
    ] {
        assert_eq!(reason_of(&engine, &with_header(crit.clone())), "critical_refused", "{crit}");
    }
}

#[test]
fn attack_11_keys_in_the_header_are_never_used() {
    let (engine, keys) = (engine(), keys());
    for place in [
        json!({"jwk": keys.stranger.jwk}),
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        let forged = keys.stranger.token_of("RS256", &header(place.clone()), &claims().to_string());
        assert_eq!(reason_of(&engine, &forged), "signature_invalid", "{place}");
        // Beside a good signature they are only passed over.
        assert_eq!(reason_of(&engine, &with_header(place)), "ok");
    }
}

#[test]
fn attack_12_size_and_depth_are_judged_before_work() {
    let (engine, keys) = (engine(), keys());
    let long = with(claims(), json!({"x": "y".repeat(20_000)}));
    assert_eq!(reason_of(&engine, &keys.rsa.token("RS256", &long)), "token_too_large");
    let deep =
        header(json!({"x": 1})).replace('1', &format!("{}1{}", "[".repeat(99), "]".repeat(99)));
    let deep = keys.rsa.token_of("RS256", &deep, &claims().to_string());
    assert_eq!(reason_of(&engine, &deep), "header_malformed");
    let wide = with_header(json!({"x": vec![1; 1_000]}));
    assert_eq!(reason_of(&engine, &wide), "header_malformed");
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = keys.rsa.token_of("RS256", &header(json!({})), &nested);
    assert_eq!(reason_of(&engine, &nested), "claims_malformed");
}

#[test]
fn attack_13_algorithms_cannot_be_confused() {
    let (engine, keys) = (engine(), keys());
    for alg in [
        "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "rs256", "RS1", "ES256K",
        "A128KW", "dir", "X",
    ] {
        let payload = claims().to_string();
        let unsigned = format!("{}.{}.", b64(header(json!({"alg": alg}))), b64(&payload));
        let reason = reason_of(&engine, &unsigned);
        assert_eq!(reason, "algorithm_refused", "{alg:?} without a signature");
        let signed = keys.rsa.token_of("RS256", &header(json!({"alg": alg})), &payload);
        assert_eq!(reason_of(&engine, &signed), "algorithm_refused", "{alg:?}");
    }
    assert_eq!(reason_of(&engine, &with_header(json!({"alg": "Ed448"}))), "algorithm_unsupported");
    // HS256 with the public key as the secret.
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &keys.rsa.public_der());
    let signed = format!("{}.{}", b64(header(json!({"alg": "HS256"}))), b64(claims().to_string()));
    let tag = aws_lc_rs::hmac::sign(&secret, signed.as_bytes());
    assert_eq!(reason_of(&engine, &format!("{signed}.{}", b64(tag))), "algorithm_refused");

    // A key and an algorithm that do not go together.
    for (alg, kid) in [
        ("ES256", "rsa"),
        ("RS256", "p256"),
        ("ES256", "p384"),
        ("ES384", "p256"),
        ("ES512", "p384"),
        ("EdDSA", "p256"),
        ("ES256", "ed"),
    ] {
        let token = with_header(json!({"alg": alg, "kid": kid}));
        assert_eq!(reason_of(&engine, &token), "key_mismatch", "{alg} with {kid}");
    }
    // PKCS #1 and PSS are not each other.
    for (says, does) in [("PS256", "RS256"), ("RS256", "PS256"), ("RS512", "RS256")] {
        let token = keys.rsa.token_of(does, &header(json!({"alg": says})), &claims().to_string());
        assert_eq!(reason_of(&engine, &token), "signature_invalid", "{does} called {says}");
    }
    // Zeros, wrong lengths, DER, and nothing.
    let es = json!({"alg": "ES256", "kid": "p256"});
    let signed = format!("{}.{}", b64(header(es)), b64(claims().to_string()));
    for length in [0, 1, 63, 64, 65, 70, 72, 128, 256] {
        let token = format!("{signed}.{}", b64(vec![0; length]));
        let reason = reason_of(&engine, &token);
        assert_eq!(reason, "signature_invalid", "{length} zeros");
    }
}

#[test]
fn attack_13_an_algorithm_that_the_issuer_does_not_list_is_refused() {
    let mut document = catalogue();
    document["issuers"][0]["algorithms"] = json!(["ES256"]);
    let (engine, keys) = (engine_of(&document), keys());
    assert_eq!(reason_of(&engine, &keys.rsa.token("RS256", &claims())), "algorithm_refused");
    assert_eq!(reason_of(&engine, &keys.p256.token("ES256", &claims())), "ok");
}

#[test]
fn attack_14_keys_belong_to_one_issuer_and_no_secret_is_taken() {
    let (engine, keys) = (engine(), keys());
    let at_ms = u64::try_from(NOW).unwrap() * 1_000;
    engine.set_keys(support::OTHER_ISSUER, &jwks(&[&keys.stranger]), at_ms, NOW + 60).unwrap();
    let forged = keys.stranger.token("RS256", &claims());
    assert_eq!(reason_of(&engine, &forged), "signature_invalid", "another issuer's key");

    let private = json!({"keys": [with(keys.rsa.jwk.clone(), json!({"d": "AQAB"}))]});
    let symmetric = json!({"keys": [{"kty": "oct", "k": "AAAA", "kid": "s"}]});
    for bad in [private, symmetric, json!({"keys": []}), json!({}), json!([])] {
        let refused = engine.set_keys(ISSUER, bad.to_string().as_bytes(), at_ms, NOW + 60);
        assert!(refused.is_err(), "{bad}");
        assert!(!format!("{:?}", refused.unwrap_err()).contains("AQAB"));
    }
    // The set before stays.
    assert_eq!(reason_of(&engine, &keys.rsa.token("RS256", &claims())), "ok");
}

#[test]
fn attack_24_the_token_has_one_form() {
    let (engine, keys) = (engine(), keys());
    let good = keys.rsa.token("RS256", &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (h, p, s) = (parts[0], parts[1], parts[2]);
    for (case, token, expected) in [
        ("four parts", format!("{good}.x"), "token_malformed"),
        ("trailing dot", format!("{good}."), "token_malformed"),
        ("leading dot", format!(".{good}"), "token_malformed"),
        ("two parts", format!("{h}.{p}"), "token_malformed"),
        ("one part", h.to_owned(), "token_malformed"),
        ("dots", "..".to_owned(), "header_malformed"),
        ("empty payload", format!("{h}..{s}"), "claims_malformed"),
        ("padding", format!("{h}.{p}.{s}="), "token_malformed"),
        ("padding inside", format!("{h}=.{p}.{s}"), "credential_malformed"),
        ("plain base64", format!("{h}.{p}.{}+", &s[..s.len() - 1]), "token_malformed"),
        ("slash", format!("{h}.{p}.{}/", &s[..s.len() - 1]), "token_malformed"),
        ("white space", format!("{h}.{p}.{s} "), "credential_malformed"),
        ("JWE", format!("{good}.x.y"), "token_encrypted"),
        ("opaque", "8xLOxBtZp8".to_owned(), "token_malformed"),
    ] {
        assert_eq!(reason_of(&engine, &token), expected, "{case}");
    }
    let jwe = with_header(json!({"enc": "A128GCM", "alg": "RSA-OAEP"}));
    assert_eq!(reason_of(&engine, &jwe), "token_encrypted");
}

#[test]
fn attack_24_stray_bits_are_refused() {
    let (engine, keys) = (engine(), keys());
    let good = keys.p256.token("ES256", &claims());
    // 64 bytes of signature end in a character with four stray bits.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(good.chars().last().unwrap()).unwrap();
    for stray in 1..16 {
        let other = &alphabet[last + stray..=last + stray];
        let token = format!("{}{other}", &good[..good.len() - 1]);
        assert_eq!(reason_of(&engine, &token), "token_malformed");
    }
}

#[test]
fn header_members_have_one_type() {
    let engine = engine();
    for bad in [
        json!({"kid": 1}),
        json!({"kid": null}),
        json!({"kid": ["rsa"]}),
        json!({"typ": 1}),
        json!({"typ": null}),
        json!({"alg": 1}),
        json!({"alg": null}),
        json!({"alg": ["RS256"]}),
    ] {
        assert_eq!(reason_of(&engine, &with_header(bad.clone())), "header_malformed", "{bad}");
    }
    let twice = "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"rsa\"}";
    let token = keys().rsa.token_of("RS256", twice, &claims().to_string());
    assert_eq!(reason_of(&engine, &token), "header_malformed");
}

#[test]
fn a_token_without_kid_needs_exactly_one_fitting_key() {
    let (engine, keys) = (engine(), keys());
    let bare = json!({"alg": "ES256", "typ": "at+jwt"}).to_string();
    let token = keys.p256.token_of("ES256", &bare, &claims().to_string());
    assert_eq!(reason_of(&engine, &token), "ok");
    let second = support::Signer::ec("p256-2", "P-256");
    let at_ms = u64::try_from(NOW).unwrap() * 1_000;
    engine.set_keys(ISSUER, &jwks(&[&keys.p256, &second]), at_ms, NOW + 60).unwrap();
    assert_eq!(reason_of(&engine, &token), "key_ambiguous");
}

#[test]
fn no_changed_byte_of_a_token_is_accepted() {
    let (engine, keys) = (engine(), keys());
    let flip = |token: &str, step: usize| {
        let mut tried = 0;
        for position in (0..token.len()).step_by(step) {
            for bit in 0..8 {
                let mut bytes = token.as_bytes().to_vec();
                bytes[position] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let answer = support::ask(&engine, &question(&changed));
                assert_eq!(answer["decision"], "deny", "position {position}, bit {bit}");
                tried += 1;
            }
        }
        tried
    };
    // RS256 at every position; the others at every third, each with its own offset of stray bits.
    assert!(flip(&keys.rsa.token("RS256", &claims()), 1) > 4_000);
    for (alg, signer) in
        [("PS256", &keys.rsa), ("ES256", &keys.p256), ("ES384", &keys.p384), ("EdDSA", &keys.ed)]
    {
        assert!(flip(&signer.token(alg, &claims()), 3) > 500, "{alg}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_too() {
    let engine = engine();
    for bytes in [&b"\xff"[..], b"{", b"", b"[]", b"null", b"{\"token\":1}", b"{\"tokn\":\"x\"}"] {
        let reply = engine.query(bytes, &support::at(NOW), false);
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        assert_eq!(reply["reason"], "request_malformed");
        assert_eq!(reply["resource"], Value::Null);
    }
}

#[test]
fn the_same_token_is_judged_at_the_sibling() {
    let (engine, keys) = (engine(), keys());
    let token =
        keys.rsa.token("RS256", &with(claims(), json!({"scope": "orders:read bills:read"})));
    let mut sibling = question(&token);
    sibling["path"] = json!("/bills/1");
    assert_eq!(support::ask(&engine, &sibling)["reason"], "audience_mismatch");
    assert_eq!(reason_of(&engine, &token), "ok");
}

#[test]
fn report_mode_softens_what_it_may_inside_its_window() {
    let keys = keys();
    let report = |since: i64, until: i64| {
        engine_of(&changed(json!({
            "mode": "report", "report_since_s": since, "report_until_s": until
        })))
    };
    let expired = keys.rsa.token("RS256", &with(claims(), json!({"exp": NOW - 60})));
    for (case, since, until, decision) in [
        ("inside", NOW - 10, NOW + 10, "allow"),
        ("first second", NOW, NOW + 10, "allow"),
        ("last second", NOW - 10, NOW + 1, "allow"),
        ("at the end", NOW - 10, NOW, "deny"),
        ("before", NOW + 1, NOW + 10, "deny"),
    ] {
        let answer = support::ask(&report(since, until), &question(&expired));
        assert_eq!(answer["decision"], decision, "{case}");
        assert_eq!(answer["reason"], "token_expired", "{case}");
        assert_eq!(answer["mode"] == "report", decision == "allow", "{case}");
    }
    // Never softened: two credentials, a token in the query, a path that is not canonical.
    let engine = report(NOW - 10, NOW + 10);
    let good = keys.rsa.token("RS256", &claims());
    let mut twice = question(&good);
    twice["headers"] = json!({"authorization": "Bearer x"});
    assert_eq!(support::ask(&engine, &twice)["decision"], "deny");
    let mut query = question(&good);
    query["path"] = json!("/orders/1?access_token=x");
    assert_eq!(support::ask(&engine, &query)["decision"], "deny");
    let mut path = question(&good);
    path["path"] = json!("/orders/../bills/1");
    assert_eq!(support::ask(&engine, &path)["decision"], "deny");
    assert_eq!(support::ask(&engine, &question(&good))["mode"], Value::Null);
}

#[test]
fn the_payload_that_was_signed_is_the_payload_that_is_read() {
    let (engine, keys) = (engine(), keys());
    let good = keys.rsa.token("RS256", &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let richer = with(claims(), json!({"scope": "orders:read admin"})).to_string();
    let forged = format!("{}.{}.{}", parts[0], b64(richer), parts[2]);
    assert_eq!(reason_of(&engine, &forged), "signature_invalid");
}

#[test]
fn a_question_that_names_its_resource_needs_no_host_where_the_hosts_agree() {
    let keys = keys();
    let good = keys.rsa.token("RS256", &claims());
    let asked = |engine: &accredit_core::engine::Engine, path: &str| {
        let question = json!({
            "token": good, "resource": support::ORDERS, "method": "GET", "path": path
        });
        support::ask(engine, &question)["reason"].as_str().unwrap().to_owned()
    };
    let engine = engine();
    assert_eq!(asked(&engine, "/orders/1"), "ok");
    assert_eq!(asked(&engine, "/bills/1"), "route_unknown");
    // A public route is public at its exact hosts alone.
    assert_eq!(asked(&engine, "/health/orders"), "route_unknown");
    let route = |host: &str, scope: &str| {
        json!({"hosts": [host], "paths": ["/orders/**"], "methods": ["GET"],
               "scopes": {"all": [scope]}, "access": "token", "cors_preflight": false})
    };
    // Where the hosts differ, nobody can say which of them is meant.
    let differing = engine_of(&changed(json!({
        "routes": [route("a.example", "orders:read"), route("b.example", "orders:admin")]
    })));
    assert_eq!(asked(&differing, "/orders/1"), "route_unknown");
}

/// Attack 5: leaving the host out must not hide that a path belongs to another resource.
#[test]
fn a_question_without_a_host_gets_nothing_that_it_would_not_get_with_one() {
    let good = keys().rsa.token("RS256", &claims());
    let route = |hosts: &[&str], path: &str, access: &str| {
        json!({"hosts": hosts, "paths": [path], "methods": ["GET"], "scopes": null,
               "access": access, "cors_preflight": false})
    };
    // Orders has the tree on both hosts, bills a branch of it on one of them.
    let mut document = catalogue();
    document["resources"][0]["routes"] = json!([
        route(&["a.example", "b.example"], "/orders/**", "token"),
        route(&["b.example"], "/orders/open", "public"),
    ]);
    document["resources"][1]["routes"] =
        json!([route(&["b.example"], "/orders/bills/**", "token")]);
    let engine = engine_of(&document);
    for (path, host, expected) in [
        ("/orders/1", json!("a.example"), "ok"),
        ("/orders/1", json!("b.example"), "ok"),
        ("/orders/1", json!(null), "ok"),
        ("/orders/bills/1", json!("a.example"), "ok"),
        ("/orders/bills/1", json!("b.example"), "selector_conflict"),
        ("/orders/bills/1", json!(null), "selector_conflict"),
        ("/orders/open", json!(null), "ok"),
    ] {
        let question = json!({
            "token": good, "resource": support::ORDERS, "method": "GET", "path": path, "host": host
        });
        assert_eq!(support::ask(&engine, &question)["reason"], expected, "{path} at {host}");
    }
}

#[test]
fn a_failing_step_is_explained_with_the_facts_that_it_failed_on() {
    let (engine, keys) = (engine(), keys());
    let facts = |changes: Value, step: &str| -> Value {
        let token = keys.rsa.token("RS256", &with(claims(), changes));
        let answer = support::explain(&engine, &question(&token));
        let steps = answer["steps"].as_array().unwrap();
        steps.iter().find(|line| line["step"] == step).unwrap()["facts"].clone()
    };
    assert_eq!(
        facts(json!({"aud": support::BILLS}), "audience"),
        json!([["expected", support::ORDERS], ["aud", support::BILLS]])
    );
    assert_eq!(
        facts(json!({"scope": "bills:read"}), "scope"),
        json!([["all_of", "orders:read"], ["scopes", "bills:read"]])
    );
    assert_eq!(
        facts(json!({"iss": "https://nobody.example"}), "issuer"),
        json!([["issuer", "https://nobody.example"]])
    );
    assert_eq!(facts(json!({"exp": NOW - 90}), "lifetime")[0], json!(["expires_in_s", "-90"]));
}

#[test]
fn a_question_without_a_method_asks_about_reading() {
    let (engine, keys) = (engine(), keys());
    let mut asked = question(&keys.rsa.token("RS256", &claims()));
    asked["method"] = Value::Null;
    assert_eq!(support::ask(&engine, &asked)["reason"], "ok");
}
