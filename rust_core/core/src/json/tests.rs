#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use std::borrow::Cow;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::{JsonError, Limits, Number, Object, Value, parse, parse_object};

const LIMITS: Limits = Limits { bytes: 4096, depth: 8, nodes: 64 };

fn refused(text: &str) -> JsonError {
    parse(text.as_bytes(), &LIMITS).map_or_else(|fault| fault, |_| panic!("accepted: {text}"))
}

#[test]
fn values_come_back_as_they_were_written() {
    for (text, expected) in [
        ("null", Value::Null),
        (" true ", Value::Bool(true)),
        ("0", Value::Number(Number::Int(0))),
        ("-0", Value::Number(Number::Float(-0.0))),
        ("-9223372036854775808", Value::Number(Number::Int(i64::MIN))),
        ("9223372036854775807", Value::Number(Number::Int(i64::MAX))),
        ("9223372036854775808", Value::Number(Number::Float(9_223_372_036_854_775_808.0))),
        ("36893488147419103232", Value::Number(Number::Float(36_893_488_147_419_103_232.0))),
        ("1.0", Value::Number(Number::Float(1.0))),
        ("1e300", Value::Number(Number::Float(1e300))),
        (r#""a\u00e9\ud83d\ude00""#, Value::String(Cow::Owned("aé😀".to_owned()))),
        (r#""a\u0000b""#, Value::String(Cow::Owned("a\0b".to_owned()))),
        ("[]", Value::Array(vec![])),
        ("{}", Value::Object(Object::default())),
        ("[1,[]]", Value::Array(vec![Value::Number(Number::Int(1)), Value::Array(vec![])])),
    ] {
        assert_eq!(parse(text.as_bytes(), &LIMITS), Ok(expected), "{text}");
    }
}

#[test]
fn a_string_without_escape_is_borrowed() {
    let text = r#"{"name":"value","es\u0063aped":1}"#;
    let object = parse_object(text.as_bytes(), &LIMITS).unwrap();
    assert!(matches!(object.get("name"), Some(Value::String(Cow::Borrowed("value")))));
    assert!(object.contains("escaped"));
}

#[test]
fn what_is_not_the_grammar_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "nul",
        "True",
        "1 2",
        "{} {}",
        "{}\0",
        "// c\n1",
        "/**/1",
        "\u{feff}{}",
        "\"\u{1}\"",
        "\"\n\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        "1e400",
        "-1e400",
        "\u{a0}1",
        "\u{c}1",
    ] {
        assert_eq!(refused(text), JsonError::Syntax, "{text:?}");
    }
    assert_eq!(parse(b"\"\xff\"", &LIMITS), Err(JsonError::NotUtf8));
    // UTF-8 of a surrogate, and an overlong form.
    assert_eq!(parse(b"\"\xed\xa0\x80\"", &LIMITS), Err(JsonError::NotUtf8));
    assert_eq!(parse(b"\"\xc0\x80\"", &LIMITS), Err(JsonError::NotUtf8));
    assert_eq!(parse(b"{\0}", &LIMITS), Err(JsonError::Syntax));
}

#[test]
fn a_name_stands_once_at_every_depth_and_after_unescaping() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"[{"x":[{"":1,"":2}]}]"#,
        r#"{"x":{"y":{"z":0,"z":null}}}"#,
    ] {
        assert_eq!(refused(text), JsonError::DuplicateName, "{text}");
    }
    // Names are compared by code point: neither case nor normal form is folded.
    for text in [r#"{"a":1,"A":2}"#, "{\"\u{e9}\":1,\"e\u{301}\":2}", r#"{"a":{"a":{"a":1}}}"#] {
        assert!(parse(text.as_bytes(), &LIMITS).is_ok(), "{text}");
    }
}

#[test]
fn duplicates_are_found_among_many_members_too() {
    let members = |last: &str| {
        let many: Vec<String> = (0..40).map(|n| format!("\"m{n}\":{n}")).collect();
        format!("{{{},\"{last}\":0}}", many.join(","))
    };
    assert_eq!(refused(&members("m0")), JsonError::DuplicateName);
    assert_eq!(refused(&members("m39")), JsonError::DuplicateName);
    assert_eq!(parse_object(members("m40").as_bytes(), &LIMITS).unwrap().len(), 41);
}

#[test]
fn limits_are_inclusive_and_hold_for_the_whole_document() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(8).as_bytes(), &LIMITS).is_ok());
    assert_eq!(refused(&nested(9)), JsonError::TooDeep);
    assert_eq!(refused(&"[".repeat(2000)), JsonError::TooDeep);
    assert_eq!(refused(&"{\"a\":".repeat(500)), JsonError::TooDeep);

    // 64 nodes in different containers: 1 + 31 and 1 + 31.
    let inner = vec!["0"; 31].join(",");
    assert!(parse(format!("[[{inner}],[{inner}]]").as_bytes(), &LIMITS).is_ok());
    assert_eq!(refused(&format!("[[{inner}],[{inner},0]]")), JsonError::TooManyNodes);
    assert_eq!(refused(&format!("[[{inner}],{{\"a\":[{inner}]}}]")), JsonError::TooManyNodes);

    let padded = |length: usize| format!("1{}", " ".repeat(length - 1));
    assert!(parse(padded(4096).as_bytes(), &LIMITS).is_ok());
    assert_eq!(refused(&padded(4097)), JsonError::TooLarge);
}

