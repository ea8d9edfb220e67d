//! Signatures with keys made for the run: what verifies, and that nothing near it does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod signer;

use accredit_core::jose::{Algorithm, CompactJws, JwsLimits, KeySet, SignatureInvalid, base64url};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use signer::{Signer, key_set};

const CLAIMS: &[u8] = br#"{"iss":"https://issuer.example","aud":"https://api.example/orders","#;

fn jwk(signer: &Signer, members: Value) -> Value {
    let (mut key, Value::Object(members)) = (signer.jwk(), members) else { panic!() };
    key.as_object_mut().unwrap().extend(members);
    key
}

/// Whether a token verifies with the key that it names, or with the only one that fits.
fn verifies(set: &KeySet, token: &[u8]) -> bool {
    let Ok(jws) = CompactJws::parse(token, &JwsLimits::default()) else { return false };
    let algorithm = jws.header().algorithm;
    let key = match jws.header().kid.as_deref() {
        Some(kid) => set.find(kid),
        None => set.the_only_one_for(algorithm).ok(),
    };
    key.is_some_and(|key| key.verify(algorithm, jws.signing_input(), jws.signature()).is_ok())
}

/// A token of the algorithm, and the set that verifies it.
fn sample(algorithm: Algorithm) -> (KeySet, Signer, String) {
    let signer = Signer::new(algorithm);
    let set = key_set(&[jwk(&signer, json!({"kid": "k"}))]);
    let header = json!({"alg": algorithm.name(), "kid": "k", "typ": "at+jwt"});
    let token = signer.token(algorithm, &header, CLAIMS);
    (set, signer, token)
}

#[test]
fn every_algorithm_verifies_its_own_signature() {
    for algorithm in Algorithm::ALL {
        let (set, _, token) = sample(*algorithm);
        assert!(verifies(&set, token.as_bytes()), "{algorithm}");
    }
    // RFC 8037's name for what RFC 9864 calls Ed25519.
    let signer = Signer::new(Algorithm::Ed25519);
    let set = key_set(&[jwk(&signer, json!({"alg": "Ed25519"}))]);
    let token = signer.token(Algorithm::Ed25519, &json!({"alg": "EdDSA"}), CLAIMS);
    assert!(verifies(&set, token.as_bytes()));
}

/// No token that differs in one bit from a valid one is valid: all bits for all algorithms.
#[test]
fn no_flipped_bit_is_accepted() {
    for algorithm in Algorithm::ALL {
        let (set, _, token) = sample(*algorithm);
        let mut bytes = token.into_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                *bytes.get_mut(at).unwrap() ^= 1 << bit;
                assert!(!verifies(&set, &bytes), "{algorithm}: byte {at}, bit {bit}");
                *bytes.get_mut(at).unwrap() ^= 1 << bit;
            }
        }
        assert!(verifies(&set, &bytes), "{algorithm}: the token itself");
    }
}

#[test]
fn no_byte_can_be_left_out_or_put_in() {
    let (set, _, token) = sample(Algorithm::Es256);
    for at in 0..token.len() {
        let mut shorter = token.clone().into_bytes();
        shorter.remove(at);
        assert!(!verifies(&set, &shorter), "without byte {at}");
        for byte in *b"A.= \n\0" {
            let mut longer = token.clone().into_bytes();
            longer.insert(at, byte);
            assert!(!verifies(&set, &longer), "{byte:#x} before byte {at}");
        }
    }
    for more in ["A", "AA", "AAAA", "=", "==", ".", " ", "\n"] {
        assert!(!verifies(&set, format!("{token}{more}").as_bytes()), "{more:?} at the end");
    }
}

