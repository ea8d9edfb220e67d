//! One JSON Web Key (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).

use aws_lc_rs::digest::{SHA256, digest};

use super::algorithm::Algorithm;
use super::base64url;
use super::ed25519_points::{self, PointFault};
use super::header::Header;
use super::key::{Key, KeyKind};
use super::key_set::{KeyFault, SkipReason};
use super::rsa_numbers;
use super::verify::Verifier;
use crate::json::{Object, Value};

/// What came of a JWK that is no fault.
pub(super) enum Read {
    Usable(Box<Key>),
    Skipped(SkipReason),
}

/// The `kid`, if it is one that can be named.
pub(super) fn kid<'j>(jwk: &'j Object<'_>) -> Result<Option<&'j str>, KeyFault> {
    let kid = string(jwk, "kid")?;
    match kid {
        Some(kid) if kid.len() > Header::MAX_KID_BYTES => Err(KeyFault::Member("kid")),
        kid => Ok(kid),
    }
}

/// Reads one JWK. What proves carelessness with secrets is judged before anything is skipped;
/// members that point to or carry certificates (`x5u`, `x5c`, `x5t`) are not looked at.
pub(super) fn read(jwk: &Object<'_>) -> Result<Read, KeyFault> {
    let kty = string(jwk, "kty")?.ok_or(KeyFault::Member("kty"))?;
    if kty == "oct" || jwk.iter().any(|(name, _)| SECRET_MEMBERS.contains(&name)) {
        return Err(KeyFault::SecretMaterial);
    }
    let kid = kid(jwk)?;
    let algorithm = match may_verify(jwk)? {
        Ok(algorithm) => algorithm,
        Err(skip) => return Ok(Read::Skipped(skip)),
    };
    let parts = match kty {
        "RSA" => Ok(rsa(jwk, algorithm)?),
        "EC" => elliptic(jwk)?,
        "OKP" => octet(jwk)?,
        _ => Err(SkipReason::KeyType),
    };
    let Parts { kind, verifier, thumbprint } = match parts {
        Ok(parts) => parts,
        Err(skip) => return Ok(Read::Skipped(skip)),
    };
    if algorithm.is_some_and(|algorithm| !verifier.fits(algorithm)) {
        return Err(KeyFault::AlgorithmConflict);
    }
    let kid = kid.map(str::to_owned);
    Ok(Read::Usable(Box::new(Key { kid, algorithm, kind, thumbprint, verifier })))
}

/// Members that hold private or symmetric material in any key type (RFC 7518, sections 6.2.2,
/// 6.3.2 and 6.4.1; RFC 8037; `priv` of the types registered since).
const SECRET_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// Operations that have nothing to do with signatures: a key for both is used for neither.
const OTHER_OPERATIONS: [&str; 6] =
    ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];

struct Parts {
    kind: KeyKind,
    verifier: Verifier,
    thumbprint: String,
}

/// Judges `use`, `key_ops` and `alg`; gives the `alg` if there is one.
fn may_verify(jwk: &Object<'_>) -> Result<Result<Option<Algorithm>, SkipReason>, KeyFault> {
    if string(jwk, "use")?.is_some_and(|name| name != "sig") {
        return Ok(Err(SkipReason::Use));
    }
    if let Some(operations) = jwk.get("key_ops") {
        let operations: Vec<&str> = operations
            .as_array()
            .and_then(|names| names.iter().map(Value::as_str).collect())
            .ok_or(KeyFault::Member("key_ops"))?;
        let mut sorted = operations.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(KeyFault::Member("key_ops"));
        }
        let other = operations.iter().any(|name| OTHER_OPERATIONS.contains(name));
        if other || !operations.contains(&"verify") {
            return Ok(Err(SkipReason::Operations));
        }
    }
    match string(jwk, "alg")? {
        None => Ok(Ok(None)),
        Some("Ed448") => Ok(Err(SkipReason::Ed448)),
        Some(name) => Ok(Algorithm::from_name(name).map(Some).ok_or(SkipReason::Algorithm)),
    }
}

