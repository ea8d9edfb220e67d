//! The `CheckRequest` reader beside protobuf's own, by Envoy's descriptor set.

use std::sync::LazyLock;

use accredit_core::facts::{RouteMetadataKey, Selector, SelectorSettings};
use accredit_core::reason::Reason;
use accredit_core::wire::read_check_request;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::seeds::Vectors;

/// Reads any bytes with both.
pub fn run(data: &[u8]) {
    let settings = SelectorSettings {
        context_extension: true,
        route_metadata: Some(RouteMetadataKey { namespace: "ns".into(), key: "resource".into() }),
        destination_principal: true,
    };
    let theirs = DynamicMessage::decode(CHECK_REQUEST.clone(), data);
    let facts = match read_check_request(data, &settings) {
        Ok(facts) => facts,
        Err(reason) => {
            assert!(matches!(reason, Reason::RequestMalformed | Reason::RequestNotHttp));
            if reason == Reason::RequestNotHttp {
                assert!(http(&theirs.expect("refused by protobuf alone")).is_none());
            }
            return;
        }
    };
    let http = http(&theirs.expect("refused by protobuf alone")).expect("no HTTP request");
    for (name, ours) in [("method", facts.method), ("host", facts.host), ("path", facts.path)] {
        let value = http.get_field_by_name(name).expect("a field of the schema");
        assert_eq!(value.as_str(), Some(ours.unwrap_or_default()), "{name}");
        assert_ne!(ours, Some(""), "{name}: empty is absent");
    }
    let selectors = facts.selectors;
    for selector in [selectors.resource, selectors.route_metadata, selectors.destination_principal]
    {
        assert_ne!(selector, Selector::Value(""), "an empty selector selects");
    }
}

/// Every request that a real Envoy was recorded to send.
#[must_use]
pub fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    recorded(vectors).iter().map(prost::Message::encode_to_vec).collect()
}

/// The recorded requests as messages.
pub(crate) fn recorded(vectors: &Vectors) -> Vec<DynamicMessage> {
    let files = vectors.files("envoy-recorded").into_iter();
    let lines = files.filter(|(name, _)| name.split('.').next_back() == Some("jsonl"));
    let mut requests = Vec::new();
    for (_, bytes) in lines {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut reader = serde_json::Deserializer::from_slice(line);
            let request = DynamicMessage::deserialize(CHECK_REQUEST.clone(), &mut reader);
            requests.push(request.expect("a recorded request is proto3 JSON"));
        }
    }
    requests
}

/// The HTTP request in a check request, where there is one.
pub(crate) fn http(request: &DynamicMessage) -> Option<DynamicMessage> {
    let mut message = request.clone();
    for name in ["attributes", "request", "http"] {
        if !message.has_field_by_name(name) {
            return None;
        }
        let child = message.get_field_by_name(name)?.as_message()?.clone();
        message = child;
    }
    Some(message)
}

static CHECK_REQUEST: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let set = include_bytes!("../../../../proto/third_party/ext_authz.binpb");
    DescriptorPool::decode(set.as_slice())
        .expect("the committed descriptor set is readable")
        .get_message_by_name("envoy.service.auth.v3.CheckRequest")
        .expect("the set holds CheckRequest")
});
