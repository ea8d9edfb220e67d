#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use proptest::prelude::*;

use super::{CompactJws, JwsError, JwsLimits};
use crate::jose::{Algorithm, base64url};
use crate::json::JsonError;
use crate::reason::Reason;

/// A token with this header, the payload `{}` and a signature of one byte.
fn token(header: &str) -> String {
    format!("{}.e30.AA", base64url::encode(header.as_bytes()))
}

fn refused(token: &str) -> JwsError {
    CompactJws::parse(token.as_bytes(), &JwsLimits::default()).expect_err(token)
}

#[test]
fn a_token_is_taken_apart() {
    let text = token(r#"{"alg":"ES256","kid":"k1","typ":"at+jwt","x5c":["a"],"jku":1,"jwk":{}}"#);
    let jws = CompactJws::parse(text.as_bytes(), &JwsLimits::default()).unwrap();
    assert_eq!(jws.header().algorithm, Algorithm::Es256);
    assert_eq!(jws.header().kid.as_deref(), Some("k1"));
    assert_eq!(jws.header().typ.as_deref(), Some("at+jwt"));
    assert_eq!(jws.payload(), b"{}");
    assert_eq!(jws.signature(), [0]);
    assert_eq!(jws.signing_input(), text.strip_suffix(".AA").unwrap().as_bytes());
}

#[test]
fn empty_parts_are_parts() {
    let header = base64url::encode(br#"{"alg":"EdDSA"}"#);
    let text = format!("{header}..");
    let jws = CompactJws::parse(text.as_bytes(), &JwsLimits::default()).unwrap();
    assert_eq!(jws.header().algorithm, Algorithm::Ed25519);
    assert_eq!((jws.header().kid.as_ref(), jws.header().typ.as_ref()), (None, None));
    assert!(jws.payload().is_empty() && jws.signature().is_empty());
    assert_eq!(jws.signing_input(), format!("{header}.").as_bytes());
}

/// Attack 24: a token has one form.
#[test]
fn other_forms_of_a_token_are_malformed() {
    let good = token(r#"{"alg":"RS256"}"#);
    let header = base64url::encode(br#"{"alg":"RS256"}"#);
    for text in [
        String::new(),
        ".".to_owned(),
        "a".to_owned(),
        header.clone(),
        format!("{header}.e30"),
        format!("{header}.e30.AA."),
        format!("{header}.e30.AA..").replace("..", ".AA.AA.AA"),
        format!(".{good}"),
        format!("{good}="),
        format!("{header}=.e30.AA"),
        format!("{header}.e30=.AA"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header}. e30.AA"),
        format!("{header}.e31.AA"),
        format!("{header}.e30.AB"),
        format!("{header}.e30.A"),
        format!("{header}.e3+.AA"),
        format!("{header}.e3/.AA"),
        format!("{header}.\u{e9}.AA"),
        format!("{header},e30,AA"),
    ] {
        assert_eq!(refused(&text), JwsError::Malformed, "{text:?}");
    }
    // Two dots in a row make an empty payload, and one more part than the three that are allowed.
    assert_eq!(refused(&format!("{header}..e30.AA")), JwsError::Malformed);
    // An empty header is canonical base64url and no JSON.
    assert_eq!(refused(".e30.AA"), JwsError::HeaderJson(JsonError::Syntax));
}

#[test]
fn an_encrypted_token_is_told_apart() {
    assert_eq!(refused("a.b.c.d.e"), JwsError::Encrypted);
    assert_eq!(refused("...."), JwsError::Encrypted);
    // Five parts of anything else are nothing at all.
    assert_eq!(refused(r#"{"a":"b.c.d.e.f"}"#), JwsError::Malformed);
    assert_eq!(refused("a.b.c.d.e="), JwsError::Malformed);
    for header in [
        r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#,
        r#"{"alg":"RS256","enc":null}"#,
        r#"{"enc":"A256GCM"}"#,
    ] {
        assert_eq!(refused(&token(header)), JwsError::Encrypted, "{header}");
    }
    assert_eq!(JwsError::Encrypted.reason(), Reason::TokenEncrypted);
}

/// Attack 9, for the header: every member × every JSON type.
#[test]
fn header_members_have_exactly_one_type() {
    for value in ["null", "true", "1", "1.5", "[]", "[\"RS256\"]", "{}"] {
        for (header, member) in [
            (format!("{{\"alg\":{value}}}"), "alg"),
            (format!("{{\"alg\":\"RS256\",\"kid\":{value}}}"), "kid"),
            (format!("{{\"alg\":\"RS256\",\"typ\":{value}}}"), "typ"),
        ] {
            assert_eq!(refused(&token(&header)), JwsError::HeaderMember(member), "{header}");
        }
    }
    for value in ["null", "\"false\"", "0", "[]", "{}"] {
        let header = format!("{{\"alg\":\"RS256\",\"b64\":{value}}}");
        assert_eq!(refused(&token(&header)), JwsError::HeaderMember("b64"), "{header}");
    }
    assert_eq!(refused(&token("{}")), JwsError::HeaderMember("alg"));
    let long =
        |length: usize| token(&format!("{{\"alg\":\"RS256\",\"kid\":\"{}\"}}", "k".repeat(length)));
    assert!(CompactJws::parse(long(512).as_bytes(), &JwsLimits::default()).is_ok());
    assert_eq!(refused(&long(513)), JwsError::HeaderMember("kid"));
}

#[test]
fn the_header_is_one_strict_object() {
    for (header, fault) in [
        ("", JsonError::Syntax),
        ("null", JsonError::NotAnObject),
        ("[]", JsonError::NotAnObject),
        ("\"alg\"", JsonError::NotAnObject),
        (r#"{"alg":"RS256"}x"#, JsonError::Syntax),
        (r#"{"alg":"RS256",}"#, JsonError::Syntax),
        ("\u{feff}{\"alg\":\"RS256\"}", JsonError::Syntax),
        (r#"{"alg":"RS256","alg":"none"}"#, JsonError::DuplicateName),
        (r#"{"alg":"RS256","\u0061lg":"RS256"}"#, JsonError::DuplicateName),
        (r#"{"alg":"RS256","jwk":{"a":1,"a":1}}"#, JsonError::DuplicateName),
        (r#"{"alg":"RS256","a":[[[[[[[[1]]]]]]]]}"#, JsonError::TooDeep),
        (r#"{"alg":"RS256","a":NaN}"#, JsonError::Syntax),
    ] {
        assert_eq!(refused(&token(header)), JwsError::HeaderJson(fault), "{header}");
    }
    let many = format!("{{\"alg\":\"RS256\",\"a\":[{}0]}}", "0,".repeat(300));
    assert_eq!(refused(&token(&many)), JwsError::HeaderJson(JsonError::TooManyNodes));
    assert_eq!(JwsError::HeaderJson(JsonError::Syntax).reason(), Reason::HeaderMalformed);
}

/// Attack 13: `none` in any spelling, symmetric and unknown algorithms.
#[test]
fn algorithms_that_no_issuer_can_be_given_are_refused() {
    for name in [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none ",
        "",
        "HS256",
        "HS384",
        "HS512",
        "hs256",
        "rs256",
        "RS256 ",
        "RS1",
        "ES256K",
        "RSA-OAEP",
        "dir",
        "ML-DSA-44",
        "Ed25519ph",
        "eddsa",
        "RS256\\u0000",
    ] {
        let header = format!("{{\"alg\":\"{name}\"}}");
        assert_eq!(refused(&token(&header)), JwsError::AlgorithmRefused, "{header}");
    }
    assert_eq!(refused(&token(r#"{"alg":"Ed448"}"#)), JwsError::AlgorithmUnsupported);
    assert_eq!(JwsError::AlgorithmRefused.reason(), Reason::AlgorithmRefused);
    assert_eq!(JwsError::AlgorithmUnsupported.reason(), Reason::AlgorithmUnsupported);
}

/// Attack 10: `crit` in every form, and RFC 7797.
#[test]
fn critical_extensions_are_refused_in_every_form() {
    for members in [
        r#""crit":["exp"]"#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["x","x"],"x":1"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"b64""#,
        r#""crit":{}"#,
        r#""crit":false"#,
        r#""crit":[1]"#,
        r#""crit":["alg"]"#,
        r#""crit":["crit"]"#,
        r#""crit":["b64"]"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
    ] {
        let header = format!("{{\"alg\":\"RS256\",{members}}}");
        assert_eq!(refused(&token(&header)), JwsError::Critical, "{header}");
    }
    // True is what holds without the member (RFC 7797, section 3).
    let header = token(r#"{"alg":"RS256","b64":true}"#);
    assert!(CompactJws::parse(header.as_bytes(), &JwsLimits::default()).is_ok());
    assert_eq!(JwsError::Critical.reason(), Reason::CriticalRefused);
}

/// Attack 12: size is judged before any decoding.
#[test]
fn sizes_are_judged_first_and_inclusively() {
    let limits = JwsLimits { token_bytes: 100, header_bytes: 60 };
    let header = base64url::encode(br#"{"alg":"RS256"}"#);
    let of_length = |length: usize| {
        let start = format!("{header}.");
        let payload = "A".repeat(length - start.len() - 1);
        format!("{start}{payload}.")
    };
    assert!(CompactJws::parse(of_length(100).as_bytes(), &limits).is_ok());
    let too_long = CompactJws::parse(of_length(101).as_bytes(), &limits).unwrap_err();
    assert_eq!(too_long, JwsError::TooLarge);
    // Garbage of any kind is too large before it is garbage.
    assert_eq!(CompactJws::parse(&[b'.'; 101], &limits).unwrap_err(), JwsError::TooLarge);
    assert_eq!(too_long.reason(), Reason::TokenTooLarge);

    let header_of = |length: usize| {
        let filler = "x".repeat(length - r#"{"alg":"RS256","":""}"#.len());
        token(&format!("{{\"alg\":\"RS256\",\"\":\"{filler}\"}}"))
    };
    assert!(CompactJws::parse(header_of(60).as_bytes(), &limits).is_ok());
    let fault = CompactJws::parse(header_of(61).as_bytes(), &limits).unwrap_err();
    assert_eq!(fault, JwsError::HeaderTooLarge);
    assert_eq!(fault.reason(), Reason::HeaderMalformed);
    let megabyte = "A".repeat(1 << 20);
    assert_eq!(refused(&format!("{megabyte}.e30.AA")), JwsError::TooLarge);
}

#[test]
fn what_is_printed_of_a_token_is_not_of_the_token() {
    let text = token(r#"{"alg":"RS256","kid":"secret-kid"}"#);
    let jws = CompactJws::parse(text.as_bytes(), &JwsLimits::default()).unwrap();
    assert_eq!(format!("{jws:?}"), "CompactJws { algorithm: Rs256, .. }");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CompactJws::parse(&bytes, &JwsLimits::default());
    }

    #[test]
    fn what_is_accepted_has_one_form(
        header in r#"\{"alg":"(RS256|ES256|EdDSA|none)"(,"kid":"[a-z]{0,3}")?\}"#,
        rest in "[A-Za-z0-9_=.-]{0,24}",
    ) {
        let text = format!("{}.{rest}", base64url::encode(header.as_bytes()));
        if let Ok(jws) = CompactJws::parse(text.as_bytes(), &JwsLimits::default()) {
            let again = format!(
                "{}.{}.{}",
                base64url::encode(header.as_bytes()),
                base64url::encode(jws.payload()),
                base64url::encode(jws.signature()),
            );
            prop_assert_eq!(again, text);
        }
    }
}
