//! A JWK Set (RFC 7517, section 5): the keys of one issuer.
//!
//! Two kinds of key are not used. One that is made for something else is skipped and counted, as
//! RFC 7517 has it. One that shows that something is wrong at the issuer (a secret that was
//! published, a weak key, two keys of one name) refuses the whole set, so that somebody looks.

use thiserror::Error;

use super::algorithm::Algorithm;
use super::jwk::{self, Read};
use super::key::Key;
use crate::json::{self, JsonError, Limits, Object, Value};

/// The usable keys of one issuer.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<Skipped>,
}

impl KeySet {
    /// The most keys that a set may have, skipped ones included.
    pub const MAX_KEYS: usize = 64;

    /// The longest document that is read, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Reads a JWK Set document.
    ///
    /// # Errors
    ///
    /// A [`KeySetError`] that names the key at fault. A set with no usable key is an error too.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let document = json::parse_object(json, &LIMITS).map_err(KeySetError::Json)?;
        let entries =
            document.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotAKeySet)?;
        if entries.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooManyKeys { count: entries.len() });
        }
        let mut set = Self { keys: Vec::with_capacity(entries.len()), skipped: Vec::new() };
        for (index, entry) in entries.iter().enumerate() {
            set.add(index, entry)?;
        }
        if set.keys.is_empty() {
            return Err(KeySetError::NoneUsable { skipped: set.skipped.len() });
        }
        Ok(set)
    }

    /// The usable keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys that were passed over, and why.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The usable key with this `kid`, compared exactly. There is at most one.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid() == Some(kid))
    }

    /// Why the key with this `kid` was passed over, if one was.
    #[must_use]
    pub fn find_skipped(&self, kid: &str) -> Option<&Skipped> {
        self.skipped.iter().find(|skipped| skipped.kid.as_deref() == Some(kid))
    }

    /// The one usable key that fits an algorithm, for a token that names no key.
    ///
    /// # Errors
    ///
    /// [`NotOne`] says whether none fits or several do.
    pub fn the_only_one_for(&self, algorithm: Algorithm) -> Result<&Key, NotOne> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(NotOne::None),
            (Some(_), Some(_)) => Err(NotOne::Several),
        }
    }

    fn add(&mut self, index: usize, entry: &Value<'_>) -> Result<(), KeySetError> {
        let fault = |key, fault| KeySetError::Key { key, fault };
        let jwk = entry.as_object().ok_or(fault(KeyName::Index(index), KeyFault::NotAnObject))?;
        let name = || KeyName::of(jwk, index);
        match jwk::read(jwk).map_err(|found| fault(name(), found))? {
            Read::Usable(key) => {
                if key.kid().is_some_and(|kid| self.find(kid).is_some()) {
                    return Err(fault(name(), KeyFault::DuplicateKid));
                }
                self.keys.push(*key);
            }
            Read::Skipped(why) => {
                let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
                self.skipped.push(Skipped { index, kid, why });
            }
        }
        Ok(())
    }
}

/// A key that was passed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Its `kid`.
    pub kid: Option<String>,
    /// Why it was passed over.
    pub why: SkipReason,
}

/// Why a key was passed over: it is made for something else, or by a newer hand.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Error)]
pub enum SkipReason {
    /// `kty` is none of RSA, EC and OKP.
    #[error("its `kty` is not known")]
    KeyType,
    /// `crv` is none of P-256, P-384, P-521 and Ed25519.
    #[error("its `crv` is not known, or not one for signatures")]
    Curve,
    /// `alg` is not a supported signature algorithm.
    #[error("its `alg` is not a supported signature algorithm")]
    Algorithm,
    /// `use` is not `sig`.
    #[error("its `use` is not `sig`")]
    Use,
    /// `key_ops` lacks `verify`, or has operations that are not for signatures.
    #[error("its `key_ops` are not those of a key that verifies signatures")]
    Operations,
    /// Curve or algorithm Ed448.
    #[error("Ed448 is not supported")]
    Ed448,
}

/// Which key of a set is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyName {
    /// The one with this `kid`.
    Kid(String),
    /// The one at this place, from 0; it has no `kid` that could be shown.
    Index(usize),
}

