#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::read_check_request;
use crate::facts::{Facts, Once, RouteMetadataKey, Selector, SelectorSettings};
use crate::reason::Reason;
use crate::wire::proto::{put_message, put_number, put_text};

type Bytes = Vec<u8>;

fn every_selector() -> SelectorSettings {
    SelectorSettings {
        context_extension: true,
        route_metadata: Some(RouteMetadataKey { namespace: "ns".into(), key: "resource".into() }),
        destination_principal: true,
    }
}

/// `CheckRequest { attributes: { … } }`
fn attributes(write: impl FnOnce(&mut Bytes)) -> Bytes {
    let mut bytes = Vec::new();
    put_message(&mut bytes, 1, write);
    bytes
}

/// `AttributeContext { request: { http: { … } } }`
fn put_http(to: &mut Bytes, write: impl FnOnce(&mut Bytes)) {
    put_message(to, 4, |request| put_message(request, 2, write));
}

fn http(write: impl FnOnce(&mut Bytes)) -> Bytes {
    attributes(|to| put_http(to, write))
}

fn put_entry(to: &mut Bytes, number: u32, key: &str, value: &str) {
    put_message(to, number, |entry| {
        put_text(entry, 1, key);
        put_text(entry, 2, value);
    });
}

/// One header of `header_map`, with `raw_value`.
fn put_raw(to: &mut Bytes, key: &str, raw: &[u8]) {
    put_message(to, 1, |header| {
        put_text(header, 1, key);
        header.extend([0x1a, u8::try_from(raw.len()).unwrap()]);
        header.extend_from_slice(raw);
    });
}

fn read(bytes: &[u8]) -> Facts<'_> {
    read_check_request(bytes, &SelectorSettings::default()).unwrap()
}

#[test]
fn attack_1_unreadable_requests_are_refused_wherever_the_fault_is() {
    let not_utf8 = |number: u8| [number << 3 | 2, 1, 0xff];
    for (case, bytes) in [
        ("no protobuf", b"GET / HTTP/1.1".to_vec()),
        ("path", http(|to| to.extend(not_utf8(4)))),
        ("a field that nothing reads", http(|to| to.extend(not_utf8(1)))),
        ("header value", http(|to| put_message(to, 3, |entry| entry.extend(not_utf8(2))))),
        (
            "header name of header_map",
            http(|to| {
                put_message(to, 13, |map| put_message(map, 1, |value| value.extend(not_utf8(1))));
            }),
        ),
        (
            "source certificate",
            attributes(|to| put_message(to, 1, |peer| peer.extend(not_utf8(5)))),
        ),
        ("server name", attributes(|to| put_message(to, 12, |tls| tls.extend(not_utf8(1))))),
        (
            "metadata that is not asked for",
            attributes(|to| {
                put_message(to, 11, |all| put_message(all, 1, |e| e.extend(not_utf8(1))));
            }),
        ),
        (
            "route metadata that is not asked for",
            attributes(|to| {
                put_message(to, 13, |all| put_message(all, 1, |e| e.extend(not_utf8(1))));
            }),
        ),
        ("path of another wire type", http(|to| put_number(to, 4, 7))),
    ] {
        for settings in [SelectorSettings::default(), every_selector()] {
            let error = read_check_request(&bytes, &settings).unwrap_err();
            assert_eq!(error, Reason::RequestMalformed, "{case}");
        }
    }
}

#[test]
fn attack_1_a_request_cut_anywhere_is_never_read_as_another_path_or_token() {
    let whole = http(|to| {
        put_text(to, 2, "GET");
        put_text(to, 4, "/orders");
        put_entry(to, 3, "authorization", "Bearer abc");
    });
    for end in 0..whole.len() {
        let error = read_check_request(&whole[..end], &SelectorSettings::default()).unwrap_err();
        let expected = if end == 0 { Reason::RequestNotHttp } else { Reason::RequestMalformed };
        assert_eq!(error, expected, "{end}");
    }
}

