//! From a strict JSON object to the claims of an access token (RFC 9068, section 2.2; RFC 7519,
//! section 4.1).
//!
//! Every claim that a decision reads has one JSON type. Absent, null, another type and a value out
//! of bounds each have a reason of their own, and the name of the claim goes with it.

use crate::budget::{AUDIENCES, IDENTITY_BYTES};
use crate::json::{Number, Object, Value};
use crate::reason::Reason;
use crate::snapshot::Profile;

use super::Fault;
use super::lifetime::{Date, Dates, LATEST_S};

/// The values of `aud`, all of them strings.
#[derive(Clone, Copy, Debug)]
pub enum Audiences<'a> {
    /// A single string.
    One(&'a str),
    /// An array of strings.
    Several(&'a [Value<'a>]),
}

impl<'a> Audiences<'a> {
    /// The values in the token's order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let (one, several) = match *self {
            Self::One(value) => (Some(value), &[][..]),
            Self::Several(values) => (None, values),
        };
        one.into_iter().chain(several.iter().filter_map(|value| match value {
            Value::String(text) => Some(text.as_ref()),
            _ => None,
        }))
    }
}

/// The claims that later steps judge.
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    /// `sub`; a `legacy` issuer may leave it out.
    pub subject: Option<&'a str>,
    /// The client, under whatever name the profile states.
    pub client: &'a str,
    /// `exp`, `iat`, `nbf`.
    pub dates: Dates,
    /// `aud`.
    pub audiences: Audiences<'a>,
    /// The scope claim, not read yet, and its name.
    pub scope: Option<&'a Value<'a>>,
    /// The name under which the scope claim was looked for.
    pub scope_name: &'static str,
    /// Whether the scope claim may be an array.
    pub scope_array: bool,
    /// Whether the token asks for proof of possession (`cnf`, RFC 7800).
    pub bound: bool,
    /// Whether the token names a status list (`status`).
    pub status: bool,
}

/// Claims that only other kinds of token carry: ID tokens (OpenID Connect Core, sections 2 and
/// 3.3.2.11), and logout and event tokens (RFC 8417).
const FOREIGN: [&str; 4] = ["at_hash", "c_hash", "s_hash", "events"];

/// Payload `typ` values of tokens that must never pass as access tokens, as Keycloak writes them.
const FOREIGN_TYPES: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];

/// The claim names that a `legacy` profile may state for the client.
pub const CLIENT_CLAIMS: [&str; 4] = ["client_id", "azp", "cid", "appid"];

/// The claim names that a `legacy` profile may state for the scope.
pub const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];

/// Reads `iss`, which decides whose keys and which profile judge the rest.
pub fn issuer<'a>(claims: &'a Object<'_>) -> Result<&'a str, Fault> {
    text(claims, "iss")?.ok_or(Fault::of(Reason::ClaimAbsent, "iss"))
}

/// Reads all other claims under a profile.
pub fn read<'a>(claims: &'a Object<'a>, profile: &Profile) -> Result<Claims<'a>, Fault> {
    refuse_foreign(claims)?;
    let (client_name, scope_name) = match profile {
        Profile::Rfc9068 => ("client_id", "scope"),
        Profile::Legacy { client, scope, marker } => {
            for (name, expected) in marker {
                if claims.get(name) != Some(&Value::String(expected.as_str().into())) {
                    return Err(Reason::NotAccessToken.into());
                }
            }
            (known(&CLIENT_CLAIMS, client)?, known(&SCOPE_CLAIMS, scope)?)
        }
    };
    let strict = matches!(profile, Profile::Rfc9068);
    let dates = Dates {
        expires: required(date(claims, "exp")?, "exp")?,
        issued: required(date(claims, "iat")?, "iat")?,
        not_before: date(claims, "nbf")?,
    };
    let audiences = audiences(claims)?;
    let subject = text(claims, "sub")?;
    let jti = text(claims, "jti")?;
    if strict {
        required(subject, "sub")?;
        required(jti, "jti")?;
    }
    let client = required(text(claims, client_name)?, client_name)?;
    for other in ["client_id", "azp"] {
        if text(claims, other)?.is_some_and(|other| other != client) {
            return Err(Reason::ClientConflict.into());
        }
    }
    Ok(Claims {
        subject,
        client,
        dates,
        audiences,
        scope: claims.get(scope_name),
        scope_name,
        scope_array: scope_name == "scp",
        bound: claims.get("cnf").is_some(),
        status: claims.get("status").is_some(),
    })
}

