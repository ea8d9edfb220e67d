//! Key sets and tokens against published vectors: Wycheproof, the RFCs' examples, the cookbook of
//! RFC 7520 and ed25519-speccheck. What is refused by design is run too, and must be refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test may fail loudly"
)]

mod vectors;

use accredit_core::jose::{
    CompactJws, JwsError, JwsLimits, KeyFault, KeySet, KeySetError, SkipReason, base64url,
};
use serde_json::{Value, json};
use vectors::Run;

/// How far a token came with a key set, in the steps of a decision.
#[derive(Debug, PartialEq)]
enum Outcome {
    SetRefused(KeySetError),
    TokenRefused(JwsError),
    NoKey,
    KeyMismatch,
    SignatureInvalid,
    Verified,
}

fn judge(set: &Value, token: &str) -> Outcome {
    let set = match KeySet::parse(set.to_string().as_bytes()) {
        Ok(set) => set,
        Err(error) => return Outcome::SetRefused(error),
    };
    let jws = match CompactJws::parse(token.as_bytes(), &JwsLimits::default()) {
        Ok(jws) => jws,
        Err(error) => return Outcome::TokenRefused(error),
    };
    let algorithm = jws.header().algorithm;
    let key = match jws.header().kid.as_deref() {
        Some(kid) => set.find(kid),
        None => set.the_only_one_for(algorithm).ok(),
    };
    let Some(key) = key else { return Outcome::NoKey };
    if !key.fits(algorithm) {
        return Outcome::KeyMismatch;
    }
    match key.verify(algorithm, jws.signing_input(), jws.signature()) {
        Ok(_) => Outcome::Verified,
        Err(_) => Outcome::SignatureInvalid,
    }
}

fn parse_token(token: &str) -> JwsError {
    CompactJws::parse(token.as_bytes(), &JwsLimits::default()).expect_err(token)
}

/// A token, or the JSON serialization that a case shows in its place.
fn token_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A set of one key, or the set itself.
fn set_of(key: &Value) -> Value {
    if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) }
}

/// The public half of a key.
fn public(key: &Value) -> Value {
    let mut key = key.clone();
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        key.as_object_mut().unwrap().remove(member);
    }
    key
}

fn fault_of(outcome: &Outcome) -> KeyFault {
    match outcome {
        Outcome::SetRefused(KeySetError::Key { fault, .. }) => *fault,
        found => panic!("{found:?}"),
    }
}

/// Cases of `json_web_signature_test.json` with another outcome than their label: the key's `alg`
/// is PS256 and the header says PS384.
const MISMATCHED: [u64; 2] = [346, 350];
/// The same, and here the key's `alg` is no registered name, which leaves the set empty.
const UNNAMED: [u64; 2] = [347, 351];

#[test]
fn wycheproof_signatures() {
    let Some(mut run) = Run::begin("wycheproof-jose/signature", &[]) else { return };
    let file = run.json("json_web_signature_test.json");
    let mut verified = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            run.case(&format!("{id}"), || verified += usize::from(wycheproof_case(group, test)));
        }
    }
    assert_eq!(verified, 32, "valid signatures of supported algorithms");
    run.end(401);
}

#[test]
fn wycheproof_keys() {
    let Some(mut run) = Run::begin("wycheproof-jose/key", &[]) else { return };
    let file = run.json("json_web_key_test.json");
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            run.case(&format!("{id}"), || {
                let accepted = wycheproof_case(group, test);
                // The one valid case without a MAC.
                assert_eq!(accepted, id == 5, "{id}");
                let Some(key) = group.get("public") else { return };
                let outcome = judge(&set_of(key), test["jws"].as_str().unwrap());
                let skipped = Outcome::SetRefused(KeySetError::NoneUsable { skipped: 1 });
                match id {
                    5 => assert_eq!(outcome, Outcome::Verified),
                    6 | 19 | 20 | 21 => assert_eq!(outcome, skipped, "{id}"),
                    7 => assert_eq!(fault_of(&outcome), KeyFault::Roca),
                    8 => assert_eq!(fault_of(&outcome), KeyFault::RsaSize { bits: 1024 }),
                    9 => assert_eq!(fault_of(&outcome), KeyFault::RsaExponent),
                    22 => assert_eq!(fault_of(&outcome), KeyFault::NotOnCurve),
                    23 => assert_eq!(fault_of(&outcome), KeyFault::Member("x")),
                    24 => assert_eq!(fault_of(&outcome), KeyFault::Member("n")),
                    other => panic!("{other}: {outcome:?}"),
                }
            });
        }
    }
    run.end(26);
}

/// Signatures once more with other faults, and JWE, which is told apart and never opened.
#[test]
fn wycheproof_crypto() {
    let Some(mut run) = Run::begin("wycheproof-jose/crypto", &[]) else { return };
    let file = run.json("json_web_crypto_test.json");
    let (mut verified, mut encrypted) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            run.case(&format!("{id}"), || {
                if test.get("jws").is_some() {
                    verified += usize::from(wycheproof_case(group, test));
                } else {
                    let error = parse_token(&token_of(&test["jwe"]));
                    encrypted += usize::from(error == JwsError::Encrypted);
                    assert!(matches!(error, JwsError::Encrypted | JwsError::Malformed), "{id}");
                }
            });
        }
    }
    assert_eq!((verified, encrypted), (2, 23));
    run.end(83);
}

