//! Our reader and writer beside protobuf's own, by the descriptor set of Envoy.
//!
//! Where protobuf refuses, we refuse; where we accept, we read the same facts. Two differences are
//! ours and on the side of refusing: a header that stands twice in `headers`, which is a map, and
//! a selector that stands twice.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail loudly"
)]

mod envoy;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use accredit_core::decide::answer::{Answer, Effect};
use accredit_core::facts::{
    Facts, Headers, Once, RouteMetadataKey, Selector, SelectorSettings, Selectors,
};
use accredit_core::reason::Reason;
use accredit_core::wire::proto::{Kind, Message};
use accredit_core::wire::{read_check_request, write_check_response};
use envoy::{child, get, list, text};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey, MessageDescriptor, Value};

fn every_selector() -> SelectorSettings {
    SelectorSettings {
        context_extension: true,
        route_metadata: Some(RouteMetadataKey { namespace: "ns".into(), key: "resource".into() }),
        destination_principal: true,
    }
}

/// What protobuf's parser says that a request holds.
#[derive(Debug, Default)]
struct Theirs {
    method: String,
    host: String,
    path: String,
    body: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    /// The value, `Some("")` where it is there and no string, or an empty one.
    selectors: [Option<String>; 3],
}

impl Theirs {
    /// `None` where no HTTP request is described.
    fn of(request: &DynamicMessage) -> Option<Self> {
        let attributes = child(request, "attributes")?;
        let http = child(&child(&attributes, "request")?, "http")?;
        let mut headers = Vec::new();
        for (name, value) in get(&http, "headers").as_map().unwrap() {
            let value = value.as_str().unwrap().as_bytes().to_vec();
            headers.push((name.as_str().unwrap().to_owned(), value));
        }
        if let Some(map) = child(&http, "header_map") {
            for header in list(&map, "headers") {
                let raw = get(&header, "raw_value").as_bytes().unwrap().to_vec();
                let value = if raw.is_empty() { text(&header, "value").into_bytes() } else { raw };
                headers.push((text(&header, "key"), value));
            }
        }
        let raw_body = get(&http, "raw_body").as_bytes().unwrap().to_vec();
        Some(Self {
            method: text(&http, "method"),
            host: text(&http, "host"),
            path: text(&http, "path"),
            body: if raw_body.is_empty() { text(&http, "body").into_bytes() } else { raw_body },
            headers,
            selectors: [
                get(&attributes, "context_extensions")
                    .as_map()
                    .unwrap()
                    .get(&MapKey::String("accredit.resource".to_owned()))
                    .map(|value| value.as_str().unwrap().to_owned()),
                child(&attributes, "route_metadata_context")
                    .and_then(|found| route_metadata(&found)),
                child(&attributes, "destination")
                    .map(|peer| text(&peer, "principal"))
                    .filter(|principal| !principal.is_empty()),
            ],
        })
    }
}

fn route_metadata(metadata: &DynamicMessage) -> Option<String> {
    let namespaces = get(metadata, "filter_metadata");
    let namespace =
        namespaces.as_map()?.get(&MapKey::String("ns".to_owned()))?.as_message()?.clone();
    let fields = get(&namespace, "fields");
    let value = fields.as_map()?.get(&MapKey::String("resource".to_owned()))?.as_message()?.clone();
    Some(if value.has_field_by_name("string_value") {
        text(&value, "string_value")
    } else {
        String::new()
    })
}

/// Compares; panics with the difference. Says whether both read the request.
fn agree(bytes: &[u8]) -> bool {
    let settings = every_selector();
    let ours = read_check_request(bytes, &settings);
    let theirs = DynamicMessage::decode(envoy::check_request(), bytes);
    match (ours, theirs.map(|request| Theirs::of(&request))) {
        // Also where reflection is laxer: it takes a map entry of another wire type for a message.
        (Err(Reason::RequestMalformed), _) => false,
        (ours, Err(error)) => panic!("protobuf refuses ({error}), we do not: {ours:?}"),
        (Err(Reason::RequestNotHttp), Ok(None)) => true,
        (Ok(facts), Ok(Some(theirs))) => {
            compare(&facts, &theirs);
            true
        }
        (ours, Ok(theirs)) => panic!("we read {ours:?}, protobuf {theirs:?}"),
    }
}

