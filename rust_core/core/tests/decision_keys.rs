//! Keys that are missing, late, withdrawn or too old, and a flood of unknown `kid`s (attack 17).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod support;

use accredit_core::decide::{Need, Patience};
use accredit_core::engine::{Checked, Engine, EngineSettings};
use accredit_core::facts::Moment;
use serde_json::json;
use support::{ISSUER, NOW, Signer, catalogue, claims, jwks, keys, question, request};

const NOW_MS: u64 = 1_800_000_000_000;

fn moment(now_ms: u64) -> Moment {
    Moment { now_ms, random: [1; 10] }
}

fn engine_without_keys() -> Engine {
    let engine = Engine::new(EngineSettings::default());
    engine.load_catalogue(catalogue().to_string().as_bytes()).unwrap();
    engine
}

fn check(engine: &Engine, token: &str, now_ms: u64) -> Checked {
    engine.check(&request(token), &moment(now_ms), Patience::MayWait)
}

/// The reason in the metadata of an answer, which is there in plain bytes.
fn reason(engine: &Engine, checked: &Checked) -> &'static str {
    assert!(matches!(checked, Checked::Answered(_)), "{checked:?}");
    engine.drain_records(100).last().unwrap().reason
}

fn pending(checked: &Checked) -> &Need {
    match checked {
        Checked::Pending(need) => need,
        Checked::Answered(_) => panic!("answered at once"),
    }
}

#[test]
fn the_first_check_begins_the_fetch_and_the_others_join_it() {
    let (engine, token) = (engine_without_keys(), keys().rsa.token("RS256", &claims()));
    assert!(pending(&check(&engine, &token, NOW_MS)).start);
    for _ in 0..1_000 {
        assert!(!pending(&check(&engine, &token, NOW_MS + 1)).start);
    }
    engine.set_keys(ISSUER, &support::all_jwks(), NOW_MS, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, NOW_MS + 2)), "ok");
}

#[test]
fn a_fetch_that_fails_is_our_trouble_and_says_when_to_retry() {
    let (engine, token) = (engine_without_keys(), keys().rsa.token("RS256", &claims()));
    assert!(pending(&check(&engine, &token, NOW_MS)).start);
    engine.refresh_failed(ISSUER);
    let checked = check(&engine, &token, NOW_MS + 5_000);
    assert_eq!(reason(&engine, &checked), "keys_unavailable");
    let Checked::Answered(bytes) = checked else { panic!() };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("retry-after") && text.contains("25"), "{text}");
    assert!(!text.contains("invalid_token") && !text.contains("www-authenticate"));
    // After the hold time the next check may begin another.
    assert!(pending(&check(&engine, &token, NOW_MS + 30_000)).start);
}

#[test]
fn an_unknown_kid_asks_once_and_is_then_known_to_be_unknown() {
    let engine = support::engine();
    let new = Signer::ec("new", "P-256");
    let token = new.token("ES256", &claims());
    // The sets of this engine were fetched at NOW; this token is first seen ten seconds later.
    let seen_ms = NOW_MS + 10_000;
    assert!(pending(&check(&engine, &token, seen_ms)).start);
    let waited = engine.check(&request(&token), &moment(seen_ms + 150), Patience::Final);
    assert_eq!(reason(&engine, &waited), "keys_refreshing");
    // A set that was asked for before the token was seen proves nothing.
    engine.set_keys(ISSUER, &support::all_jwks(), seen_ms - 1, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, seen_ms + 200)), "keys_refreshing");
    // One that was asked for since does.
    engine.set_keys(ISSUER, &support::all_jwks(), seen_ms, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, seen_ms + 300)), "key_unknown");
    // And where it holds the key, the token is good.
    engine.set_keys(ISSUER, &jwks(&[&new]), seen_ms + 400, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, seen_ms + 500)), "ok");
}

#[test]
fn attack_17_a_kid_that_was_shown_before_its_key_was_published_is_looked_for_again() {
    let engine = support::engine();
    let new = Signer::ec("2027-01", "P-256");
    let token = new.token("ES256", &claims());
    // Somebody guesses the name of the next key, and a set that lacks it proves that it is unknown.
    let guessed_ms = NOW_MS + 10_000;
    assert!(pending(&check(&engine, &token, guessed_ms)).start);
    engine.set_keys(ISSUER, &support::all_jwks(), guessed_ms, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, guessed_ms + 1)), "key_unknown");
    assert_eq!(reason(&engine, &check(&engine, &token, guessed_ms + 29_999)), "key_unknown");
    // The issuer rotates to that name: one fetch in each hold time finds out.
    let later_ms = guessed_ms + 30_000;
    assert!(pending(&check(&engine, &token, later_ms)).start);
    assert!(!pending(&check(&engine, &token, later_ms + 1)).start);
    let waited = engine.check(&request(&token), &moment(later_ms + 150), Patience::Final);
    assert_eq!(reason(&engine, &waited), "key_unknown");
    // A fetch that fails leaves the word of the last set standing.
    engine.refresh_failed(ISSUER);
    assert_eq!(reason(&engine, &check(&engine, &token, later_ms + 200)), "key_unknown");
    assert!(pending(&check(&engine, &token, later_ms + 30_000)).start);
    engine.set_keys(ISSUER, &jwks(&[&new]), later_ms + 30_000, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, later_ms + 30_100)), "ok");
}

