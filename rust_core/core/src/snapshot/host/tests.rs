#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::{Host, Malformed};

fn read(text: &str) -> Option<(String, Option<u16>)> {
    Host::read(text).ok().map(|host| (host.name().to_owned(), host.port()))
}

#[test]
fn attack_5_hosts_are_compared_without_case_trailing_dot_and_port() {
    for (text, name, port) in [
        ("api.example", "api.example", None),
        ("API.Example", "api.example", None),
        ("api.example.", "api.example", None),
        ("api.example:443", "api.example", Some(443)),
        ("API.EXAMPLE.:8443", "api.example", Some(8443)),
        ("api.example:1", "api.example", Some(1)),
        ("api.example:65535", "api.example", Some(65535)),
        ("my_service", "my_service", None),
        ("127.0.0.1:19080", "127.0.0.1", Some(19080)),
        ("[::1]", "[::1]", None),
        ("[::1]:8080", "[::1]", Some(8080)),
        ("[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]", None),
        ("xn--caf-dma.example", "xn--caf-dma.example", None),
    ] {
        assert_eq!(read(text), Some((name.to_owned(), port)), "{text}");
    }
}

#[test]
fn attack_5_what_is_no_host_is_refused() {
    for text in [
        "",
        ".",
        "..",
        ":",
        ":80",
        ".example",
        "api..example",
        "api.example..",
        "api.example:",
        "api.example:0",
        "api.example:080",
        "api.example:+80",
        "api.example:-1",
        "api.example:65536",
        "api.example:99999999999999999999",
        "api.example:80:80",
        "api.example:8a",
        "api.example: 80",
        "user@api.example",
        "api.example@evil.example",
        "api.example/a",
        "api.example?a",
        "api.example#a",
        "api.example\\evil",
        "http://api.example",
        "api example",
        " api.example",
        "api.example ",
        "api.example\t",
        "api.example\0",
        "api.example\0.evil",
        "api.example,evil.example",
        "api%2eexample",
        "café.example",
        "ａpi.example",
        "api.example\u{3002}",
        "*.example",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[::1]80",
        "[::1]:",
        "[::1].",
        "[::g]",
        "[fe80::1%eth0]",
        "[127.0.0.1]",
        "[v1.a]",
    ] {
        assert_eq!(Host::read(text).map(|_| ()), Err(Malformed), "{text:?}");
    }
}

#[test]
fn lengths_are_capped_inclusively() {
    let label = |count| "a".repeat(count);
    assert!(read(&label(63)).is_some());
    assert_eq!(read(&label(64)), None);
    let longest = [label(63), label(63), label(63), label(61)].join(".");
    assert_eq!(longest.len(), 253);
    assert!(read(&longest).is_some());
    assert!(read(&format!("{longest}.")).is_some());
    assert!(read(&format!("{longest}.:65535")).is_some());
    assert_eq!(read(&format!("{longest}a")).map(|host| host.0.len()), None);
    assert_eq!(read(&format!("{longest}.a")), None);
}

proptest! {
    #[test]
    fn reading_is_idempotent(text in "[A-Za-z0-9._:\\[\\]-]{0,24}") {
        let Some((name, port)) = read(&text) else { return Ok(()) };
        let written = port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
        prop_assert_eq!(read(&written), Some((name, port)));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Host::read(&text);
    }
}
