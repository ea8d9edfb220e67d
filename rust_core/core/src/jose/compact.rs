//! The compact serialization of a JWS (RFC 7515, section 7.1), read without believing it.

use thiserror::Error;

use super::base64url;
use super::header::Header;
use crate::json::JsonError;
use crate::reason::Reason;

/// How large a token may be. Each bound is inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JwsLimits {
    /// The whole token, as sent, in bytes; judged before anything else.
    pub token_bytes: usize,
    /// The decoded JOSE header, in bytes; judged before it is decoded.
    pub header_bytes: usize,
}

impl Default for JwsLimits {
    fn default() -> Self {
        Self { token_bytes: 16 * 1024, header_bytes: 4 * 1024 }
    }
}

/// Why a token is no JWS that can be judged. Holds nothing of the token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than [`JwsLimits::token_bytes`].
    #[error("the token is larger than allowed")]
    TooLarge,
    /// Not three parts of canonical base64url, joined by dots.
    #[error("the token is not three parts of canonical base64url joined by dots")]
    Malformed,
    /// A JWE: five parts, or `enc` in the header (RFC 7516, section 9).
    #[error("the token is encrypted")]
    Encrypted,
    /// The header is longer than [`JwsLimits::header_bytes`].
    #[error("the header is larger than allowed")]
    HeaderTooLarge,
    /// The header is not one strict JSON object.
    #[error("the header cannot be read: {0}")]
    HeaderJson(JsonError),
    /// A header member is missing, of the wrong type or too long.
    #[error("the header's `{0}` is missing, of the wrong type or too long")]
    HeaderMember(&'static str),
    /// `alg` is `none`, symmetric or unknown.
    #[error("the `alg` is none, symmetric or unknown")]
    AlgorithmRefused,
    /// `alg` is `Ed448`.
    #[error("the `alg` is Ed448, which is not supported")]
    AlgorithmUnsupported,
    /// `crit` in any form, or `b64` false (RFC 7797).
    #[error("the header has `crit` or a false `b64`, and no extension is understood")]
    Critical,
}

impl JwsError {
    /// The reason that a decision gives.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TooLarge => Reason::TokenTooLarge,
            Self::Malformed => Reason::TokenMalformed,
            Self::Encrypted => Reason::TokenEncrypted,
            Self::HeaderTooLarge | Self::HeaderJson(_) | Self::HeaderMember(_) => {
                Reason::HeaderMalformed
            }
            Self::AlgorithmRefused => Reason::AlgorithmRefused,
            Self::AlgorithmUnsupported => Reason::AlgorithmUnsupported,
            Self::Critical => Reason::CriticalRefused,
        }
    }
}

/// A token, taken apart. Nothing in it has been verified.
pub struct CompactJws<'a> {
    header: Header,
    signing_input: &'a [u8],
    /// Header, payload and signature, decoded one after another: one allocation for all.
    decoded: Vec<u8>,
    payload_at: usize,
    signature_at: usize,
}

impl<'a> CompactJws<'a> {
    /// Takes a token apart: its form, its encoding, then its header.
    ///
    /// The payload is decoded and not read: what it says is no one's word until
    /// [`super::Key::verify`] has held.
    ///
    /// # Errors
    ///
    /// The first [`JwsError`] met, in the order of its variants.
    pub fn parse(token: &'a [u8], limits: &JwsLimits) -> Result<Self, JwsError> {
        if token.len() > limits.token_bytes {
            return Err(JwsError::TooLarge);
        }
        // As text, whose search for a dot looks at many bytes at a time.
        let text = std::str::from_utf8(token).map_err(|_| JwsError::Malformed)?;
        let mut parts = text.split('.').map(str::as_bytes);
        let (Some(header), Some(payload), Some(signature)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Malformed);
        };
        match parts.count() {
            0 => {}
            2 if token.iter().all(|byte| base64url::is_letter(*byte) || *byte == b'.') => {
                return Err(JwsError::Encrypted);
            }
            _ => return Err(JwsError::Malformed),
        }
        // What base64url of `header_bytes` is long, rounded up.
        if header.len() > limits.header_bytes.saturating_mul(4).div_ceil(3) {
            return Err(JwsError::HeaderTooLarge);
        }
        let signed = header.len().saturating_add(1).saturating_add(payload.len());
        let signing_input = token.get(..signed).ok_or(JwsError::Malformed)?;

        // Three bytes for four characters, and room for the decoder's rounding.
        let mut decoded = Vec::with_capacity(token.len().div_ceil(4).saturating_mul(3));
        let mut append = |part: &[u8]| {
            base64url::decode_onto(part, &mut decoded).map_err(|_| JwsError::Malformed)?;
            Ok(decoded.len())
        };
        let payload_at = append(header)?;
        let signature_at = append(payload)?;
        append(signature)?;

        let header = Header::parse(decoded.get(..payload_at).unwrap_or_default())?;
        Ok(Self { header, signing_input, decoded, payload_at, signature_at })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, decoded.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.decoded.get(self.payload_at..self.signature_at).unwrap_or_default()
    }

    /// What is signed: header and payload as sent, with the dot between them.
    #[must_use]
    pub const fn signing_input(&self) -> &'a [u8] {
        self.signing_input
    }

    /// The signature, decoded.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.decoded.get(self.signature_at..).unwrap_or_default()
    }
}

impl std::fmt::Debug for CompactJws<'_> {
    /// Says nothing of the token but its algorithm.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CompactJws")
            .field("algorithm", &self.header.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
