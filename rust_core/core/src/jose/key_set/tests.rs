#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{KeyFault, KeyName, KeySet, KeySetError, NotOne, SkipReason};
use crate::jose::{Algorithm, KeyKind, base64url};
use crate::json::JsonError;

/// RFC 7517, appendix A.1, without its `use`.
fn p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

/// RFC 8037, appendix A.2.
fn ed25519() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

/// A number of so many bits that is odd and not a power of 65537: enough to be read as a modulus.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; bits.div_ceil(8)];
    let top = bytes.first_mut().unwrap();
    *top = 1 << ((bits - 1) % 8);
    *bytes.last_mut().unwrap() = 0x5b;
    bytes
}

fn rsa_of(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "n": base64url::encode(modulus), "e": base64url::encode(exponent)})
}

fn rsa() -> Value {
    rsa_of(&modulus(2048), &[1, 0, 1])
}

fn with(mut key: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    key.as_object_mut().unwrap().extend(members);
    key
}

fn without(mut key: Value, member: &str) -> Value {
    key.as_object_mut().unwrap().remove(member).unwrap();
    key
}

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
}

/// The fault of the first key, with a good key behind it that must not save the set.
fn fault_of(key: &Value) -> KeyFault {
    match parse(&[key.clone(), with(p256(), json!({"kid": "good"}))]) {
        Err(KeySetError::Key { key: KeyName::Index(0), fault }) => fault,
        found => panic!("{key}: {found:?}"),
    }
}

/// Why the first key was skipped; alone it must leave no set.
fn skip_of(key: &Value) -> SkipReason {
    let alone = parse(std::slice::from_ref(key)).unwrap_err();
    assert_eq!(alone, KeySetError::NoneUsable { skipped: 1 }, "{key}");
    let set = parse(&[with(key.clone(), json!({"kid": "odd"})), p256()]).unwrap();
    assert_eq!(set.keys().len(), 1);
    assert!(set.find("odd").is_none());
    let skipped = set.find_skipped("odd").unwrap();
    assert_eq!(skipped.index, 0);
    skipped.why
}

#[test]
fn keys_of_every_kind_are_read() {
    let set = parse(&[
        with(rsa(), json!({"kid": "r", "use": "sig", "x5c": ["!"], "x5u": 1, "unknown": {}})),
        with(rsa(), json!({"kid": "ps", "alg": "PS256", "key_ops": ["verify"]})),
        with(p256(), json!({"kid": "e", "key_ops": ["sign", "verify"], "use": "sig"})),
        with(ed25519(), json!({"kid": "ed", "alg": "EdDSA"})),
    ])
    .unwrap();
    let kinds: Vec<_> = set.keys().iter().map(|key| key.kind().to_string()).collect();
    assert_eq!(kinds, ["RSA 2048", "RSA 2048", "P-256", "Ed25519"]);
    let fitting = |kid: &str| -> Vec<&str> {
        let key = set.find(kid).unwrap();
        Algorithm::ALL.iter().filter(|a| key.fits(**a)).map(|a| a.name()).collect()
    };
    assert_eq!(fitting("r"), ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
    assert_eq!(fitting("ps"), ["PS256"]);
    assert_eq!(fitting("e"), ["ES256"]);
    assert_eq!(fitting("ed"), ["Ed25519"]);
    assert_eq!(set.find("ed").unwrap().algorithm(), Some(Algorithm::Ed25519));
    assert_eq!(set.find("e").unwrap().algorithm(), None);
    assert!(set.find("R").is_none() && set.find("").is_none());

    assert_eq!(set.the_only_one_for(Algorithm::Es256).unwrap().kid(), Some("e"));
    assert_eq!(set.the_only_one_for(Algorithm::Rs256).unwrap().kid(), Some("r"));
    assert_eq!(set.the_only_one_for(Algorithm::Ps256).unwrap_err(), NotOne::Several);
    assert_eq!(set.the_only_one_for(Algorithm::Es384).unwrap_err(), NotOne::None);
}

#[test]
fn both_names_of_ed25519_are_one() {
    for name in ["EdDSA", "Ed25519"] {
        let set = parse(&[with(ed25519(), json!({"alg": name}))]).unwrap();
        assert!(set.the_only_one_for(Algorithm::Ed25519).is_ok(), "{name}");
    }
}

#[test]
fn thumbprints_are_those_of_the_standards() {
    let set = parse(&[ed25519()]).unwrap();
    // RFC 8037, appendix A.3.
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(set.keys().first().unwrap().thumbprint(), expected);
}

/// Attack 14: secrets in a published set refuse it, whatever the key is for.
#[test]
fn secret_material_refuses_the_set() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        for value in [json!("AA"), json!(null), json!([])] {
            for key in [rsa(), p256(), ed25519(), json!({"kty": "new"})] {
                let key = with(key, json!({member: value}));
                assert_eq!(fault_of(&key), KeyFault::SecretMaterial, "{key}");
                let key = with(key, json!({"use": "enc"}));
                assert_eq!(fault_of(&key), KeyFault::SecretMaterial, "{key}");
            }
        }
    }
    assert_eq!(fault_of(&json!({"kty": "oct"})), KeyFault::SecretMaterial);
    assert_eq!(fault_of(&json!({"kty": "oct", "k": "AA"})), KeyFault::SecretMaterial);
}

