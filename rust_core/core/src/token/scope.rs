//! Does the token carry what the route demands? (RFC 6749, section 3.3)
//!
//! A scope grants itself alone: no prefix, wildcard or hierarchy is read into it.

use std::borrow::Cow;

use crate::budget::SCOPES;
use crate::json::Value;
use crate::reason::Reason;
use crate::snapshot::ScopeRule;

use super::Fault;

/// The scope tokens of an access token, in the token's order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scopes<'a>(Vec<Cow<'a, str>>);

impl Scopes<'_> {
    /// Whether the token carries exactly this scope.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|have| have == scope)
    }

    /// The scopes as RFC 6749 writes them: separated by one space.
    #[must_use]
    pub fn joined(&self) -> String {
        self.0.join(" ")
    }
}

/// Whether this is a scope-token: one or more of %x21 / %x23-5B / %x5D-7E.
#[must_use]
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Reads a scope claim: a string, or an array of scope tokens where `array` allows it.
///
/// An absent claim is a token without scopes (RFC 9068, section 2.2.3). An empty string is refused:
/// the grammar demands at least one scope-token.
pub fn read<'a>(
    claim: Option<&'a Value<'_>>,
    name: &'static str,
    array: bool,
) -> Result<Scopes<'a>, Fault> {
    let scopes: Vec<Cow<'a, str>> = match claim {
        None => return Ok(Scopes::default()),
        Some(Value::Null) => return Err(Fault::of(Reason::ClaimNull, name)),
        Some(Value::String(text)) => text.split(' ').map(Cow::Borrowed).collect(),
        Some(Value::Array(items)) if array => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(Cow::Borrowed(text.as_ref())),
                _ => Err(Fault::of(Reason::ClaimType, name)),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(Fault::of(Reason::ClaimType, name)),
    };
    if scopes.len() > SCOPES || !scopes.iter().all(|scope| is_scope_token(scope)) {
        return Err(Fault::of(Reason::ScopeMalformed, name));
    }
    Ok(Scopes(scopes))
}

/// Judges the token's scopes against what a route demands; no rule demands nothing.
pub fn judge(rule: Option<&ScopeRule>, scopes: &Scopes<'_>) -> Result<(), Reason> {
    let enough = match rule {
        None => true,
        Some(ScopeRule::All(needed)) => needed.iter().all(|scope| scopes.contains(scope)),
        Some(ScopeRule::Any(needed)) => needed.iter().any(|scope| scopes.contains(scope)),
    };
    if enough { Ok(()) } else { Err(Reason::ScopeInsufficient) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::{judge, read};
    use crate::budget::SCOPES;
    use crate::json::{Limits, parse};
    use crate::reason::Reason::{ClaimNull, ClaimType, ScopeInsufficient, ScopeMalformed};
    use crate::snapshot::ScopeRule;

    const LIMITS: Limits = Limits { bytes: 65_536, depth: 4, nodes: 1_024 };

    #[test]
    fn the_grammar_of_rfc_6749() {
        for (json, array, expected) in [
            (r#""a b""#, false, Ok("a b")),
            (r#""orders:read""#, false, Ok("orders:read")),
            (r#""""#, false, Err(ScopeMalformed)),
            (r#"" a""#, false, Err(ScopeMalformed)),
            (r#""a ""#, false, Err(ScopeMalformed)),
            (r#""a  b""#, false, Err(ScopeMalformed)),
            (r#""a\tb""#, false, Err(ScopeMalformed)),
            (r#""a\"b""#, false, Err(ScopeMalformed)),
            (r#""a\\b""#, false, Err(ScopeMalformed)),
            (r#""é""#, false, Err(ScopeMalformed)),
            ("null", false, Err(ClaimNull)),
            ("1", false, Err(ClaimType)),
            (r#"["a","b"]"#, false, Err(ClaimType)),
            (r#"["a","b"]"#, true, Ok("a b")),
            ("[]", true, Ok("")),
            (r#"["a b"]"#, true, Err(ScopeMalformed)),
            (r#"["a",1]"#, true, Err(ClaimType)),
            (r#"[""]"#, true, Err(ScopeMalformed)),
        ] {
            let value = parse(json.as_bytes(), &LIMITS).unwrap();
            let read = read(Some(&value), "scope", array);
            assert_eq!(
                read.map(|scopes| scopes.joined()).map_err(|fault| fault.reason),
                expected.map(str::to_owned),
                "{json}"
            );
        }
        let many = format!("\"{}\"", vec!["a"; SCOPES + 1].join(" "));
        let value = parse(many.as_bytes(), &LIMITS).unwrap();
        assert_eq!(read(Some(&value), "scope", false).unwrap_err().reason, ScopeMalformed);
        assert_eq!(read(None, "scope", false).unwrap().joined(), "");
    }

    #[test]
    fn a_scope_grants_itself_alone() {
        let rule = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        for (case, have, rule, expected) in [
            ("nothing asked", "a", None, Ok(())),
            ("all of", "a b c", Some(ScopeRule::All(rule(&["a", "c"]))), Ok(())),
            ("one short", "a b", Some(ScopeRule::All(rule(&["a", "c"]))), Err(ScopeInsufficient)),
            ("any of", "b", Some(ScopeRule::Any(rule(&["a", "b"]))), Ok(())),
            ("none of", "c", Some(ScopeRule::Any(rule(&["a", "b"]))), Err(ScopeInsufficient)),
            ("any of nothing", "c", Some(ScopeRule::Any(vec![])), Err(ScopeInsufficient)),
            (
                "prefix",
                "orders",
                Some(ScopeRule::All(rule(&["orders:read"]))),
                Err(ScopeInsufficient),
            ),
            (
                "wildcard",
                "orders:*",
                Some(ScopeRule::All(rule(&["orders:read"]))),
                Err(ScopeInsufficient),
            ),
            (
                "case",
                "Orders:read",
                Some(ScopeRule::All(rule(&["orders:read"]))),
                Err(ScopeInsufficient),
            ),
            (
                "admin",
                "admin",
                Some(ScopeRule::All(rule(&["orders:read"]))),
                Err(ScopeInsufficient),
            ),
        ] {
            let json = format!("\"{have}\"");
            let value = parse(json.as_bytes(), &LIMITS).unwrap();
            let scopes = read(Some(&value), "scope", false).unwrap();
            assert_eq!(judge(rule.as_ref(), &scopes), expected, "{case}");
        }
    }
}