/// Attack 13: a signature counts for the one algorithm it was made with.
#[test]
fn algorithms_do_not_stand_in_for_one_another() {
    let rsa = Signer::new(Algorithm::Rs256);
    let keys = [
        jwk(&rsa, json!({"kid": "rsa"})),
        jwk(&Signer::new(Algorithm::Es256), json!({"kid": "p256"})),
        jwk(&Signer::new(Algorithm::Es384), json!({"kid": "p384"})),
        jwk(&Signer::new(Algorithm::Es512), json!({"kid": "p521"})),
        jwk(&Signer::new(Algorithm::Ed25519), json!({"kid": "ed"})),
        jwk(&rsa, json!({"kid": "ps-only", "alg": "PS256"})),
    ];
    let set = key_set(&keys);
    let fitting = [
        ("rsa", &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..]),
        ("p256", &["ES256"]),
        ("p384", &["ES384"]),
        ("p521", &["ES512"]),
        ("ed", &["Ed25519"]),
        ("ps-only", &["PS256"]),
    ];
    for (kid, names) in fitting {
        let key = set.find(kid).unwrap();
        for algorithm in Algorithm::ALL {
            assert_eq!(
                key.fits(*algorithm),
                names.contains(&algorithm.name()),
                "{kid} {algorithm}"
            );
            // What fits nothing verifies nothing, whatever the length.
            for length in [0, 64, 96, 132, 256] {
                let found = key.verify(*algorithm, b"message", &vec![0; length]);
                assert_eq!(found.unwrap_err(), SignatureInvalid, "{kid} {algorithm} {length}");
            }
        }
    }
    // RS and PS of all sizes, each signature under each header.
    let rs_ps: Vec<Algorithm> =
        Algorithm::ALL.iter().copied().filter(|a| set.find("rsa").unwrap().fits(*a)).collect();
    for claimed in &rs_ps {
        for signed in &rs_ps {
            let header = json!({"alg": claimed.name(), "kid": "rsa"});
            let token = rsa.token(*signed, &header, CLAIMS);
            assert_eq!(verifies(&set, token.as_bytes()), claimed == signed, "{claimed} {signed}");
            let header = json!({"alg": claimed.name(), "kid": "ps-only"});
            let token = rsa.token(*signed, &header, CLAIMS);
            let right = claimed == signed && *claimed == Algorithm::Ps256;
            assert_eq!(verifies(&set, token.as_bytes()), right, "ps-only: {claimed} {signed}");
        }
    }
}

/// Attack 13: the length is exact, and r and s are in range.
#[test]
fn signatures_have_one_length_and_one_form() {
    for algorithm in Algorithm::ALL {
        let (set, signer, _) = sample(*algorithm);
        let key = set.find("k").unwrap();
        let good = signer.sign(*algorithm, b"message");
        let check = |signature: &[u8]| key.verify(*algorithm, b"message", signature).is_ok();
        assert!(check(&good), "{algorithm}");
        assert!(!check(&[]), "{algorithm}: empty");
        let last = good.len() - 1;
        assert!(!check(good.get(..last).unwrap()), "{algorithm}: one byte short");
        assert!(!check(good.get(1..).unwrap()), "{algorithm}: first byte gone");
        assert!(!check(&[good.as_slice(), &[0]].concat()), "{algorithm}: one byte long");
        assert!(!check(&[&[0], good.as_slice()].concat()), "{algorithm}: a zero before");
        assert!(!check(&vec![0; good.len()]), "{algorithm}: zeros");
        assert!(!check(&vec![0xff; good.len()]), "{algorithm}: ones");
        // Each half alone, as r = 0 and s = 0.
        let (first, second) = good.split_at(good.len() / 2);
        assert!(!check(&[&vec![0; first.len()], second].concat()), "{algorithm}: r = 0");
        assert!(!check(&[first, &vec![0; second.len()]].concat()), "{algorithm}: s = 0");
    }
}

/// Keys belong to a set: what another set's key signed verifies with none of this one.
#[test]
fn a_key_of_another_set_verifies_nothing() {
    for algorithm in Algorithm::ALL {
        let (_, _, token) = sample(*algorithm);
        let (other, _, _) = sample(*algorithm);
        assert!(!verifies(&other, token.as_bytes()), "{algorithm}");
    }
}

