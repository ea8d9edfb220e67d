//! Signature verification, and the proof that it held.

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents,
};

use super::algorithm::Algorithm;
use super::ed25519_points;

/// Proof that a signature verified. Only [`super::Key::verify`] makes one.
#[derive(Debug)]
pub struct Verified(());

/// The signature does not verify: wrong bytes, wrong length, or a key that may not be used so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature does not verify with this key")]
pub struct SignatureInvalid;

/// A public key that is not what it should be; the caller knows which member to name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Rejected;

/// One public key, parsed once for each algorithm that it may be used with.
pub(super) struct Verifier {
    parsed: Box<[(Algorithm, ParsedPublicKey)]>,
    signature_bytes: usize,
}

impl Verifier {
    /// An RSA key for the given algorithms; others than RSA's are passed over. The numbers are
    /// big-endian without leading zeros.
    pub(super) fn rsa(
        modulus: &[u8],
        exponent: &[u8],
        algorithms: impl Iterator<Item = Algorithm>,
    ) -> Result<Self, Rejected> {
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let parsed = algorithms
            .filter_map(|algorithm| Some((algorithm, rsa_parameters(algorithm)?)))
            .map(|(algorithm, parameters)| {
                Ok((algorithm, components.to_parsed_public_key(parameters).map_err(|_| Rejected)?))
            })
            .collect::<Result<_, _>>()?;
        // RFC 8017, section 8: the signature is as long as the modulus.
        Ok(Self { parsed, signature_bytes: modulus.len() })
    }

    /// A point in uncompressed form; refused if it is not on the curve of the algorithm.
    pub(super) fn ecdsa(point: &[u8], algorithm: Algorithm) -> Result<Self, Rejected> {
        let (scheme, coordinate_bytes) = ecdsa_scheme(algorithm).ok_or(Rejected)?;
        let key = ParsedPublicKey::new(scheme, point).map_err(|_| Rejected)?;
        let parsed = Box::new([(algorithm, key)]);
        // RFC 7518, section 3.4: R and S, each as long as a coordinate.
        Ok(Self { parsed, signature_bytes: coordinate_bytes.saturating_mul(2) })
    }

    /// An Ed25519 key whose point has been judged.
    pub(super) fn ed25519(point: &[u8; 32]) -> Result<Self, Rejected> {
        let key = ParsedPublicKey::new(&signature::ED25519, point).map_err(|_| Rejected)?;
        Ok(Self { parsed: Box::new([(Algorithm::Ed25519, key)]), signature_bytes: 64 })
    }

    /// Whether the key may be used with the algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.key_for(algorithm).is_some()
    }

    /// Length is judged before any arithmetic; nothing is allocated here.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Verified, SignatureInvalid> {
        let key = self.key_for(algorithm).ok_or(SignatureInvalid)?;
        if signature.len() != self.signature_bytes {
            return Err(SignatureInvalid);
        }
        if algorithm == Algorithm::Ed25519 {
            let commitment = signature.first_chunk::<32>().ok_or(SignatureInvalid)?;
            if ed25519_points::is_small_order(commitment) {
                return Err(SignatureInvalid);
            }
        }
        key.verify_sig(message, signature).map_err(|_| SignatureInvalid)?;
        Ok(Verified(()))
    }

    fn key_for(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.parsed.iter().find(|(have, _)| *have == algorithm).map(|(_, key)| key)
    }
}

const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::Ed25519 => None,
    }
}

/// The scheme and the length of a coordinate in bytes.
const fn ecdsa_scheme(
    algorithm: Algorithm,
) -> Option<(&'static EcdsaVerificationAlgorithm, usize)> {
    match algorithm {
        Algorithm::Es256 => Some((&signature::ECDSA_P256_SHA256_FIXED, 32)),
        Algorithm::Es384 => Some((&signature::ECDSA_P384_SHA384_FIXED, 48)),
        Algorithm::Es512 => Some((&signature::ECDSA_P521_SHA512_FIXED, 66)),
        _ => None,
    }
}