/// Whether the token verified, after asserting that it is right that it did or did not.
fn wycheproof_case(group: &Value, test: &Value) -> bool {
    let (id, token) = (test["tcId"].as_u64().unwrap(), &token_of(&test["jws"]));
    let Some(key) = group.get("public") else {
        // Only a shared secret: neither the key nor the token may get anywhere.
        let outcome = judge(&set_of(&group["private"]), token);
        assert_eq!(fault_of(&outcome), KeyFault::SecretMaterial, "{id}");
        let error = parse_token(token);
        let malformed = matches!(error, JwsError::Malformed | JwsError::HeaderJson(_));
        assert!(error == JwsError::AlgorithmRefused || malformed, "{id}: {error}");
        return false;
    };
    // What belongs to the private half refuses the set.
    let outcome = judge(&set_of(&group["private"]), token);
    assert_eq!(fault_of(&outcome), KeyFault::SecretMaterial, "{id}");

    let outcome = judge(&set_of(key), token);
    if UNNAMED.contains(&id) && group["comment"].as_str().unwrap().starts_with("rfc7520") {
        let skipped = Outcome::SetRefused(KeySetError::NoneUsable { skipped: 1 });
        assert_eq!(outcome, skipped, "{id}");
    } else if MISMATCHED.contains(&id) && group["comment"].as_str().unwrap().starts_with("rfc7520")
    {
        assert_eq!(outcome, Outcome::KeyMismatch, "{id}");
    } else {
        let valid = test["result"] == "valid";
        assert_eq!(outcome == Outcome::Verified, valid, "{id} {}: {outcome:?}", test["comment"]);
    }
    outcome == Outcome::Verified
}

/// A `.jwk` file holds a key, or the name of the file that does.
fn key_file(run: &Run, name: &str) -> Value {
    let bytes = run.bytes(&format!("vectors/{name}"));
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| key_file(run, std::str::from_utf8(&bytes).unwrap().trim()))
}

#[test]
fn rfc_examples() {
    let Some(mut run) = Run::begin("jose-rfc-vectors", &[]) else { return };
    let (mut verified, mut encrypted, mut keys) = (0, 0, 0);
    for file in run.files("vectors") {
        let (name, extension) = file.rsplit_once('.').unwrap();
        let text = String::from_utf8(run.bytes(&format!("vectors/{file}"))).unwrap();
        let text = text.trim();
        let key = match extension {
            "jwk" => Some(key_file(&run, &file)),
            "thp" | "jwsc" if name != "rfc7515_A.5" => Some(key_file(&run, &format!("{name}.jwk"))),
            _ => None,
        };
        let check: &mut dyn FnMut() = match extension {
            "jwsc" => &mut || verified += usize::from(example(key.as_ref(), text)),
            "jwec" => &mut || {
                assert_eq!(parse_token(text), JwsError::Encrypted, "{file}");
                encrypted += 1;
            },
            // The JSON serializations are no access tokens.
            "jwsf" | "jwsg" | "jwef" | "jweg" => &mut || {
                assert!(matches!(parse_token(text), JwsError::Malformed), "{file}");
            },
            "jwk" => &mut || keys += usize::from(example_key(key.as_ref().unwrap(), &file)),
            "jwkset" => &mut || example_set(&serde_json::from_str(text).unwrap(), name),
            "thp" => &mut || {
                let set = set_of(key.as_ref().unwrap()).to_string();
                let set = KeySet::parse(set.as_bytes()).unwrap();
                assert_eq!(set.keys().first().unwrap().thumbprint(), text);
            },
            // Plain text, detached payload and password belong to the cases above.
            "pt" | "payl" | "pwd" => continue,
            other => panic!("{file}: {other} is not known"),
        };
        run.case(&file, check);
    }
    // A JWE that asks for a thousand million rounds of key derivation, in JSON form.
    for file in run.files("cve-2023-50967") {
        let bytes = run.bytes(&format!("cve-2023-50967/{file}"));
        let text = String::from_utf8(bytes).unwrap();
        run.case(&file, || {
            if file.ends_with(".jwe") {
                assert_eq!(parse_token(text.trim()), JwsError::Malformed);
            } else {
                example_key(&serde_json::from_str(&text).unwrap(), &file);
            }
        });
    }
    assert_eq!((verified, encrypted, keys), (6, 9, 17));
    run.end(107);
}

/// Whether a compact token of the RFCs verified with its key.
fn example(key: Option<&Value>, token: &str) -> bool {
    let Some(key) = key.filter(|key| key["kty"] != "oct") else {
        // `none`, or a shared secret.
        assert_eq!(parse_token(token), JwsError::AlgorithmRefused);
        return false;
    };
    assert_eq!(fault_of(&judge(&set_of(key), token)), KeyFault::SecretMaterial);
    assert_eq!(judge(&set_of(&public(key)), token), Outcome::Verified);
    true
}

