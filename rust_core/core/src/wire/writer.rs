//! Writes `envoy.service.auth.v3.CheckResponse`.
//!
//! Envoy decides by `status.code` alone: 0 allows, and so does the zero value of the message. The
//! status is therefore always written, its zero too, and a denial always has a code of its own.

use super::proto::{put_message, put_number, put_text};
use std::borrow::Cow;

use crate::decide::answer::{Answer, Effect};

/// `google.rpc.Code`.
const OK: u64 = 0;
const INVALID_ARGUMENT: u64 = 3;
const PERMISSION_DENIED: u64 = 7;
const UNAVAILABLE: u64 = 14;
const UNAUTHENTICATED: u64 = 16;

/// `HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD`. Without it Envoy appends, and
/// what a client sent under the name would stay.
const OVERWRITE: u64 = 2;

/// Writes the `CheckResponse` for an answer. Never empty: protobuf's zero value would be an allow.
#[must_use]
pub fn write_check_response(answer: &Answer<'_>) -> Vec<u8> {
    // What most answers need. Above this the allocator no longer keeps blocks of one size together.
    let mut to = Vec::with_capacity(880);
    match &answer.effect {
        Effect::Allow { set, remove } => {
            put_message(&mut to, 1, |status| put_number(status, 1, OK));
            put_message(&mut to, 3, |ok| {
                for (name, value) in set {
                    put_header(ok, name, value);
                }
                for name in remove {
                    put_text(ok, 5, name);
                }
            });
        }
        Effect::Deny { status, headers, body } => {
            let (code, http) = codes(*status);
            put_message(&mut to, 1, |status| put_number(status, 1, code));
            put_message(&mut to, 2, |denied| {
                put_message(denied, 1, |status| put_number(status, 1, http));
                for (name, value) in headers {
                    put_header(denied, name, value);
                }
                put_text(denied, 3, body);
            });
        }
    }
    if !answer.metadata.is_empty() {
        put_message(&mut to, 4, |fields| put_struct(fields, &answer.metadata));
    }
    to
}

/// The gRPC code and the HTTP status of a denial. A status that no denial has is written as 403:
/// one that reads as success must never leave.
const fn codes(status: u16) -> (u64, u64) {
    match status {
        400 => (INVALID_ARGUMENT, 400),
        401 => (UNAUTHENTICATED, 401),
        503 => (UNAVAILABLE, 503),
        _ => (PERMISSION_DENIED, 403),
    }
}

/// A `HeaderValueOption`; its number is 2 in both kinds of response.
fn put_header(to: &mut Vec<u8>, name: &str, value: &str) {
    put_message(to, 2, |option| {
        put_message(option, 1, |header| {
            put_text(header, 1, name);
            put_text(header, 2, value);
        });
        put_number(option, 3, OVERWRITE);
    });
}

/// The content of a `Struct` whose values are strings.
fn put_struct(to: &mut Vec<u8>, members: &[(&'static str, Cow<'_, str>)]) {
    for (name, value) in members {
        put_message(to, 1, |entry| {
            put_text(entry, 1, name);
            put_message(entry, 2, |union| put_text(union, 3, value));
        });
    }
}

#[cfg(test)]
mod tests;