#[test]
fn a_request_without_http_is_none() {
    for bytes in [
        vec![],
        attributes(|_| {}),
        attributes(|to| put_message(to, 1, |peer| put_text(peer, 4, "spiffe://t/a"))),
        attributes(|to| put_message(to, 4, |_| {})),
    ] {
        let error = read_check_request(&bytes, &every_selector()).unwrap_err();
        assert_eq!(error, Reason::RequestNotHttp);
    }
    let empty = read(&[0x0a, 4, 0x22, 2, 0x12, 0]).clone();
    assert_eq!((empty.method, empty.host, empty.path), (None, None, None));
}

#[test]
fn the_last_scalar_wins_and_repeated_submessages_merge() {
    let bytes = attributes(|to| {
        put_http(to, |http| {
            put_text(http, 2, "GET");
            put_text(http, 4, "/first");
            put_text(http, 5, "a.example");
        });
        put_http(to, |http| {
            put_text(http, 4, "/second");
            put_text(http, 4, "/third");
        });
    });
    let facts = read(&bytes);
    assert_eq!(facts.method, Some("GET"));
    assert_eq!(facts.path, Some("/third"));
    assert_eq!(facts.host, Some("a.example"));

    let emptied = http(|to| {
        put_text(to, 4, "/a");
        put_text(to, 4, "");
    });
    assert_eq!(read(&emptied).path, None);
}

#[test]
fn attack_2_headers_that_stand_twice_are_kept_twice_in_every_form() {
    let entry = |to: &mut Bytes| put_entry(to, 3, "authorization", "Bearer a");
    let map =
        |to: &mut Bytes| put_message(to, 13, |map| put_raw(map, "Authorization", b"Bearer a"));
    for (case, bytes) in [
        ("headers", http(|to| [entry, entry].iter().for_each(|put| put(to)))),
        ("two header_maps", http(|to| [map, map].iter().for_each(|put| put(to)))),
        (
            "one header_map",
            http(|to| {
                put_message(to, 13, |map| {
                    put_raw(map, "authorization", b"Bearer a");
                    put_raw(map, "AUTHORIZATION", b"Bearer b");
                });
            }),
        ),
        (
            "one of each form",
            http(|to| {
                entry(to);
                map(to);
            }),
        ),
        (
            "two requests that merge",
            attributes(|to| {
                put_http(to, entry);
                put_http(to, entry);
            }),
        ),
    ] {
        assert_eq!(read(&bytes).headers.authorization, Once::Many, "{case}");
    }
}

#[test]
fn a_raw_value_goes_before_a_value_and_may_be_any_bytes() {
    let bytes = http(|to| {
        put_message(to, 13, |map| {
            put_message(map, 1, |header| {
                put_text(header, 1, "authorization");
                put_text(header, 2, "loses");
                header.extend([0x1a, 2, 0xff, 0x00]);
            });
            put_message(map, 1, |header| {
                put_text(header, 1, "dpop");
                put_text(header, 2, "stays");
                header.extend([0x1a, 0]);
            });
        });
    });
    let facts = read(&bytes);
    assert_eq!(facts.headers.authorization, Once::One(b"\xff\x00"));
    assert_eq!(facts.headers.dpop, Once::One(b"stays"));
}

#[test]
fn a_body_is_read_from_either_field() {
    for (text, raw, expected) in [
        ("", &b""[..], &b""[..]),
        ("a=b", b"", b"a=b"),
        ("", b"\xff", b"\xff"),
        ("a=b", b"\xff", b"\xff"),
    ] {
        let bytes = http(|to| {
            put_text(to, 11, text);
            to.extend([0x62, u8::try_from(raw.len()).unwrap()]);
            to.extend_from_slice(raw);
        });
        assert_eq!(read(&bytes).body.bytes, expected, "{text} {raw:02x?}");
    }
}

/// A namespace and its members, each a name and an encoded `Value`.
type Namespace<'n> = (&'n str, &'n [(&'n str, &'n [u8])]);

