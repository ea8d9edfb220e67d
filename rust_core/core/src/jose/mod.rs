//! JSON Web Signatures and the keys that verify them (RFC 7515, 7517, 7518, 7638, 8037, 9864).
//!
//! [`CompactJws::parse`] reads a token without believing it, [`KeySet::parse`] reads an issuer's
//! keys, and [`Key::verify`] gives the only proof that the two fit: a [`Verified`], which nothing
//! else can make. Keys come from the issuer's set alone; `jku`, `x5u`, `x5c` and `jwk` in a token
//! are never looked at.
//!
//! Read in this order: [`Algorithm`], [`CompactJws`], [`KeySet`], [`Key`].

mod algorithm;
pub mod base64url;
mod compact;
mod ed25519_points;
mod header;
mod jwk;
mod key;
mod key_set;
mod roca;
mod rsa_numbers;
mod verify;

pub use algorithm::{Algorithm, AlgorithmSet};
pub use compact::{CompactJws, JwsError, JwsLimits};
pub use header::Header;
pub use key::{Key, KeyKind};
pub use key_set::{KeyFault, KeyName, KeySet, KeySetError, NotOne, SkipReason, Skipped};
pub use verify::{SignatureInvalid, Verified};
