//! What one decision may spend.
//!
//! Every cost that a caller controls has a cap here or in the settings: bytes before base64, JSON
//! nodes before maps, and one public-key operation a token. So no refused request costs more than
//! a small multiple of the dearest allowed one.

use crate::json::Limits;

/// Caps on the JOSE header: real ones hold four members, and a proof's embedded RSA-2048 key
/// makes 550 bytes.
pub const HEADER: Limits = Limits { bytes: 4_096, depth: 8, nodes: 128 };

/// Caps on the claims. Bytes are bounded by the token's own cap before this one is reached.
pub const CLAIMS: Limits = Limits { bytes: 65_536, depth: 16, nodes: 1_024 };

/// Caps on one line of check JSON: a token of the largest size, a request and its headers.
pub const QUERY: Limits = Limits { bytes: 1_048_576, depth: 16, nodes: 4_096 };

/// Longest claim that becomes an identity (`sub`, `client_id`, `jti`), in bytes.
pub const IDENTITY_BYTES: usize = 1_024;

/// Most values in `aud`.
pub const AUDIENCES: usize = 64;

/// Most scope tokens in one token.
pub const SCOPES: usize = 256;

/// How many signatures one decision may still verify.
#[derive(Debug)]
pub struct Budget {
    signatures: u8,
}

impl Default for Budget {
    /// One verification: an access token has one signature and no key is tried on suspicion.
    fn default() -> Self {
        Self { signatures: 1 }
    }
}

/// The budget is spent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spent;

impl Budget {
    /// Takes one signature verification out of the budget.
    pub const fn spend_signature(&mut self) -> Result<(), Spent> {
        match self.signatures.checked_sub(1) {
            Some(left) => {
                self.signatures = left;
                Ok(())
            }
            None => Err(Spent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Spent};

    #[test]
    fn one_signature_and_no_more() {
        let mut budget = Budget::default();
        assert_eq!(budget.spend_signature(), Ok(()));
        assert_eq!(budget.spend_signature(), Err(Spent));
    }
}