#[test]
fn the_key_at_fault_is_named() {
    let bad = with(rsa(), json!({"kid": "a\nb", "d": "AA"}));
    let message = parse(&[p256(), bad]).unwrap_err().to_string();
    assert_eq!(
        message,
        "key `a\\nb` holds private or symmetric material; withdraw it and publish public keys alone"
    );
    let message = parse(&[p256(), without(p256(), "x")]).unwrap_err().to_string();
    assert_eq!(
        message,
        "key number 2 (no `kid`) has no `x` of the right type and form; correct the member"
    );
}

#[test]
fn one_kid_names_one_usable_key() {
    let same = json!({"kid": "same"});
    let error = parse(&[with(rsa(), same.clone()), with(p256(), same.clone())]).unwrap_err();
    let key = KeyName::Kid("same".to_owned());
    assert_eq!(error, KeySetError::Key { key, fault: KeyFault::DuplicateKid });
    // A key for something else may share it, before or after; keys without `kid` share nothing.
    let other = with(rsa(), json!({"kid": "same", "use": "enc"}));
    let set = parse(&[other.clone(), with(p256(), same), other, p256(), p256()]).unwrap();
    assert_eq!((set.keys().len(), set.skipped().len()), (3, 2));
    assert_eq!(set.find("same").unwrap().kind(), KeyKind::P256);
}

#[test]
fn what_is_made_for_something_else_is_skipped() {
    for (key, why) in [
        (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), SkipReason::Algorithm),
        (json!({"kty": "AKP", "pub": "AA"}), SkipReason::KeyType),
        (json!({"kty": "rsa"}), SkipReason::KeyType),
        (with(p256(), json!({"crv": "secp256k1"})), SkipReason::Curve),
        (with(ed25519(), json!({"crv": "X25519"})), SkipReason::Curve),
        (with(ed25519(), json!({"crv": "Ed448"})), SkipReason::Ed448),
        (with(ed25519(), json!({"crv": "Ed448", "alg": "EdDSA"})), SkipReason::Ed448),
        (with(ed25519(), json!({"crv": "Ed448", "alg": "Ed448"})), SkipReason::Ed448),
        (with(rsa(), json!({"alg": "RSA-OAEP"})), SkipReason::Algorithm),
        (with(rsa(), json!({"alg": "HS256"})), SkipReason::Algorithm),
        (with(rsa(), json!({"alg": "none"})), SkipReason::Algorithm),
        (with(p256(), json!({"alg": "ES521"})), SkipReason::Algorithm),
        (with(rsa(), json!({"use": "enc"})), SkipReason::Use),
        (with(rsa(), json!({"use": "SIG"})), SkipReason::Use),
        (with(rsa(), json!({"use": "enc", "alg": "RS256"})), SkipReason::Use),
        (with(rsa_of(&modulus(1024), &[3]), json!({"use": "enc"})), SkipReason::Use),
        (with(rsa(), json!({"key_ops": []})), SkipReason::Operations),
        (with(rsa(), json!({"key_ops": ["sign"]})), SkipReason::Operations),
        (with(rsa(), json!({"key_ops": ["sign, verify"]})), SkipReason::Operations),
        (with(rsa(), json!({"key_ops": ["verify", "encrypt"]})), SkipReason::Operations),
        (with(rsa(), json!({"use": "sig", "key_ops": ["wrapKey"]})), SkipReason::Operations),
    ] {
        assert_eq!(skip_of(&key), why, "{key}");
    }
}

