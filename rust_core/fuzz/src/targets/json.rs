//! The JSON reader: whatever it accepts is what `serde_json` reads, with nothing twice.

use accredit_core::json::{Limits, Number, Value, parse};

use crate::seeds::Vectors;

const LIMITS: Limits = Limits { bytes: 1 << 14, depth: 16, nodes: 512 };

/// Reads any bytes.
pub fn run(data: &[u8]) {
    let Ok(value) = parse(data, &LIMITS) else { return };
    let other: serde_json::Value =
        serde_json::from_slice(data).expect("accepted here and refused by serde_json");
    // serde_json keeps the last of two members: an accepted duplicate would differ in length.
    let mut nodes = 0;
    assert!(agrees(&value, &other, 0, &mut nodes), "another document was read");
    assert!(nodes <= LIMITS.nodes && data.len() <= LIMITS.bytes, "over a limit");
}

/// Every document of the parser suite.
#[must_use]
pub fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    vectors.files("json-parser/test_parsing").into_iter().map(|(_, bytes)| bytes).collect()
}

fn agrees(value: &Value<'_>, other: &serde_json::Value, depth: usize, nodes: &mut usize) -> bool {
    assert!(depth <= LIMITS.depth, "deeper than allowed");
    match (value, other) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(one), serde_json::Value::Bool(other)) => one == other,
        (Value::Number(one), serde_json::Value::Number(other)) => match one {
            Number::Int(one) => other.as_i64() == Some(*one),
            // To the bit, so that a zero keeps its sign.
            Number::Float(one) => {
                other.as_f64().is_some_and(|other| one.to_bits() == other.to_bits())
            }
        },
        (Value::String(one), serde_json::Value::String(other)) => one == other,
        (Value::Array(one), serde_json::Value::Array(other)) => {
            *nodes += one.len();
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| agrees(one, other, depth + 1, nodes))
        }
        (Value::Object(one), serde_json::Value::Object(other)) => {
            *nodes += one.len();
            one.len() == other.len()
                && one.iter().all(|(name, value)| {
                    other.get(name).is_some_and(|other| agrees(value, other, depth + 1, nodes))
                })
        }
        _ => false,
    }
}