#[test]
fn attack_17_a_flood_of_kids_begins_one_fetch_and_harms_nobody() {
    let (engine, keys) = (support::engine(), keys());
    let good = keys.rsa.token("RS256", &claims());
    let (mut started, mut joined) = (0, 0);
    for index in 0..10_000 {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": format!("k{index}")});
        // The signature is never reached, so the flood costs no public-key operation.
        let token = format!(
            "{}.{}.{}",
            support::b64(header.to_string()),
            support::b64(claims().to_string()),
            support::b64([1; 256])
        );
        match check(&engine, &token, NOW_MS + 10_000 + index / 100) {
            Checked::Pending(need) if need.start => started += 1,
            Checked::Pending(_) => joined += 1,
            Checked::Answered(_) => panic!("answered without a set fetched since"),
        }
        if index % 1_000 == 0 {
            assert_eq!(reason(&engine, &check(&engine, &good, NOW_MS + 10_000)), "ok");
        }
    }
    assert_eq!((started, joined), (1, 9_999));
    assert!(engine.status(NOW_MS).unknown_kids <= 4_096);
}

#[test]
fn a_withdrawn_key_stops_verifying_with_the_set_that_lacks_it() {
    let (engine, keys) = (support::engine(), keys());
    let token = keys.rsa.token("RS256", &claims());
    assert_eq!(reason(&engine, &check(&engine, &token, NOW_MS)), "ok");
    let later = NOW_MS + 20_000;
    engine.set_keys(ISSUER, &jwks(&[&keys.p256]), later, NOW + 3_600).unwrap();
    let checked = check(&engine, &token, later + 1);
    // First seen as unknown now, so one more fetch may prove it; no answer lets it pass.
    assert!(pending(&checked).start);
    engine.set_keys(ISSUER, &jwks(&[&keys.p256]), later + 2, NOW + 3_600).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, later + 3)), "key_unknown");
}

#[test]
fn keys_past_their_age_are_not_used() {
    let engine = engine_without_keys();
    let token = keys().rsa.token("RS256", &claims());
    engine.set_keys(ISSUER, &support::all_jwks(), NOW_MS, NOW + 100).unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, NOW_MS + 99_999)), "ok");
    let checked = engine.check(&request(&token), &moment(NOW_MS + 100_000), Patience::Final);
    assert_eq!(reason(&engine, &checked), "keys_unavailable");
    assert!(!engine.status(NOW_MS + 100_000).issuers[0].usable);
}

#[test]
fn keys_that_cannot_be_refreshed_are_final() {
    let mut document = catalogue();
    document["issuers"][0]["refreshable"] = json!(false);
    let engine = support::engine_of(&document);
    let stranger = Signer::ec("nobody", "P-256").token("ES256", &claims());
    assert_eq!(reason(&engine, &check(&engine, &stranger, NOW_MS + 9)), "key_unknown");
}

#[test]
fn a_reload_keeps_the_keys_of_issuers_that_stay() {
    let engine = support::engine();
    let token = keys().rsa.token("RS256", &claims());
    engine
        .load_catalogue(support::changed(json!({"max_lifetime_s": 800})).to_string().as_bytes())
        .unwrap();
    assert_eq!(reason(&engine, &check(&engine, &token, NOW_MS)), "ok");
    assert!(engine.load_catalogue(b"{}").is_err());
    assert_eq!(
        reason(&engine, &check(&engine, &token, NOW_MS)),
        "ok",
        "a bad reload changes nothing"
    );
    engine.drop_keys(ISSUER);
    assert!(pending(&check(&engine, &token, NOW_MS + 1)).start);
}

#[test]
fn without_a_catalogue_everything_is_denied() {
    let engine = Engine::new(EngineSettings::default());
    let token = keys().rsa.token("RS256", &claims());
    assert_eq!(reason(&engine, &check(&engine, &token, NOW_MS)), "catalogue_missing");
    assert_eq!(support::ask(&engine, &question(&token))["reason"], "catalogue_missing");
    assert!(engine.set_keys(ISSUER, &support::all_jwks(), 0, NOW).is_err());
}

#[test]
fn a_request_over_its_limit_is_a_denial() {
    let engine = support::engine();
    let large = vec![0; 1_048_577];
    let checked = engine.check(&large, &moment(NOW_MS), Patience::MayWait);
    assert_eq!(reason(&engine, &checked), "request_too_large");
    for bytes in [&b"\xff\xff\xff"[..], b"\x0a\x05\x22", &[0x0a, 0xff]] {
        let checked = engine.check(bytes, &moment(NOW_MS), Patience::MayWait);
        assert_eq!(reason(&engine, &checked), "request_malformed");
    }
    let checked = engine.check(b"", &moment(NOW_MS), Patience::MayWait);
    assert_eq!(reason(&engine, &checked), "request_not_http");
}