#[test]
fn a_depth_over_what_can_be_read_is_still_too_deep() {
    let limits = Limits { bytes: 1 << 20, depth: usize::MAX, nodes: 1 << 20 };
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(Limits::MAX_DEPTH).as_bytes(), &limits).is_ok());
    for depth in [Limits::MAX_DEPTH + 1, 127, 128, 129, 100_000] {
        assert_eq!(parse(nested(depth).as_bytes(), &limits), Err(JsonError::TooDeep), "{depth}");
    }
}

#[test]
fn only_an_object_is_an_object() {
    for text in ["null", "true", "1", "\"a\"", "[]", "[{}]"] {
        let found = parse_object(text.as_bytes(), &LIMITS);
        assert_eq!(found, Err(JsonError::NotAnObject), "{text}");
    }
}

#[test]
fn members_keep_their_order() {
    let object = parse_object(br#"{"b":1,"a":[true],"c":null}"#, &LIMITS).unwrap();
    let names: Vec<&str> = object.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "a", "c"]);
    let kinds: Vec<&str> = object.iter().map(|(_, value)| value.kind()).collect();
    assert_eq!(kinds, ["number", "array", "null"]);
    assert_eq!(object.get("a").unwrap().as_array().unwrap().first().unwrap().as_bool(), Some(true));
    assert_eq!(object.get("d"), None);
}

/// A document as a tree of lists: what the reader has to see, kept apart from how it sees it.
#[derive(Clone, Debug)]
enum Model {
    Leaf(i64),
    Text(String),
    List(Vec<Model>),
    Members(Vec<(String, Model)>),
}

impl Model {
    /// Writes the document; every other name has its first character escaped.
    fn write(&self, text: &mut String) {
        match self {
            Self::Leaf(number) => text.push_str(&number.to_string()),
            Self::Text(word) => text.push_str(&serde_json::to_string(word).unwrap()),
            Self::List(elements) => {
                text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    element.write(text);
                }
                text.push(']');
            }
            Self::Members(members) => {
                text.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    match name.chars().next() {
                        Some(first) if index % 2 == 1 && first.is_ascii() => {
                            let (first, rest) = (u32::from(first), name.get(1..).unwrap());
                            write!(text, "\"\\u{first:04x}{rest}\"").unwrap();
                        }
                        _ => text.push_str(&serde_json::to_string(name).unwrap()),
                    }
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }

    fn has_duplicate(&self) -> bool {
        match self {
            Self::Leaf(_) | Self::Text(_) => false,
            Self::List(elements) => elements.iter().any(Self::has_duplicate),
            Self::Members(members) => {
                let names: std::collections::BTreeSet<_> = members.iter().map(|(n, _)| n).collect();
                names.len() != members.len()
                    || members.iter().any(|(_, value)| value.has_duplicate())
            }
        }
    }

    fn agrees(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Leaf(number), Value::Number(Number::Int(read))) => number == read,
            (Self::Text(word), Value::String(read)) => word == read,
            (Self::List(elements), Value::Array(read)) => {
                elements.len() == read.len() && elements.iter().zip(read).all(|(e, r)| e.agrees(r))
            }
            (Self::Members(members), Value::Object(read)) => {
                members.len() == read.len()
                    && members
                        .iter()
                        .zip(read.iter())
                        .all(|((name, value), (n, v))| name == n && value.agrees(v))
            }
            _ => false,
        }
    }
}

fn models() -> impl Strategy<Value = Model> {
    // Few names, so that some stand twice.
    let name = "[a-p]{1}|[a-d]{2}";
    let leaf = prop_oneof![any::<i64>().prop_map(Model::Leaf), ".{0,6}".prop_map(Model::Text)];
    leaf.prop_recursive(4, 64, 24, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Model::List),
            prop::collection::vec((name, inner), 0..24).prop_map(Model::Members),
        ]
    })
}

const WIDE: Limits = Limits { bytes: 1 << 20, depth: 32, nodes: 1 << 16 };

proptest! {
    #[test]
    fn duplicates_are_refused_exactly_where_the_model_has_them(model in models()) {
        let mut text = String::new();
        model.write(&mut text);
        match parse(text.as_bytes(), &WIDE) {
            Ok(value) => {
                prop_assert!(!model.has_duplicate(), "accepted a duplicate: {}", text);
                prop_assert!(model.agrees(&value), "read something else: {}", text);
            }
            Err(fault) => {
                prop_assert_eq!(fault, JsonError::DuplicateName, "{}", &text);
                prop_assert!(model.has_duplicate(), "refused: {}", text);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &WIDE);
    }

    #[test]
    fn whatever_is_accepted_serde_json_reads_too(
        text in r#"[\[\]{}",:0-9a-c\\u .eE+tfn-]{0,40}"#,
    ) {
        if parse(text.as_bytes(), &WIDE).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
