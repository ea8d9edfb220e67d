//! The token reader: an accepted token has one form, and only what was signed verifies.

use std::sync::LazyLock;

use accredit_core::jose::{Algorithm, CompactJws, Header, JwsLimits, KeySet, base64url};

use crate::seeds::{Vectors, committed};

/// Reads any bytes as a token, and tries the keys of the committed tokens on it.
pub fn run(data: &[u8]) {
    let limits = JwsLimits::default();
    let jws = match CompactJws::parse(data, &limits) {
        Ok(jws) => jws,
        Err(error) => {
            assert!(!error.reason().is_allow());
            return;
        }
    };
    assert!(data.len() <= limits.token_bytes);
    let parts: Vec<&[u8]> = data.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = parts.as_slice() else { panic!("not three parts") };
    assert_eq!(base64url::encode(jws.payload()).as_bytes(), *payload);
    assert_eq!(base64url::encode(jws.signature()).as_bytes(), *signature);
    assert_eq!(jws.signing_input(), data.get(..header.len() + 1 + payload.len()).unwrap());

    // The header, read by another reader.
    let header = base64url::decode(header).expect("accepted, and not canonical");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("accepted, and no JSON");
    for name in ["crit", "enc"] {
        assert!(header.get(name).is_none(), "accepted with `{name}`");
    }
    assert_ne!(header["b64"], false);
    let algorithm = jws.header().algorithm;
    assert_eq!(Algorithm::from_name(header["alg"].as_str().unwrap()), Some(algorithm));
    assert_eq!(jws.header().kid.as_deref(), header["kid"].as_str());
    assert_eq!(jws.header().typ.as_deref(), header["typ"].as_str());
    assert!(jws.header().kid.as_ref().is_none_or(|kid| kid.len() <= Header::MAX_KID_BYTES));

    for key in KEYS.keys() {
        if key.verify(algorithm, jws.signing_input(), jws.signature()).is_ok() {
            assert!(key.fits(algorithm));
            assert!(SIGNED.iter().any(|signed| signed == jws.signing_input()), "a forgery");
        }
    }
}

/// Every token of the published vectors.
#[must_use]
pub fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in ["json_web_signature_test.json", "json_web_crypto_test.json"] {
        let document = vectors.json(&format!("wycheproof-jose/{file}"));
        let groups = document["testGroups"].as_array().cloned().unwrap_or_default();
        for test in groups.iter().filter_map(|group| group["tests"].as_array()).flatten() {
            let token = test.get("jws").or_else(|| test.get("jwe"));
            seeds.extend(token.and_then(|token| token.as_str()).map(Into::into));
        }
    }
    for (name, bytes) in vectors.files("jose-rfc-vectors/vectors") {
        if [".jwsc", ".jwec", ".jwsf", ".jwsg"].iter().any(|end| name.ends_with(end)) {
            seeds.push(bytes.trim_ascii().to_vec());
        }
    }
    seeds
}

/// The public keys that signed the committed tokens: examples of RFC 7515 and RFC 8037.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let (_, set) = committed("jwk_set")
        .into_iter()
        .find(|(name, _)| name == "rfc-examples.json")
        .expect("the seed is committed");
    KeySet::parse(&set).expect("the seed is a key set")
});

/// What those keys have signed. A signature itself may have a twin: ECDSA has two for each.
static SIGNED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let tokens = committed("jws").into_iter().map(|(_, token)| token);
    tokens
        .filter_map(|token| {
            let jws = CompactJws::parse(&token, &JwsLimits::default()).ok()?;
            Some(jws.signing_input().to_vec())
        })
        .collect()
});