fn compare(facts: &Facts<'_>, theirs: &Theirs) {
    assert_eq!(facts.method.unwrap_or_default(), theirs.method);
    assert_eq!(facts.host.unwrap_or_default(), theirs.host);
    assert_eq!(facts.path.unwrap_or_default(), theirs.path);
    assert_eq!(facts.body.bytes, theirs.body);
    // No empty string stands for something that was sent.
    assert!([facts.method, facts.host, facts.path].iter().flatten().all(|text| !text.is_empty()));

    let mut headers = Headers::default();
    for (name, value) in &theirs.headers {
        headers.push(name, value);
    }
    for (ours, theirs) in once(&facts.headers).into_iter().zip(once(&headers)) {
        // Two where a map keeps one: ours refuses.
        assert!(
            ours == theirs || (ours == Once::Many && theirs.is_present()),
            "{ours:?} {theirs:?}"
        );
    }
    let names = |headers: &Headers<'_>| -> BTreeSet<String> {
        headers.ours.iter().map(|name| (*name).to_owned()).collect()
    };
    assert_eq!(names(&facts.headers), names(&headers));

    let Selectors { resource, route_metadata, destination_principal } = facts.selectors;
    for (number, (ours, theirs)) in
        [resource, route_metadata, destination_principal].iter().zip(&theirs.selectors).enumerate()
    {
        let same = match (ours, theirs.as_deref()) {
            (Selector::Absent, None) | (Selector::Malformed, Some(_)) => true,
            (Selector::Value(ours), Some(theirs)) => *ours == theirs && !theirs.is_empty(),
            // A namespace that stands twice, where a map keeps the last.
            (Selector::Malformed, None) => number == 1,
            _ => false,
        };
        assert!(same, "{ours:?} {theirs:?}");
    }
}