/// Attack 11: a key that comes with the token is not a key.
#[test]
fn keys_in_the_header_are_never_used() {
    let (set, _, _) = sample(Algorithm::Es256);
    let stranger = Signer::new(Algorithm::Es256);
    for header in [
        json!({"alg": "ES256", "kid": "k", "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "kid": "k", "jku": "https://evil.example/jwks"}),
        json!({"alg": "ES256", "kid": "k", "x5u": "https://evil.example/x5u"}),
        json!({"alg": "ES256", "kid": "k", "x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA"}),
    ] {
        let token = stranger.token(Algorithm::Es256, &header, CLAIMS);
        assert!(CompactJws::parse(token.as_bytes(), &JwsLimits::default()).is_ok(), "{header}");
        assert!(!verifies(&set, token.as_bytes()), "{header}");
    }
}

/// A signature that is not below the modulus is refused, though it is the same number modulo it.
#[test]
fn an_rsa_signature_is_below_the_modulus() {
    let (set, signer, _) = sample(Algorithm::Rs256);
    let key = set.find("k").unwrap();
    let modulus = base64url::decode(signer.jwk()["n"].as_str().unwrap().as_bytes()).unwrap();
    // Another message until signature plus modulus still has the length of the modulus.
    for message in 0..10_000_u32 {
        let message = message.to_be_bytes();
        let signature = signer.sign(Algorithm::Rs256, &message);
        assert!(key.verify(Algorithm::Rs256, &message, &signature).is_ok());
        if let Some(sum) = sum_of_same_length(&signature, &modulus) {
            assert!(key.verify(Algorithm::Rs256, &message, &sum).is_err());
            return;
        }
    }
    panic!("no message was found");
}

/// The sum of two big-endian numbers of one length, if it has that length too.
fn sum_of_same_length(one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let mut sum: Vec<u8> = Vec::new();
    for (one, other) in one.iter().zip(other).rev() {
        let [high, low] = (u16::from(*one) + u16::from(*other) + carry).to_be_bytes();
        carry = u16::from(high);
        sum.push(low);
    }
    sum.reverse();
    (carry == 0).then_some(sum)
}

/// A signature whose R is the neutral element: it keeps to the equation of RFC 8032, and whoever
/// makes it had the key, but a nonce of zero gives that key away.
#[test]
fn an_ed25519_commitment_of_small_order_is_refused() {
    let point: [u8; 32] = [
        0x93, 0xff, 0x7b, 0x38, 0x6a, 0x8f, 0xcc, 0xb0, 0x0c, 0xc2, 0x04, 0xd3, 0x5e, 0xde, 0xde,
        0x01, 0xde, 0x60, 0xa8, 0x1b, 0x64, 0xb4, 0x89, 0x32, 0x80, 0x99, 0x6a, 0x95, 0x20, 0x8f,
        0x13, 0x35,
    ];
    // S = H(R, A, "message") a modulo L, for R = 1.
    let scalar: [u8; 32] = [
        0x75, 0xec, 0x23, 0x1c, 0x5c, 0x2b, 0xd2, 0xa2, 0x2d, 0x1f, 0xa7, 0xd7, 0xc8, 0x16, 0x9d,
        0x1c, 0x3c, 0xf1, 0xb5, 0xdb, 0xc7, 0x35, 0xa9, 0x51, 0xd6, 0x4b, 0xac, 0x8e, 0xb0, 0x71,
        0x6f, 0x0c,
    ];
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let signature = [neutral, scalar].concat();
    let library = UnparsedPublicKey::new(&ED25519, point);
    assert!(library.verify(b"message", &signature).is_ok(), "the library alone accepts it");
    let x = base64url::encode(&point);
    let set = key_set(&[json!({"kty": "OKP", "crv": "Ed25519", "x": x})]);
    let key = set.the_only_one_for(Algorithm::Ed25519).unwrap();
    assert!(key.verify(Algorithm::Ed25519, b"message", &signature).is_err());
}