fn refuse_foreign(claims: &Object<'_>) -> Result<(), Fault> {
    if FOREIGN.iter().any(|name| claims.get(name).is_some()) {
        return Err(Reason::NotAccessToken.into());
    }
    match claims.get("typ") {
        Some(Value::String(kind))
            if FOREIGN_TYPES.iter().any(|foreign| kind.eq_ignore_ascii_case(foreign)) =>
        {
            Err(Reason::NotAccessToken.into())
        }
        _ => Ok(()),
    }
}

/// The name as one of a closed list, so that it may stand in a reason for as long as it likes.
fn known(list: &[&'static str], name: &str) -> Result<&'static str, Fault> {
    list.iter().copied().find(|known| *known == name).ok_or(Fault::from(Reason::Internal))
}

fn required<T>(value: Option<T>, name: &'static str) -> Result<T, Fault> {
    value.ok_or(Fault::of(Reason::ClaimAbsent, name))
}

/// A claim that is a non-empty string of bounded length, where it is there.
fn text<'a>(claims: &'a Object<'_>, name: &'static str) -> Result<Option<&'a str>, Fault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() || text.len() > IDENTITY_BYTES => {
            Err(Fault::of(Reason::ClaimValue, name))
        }
        Some(Value::String(text)) => Ok(Some(text.as_ref())),
        Some(Value::Null) => Err(Fault::of(Reason::ClaimNull, name)),
        Some(_) => Err(Fault::of(Reason::ClaimType, name)),
    }
}

/// A `NumericDate` (RFC 7519, section 2): a finite number from the epoch to the year 9999.
fn date(claims: &Object<'_>, name: &'static str) -> Result<Option<Date>, Fault> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(Value::Null) => return Err(Fault::of(Reason::ClaimNull, name)),
        Some(_) => return Err(Fault::of(Reason::ClaimType, name)),
    };
    let date = match *number {
        Number::Int(second) => Some(Date { floor_s: second, ceil_s: second }),
        Number::Float(second) => from_float(second),
    };
    match date {
        Some(date) if date.floor_s >= 0 && date.ceil_s <= LATEST_S => Ok(Some(date)),
        _ => Err(Fault::of(Reason::ClaimValue, name)),
    }
}

fn from_float(second: f64) -> Option<Date> {
    // Far inside what an f64 holds exactly, so the conversions below lose nothing.
    const LATEST: f64 = 253_402_300_799.0;
    if !(0.0..=LATEST).contains(&second) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was judged the line before")]
    Some(Date { floor_s: second.floor() as i64, ceil_s: second.ceil() as i64 })
}

fn audiences<'a>(claims: &'a Object<'a>) -> Result<Audiences<'a>, Fault> {
    const NAME: &str = "aud";
    match claims.get(NAME) {
        None => Err(Fault::of(Reason::ClaimAbsent, NAME)),
        Some(Value::Null) => Err(Fault::of(Reason::ClaimNull, NAME)),
        Some(Value::String(value)) if value.is_empty() => Err(Fault::of(Reason::ClaimValue, NAME)),
        Some(Value::String(value)) => Ok(Audiences::One(value)),
        Some(Value::Array(values)) => {
            if values.is_empty() || values.len() > AUDIENCES {
                return Err(Fault::of(Reason::ClaimValue, NAME));
            }
            for value in values {
                match value {
                    Value::String(text) if text.is_empty() => {
                        return Err(Fault::of(Reason::ClaimValue, NAME));
                    }
                    Value::String(_) => {}
                    _ => return Err(Fault::of(Reason::ClaimType, NAME)),
                }
            }
            Ok(Audiences::Several(values))
        }
        Some(_) => Err(Fault::of(Reason::ClaimType, NAME)),
    }
}
