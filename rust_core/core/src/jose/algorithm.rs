//! The signature algorithms that are accepted at all: RFC 7518, section 3.1, and RFC 9864.

/// An asymmetric signature algorithm of JOSE.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    Rs512,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// RSASSA-PSS with SHA-384
    Ps384,
    /// RSASSA-PSS with SHA-512
    Ps512,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// ECDSA on P-384 with SHA-384
    Es384,
    /// ECDSA on P-521 with SHA-512
    Es512,
    /// `EdDSA` on Ed25519
    Ed25519,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ed25519,
    ];

    /// The algorithm with this registered name, compared exactly. `EdDSA` (RFC 8037) and
    /// `Ed25519` (RFC 9864) are one: the only other curve of `EdDSA` is not supported.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "RS512" => Some(Self::Rs512),
            "PS256" => Some(Self::Ps256),
            "PS384" => Some(Self::Ps384),
            "PS512" => Some(Self::Ps512),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "ES512" => Some(Self::Es512),
            "Ed25519" | "EdDSA" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// The registered name; of the two for Ed25519, the one that says which curve.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ed25519 => "Ed25519",
        }
    }

    const fn bit(self) -> u16 {
        1 << (self as u8)
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// The set with no algorithm in it.
    pub const EMPTY: Self = Self(0);

    /// The set of the algorithms with these registered names.
    ///
    /// # Errors
    ///
    /// The first name that is not supported.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, &'n str> {
        let mut set = Self::EMPTY;
        for name in names {
            set.insert(Algorithm::from_name(name).ok_or(name)?);
        }
        Ok(set)
    }

    /// Adds one.
    pub const fn insert(&mut self, algorithm: Algorithm) {
        self.0 |= algorithm.bit();
    }

    /// Whether the algorithm is in the set.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// Whether no algorithm is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The algorithms, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        let mut set = Self::EMPTY;
        algorithms.into_iter().for_each(|algorithm| set.insert(algorithm));
        set
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::{Algorithm, AlgorithmSet};

    #[test]
    fn names_round_trip_and_only_the_exact_spelling_counts() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.name();
            assert_eq!(Algorithm::from_name(name), Some(*algorithm));
            assert_eq!(Algorithm::from_name(&name.to_lowercase()), None, "{name}");
            assert_eq!(Algorithm::from_name(&format!("{name} ")), None, "{name}");
        }
        assert_eq!(Algorithm::from_name("EdDSA"), Some(Algorithm::Ed25519));
        for name in ["none", "None", "nOnE", "HS256", "HS512", "ES256K", "Ed448", "RSA-OAEP", ""] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = AlgorithmSet::from_names(["RS256", "EdDSA"]).unwrap();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Algorithm::Rs256, Algorithm::Ed25519]);
        assert!(!set.contains(Algorithm::Ps256) && !set.is_empty());
        assert_eq!(AlgorithmSet::from_names(["RS256", "HS256"]), Err("HS256"));
        assert!(AlgorithmSet::EMPTY.is_empty());
        let all: AlgorithmSet = Algorithm::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), Algorithm::ALL.len());
    }
}