fn once<'a>(headers: &Headers<'a>) -> [Once<'a>; 6] {
    [
        headers.authorization,
        headers.dpop,
        headers.origin,
        headers.requested_method,
        headers.content_type,
        headers.forwarded_client_cert,
    ]
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn delimited(to: &mut Vec<u8>, number: u32, content: &[u8]) {
    varint(to, u64::from(number) << 3 | 2);
    varint(to, content.len() as u64);
    to.extend_from_slice(content);
}

/// Draws numbers from a seed (splitmix64), so that a case is told by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// A message of any type, encoded: fields in any order, several times, unknown ones between.
fn random_message(descriptor: &MessageDescriptor, dice: &mut Dice, depth: u32) -> Vec<u8> {
    const TEXTS: &[&str] = &[
        "",
        "",
        "ns",
        "resource",
        "accredit.resource",
        "authorization",
        "Authorization",
        "dpop",
        "origin",
        "x-accredit-subject",
        "X_Accredit_Role",
        "content-type",
        "GET",
        "/a?b",
        "a.example",
        "Bearer a.b.c",
        "urn:orders",
        "é",
        "x",
    ];
    let fields: Vec<_> = descriptor.fields().collect();
    let mut to = Vec::new();
    for _ in 0..dice.roll(7) {
        if dice.roll(12) == 0 {
            unknown_field(&mut to, dice);
            continue;
        }
        let field = &fields[dice.roll(fields.len() as u64) as usize];
        let number = field.number();
        match field.kind() {
            prost_reflect::Kind::Message(inner) => {
                if depth < 10 {
                    delimited(&mut to, number, &random_message(&inner, dice, depth + 1));
                }
            }
            prost_reflect::Kind::String | prost_reflect::Kind::Bytes => {
                delimited(&mut to, number, dice.pick(TEXTS).as_bytes());
            }
            prost_reflect::Kind::Double => {
                varint(&mut to, u64::from(number) << 3 | 1);
                to.extend(dice.roll(u64::MAX).to_le_bytes());
            }
            _ => {
                varint(&mut to, u64::from(number) << 3);
                let value = dice.pick(&[0, 1, 127, 128, 1 << 40, u64::MAX]);
                varint(&mut to, value);
            }
        }
    }
    to
}

fn unknown_field(to: &mut Vec<u8>, dice: &mut Dice) {
    let number = dice.pick(&[99_u32, 1000, (1 << 29) - 1]);
    let key = u64::from(number) << 3;
    match dice.roll(5) {
        0 => {
            varint(to, key);
            // Longer than it need be.
            to.extend([0x81, 0x80, 0x00]);
        }
        1 => {
            varint(to, key | 1);
            to.extend([0xff; 8]);
        }
        2 => delimited(to, number, &[0xff, 0xfe]),
        3 => {
            varint(to, key | 5);
            to.extend([0xff; 4]);
        }
        _ => {
            varint(to, key | 3);
            if dice.roll(2) == 0 {
                unknown_field(to, dice);
            }
            varint(to, key | 4);
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() as u64 + 1) as usize;
        match dice.roll(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.roll(256) as u8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            _ => {}
        }
    }
}

#[test]
fn the_descriptor_set_is_whole() {
    assert_eq!(envoy::files(), 25);
}

/// Our schema has exactly the fields that Envoy's has, with the same kinds.
#[test]
fn field_numbers_and_kinds_are_those_of_the_descriptor_set() {
    let mut open = vec![(envoy::check_request(), Message::CheckRequest)];
    let mut seen = Vec::new();
    while let Some((descriptor, message)) = open.pop() {
        if seen.contains(&(descriptor.clone(), message)) {
            continue;
        }
        seen.push((descriptor.clone(), message));
        let last = descriptor.fields().map(|field| field.number()).max().unwrap();
        for number in 1..last + 16 {
            let name = format!("{} {number}", descriptor.full_name());
            let Some(field) = descriptor.get_field(number) else {
                assert_eq!(message.kind(number), None, "{name}");
                continue;
            };
            let Some(kind) = message.kind(number) else { panic!("{name}: not in our schema") };
            assert!(!field.is_packed(), "{name}: packed fields are not read");
            match (field.kind(), kind) {
                (prost_reflect::Kind::Message(inner), Kind::Message(ours)) => {
                    open.push((inner, ours));
                }
                (prost_reflect::Kind::String, Kind::Text)
                | (prost_reflect::Kind::Bytes, Kind::Bytes)
                | (prost_reflect::Kind::Double, Kind::Fixed64)
                | (
                    prost_reflect::Kind::Int32
                    | prost_reflect::Kind::Int64
                    | prost_reflect::Kind::Uint32
                    | prost_reflect::Kind::Bool
                    | prost_reflect::Kind::Enum(_),
                    Kind::Varint,
                ) => {}
                (theirs, ours) => panic!("{name}: {theirs:?} is not {ours:?}"),
            }
        }
    }
    // 25 message types can be reached, of which four are entries of maps of strings.
    assert_eq!(seen.len(), 24, "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_message_of_the_schema_is_read_alike(seed in any::<u64>()) {
        let bytes = random_message(&envoy::check_request(), &mut Dice(seed), 0);
        prop_assert!(agree(&bytes));
    }

    #[test]
    fn mutated_bytes_are_refused_alike_or_read_alike(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut bytes = random_message(&envoy::check_request(), &mut dice, 0);
        mutate(&mut bytes, &mut dice);
        agree(&bytes);
    }

    #[test]
    fn any_bytes_are_refused_alike_or_read_alike(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        agree(&bytes);
    }
}

/// The random messages reach what the comparison is about.
#[test]
fn random_messages_fill_every_fact() {
    let settings = every_selector();
    let mut reached = BTreeSet::new();
    for seed in 0..8_000 {
        let bytes = random_message(&envoy::check_request(), &mut Dice(seed), 0);
        let Ok(facts) = read_check_request(&bytes, &settings) else { continue };
        for (name, is_reached) in [
            ("method", facts.method.is_some()),
            ("body", !facts.body.bytes.is_empty()),
            ("authorization", facts.headers.authorization.is_present()),
            ("two authorizations", facts.headers.authorization == Once::Many),
            ("ours", !facts.headers.ours.is_empty()),
            ("resource", matches!(facts.selectors.resource, Selector::Value(_))),
            ("principal", matches!(facts.selectors.destination_principal, Selector::Value(_))),
            ("malformed resource", facts.selectors.resource == Selector::Malformed),
        ] {
            if is_reached {
                reached.insert(name);
            }
        }
    }
    assert_eq!(reached.len(), 8, "{reached:?}");
}

/// One HTTP request, encoded by protobuf from its fields.
fn encode(
    http: impl FnOnce(&mut DynamicMessage),
    attributes: impl FnOnce(&mut DynamicMessage),
) -> Vec<u8> {
    let mut request = DynamicMessage::new(envoy::check_request());
    let all = request.get_field_by_name_mut("attributes").unwrap().as_message_mut().unwrap();
    attributes(all);
    let inner = all.get_field_by_name_mut("request").unwrap().as_message_mut().unwrap();
    http(inner.get_field_by_name_mut("http").unwrap().as_message_mut().unwrap());
    request.encode_to_vec()
}

fn header_value(name: &str, value: &str, raw: &[u8]) -> Value {
    let mut header = DynamicMessage::new(envoy::message("envoy.config.core.v3.HeaderValue"));
    header.set_field_by_name("key", Value::String(name.to_owned()));
    header.set_field_by_name("value", Value::String(value.to_owned()));
    header.set_field_by_name("raw_value", Value::Bytes(raw.to_vec().into()));
    Value::Message(header)
}

proptest! {
    /// What a gateway states comes out byte for byte.
    #[test]
    fn a_request_round_trips(
        method in "[A-Z]{1,7}",
        host in "[a-z.:0-9]{1,20}",
        path in any::<String>(),
        token in proptest::collection::vec(any::<u8>(), 1..300),
        body in proptest::collection::vec(any::<u8>(), 0..64),
        resource in "[ -~]{1,30}",
    ) {
        let bytes = encode(
            |http| {
                http.set_field_by_name("method", Value::String(method.clone()));
                http.set_field_by_name("host", Value::String(host.clone()));
                http.set_field_by_name("path", Value::String(path.clone()));
                http.set_field_by_name("raw_body", Value::Bytes(body.clone().into()));
                let map = http.get_field_by_name_mut("header_map").unwrap().as_message_mut().unwrap();
                let header = header_value("authorization", "", &token);
                map.set_field_by_name("headers", Value::List(vec![header]));
            },
            |attributes| {
                let entry = (MapKey::String("accredit.resource".to_owned()), Value::String(resource.clone()));
                attributes.set_field_by_name("context_extensions", Value::Map([entry].into()));
            },
        );
        prop_assert!(agree(&bytes));
        let settings = SelectorSettings::default();
        let facts = read_check_request(&bytes, &settings).unwrap();
        prop_assert_eq!(facts.method, Some(method.as_str()));
        prop_assert_eq!(facts.host, Some(host.as_str()));
        prop_assert_eq!(facts.path.unwrap_or_default(), path);
        prop_assert_eq!(facts.headers.authorization, Once::One(&token));
        prop_assert_eq!(facts.body.bytes, body);
        prop_assert_eq!(facts.selectors.resource, Selector::Value(&resource));
    }
}

/// Both header forms and both kinds of value, read alike.
#[test]
fn both_header_forms_are_read_alike() {
    let folded = encode(
        |http| {
            let entry = |name: &str, value: &str| {
                (MapKey::String(name.to_owned()), Value::String(value.to_owned()))
            };
            let headers = [entry("authorization", "Bearer a"), entry("x-accredit-role", "admin")];
            http.set_field_by_name("headers", Value::Map(headers.into()));
        },
        |_| {},
    );
    let raw = encode(
        |http| {
            let map = http.get_field_by_name_mut("header_map").unwrap().as_message_mut().unwrap();
            map.set_field_by_name(
                "headers",
                Value::List(vec![
                    header_value("Authorization", "", b"Bearer a"),
                    header_value("x-accredit-role", "admin", b""),
                    header_value("dpop", "loses", b"wins"),
                ]),
            );
        },
        |_| {},
    );
    let settings = SelectorSettings::default();
    for (bytes, dpop) in [(&folded, Once::Absent), (&raw, Once::One(&b"wins"[..]))] {
        assert!(agree(bytes));
        let facts = read_check_request(bytes, &settings).unwrap();
        assert_eq!(facts.headers.authorization, Once::One(b"Bearer a"));
        assert_eq!(facts.headers.ours, ["x-accredit-role"]);
        assert_eq!(facts.headers.dpop, dpop);
    }
}

fn value() -> impl Strategy<Value = Cow<'static, str>> + Clone {
    prop_oneof![any::<String>().prop_map(Cow::Owned), Just(Cow::Borrowed("static"))]
}

