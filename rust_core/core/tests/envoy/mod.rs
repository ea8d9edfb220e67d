//! Envoy's message types, from the committed descriptor set, for comparing with our own code.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of this, and a test may fail loudly"
)]

use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};

/// The committed set, relative to this file.
const SET: &[u8] = include_bytes!("../../../../proto/third_party/ext_authz.binpb");

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(SET).unwrap())
}

/// A message type by its full name.
pub(crate) fn message(name: &str) -> MessageDescriptor {
    pool().get_message_by_name(name).unwrap()
}

/// `envoy.service.auth.v3.CheckRequest`
pub(crate) fn check_request() -> MessageDescriptor {
    message("envoy.service.auth.v3.CheckRequest")
}

/// `envoy.service.auth.v3.CheckResponse`
pub(crate) fn check_response() -> MessageDescriptor {
    message("envoy.service.auth.v3.CheckResponse")
}

/// How many files the set holds.
pub(crate) fn files() -> usize {
    pool().files().count()
}

/// The value of a field; its default where it is not set.
pub(crate) fn get(message: &DynamicMessage, field: &str) -> Value {
    message.get_field_by_name(field).unwrap().into_owned()
}

/// The message in a field, if it is set.
pub(crate) fn child(message: &DynamicMessage, field: &str) -> Option<DynamicMessage> {
    if message.has_field_by_name(field) { get(message, field).as_message().cloned() } else { None }
}

/// The string in a field.
pub(crate) fn text(message: &DynamicMessage, field: &str) -> String {
    get(message, field).as_str().unwrap().to_owned()
}

/// The messages in a repeated field.
pub(crate) fn list(message: &DynamicMessage, field: &str) -> Vec<DynamicMessage> {
    let list = get(message, field);
    list.as_list().unwrap().iter().map(|value| value.as_message().unwrap().clone()).collect()
}
