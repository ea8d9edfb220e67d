//! One public key of an issuer.

use super::algorithm::Algorithm;
use super::verify::{SignatureInvalid, Verified, Verifier};

/// What kind of key it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    /// `kty` RSA, with the size of the modulus.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// `kty` EC, `crv` P-256
    P256,
    /// `kty` EC, `crv` P-384
    P384,
    /// `kty` EC, `crv` P-521
    P521,
    /// `kty` OKP, `crv` Ed25519
    Ed25519,
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa { bits } => write!(formatter, "RSA {bits}"),
            Self::P256 => formatter.write_str("P-256"),
            Self::P384 => formatter.write_str("P-384"),
            Self::P521 => formatter.write_str("P-521"),
            Self::Ed25519 => formatter.write_str("Ed25519"),
        }
    }
}

/// A public key that can verify signatures, parsed once.
pub struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kind: KeyKind,
    pub(super) thumbprint: String,
    pub(super) verifier: Verifier,
}

impl Key {
    /// The `kid` of the JWK.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The `alg` of the JWK, the only one that the key may then be used with.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The SHA-256 thumbprint of RFC 7638, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether the key may be used with the algorithm: type, curve and the JWK's `alg` agree.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifier.fits(algorithm)
    }

    /// Verifies a signature over a message.
    ///
    /// # Errors
    ///
    /// [`SignatureInvalid`], also where the key does not fit the algorithm or the signature's
    /// length is not exactly the one that key and algorithm make.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Verified, SignatureInvalid> {
        self.verifier.verify(algorithm, message, signature)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Key")
            .field("kid", &self.kid)
            .field("kind", &self.kind)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}