fn answer() -> impl Strategy<Value = Answer<'static>> {
    let names = proptest::sample::select(vec![
        "x-accredit-subject",
        "x-accredit-client",
        "www-authenticate",
    ]);
    let headers = proptest::collection::vec((names, value()), 0..4);
    let allow = (headers.clone(), proptest::collection::vec("[a-z_-]{0,40}", 0..4)).prop_map(
        |(set, remove)| Effect::Allow { set, remove: remove.into_iter().map(Cow::Owned).collect() },
    );
    let deny = (any::<u16>(), headers, proptest::sample::select(vec!["", "{}\n", "denied"]))
        .prop_map(|(status, headers, body)| Effect::Deny { status, headers, body });
    let keys = proptest::sample::select(vec!["reason", "decision_id", "client"]);
    let metadata = proptest::collection::btree_map(keys, value(), 0..3);
    (prop_oneof![allow, deny], metadata)
        .prop_map(|(effect, metadata)| Answer { effect, metadata: metadata.into_iter().collect() })
}

/// `key`, `value` and `append_action` of each header option.
fn options(message: &DynamicMessage) -> Vec<(String, String, i32)> {
    list(message, "headers")
        .iter()
        .map(|option| {
            let header = child(option, "header").unwrap();
            let action = get(option, "append_action").as_enum_number().unwrap();
            (text(&header, "key"), text(&header, "value"), action)
        })
        .collect()
}

