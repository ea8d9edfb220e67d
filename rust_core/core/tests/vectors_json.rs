//! The JSON reader against `JSONTestSuite`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod vectors;

use accredit_core::json::{JsonError, Limits, parse};
use vectors::Run;

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, nodes: 1 << 16 };

/// Grammatical, and refused all the same: a name stands twice.
const STRICTER: [&str; 2] =
    ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

/// Documents that RFC 8259 leaves to the reader. All others of that kind are refused: they hold
/// lone surrogates, bytes that are not UTF-8, a byte-order mark, numbers beyond all range or 500
/// levels. (Underflow is 0, and integers outside `i64` are floats.)
const ACCEPTED: [&str; 5] = [
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
];

#[test]
fn json_test_suite() {
    let Some(mut run) = Run::begin("json-parser", &[]) else { return };
    let files = run.files("test_parsing");
    for name in STRICTER.iter().chain(&ACCEPTED) {
        assert!(files.iter().any(|file| file == name), "no case is named {name}");
    }
    for file in files {
        let bytes = run.bytes(&format!("test_parsing/{file}"));
        let name = file.as_str();
        run.case(name, || {
            let found = parse(&bytes, &LIMITS).map(|_| ());
            let accept = name.starts_with("y_") || ACCEPTED.contains(&name);
            if STRICTER.contains(&name) {
                assert_eq!(found, Err(JsonError::DuplicateName), "{name}");
            } else if accept {
                assert_eq!(found, Ok(()), "{name}");
            } else {
                assert!(found.is_err(), "{name} was accepted");
            }
        });
    }
    run.end(318);
}