impl KeyName {
    fn of(jwk: &Object<'_>, index: usize) -> Self {
        match jwk::kid(jwk) {
            Ok(Some(kid)) => Self::Kid(kid.to_owned()),
            _ => Self::Index(index),
        }
    }
}

impl std::fmt::Display for KeyName {
    /// A `kid` is the issuer's text: control characters are escaped, so that it stays on its line.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kid(kid) => write!(formatter, "key `{}`", kid.escape_debug()),
            Self::Index(index) => {
                write!(formatter, "key number {} (no `kid`)", index.saturating_add(1))
            }
        }
    }
}

/// What is wrong with one key. Holds no key material.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// Private or symmetric material.
    #[error("holds private or symmetric material; withdraw it and publish public keys alone")]
    SecretMaterial,
    /// A usable key of this `kid` stands before it.
    #[error("has the `kid` of another usable key; give each key a `kid` of its own")]
    DuplicateKid,
    /// A modulus outside the allowed sizes.
    #[error("is an RSA key of {bits} bits; use 2048 to 8192")]
    RsaSize {
        /// Bits of the modulus.
        bits: usize,
    },
    /// The modulus is even.
    #[error("is an RSA key with an even modulus; make a new key")]
    RsaModulusEven,
    /// The exponent is even, below 3 or over 33 bits.
    #[error("is an RSA key whose exponent is not odd, 3 or more and at most 33 bits; use 65537")]
    RsaExponent,
    /// The numbers were refused by the cryptographic library.
    #[error("is an RSA key whose numbers do not form a key; make a new key")]
    RsaNumbers,
    /// CVE-2017-15361.
    #[error("is an RSA key with the ROCA weakness (CVE-2017-15361); make a new key elsewhere")]
    Roca,
    /// The point is not on the curve.
    #[error("is a point that is not on its curve; publish the key again")]
    NotOnCurve,
    /// An Ed25519 point in another encoding than the canonical one.
    #[error("is an Ed25519 point that is not canonically encoded; publish the key again")]
    NotCanonical,
    /// An Ed25519 point of small order.
    #[error(
        "is an Ed25519 point of small order, which verifies what nobody signed; make a new key"
    )]
    SmallOrder,
    /// The `alg` belongs to another type or curve.
    #[error("has an `alg` of another key type or curve; correct the `alg`")]
    AlgorithmConflict,
    /// A member is missing, of the wrong type, too long, or not canonical base64url.
    #[error("has no `{0}` of the right type and form; correct the member")]
    Member(&'static str),
    /// The entry of `keys` is not a JSON object.
    #[error("is not a JSON object")]
    NotAnObject,
}

/// Why a key set was refused whole.
#[derive(Clone, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not one strict JSON object within the limits.
    #[error("the key set cannot be read: {0}")]
    Json(JsonError),
    /// No array `keys`.
    #[error("the key set has no array `keys` (RFC 7517, section 5)")]
    NotAKeySet,
    /// More keys than [`KeySet::MAX_KEYS`].
    #[error("the key set has {count} keys; at most {max} are read", max = KeySet::MAX_KEYS)]
    TooManyKeys {
        /// How many it has.
        count: usize,
    },
    /// No key can be used.
    #[error("the key set has no usable key ({skipped} skipped)")]
    NoneUsable {
        /// How many were passed over.
        skipped: usize,
    },
    /// One key is at fault.
    #[error("{key} {fault}")]
    Key {
        /// Which.
        key: KeyName,
        /// Why.
        fault: KeyFault,
    },
}

/// Why no key could be picked for a token without `kid`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum NotOne {
    /// No key fits the algorithm.
    #[error("no key fits the algorithm")]
    None,
    /// More than one key fits the algorithm.
    #[error("more than one key fits the algorithm")]
    Several,
}

/// Generous for 64 keys with certificate chains, which are passed over.
const LIMITS: Limits = Limits { bytes: KeySet::MAX_BYTES, depth: 8, nodes: 4096 };

#[cfg(test)]
mod tests;