fn expected_options(headers: &[(&'static str, Cow<'_, str>)]) -> Vec<(String, String, i32)> {
    // OVERWRITE_IF_EXISTS_OR_ADD
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_string(), 2)).collect()
}

fn status_code(response: &DynamicMessage) -> i32 {
    get(&child(response, "status").unwrap(), "code").as_i32().unwrap()
}

proptest! {
    /// An answer says in protobuf what it says here, and is never protobuf's zero value.
    #[test]
    fn an_answer_round_trips_and_is_never_the_zero_value(answer in answer()) {
        let bytes = write_check_response(&answer);
        let response = DynamicMessage::decode(envoy::check_response(), bytes.as_slice()).unwrap();
        prop_assert!(response.has_field_by_name("status"));
        match &answer.effect {
            Effect::Allow { set, remove } => {
                prop_assert_eq!(status_code(&response), 0);
                let ok = child(&response, "ok_response").unwrap();
                prop_assert!(child(&response, "denied_response").is_none());
                prop_assert_eq!(options(&ok), expected_options(set));
                let removed = get(&ok, "headers_to_remove");
                let removed: Vec<&str> =
                    removed.as_list().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                prop_assert_eq!(removed, remove.iter().map(Cow::as_ref).collect::<Vec<_>>());
            }
            Effect::Deny { status, headers, body } => {
                prop_assert_ne!(status_code(&response), 0);
                let denied = child(&response, "denied_response").unwrap();
                prop_assert!(child(&response, "ok_response").is_none());
                let http = get(&child(&denied, "status").unwrap(), "code").as_enum_number().unwrap();
                let known = [400, 401, 403, 503].contains(status);
                prop_assert_eq!(http, if known { i32::from(*status) } else { 403 });
                prop_assert_eq!(options(&denied), expected_options(headers));
                prop_assert_eq!(text(&denied, "body"), *body);
            }
        }
        let metadata: BTreeMap<String, String> = child(&response, "dynamic_metadata")
            .map(|found| get(&found, "fields").as_map().unwrap().clone())
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| {
                (key.as_str().unwrap().to_owned(), text(value.as_message().unwrap(), "string_value"))
            })
            .collect();
        let expected: BTreeMap<String, String> = answer
            .metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.to_string()))
            .collect();
        prop_assert_eq!(metadata, expected);
    }
}
