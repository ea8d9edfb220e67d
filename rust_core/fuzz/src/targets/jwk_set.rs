//! The key set reader: an accepted set has no secrets, and its keys verify nothing unsigned.

use accredit_core::jose::{Algorithm, KeyKind, KeySet};
use serde_json::{Value, json};

use crate::seeds::Vectors;

/// Reads any bytes as a key set.
pub fn run(data: &[u8]) {
    let set = match KeySet::parse(data) {
        Ok(set) => set,
        Err(error) => {
            // Whatever the issuer wrote, the message stays on its line.
            assert!(!error.to_string().chars().any(char::is_control));
            return;
        }
    };
    let document: Value = serde_json::from_slice(data).expect("accepted, and no JSON");
    let entries = document["keys"].as_array().expect("accepted without keys");
    assert_eq!(set.keys().len() + set.skipped().len(), entries.len());
    assert!((1..=KeySet::MAX_KEYS).contains(&entries.len()) && !set.keys().is_empty());
    for entry in entries {
        assert_ne!(entry["kty"], "oct");
        for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
            assert!(entry.get(secret).is_none(), "accepted with `{secret}`");
        }
    }
    for (index, key) in set.keys().iter().enumerate() {
        assert_eq!(key.thumbprint().len(), 43);
        let fitting = Algorithm::ALL.iter().filter(|algorithm| key.fits(**algorithm)).count();
        let any_of_rsa = matches!(key.kind(), KeyKind::Rsa { .. }) && key.algorithm().is_none();
        assert_eq!(fitting, if any_of_rsa { 6 } else { 1 });
        if let Some(kid) = key.kid() {
            assert!(set.find(kid).is_some_and(|found| std::ptr::eq(found, key)), "two of one kid");
        }
        // A few are enough: verification takes longer than all the rest.
        for algorithm in Algorithm::ALL.iter().filter(|_| index < 2) {
            for signature in [&[][..], &[0; 64], &[0; 256], &[0xff; 64], &[1; 132]] {
                let verified = key.verify(*algorithm, b"nobody signed this", signature);
                assert!(verified.is_err(), "verified what nobody signed");
            }
        }
    }
}

/// Every key and set of the published vectors.
#[must_use]
pub fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut add = |key: &Value| {
        let set = if key["keys"].is_array() { key.clone() } else { json!({"keys": [key]}) };
        seeds.push(set.to_string().into_bytes());
    };
    for file in ["json_web_key_test.json", "json_web_signature_test.json"] {
        let document = vectors.json(&format!("wycheproof-jose/{file}"));
        for group in document["testGroups"].as_array().cloned().unwrap_or_default() {
            ["public", "private"].iter().filter_map(|half| group.get(half)).for_each(&mut add);
        }
    }
    for (name, bytes) in vectors.files("jose-rfc-vectors/vectors") {
        if [".jwk", ".jwkset"].iter().any(|end| name.ends_with(end)) {
            // Some files hold the name of another.
            serde_json::from_slice(&bytes).iter().for_each(&mut add);
        }
    }
    seeds
}
