//! Step 2: exactly one credential, in canonical form, in the one place where it belongs.

use crate::facts::{Facts, Once};
use crate::reason::Reason;

/// Finds the bearer token of a request (RFC 6750, section 2.1).
///
/// The scheme is compared without case (RFC 9110, section 11.1); after it comes exactly one space
/// and a token68, and nothing else. A token in the query or in a form body is refused wherever it
/// stands (RFC 6750, sections 2.2 and 2.3; RFC 9700, section 4.3.2).
pub fn bearer<'a>(facts: &Facts<'a>, token_bytes: usize) -> Result<&'a str, Reason> {
    let headers = &facts.headers;
    let in_query = facts.path.is_some_and(query_names_token);
    let in_form = form_names_token(facts);
    let shown = [headers.authorization.is_present(), in_query, in_form];
    let count = shown.iter().filter(|shown| **shown).count();
    if count > 1
        || [headers.authorization, headers.dpop, headers.forwarded_client_cert]
            .contains(&Once::Many)
    {
        return Err(Reason::CredentialMultiple);
    }
    if in_query {
        return Err(Reason::CredentialInQuery);
    }
    if in_form {
        return Err(Reason::CredentialInForm);
    }
    match headers.authorization {
        Once::Absent => Err(Reason::CredentialMissing),
        Once::Many => Err(Reason::CredentialMultiple),
        Once::One(value) => parse(value, token_bytes),
    }
}

fn parse(value: &[u8], token_bytes: usize) -> Result<&str, Reason> {
    // Gateways that fold headers join two of them with a comma, which no bearer token contains.
    if value.contains(&b',') {
        return Err(Reason::CredentialMultiple);
    }
    let text = std::str::from_utf8(value).map_err(|_| Reason::CredentialMalformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.is_empty() || !scheme.bytes().all(is_tchar) {
        return Err(Reason::CredentialMalformed);
    }
    if scheme.eq_ignore_ascii_case("DPoP") {
        return Err(Reason::BindingUnsupported);
    }
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Reason::SchemeUnsupported);
    }
    if token.len() > token_bytes {
        return Err(Reason::TokenTooLarge);
    }
    if is_token68(token) { Ok(token) } else { Err(Reason::CredentialMalformed) }
}

/// tchar of RFC 9110, section 5.6.2.
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// token68 of RFC 9110, section 11.2.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    // Every byte is looked at, whatever the one before: so the compiler takes many at a time.
    !body.is_empty() && body.bytes().fold(true, |fits, byte| fits & is_token68_byte(byte))
}

#[expect(clippy::needless_bitwise_bool, reason = "without a branch many bytes go at a time")]
const fn is_token68_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits stand in a row.
    let digit = byte.wrapping_sub(b'-') < 13;
    letter | digit | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

const PARAMETER: &[u8] = b"access_token";

fn query_names_token(path: &str) -> bool {
    path.split_once('?').is_some_and(|(_, query)| names_token(query.as_bytes()))
}

fn form_names_token(facts: &Facts<'_>) -> bool {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    let is_form = match facts.headers.content_type {
        Once::Absent => false,
        // Anywhere in it: a gateway that folds headers joins two kinds with a comma.
        Once::One(kind) => kind.windows(FORM.len()).any(|part| part.eq_ignore_ascii_case(FORM)),
        // Which of two the upstream reads cannot be known.
        Once::Many => true,
    };
    is_form && names_token(facts.body.bytes)
}

/// Whether a form-encoded string has a parameter of the name, however it is escaped. `;` separates
/// too, as some servers still read it.
fn names_token(form: &[u8]) -> bool {
    form.split(|byte| matches!(byte, b'&' | b';' | b'#' | b'?')).any(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        decodes_to(name, PARAMETER)
    })
}