/// Writes the whole of `route_metadata_context`.
fn put_route_metadata(to: &mut Bytes, namespaces: &[Namespace<'_>]) {
    put_message(to, 13, |all| {
        for (namespace, members) in namespaces {
            put_message(all, 1, |entry| {
                put_text(entry, 1, namespace);
                put_message(entry, 2, |fields| {
                    for (name, value) in *members {
                        put_message(fields, 1, |member| {
                            put_text(member, 1, name);
                            put_message(member, 2, |union| union.extend_from_slice(value));
                        });
                    }
                });
            });
        }
    });
}

#[test]
fn route_metadata_is_a_string_under_one_key_of_one_namespace() {
    let text: &[u8] = &[0x1a, 1, b'r'];
    let empty: &[u8] = &[0x1a, 0];
    let number: &[u8] = &[0x11, 0, 0, 0, 0, 0, 0, 0, 0];
    let null: &[u8] = &[0x08, 0];
    let text_then_null: &[u8] = &[0x1a, 1, b'r', 0x08, 0];
    let null_then_text: &[u8] = &[0x08, 0, 0x1a, 1, b'r'];
    let found = Selector::Value("r");
    for (namespaces, expected) in [
        (&[("ns", &[("resource", text)][..])][..], found),
        (
            &[("other", &[("resource", text)][..]), ("ns", &[("other", null), ("resource", text)])],
            found,
        ),
        (&[("ns", &[("resource", null_then_text)][..])], found),
        (&[], Selector::Absent),
        (&[("ns", &[][..])], Selector::Absent),
        (&[("ns", &[("Resource", text)][..])], Selector::Absent),
        (&[("other", &[("resource", text)][..])], Selector::Absent),
        (&[("ns", &[("resource", empty)][..])], Selector::Malformed),
        (&[("ns", &[("resource", number)][..])], Selector::Malformed),
        (&[("ns", &[("resource", null)][..])], Selector::Malformed),
        (&[("ns", &[("resource", &[][..])][..])], Selector::Malformed),
        (&[("ns", &[("resource", text_then_null)][..])], Selector::Malformed),
        (&[("ns", &[("resource", text), ("resource", text)][..])], Selector::Malformed),
        (&[("ns", &[("resource", text)][..]), ("ns", &[])], Selector::Malformed),
        (&[("ns", &[][..]), ("ns", &[("resource", text)])], Selector::Malformed),
    ] {
        let bytes = attributes(|to| {
            put_route_metadata(to, namespaces);
            put_http(to, |_| {});
        });
        let settings = every_selector();
        let facts = read_check_request(&bytes, &settings).unwrap();
        assert_eq!(facts.selectors.route_metadata, expected, "{namespaces:?}");
        assert_eq!(read(&bytes).selectors.route_metadata, Selector::Absent, "not enabled");
    }
}

#[test]
fn the_context_extension_is_read_under_its_exact_name() {
    for (extensions, expected) in [
        (&[("accredit.resource", "urn:a")][..], Selector::Value("urn:a")),
        (&[("a", "b"), ("accredit.resource", "urn:a")], Selector::Value("urn:a")),
        (&[("Accredit.Resource", "urn:a")], Selector::Absent),
        (&[("accredit.resource", "")], Selector::Malformed),
        (&[("accredit.resource", "urn:a"), ("accredit.resource", "urn:a")], Selector::Malformed),
    ] {
        let bytes = attributes(|to| {
            put_http(to, |_| {});
            for (key, value) in extensions {
                put_entry(to, 10, key, value);
            }
        });
        assert_eq!(read(&bytes).selectors.resource, expected, "{extensions:?}");
        let off = SelectorSettings { context_extension: false, ..SelectorSettings::default() };
        let facts = read_check_request(&bytes, &off).unwrap();
        assert_eq!(facts.selectors.resource, Selector::Absent, "not enabled");
    }
}

#[test]
fn the_destination_principal_is_read_and_the_source_is_not() {
    let bytes = attributes(|to| {
        put_http(to, |_| {});
        put_message(to, 1, |source| put_text(source, 4, "spiffe://t/caller"));
        put_message(to, 2, |destination| put_text(destination, 4, "spiffe://t/api"));
    });
    let settings = every_selector();
    let facts = read_check_request(&bytes, &settings).unwrap();
    assert_eq!(facts.selectors.destination_principal, Selector::Value("spiffe://t/api"));
    assert_eq!(read(&bytes).selectors.destination_principal, Selector::Absent, "not enabled");
}
