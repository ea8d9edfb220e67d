//! The JOSE header of an access token (RFC 7515, section 4).

use super::algorithm::Algorithm;
use super::compact::JwsError;
use crate::json::{self, Limits, Object, Value};

/// What a decision reads of a JOSE header. All other members are ignored, above all those that
/// carry or point to a key (`jwk`, `jku`, `x5u`, `x5c`).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// `alg`: one that is supported, not yet one that the issuer or the key allows.
    pub algorithm: Algorithm,
    /// `kid`, at most [`Header::MAX_KID_BYTES`] long.
    pub kid: Option<String>,
    /// `typ`, as sent.
    pub typ: Option<String>,
}

impl Header {
    /// The longest `kid` that is read.
    pub const MAX_KID_BYTES: usize = 512;

    /// Reads the decoded header.
    ///
    /// The order is that of the reasons: encrypted, ill-formed, algorithm, critical extensions.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JwsError> {
        let header = json::parse_object(bytes, &LIMITS).map_err(JwsError::HeaderJson)?;
        // RFC 7516, section 9: `enc` is what tells a JWE from a JWS.
        if header.contains("enc") {
            return Err(JwsError::Encrypted);
        }
        let name = string(&header, "alg")?.ok_or(JwsError::HeaderMember("alg"))?;
        let kid = string(&header, "kid")?;
        if kid.is_some_and(|kid| kid.len() > Self::MAX_KID_BYTES) {
            return Err(JwsError::HeaderMember("kid"));
        }
        let typ = string(&header, "typ")?;
        let unencoded = match header.get("b64") {
            None | Some(Value::Bool(true)) => false,
            Some(Value::Bool(false)) => true,
            Some(_) => return Err(JwsError::HeaderMember("b64")),
        };
        let algorithm = match name {
            "Ed448" => return Err(JwsError::AlgorithmUnsupported),
            name => Algorithm::from_name(name).ok_or(JwsError::AlgorithmRefused)?,
        };
        // RFC 7515, section 4.1.11: no extension is understood here, so that every `crit` is
        // refused: one that names an extension for that, and any other as ill-formed.
        if unencoded || header.contains("crit") {
            return Err(JwsError::Critical);
        }
        Ok(Self { algorithm, kid: kid.map(str::to_owned), typ: typ.map(str::to_owned) })
    }
}

/// Wide enough for headers with certificate chains, which are passed over.
const LIMITS: Limits = Limits { bytes: usize::MAX, depth: 8, nodes: 256 };

fn string<'h>(header: &'h Object<'_>, name: &'static str) -> Result<Option<&'h str>, JwsError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwsError::HeaderMember(name)),
    }
}