/// Whether form-decoding `text` gives `expected`; stops at the first byte that differs.
fn decodes_to(text: &[u8], expected: &[u8]) -> bool {
    let mut rest = text;
    for want in expected {
        let have = match rest {
            [b'%', high, low, tail @ ..] => {
                rest = tail;
                hex(*high).zip(hex(*low)).map(|(high, low)| high.wrapping_mul(16) | low)
            }
            [byte, tail @ ..] => {
                rest = tail;
                Some(*byte)
            }
            [] => None,
        };
        if have != Some(*want) {
            return false;
        }
    }
    rest.is_empty()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{bearer, is_token68_byte};
    use crate::facts::{Body, Facts, Headers};
    use crate::reason::Reason::{
        BindingUnsupported, CredentialInForm, CredentialInQuery, CredentialMalformed,
        CredentialMissing, CredentialMultiple, SchemeUnsupported, TokenTooLarge,
    };

    fn facts<'a>(headers: &[(&'a str, &'a str)], path: &'a str, body: &'a str) -> Facts<'a> {
        let mut all = Headers::default();
        for (name, value) in headers {
            all.push(name, value.as_bytes());
        }
        Facts {
            path: Some(path),
            headers: all,
            body: Body { bytes: body.as_bytes() },
            ..Facts::default()
        }
    }

    // Attack 24: the canonical form is the only form.
    #[test]
    fn the_header_is_one_scheme_one_space_one_token68() {
        for (value, expected) in [
            ("Bearer a.b.c", Ok("a.b.c")),
            ("bearer a.b.c", Ok("a.b.c")),
            ("BEARER a.b.c", Ok("a.b.c")),
            ("Bearer", Err(CredentialMalformed)),
            ("Bearer ", Err(CredentialMalformed)),
            ("Bearer  a", Err(CredentialMalformed)),
            ("Bearer\ta", Err(CredentialMalformed)),
            ("Bearer \ta", Err(CredentialMalformed)),
            ("Bearer a ", Err(CredentialMalformed)),
            (" Bearer a", Err(CredentialMalformed)),
            ("Bearer a b", Err(CredentialMalformed)),
            ("Bearer a\u{0}", Err(CredentialMalformed)),
            ("Bearer \u{e9}", Err(CredentialMalformed)),
            ("Bearer =", Err(CredentialMalformed)),
            ("Bearer a=b", Err(CredentialMalformed)),
            ("", Err(CredentialMalformed)),
            ("Bearer a,Bearer b", Err(CredentialMultiple)),
            ("Bearer a, Bearer b", Err(CredentialMultiple)),
            ("Basic x,Bearer b", Err(CredentialMultiple)),
            ("Basic eDp5", Err(SchemeUnsupported)),
            ("DPoP a.b.c", Err(BindingUnsupported)),
            ("Bearer 0123456789012345678901234567890123", Err(TokenTooLarge)),
        ] {
            assert_eq!(
                bearer(&facts(&[("authorization", value)], "/", ""), 32),
                expected,
                "{value:?}"
            );
        }
        assert_eq!(bearer(&facts(&[], "/", ""), 32), Err(CredentialMissing));
    }

    #[test]
    fn the_bytes_of_a_token68_are_those_of_the_grammar() {
        for byte in 0..=u8::MAX {
            let listed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token68_byte(byte), listed, "{byte:#x}");
        }
    }

    // Attack 2: two of anything are never picked from.
    #[test]
    fn two_credentials_are_refused_wherever_they_stand() {
        let one = ("authorization", "Bearer a");
        for (case, headers, path) in [
            ("two headers", &[one, one][..], "/"),
            ("two spellings", &[one, ("Authorization", "Bearer a")], "/"),
            ("header and query", &[one], "/?access_token=a"),
            ("two proofs", &[one, ("dpop", "a"), ("dpop", "b")], "/"),
            (
                "two client certificates",
                &[one, ("x-forwarded-client-cert", "a"), ("x-forwarded-client-cert", "b")],
                "/",
            ),
        ] {
            assert_eq!(bearer(&facts(headers, path, ""), 32), Err(CredentialMultiple), "{case}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_found_in_every_spelling() {
        for (path, expected) in [
            ("/?access_token=a", Err(CredentialInQuery)),
            ("/?x=1&access_token=a", Err(CredentialInQuery)),
            ("/?x=1;access_token=a", Err(CredentialInQuery)),
            ("/?access_token", Err(CredentialInQuery)),
            ("/?access%5Ftoken=a", Err(CredentialInQuery)),
            ("/?%61ccess%5ftoken=a", Err(CredentialInQuery)),
            ("/?x?access_token=a", Err(CredentialInQuery)),
            ("/?access_tokens=a", Err(CredentialMissing)),
            ("/?x=access_token", Err(CredentialMissing)),
            ("/access_token=a", Err(CredentialMissing)),
            ("/?access%5", Err(CredentialMissing)),
        ] {
            assert_eq!(bearer(&facts(&[], path, ""), 32), expected, "{path}");
        }
    }

    #[test]
    fn a_token_in_a_form_is_found_only_in_a_form() {
        let form = ("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
        let json = ("content-type", "application/json");
        let folded = ("content-type", "application/json,application/x-www-form-urlencoded");
        let body = "a=b&access_token=x";
        assert_eq!(bearer(&facts(&[form], "/", body), 32), Err(CredentialInForm));
        assert_eq!(bearer(&facts(&[folded], "/", body), 32), Err(CredentialInForm));
        assert_eq!(bearer(&facts(&[json], "/", body), 32), Err(CredentialMissing));
        assert_eq!(
            bearer(&facts(&[form, ("authorization", "Bearer a")], "/", body), 32),
            Err(CredentialMultiple)
        );
    }
}
