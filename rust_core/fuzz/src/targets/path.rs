//! Paths, hosts and path patterns: what is accepted is in a form that reads as itself again.

use accredit_core::snapshot::PathRule;
use accredit_core::snapshot::host::Host;
use accredit_core::snapshot::path::{CanonicalPath, Form};
use accredit_core::snapshot::routes::{Pattern, RouteAt, Trie};

use super::check_request::{http, recorded};
use crate::seeds::Vectors;

/// Reads any text as a request target, a host and a pattern.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    target(text);
    host(text);
    pattern(text);
}

fn target(text: &str) {
    let strict = CanonicalPath::read(text, PathRule::Refuse);
    let Ok(path) = CanonicalPath::read(text, PathRule::Resolve) else {
        assert!(strict.is_err(), "resolving refuses what is canonical");
        return;
    };
    assert_eq!(strict.is_ok(), path.form() == Form::Canonical);
    let segments: Vec<&str> = path.segments().split('/').collect();
    let (last, inner) = segments.split_last().expect("one segment at least");
    assert!(inner.iter().all(|segment| !segment.is_empty()), "an empty segment");
    assert!(segments.iter().all(|segment| !matches!(*segment, "." | "..")), "a dot segment");
    assert!(!path.segments().contains(['\\', ';', '\0']) && !last.contains('/'));

    let written = path.to_string();
    let again = CanonicalPath::read(&written, PathRule::Refuse).expect("not idempotent");
    assert_eq!(again.segments(), path.segments());
    assert_eq!(again.to_string(), written);
}

fn host(text: &str) {
    let Ok(host) = Host::read(text) else { return };
    let written = match host.port() {
        Some(port) => format!("{}:{port}", host.name()),
        None => host.name().to_owned(),
    };
    let again = Host::read(&written).expect("not idempotent");
    assert_eq!((again.name(), again.port()), (host.name(), host.port()));
    assert!(!host.name().ends_with('.') && host.name().is_ascii() && host.port() != Some(0));
}

fn pattern(text: &str) {
    let Ok(pattern) = Pattern::read(text) else { return };
    let mut trie = Trie::default();
    let route = RouteAt { resource: 0, route: 0 };
    trie.insert(&pattern, route);
    // Read as a path, a pattern fits itself: `*` is a segment like any other there.
    let path = CanonicalPath::read(text, PathRule::Refuse).expect("a pattern is canonical");
    assert_eq!(trie.find(&path), [route]);
}

/// The paths and hosts that a real Envoy was recorded to send.
#[must_use]
pub fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let requests = recorded(vectors);
    let texts = requests.iter().filter_map(http).flat_map(|http| {
        ["path", "host"].map(|name| {
            let value = http.get_field_by_name(name);
            value.and_then(|value| value.as_str().map(|text| text.as_bytes().to_vec()))
        })
    });
    texts.flatten().collect()
}
