//! Keys made for one test run, and tokens signed with them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses a part of this, and a test may fail loudly"
)]

use accredit_core::jose::{Algorithm, KeySet, base64url};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use serde_json::{Value, json};

/// A private key.
pub(crate) enum Signer {
    Rsa(Box<RsaKeyPair>),
    Ec(&'static str, Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// A new key for the algorithm.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let (curve, scheme) = match algorithm {
            Algorithm::Es256 => ("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Es512 => ("P-521", &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::Ed25519 => {
                return Self::Ed25519(Box::new(Ed25519KeyPair::generate().unwrap()));
            }
            _ => return Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        };
        Self::Ec(curve, Box::new(EcdsaKeyPair::generate(scheme).unwrap()))
    }

    /// The public key as a JWK without `kid`, `use` and `alg`.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e)})
            }
            Self::Ec(curve, pair) => {
                // 0x04, x, y
                let point = pair.public_key().as_ref().get(1..).unwrap();
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                json!({"kty": "EC", "crv": curve, "x": x, "y": y})
            }
            Self::Ed25519(pair) => {
                let x = base64url::encode(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x})
            }
        }
    }

    /// Signs a message; an EC or Ed25519 key has one way to, whatever the algorithm.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    other => panic!("{other} is not for RSA"),
                };
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut bytes).unwrap();
                bytes
            }
            Self::Ec(_, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A compact JWS of this header and payload.
    pub(crate) fn token(&self, algorithm: Algorithm, header: &Value, payload: &[u8]) -> String {
        let header = base64url::encode(header.to_string().as_bytes());
        let message = format!("{header}.{}", base64url::encode(payload));
        let signature = base64url::encode(&self.sign(algorithm, message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// The key set of these JWKs.
pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

/// Modulus and exponent of a DER `RSAPublicKey` (RFC 8017, appendix A.1.1), without leading zeros.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (_, sequence, _) = element(der);
    let (_, modulus, rest) = element(sequence);
    let (_, exponent, _) = element(rest);
    (modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent)
}

/// Tag, content and what follows.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let [tag, length, rest @ ..] = der else { panic!("truncated DER") };
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at(usize::from(length & 0x7f));
        (digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at(length);
    (*tag, content, rest)
}