/// Whether a key of the RFCs is usable, once its private half is gone.
fn example_key(key: &Value, name: &str) -> bool {
    if key["kty"] == "oct" || key.get("d").is_some() {
        let outcome = judge(&set_of(key), "");
        assert_eq!(fault_of(&outcome), KeyFault::SecretMaterial, "{name}");
    }
    if key["kty"] == "oct" {
        return false;
    }
    match KeySet::parse(set_of(&public(key)).to_string().as_bytes()) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(key["use"], "enc", "{name}: {error}");
            assert_eq!(error, KeySetError::NoneUsable { skipped: 1 }, "{name}");
            false
        }
    }
}

fn example_set(set: &Value, name: &str) {
    let outcome = KeySet::parse(set.to_string().as_bytes());
    if name == "rfc7517_A.1" {
        let set = outcome.unwrap();
        assert_eq!(set.find("2011-04-29").unwrap().kind().to_string(), "RSA 2048");
        assert_eq!(set.find_skipped("1").unwrap().why, SkipReason::Use);
        return;
    }
    match outcome.unwrap_err() {
        KeySetError::Key { fault, .. } => assert_eq!(fault, KeyFault::SecretMaterial, "{name}"),
        error => panic!("{name}: {error}"),
    }
}

#[test]
fn cookbook() {
    let Some(mut run) = Run::begin("jose-cookbook", &[]) else { return };
    let mut verified = Vec::new();
    for folder in ["", "curve25519", "jwe", "jwk", "jws", "rfc7797"] {
        for file in run.files(folder) {
            let path = format!("{folder}/{file}");
            let path = path.trim_start_matches('/').to_owned();
            if !path.ends_with(".json") {
                continue;
            }
            let case = run.json(&path);
            run.case(&path, || {
                if folder == "jwk" {
                    example_key(&case, &path);
                } else if folder.is_empty() {
                    // A nested token: signed, then encrypted.
                    for (part, expected) in [("sign", None), ("encrypt", Some(JwsError::Encrypted))]
                    {
                        let token = case[part]["output"]["compact"].as_str().unwrap();
                        match expected {
                            Some(expected) => assert_eq!(parse_token(token), expected),
                            None => assert!(cookbook_token(&case[part]["input"]["key"], token)),
                        }
                    }
                } else if cookbook_case(&case, folder == "jwe" || path.ends_with("ecdh-es.json")) {
                    verified.push(file.clone());
                }
            });
        }
    }
    assert_eq!(
        verified,
        [
            "jws.json",
            "4_1.rsa_v15_signature.json",
            "4_2.rsa-pss_signature.json",
            "4_3.ecdsa_signature.json",
        ]
    );
    run.end(32);
}

fn cookbook_case(case: &Value, encrypted: bool) -> bool {
    let output = &case["output"];
    for form in ["json", "json_flat"] {
        if let Some(value) = output.get(form) {
            assert_eq!(parse_token(&value.to_string()), JwsError::Malformed);
        }
    }
    match output.get("compact").and_then(Value::as_str) {
        None => false,
        Some(token) if encrypted => {
            assert_eq!(parse_token(token), JwsError::Encrypted);
            false
        }
        Some(token) => cookbook_token(&case["input"]["key"], token),
    }
}

fn cookbook_token(key: &Value, token: &str) -> bool {
    if key["kty"] == "oct" {
        // HS256, with `b64` and a detached payload in one of them.
        let error = parse_token(token);
        assert!(matches!(error, JwsError::AlgorithmRefused | JwsError::Malformed), "{error}");
        return false;
    }
    assert_eq!(judge(&set_of(&public(key)), token), Outcome::Verified);
    true
}

/// The table of ed25519-speccheck: what is wrong with each case, and where it stops here.
#[test]
fn ed25519_speccheck() {
    let Some(mut run) = Run::begin("ed25519-speccheck", &[]) else { return };
    let cases = run.json("cases.json");
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        let bytes = |member: &str| from_hex(case[member].as_str().unwrap());
        run.case(&format!("{index}"), || {
            let x = base64url::encode(&bytes("pub_key"));
            let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).to_string();
            let fault = match index {
                // A public key of small order, in its canonical encoding or another.
                0 | 1 | 10 | 11 => Some(KeyFault::SmallOrder),
                _ => None,
            };
            match (KeySet::parse(set.as_bytes()), fault) {
                (Err(KeySetError::Key { fault, .. }), Some(expected)) => {
                    assert_eq!(fault, expected, "{index}");
                }
                (Ok(set), None) => {
                    let key = set.keys().first().unwrap();
                    let algorithm = accredit_core::jose::Algorithm::Ed25519;
                    let found = key.verify(algorithm, &bytes("message"), &bytes("signature"));
                    // RFC 8032 allows what 3 shows: points with a part of small order that keep to
                    // the equation. 2, 8 and 9 have an R of small order, 4 and 5 hold only times
                    // the cofactor, 6 and 7 have an S that is too large.
                    assert_eq!(found.is_ok(), index == 3, "{index}");
                }
                (found, _) => panic!("{index}: {found:?}"),
            }
        });
    }
    run.end(12);
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}
