//! Signing keys that live for one run, and tokens signed with them.

use accredit_core::jose::Algorithm;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::Fail;

enum Private {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// One key for one algorithm.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    /// The algorithm as a header names it.
    pub(crate) alg: &'static str,
    private: Private,
    random: SystemRandom,
}

impl Signer {
    /// A new key: RSA of 2048 bits, P-256 or Ed25519.
    pub(crate) fn new(algorithm: Algorithm, alg: &'static str) -> Result<Self, Fail> {
        let private = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                Private::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048)?))
            }
            Algorithm::Es256 => {
                Private::P256(Box::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?))
            }
            Algorithm::Ed25519 => Private::Ed25519(Box::new(Ed25519KeyPair::generate()?)),
            other => return Err(format!("no key for {other:?} is made here").into()),
        };
        Ok(Self { algorithm, alg, private, random: SystemRandom::new() })
    }

    /// The public key (RFC 7517, section 4). The `kid` is the algorithm.
    pub(crate) fn jwk(&self) -> Result<Value, Fail> {
        let mut jwk = match &self.private {
            Private::Rsa(pair) => {
                let (modulus, exponent) =
                    rsa_numbers(pair.public_key().as_ref(), pair.public_modulus_len())
                        .ok_or("an RSA key is shorter than its modulus")?;
                json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
            }
            Private::P256(pair) => {
                // 0x04, x, y
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(32).ok_or("a point of P-256 has 65 bytes")?;
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Private::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.alg.into());
        }
        Ok(jwk)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fail> {
        Ok(match &self.private {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if self.algorithm == Algorithm::Ps256 {
                        &RSA_PSS_SHA256
                    } else {
                        &RSA_PKCS1_SHA256
                    };
                pair.sign(encoding, &self.random, message, &mut signature)?;
                signature
            }
            Private::P256(pair) => pair.sign(&self.random, message)?.as_ref().to_vec(),
            Private::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }

    /// A token of these claims with a proper header (RFC 9068, section 2.1).
    pub(crate) fn token(&self, claims: &Value) -> Result<String, Fail> {
        self.token_of(&json!({"alg": self.alg, "typ": "at+jwt", "kid": self.alg}), claims)
    }

    /// A token of this header and these claims.
    pub(crate) fn token_of(&self, header: &Value, claims: &Value) -> Result<String, Fail> {
        self.token_of_text(&header.to_string(), &claims.to_string())
    }

    /// A token of a header and a payload that need not be JSON.
    pub(crate) fn token_of_text(&self, header: &str, payload: &str) -> Result<String, Fail> {
        let mut token = encode(header.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// Modulus and exponent at the end of an `RSAPublicKey` (RFC 8017, A.1.1): the exponent is 65537,
/// three bytes behind a tag and a length.
fn rsa_numbers(der: &[u8], modulus_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (rest, exponent) = der.split_at_checked(der.len().checked_sub(3)?)?;
    let modulus_end = rest.len().checked_sub(2)?;
    let modulus = rest.get(modulus_end.checked_sub(modulus_bytes)?..modulus_end)?;
    Some((modulus, exponent))
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