#[test]
fn rsa_keys_are_bounded() {
    for (bits, fits) in [(2047, false), (2048, true), (8192, true), (8193, false)] {
        let key = rsa_of(&modulus(bits), &[1, 0, 1]);
        if fits {
            let kind = parse(&[key]).unwrap().keys().first().unwrap().kind();
            assert_eq!(kind, KeyKind::Rsa { bits: u32::try_from(bits).unwrap() });
        } else {
            assert_eq!(fault_of(&key), KeyFault::RsaSize { bits });
        }
    }
    assert_eq!(fault_of(&rsa_of(&modulus(1024), &[3])), KeyFault::RsaSize { bits: 1024 });
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0x5a;
    assert_eq!(fault_of(&rsa_of(&even, &[1, 0, 1])), KeyFault::RsaModulusEven);

    let accepted: [&[u8]; 4] = [&[3], &[17], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]];
    for exponent in accepted {
        assert!(parse(&[rsa_of(&modulus(2048), exponent)]).is_ok(), "{exponent:x?}");
    }
    let refused: [&[u8]; 5] = [&[1], &[2], &[1, 0, 0], &[3, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 1]];
    for exponent in refused {
        let fault = fault_of(&rsa_of(&modulus(2048), exponent));
        assert_eq!(fault, KeyFault::RsaExponent, "{exponent:x?}");
    }
    // RFC 7518, section 2: no leading zero bytes, and zero itself is no key.
    let padded: Vec<u8> = [&[0][..], &modulus(2048)].concat();
    assert_eq!(fault_of(&rsa_of(&padded, &[1, 0, 1])), KeyFault::Member("n"));
    assert_eq!(fault_of(&rsa_of(&[], &[1, 0, 1])), KeyFault::Member("n"));
    for exponent in [&[][..], &[0], &[0, 3]] {
        let fault = fault_of(&rsa_of(&modulus(2048), exponent));
        assert_eq!(fault, KeyFault::Member("e"), "{exponent:x?}");
    }
}

/// 65537^128 is a power of 65537 modulo every prime, as the moduli of CVE-2017-15361 are.
#[test]
fn the_roca_fingerprint_is_refused() {
    let mut number = vec![1_u8];
    for _ in 0..128 {
        // Times 65537: the number, and itself two bytes higher.
        let mut product = vec![0_u8; number.len() + 2];
        for (at, byte) in number.iter().enumerate() {
            for place in [at, at + 2] {
                let (mut place, mut carry) = (place, *byte);
                while carry != 0 {
                    if place == product.len() {
                        product.push(0);
                    }
                    let (sum, over) = product.get(place).unwrap().overflowing_add(carry);
                    *product.get_mut(place).unwrap() = sum;
                    carry = u8::from(over);
                    place += 1;
                }
            }
        }
        number = product;
    }
    number.reverse();
    assert_eq!(fault_of(&rsa_of(&number, &[1, 0, 1])), KeyFault::Roca);
}

#[test]
fn points_have_their_exact_length_and_lie_on_their_curve() {
    let x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    let short = base64url::encode(&[1; 31]);
    let long = base64url::encode(&[[0; 1].as_slice(), &[1; 32]].concat());
    for member in ["x", "y"] {
        for value in [json!(short), json!(long), json!(""), json!(1), json!(null), json!("+")] {
            let key = with(p256(), json!({member: value}));
            assert_eq!(fault_of(&key), KeyFault::Member(member), "{key}");
        }
        assert_eq!(fault_of(&without(p256(), member)), KeyFault::Member(member));
    }
    assert_eq!(fault_of(&with(p256(), json!({"y": x}))), KeyFault::NotOnCurve);
    let zero = base64url::encode(&[0; 32]);
    assert_eq!(fault_of(&with(p256(), json!({"x": zero, "y": zero}))), KeyFault::NotOnCurve);
    // x + p would name the same point, were coordinates reduced.
    let over = base64url::encode(&[0xff; 32]);
    assert_eq!(fault_of(&with(p256(), json!({"x": over}))), KeyFault::NotOnCurve);
    assert_eq!(fault_of(&with(p256(), json!({"crv": "P-384"}))), KeyFault::Member("x"));
    assert_eq!(fault_of(&without(p256(), "crv")), KeyFault::Member("crv"));

    let point = |bytes: &[u8]| with(ed25519(), json!({"x": base64url::encode(bytes)}));
    assert_eq!(fault_of(&point(&[1; 31])), KeyFault::Member("x"));
    assert_eq!(fault_of(&point(&[1; 33])), KeyFault::Member("x"));
    assert_eq!(fault_of(&point(&[0; 32])), KeyFault::SmallOrder);
    assert_eq!(fault_of(&point(&[0xff; 32])), KeyFault::NotCanonical);
    let mut two = [0; 32];
    *two.first_mut().unwrap() = 2;
    assert_eq!(fault_of(&point(&two)), KeyFault::NotOnCurve);
}