fn rsa(jwk: &Object<'_>, algorithm: Option<Algorithm>) -> Result<Parts, KeyFault> {
    let modulus = bytes(jwk, "n")?;
    let exponent = bytes(jwk, "e")?;
    let bits = rsa_numbers::judge(&modulus, &exponent)?;
    let allowed = Algorithm::ALL.iter().copied().filter(|a| algorithm.is_none_or(|one| one == *a));
    let verifier = Verifier::rsa(&modulus, &exponent, allowed).map_err(|_| KeyFault::RsaNumbers)?;
    let thumbprint = thumbprint(jwk, &["e", "kty", "n"])?;
    Ok(Parts { kind: KeyKind::Rsa { bits }, verifier, thumbprint })
}

fn elliptic(jwk: &Object<'_>) -> Result<Result<Parts, SkipReason>, KeyFault> {
    let (kind, algorithm, coordinate_bytes) =
        match string(jwk, "crv")?.ok_or(KeyFault::Member("crv"))? {
            "P-256" => (KeyKind::P256, Algorithm::Es256, 32),
            "P-384" => (KeyKind::P384, Algorithm::Es384, 48),
            "P-521" => (KeyKind::P521, Algorithm::Es512, 66),
            _ => return Ok(Err(SkipReason::Curve)),
        };
    // RFC 7518, section 6.2.1.2: each coordinate in full length. SEC 1, section 2.3.3: 0x04 stands
    // before an uncompressed point.
    let mut point = vec![0x04];
    for name in ["x", "y"] {
        let coordinate = bytes(jwk, name)?;
        if coordinate.len() != coordinate_bytes {
            return Err(KeyFault::Member(name));
        }
        point.extend_from_slice(&coordinate);
    }
    let verifier = Verifier::ecdsa(&point, algorithm).map_err(|_| KeyFault::NotOnCurve)?;
    let thumbprint = thumbprint(jwk, &["crv", "kty", "x", "y"])?;
    Ok(Ok(Parts { kind, verifier, thumbprint }))
}

fn octet(jwk: &Object<'_>) -> Result<Result<Parts, SkipReason>, KeyFault> {
    match string(jwk, "crv")?.ok_or(KeyFault::Member("crv"))? {
        "Ed25519" => {}
        "Ed448" => return Ok(Err(SkipReason::Ed448)),
        _ => return Ok(Err(SkipReason::Curve)),
    }
    let point: [u8; 32] = bytes(jwk, "x")?.try_into().map_err(|_| KeyFault::Member("x"))?;
    ed25519_points::judge(&point).map_err(|fault| match fault {
        PointFault::NotCanonical => KeyFault::NotCanonical,
        PointFault::SmallOrder => KeyFault::SmallOrder,
        PointFault::NotOnCurve => KeyFault::NotOnCurve,
    })?;
    let verifier = Verifier::ed25519(&point).map_err(|_| KeyFault::NotOnCurve)?;
    let thumbprint = thumbprint(jwk, &["crv", "kty", "x"])?;
    Ok(Ok(Parts { kind: KeyKind::Ed25519, verifier, thumbprint }))
}

/// RFC 7638, section 3: the required members in the order of their names, without white space.
/// Their values are words of ASCII letters, digits, `-` and `_` by now, which need no escaping.
fn thumbprint(jwk: &Object<'_>, names: &[&'static str]) -> Result<String, KeyFault> {
    let mut text = String::new();
    for name in names {
        let value = string(jwk, name)?.ok_or(KeyFault::Member(name))?;
        text.push_str(if text.is_empty() { "{\"" } else { ",\"" });
        text.extend([*name, "\":\"", value, "\""]);
    }
    text.push('}');
    Ok(base64url::encode(digest(&SHA256, text.as_bytes()).as_ref()))
}

fn bytes(jwk: &Object<'_>, name: &'static str) -> Result<Vec<u8>, KeyFault> {
    let text = string(jwk, name)?.ok_or(KeyFault::Member(name))?;
    base64url::decode(text.as_bytes()).map_err(|_| KeyFault::Member(name))
}

fn string<'j>(jwk: &'j Object<'_>, name: &'static str) -> Result<Option<&'j str>, KeyFault> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(KeyFault::Member(name)),
    }
}
