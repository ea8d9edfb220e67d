//! base64url in its one canonical form (RFC 4648, section 5; RFC 7515, section 2).
//!
//! No padding, no white space, no other alphabet, and the unused bits of the last character are
//! zero: exactly one text stands for each sequence of bytes, so that a token cannot be changed
//! without changing what is signed.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// The text is not canonical base64url.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not canonical base64url without padding")]
pub struct NotCanonical;

/// Decodes to new bytes.
///
/// # Errors
///
/// [`NotCanonical`] for anything but the canonical form.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    CANONICAL.decode(text).map_err(|_| NotCanonical)
}

/// Decodes and appends to `bytes`, which on failure may hold a part of the result.
///
/// # Errors
///
/// [`NotCanonical`] for anything but the canonical form.
pub fn decode_onto(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), NotCanonical> {
    CANONICAL.decode_vec(text, bytes).map_err(|_| NotCanonical)
}

/// Encodes in the canonical form.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    CANONICAL.encode(bytes)
}

/// Whether the alphabet has this letter.
#[must_use]
pub const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const CANONICAL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

#[cfg(test)]
mod tests;