#[test]
fn a_key_says_one_thing() {
    for (key, algorithm) in [
        (rsa(), "ES256"),
        (rsa(), "EdDSA"),
        (p256(), "RS256"),
        (p256(), "ES384"),
        (p256(), "Ed25519"),
        (ed25519(), "ES256"),
    ] {
        let key = with(key, json!({"alg": algorithm}));
        assert_eq!(fault_of(&key), KeyFault::AlgorithmConflict, "{key}");
    }
    for member in ["kty", "kid", "use", "alg", "n", "e"] {
        for value in [json!(null), json!(1), json!(["sig"]), json!({})] {
            let key = with(rsa(), json!({member: value}));
            assert_eq!(fault_of(&key), KeyFault::Member(member), "{key}");
        }
    }
    assert_eq!(fault_of(&without(rsa(), "kty")), KeyFault::Member("kty"));
    assert_eq!(fault_of(&with(rsa(), json!({"kid": "k".repeat(513)}))), KeyFault::Member("kid"));
    let operations = [json!("verify"), json!(null), json!([1]), json!(["verify", "verify"])];
    for value in operations {
        let key = with(rsa(), json!({"key_ops": value}));
        assert_eq!(fault_of(&key), KeyFault::Member("key_ops"), "{key}");
    }
    for value in [json!(null), json!("key"), json!([]), json!(1)] {
        assert_eq!(fault_of(&value), KeyFault::NotAnObject, "{value}");
    }
}

#[test]
fn the_set_itself_is_strict_and_bounded() {
    for text in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"Keys":[]}"#] {
        let error = KeySet::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error, KeySetError::NotAKeySet, "{text}");
    }
    let none = KeySet::parse(br#"{"keys":[]}"#).unwrap_err();
    assert_eq!(none, KeySetError::NoneUsable { skipped: 0 });
    for (text, fault) in [
        ("", JsonError::Syntax),
        ("[]", JsonError::NotAnObject),
        (r#"{"keys":[],"keys":[]}"#, JsonError::DuplicateName),
        (r#"{"keys":[{"kty":"RSA","kty":"RSA"}]}"#, JsonError::DuplicateName),
    ] {
        let error = KeySet::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error, KeySetError::Json(fault), "{text}");
    }
    assert_eq!(parse(&vec![p256(); 64]).unwrap().keys().len(), 64);
    assert_eq!(parse(&vec![p256(); 65]).unwrap_err(), KeySetError::TooManyKeys { count: 65 });
    let mut large = json!({"keys": [p256()]}).to_string();
    large.push_str(&" ".repeat(KeySet::MAX_BYTES - large.len()));
    assert!(KeySet::parse(large.as_bytes()).is_ok());
    large.push(' ');
    let error = KeySet::parse(large.as_bytes()).unwrap_err();
    assert_eq!(error, KeySetError::Json(JsonError::TooLarge));
    // Other members of the set are passed over (RFC 7517, section 5).
    let set = json!({"keys": [p256()], "issuer": 1, "d": "x"}).to_string();
    assert!(KeySet::parse(set.as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn no_members_make_the_reader_panic(
        kty in "RSA|EC|OKP|oct|x",
        crv in "P-256|P-384|P-521|Ed25519|Ed448|x",
        bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 4),
    ) {
        let text: Vec<String> = bytes.iter().map(|bytes| base64url::encode(bytes)).collect();
        let [n, e, x, y] = text.as_slice() else { unreachable!() };
        let key = json!({"kty": kty, "crv": crv, "n": n, "e": e, "x": x, "y": y});
        let _ = parse(&[key]);
    }
}
