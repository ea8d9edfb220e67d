//! What a real Envoy sent, through our reader, byte for byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod envoy;
mod vectors;

use accredit_core::facts::{Headers, SelectorSettings};
use accredit_core::wire::read_check_request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::Value;

/// Every header of a recorded request, whichever form it was sent in.
fn headers(http: &Value) -> Vec<(String, Vec<u8>)> {
    let folded = http.get("headers").and_then(Value::as_object).into_iter().flatten();
    let folded =
        folded.map(|(name, value)| (name.clone(), value.as_str().unwrap().as_bytes().to_vec()));
    let raw = http.pointer("/headerMap/headers").and_then(Value::as_array).into_iter().flatten();
    let raw = raw.map(|header| {
        let name = header.get("key").unwrap().as_str().unwrap().to_owned();
        let value = header.get("rawValue").map(|value| value.as_str().unwrap());
        (name, STANDARD.decode(value.unwrap_or_default()).unwrap())
    });
    folded.chain(raw).collect()
}

fn check(line: &str) {
    let json: Value = serde_json::from_str(line).unwrap();
    let mut reader = serde_json::Deserializer::from_str(line);
    let bytes =
        DynamicMessage::deserialize(envoy::check_request(), &mut reader).unwrap().encode_to_vec();

    let facts = read_check_request(&bytes, &SelectorSettings::default()).unwrap();
    let http = json.pointer("/attributes/request/http").unwrap();
    let text = |name: &str| http.get(name).and_then(Value::as_str);
    assert_eq!(facts.method, text("method"));
    assert_eq!(facts.path, text("path"));
    assert_eq!(facts.host, text("host"));
    let body = text("rawBody").map(|body| STANDARD.decode(body).unwrap());
    let body = body.or_else(|| text("body").map(|body| body.as_bytes().to_vec()));
    assert_eq!(facts.body.bytes, body.unwrap_or_default());

    let sent = headers(http);
    assert!(!sent.is_empty());
    let mut expected = Headers::default();
    for (name, value) in &sent {
        expected.push(name, value);
    }
    assert_eq!(format!("{:?}", facts.headers), format!("{expected:?}"));
}

#[test]
fn recorded_requests_come_out_byte_for_byte() {
    let Some(mut run) = vectors::Run::begin("envoy-recorded", &[]) else { return };
    for file in ["envoy-1.40.0.folded-headers.jsonl", "envoy-1.40.0.raw-header-map.jsonl"] {
        let lines = String::from_utf8(run.bytes(file)).unwrap();
        for (number, line) in lines.lines().enumerate() {
            run.case(&format!("{file}:{}", number.saturating_add(1)), || check(line));
        }
    }
    run.end(28);
}
