#![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::{CanonicalPath, Form, MAX_BYTES, MAX_SEGMENTS, NotCanonical, PathRule, split_target};

/// The decoded path, or `None` where it is refused.
fn read(target: &str, rule: PathRule) -> Option<String> {
    CanonicalPath::read(target, rule).ok().map(|path| format!("/{}", path.segments()))
}

#[test]
fn canonical_paths_are_taken_as_sent_and_compared_decoded() {
    for (target, decoded) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/a/b.c/d-e_f~g", "/a/b.c/d-e_f~g"),
        ("/a?b", "/a"),
        ("/a?", "/a"),
        ("/a?b?c//../%2e", "/a"),
        ("/a/..b/c../.d/...", "/a/..b/c../.d/..."),
        ("/%61", "/a"),
        ("/%7E%7e", "/~~"),
        ("/a%20b", "/a b"),
        ("/caf%C3%A9", "/café"),
        ("/a%3Fb%23c", "/a?b#c"),
        ("/a%2eb", "/a.b"),
        ("/100%25", "/100%"),
        ("/100%25x", "/100%x"),
        ("/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="),
    ] {
        assert_eq!(read(target, PathRule::Refuse).as_deref(), Some(decoded), "{target}");
        let path = CanonicalPath::read(target, PathRule::Resolve).unwrap();
        assert_eq!(path.form(), Form::Canonical, "{target}");
    }
}

#[test]
fn attack_5_what_two_readers_could_differ_on_is_refused_even_when_resolving() {
    for target in [
        "",
        "a",
        "*",
        "?a",
        "http://api.example/a",
        "HTTP://api.example/a",
        "//a/%2f",
        "/%2f",
        "/a%2Fb",
        "/a%5cb",
        "/a%5Cb",
        "/a\\b",
        "/\\..\\a",
        "/a;b",
        "/a;jsessionid=1",
        "/a%3bb",
        "/a%3Bb",
        "/..;/a",
        // Escapes of escapes: a reader that decodes twice would see something else.
        "/%252e%252e/a",
        "/a%252fb",
        "/a%25%32%66b",
        "/a#b",
        "/a?b#c",
        "/#/../a",
        "/a\0",
        "/a%00",
        "/a%00.json",
        "/a%0a",
        "/a%0d%0ab",
        "/a%1f",
        "/a%7f",
        "/a\n",
        "/a\t",
        "/a b",
        "/a\u{7f}",
        "/é",
        "/\u{ff0e}\u{ff0e}/a",
        "/%",
        "/%a",
        "/%zz",
        "/%2",
        "/a%2",
        "/%u002e",
        "/%+1",
        // Overlong UTF-8 for `/`, `.` and NUL, and bytes that are no UTF-8 at all.
        "/%c0%af",
        "/%c0%ae%c0%ae/a",
        "/%e0%80%ae",
        "/%c0%80",
        "/%ff",
        "/%ed%a0%80",
    ] {
        for rule in [PathRule::Refuse, PathRule::Resolve] {
            assert_eq!(read(target, rule), None, "{target:?} {rule:?}");
        }
    }
}

#[test]
fn attack_5_dot_segments_and_empty_segments_are_refused_unless_resolved() {
    for (target, resolved) in [
        ("//", Some("/")),
        ("//a", Some("/a")),
        ("///a///b", Some("/a/b")),
        ("/a//", Some("/a/")),
        ("/a//b", Some("/a/b")),
        ("/.", Some("/")),
        ("/..", Some("/")),
        ("/./a", Some("/a")),
        ("/a/.", Some("/a/")),
        ("/a/..", Some("/")),
        ("/a/b/..", Some("/a/")),
        ("/a/../b", Some("/b")),
        ("/public/../admin", Some("/admin")),
        ("/../../a", Some("/a")),
        ("/%2e/a", Some("/a")),
        ("/a/%2e%2e/b", Some("/b")),
        ("/a/%2E./b", Some("/b")),
        ("/a/.%2e/b", Some("/b")),
        ("/a/./b?c", Some("/a/b")),
        ("/a/%2e%2e", Some("/")),
        // Merging before or after removing dot segments gives two different paths.
        ("/a//../b", None),
        ("/a//./../b", None),
        ("/a//b/../../c", None),
        ("//../a", None),
    ] {
        assert_eq!(read(target, PathRule::Refuse), None, "{target}");
        assert_eq!(read(target, PathRule::Resolve).as_deref(), resolved, "{target}");
    }
}

#[test]
fn caps_are_inclusive() {
    let segments = |count| "/a".repeat(count);
    let bytes = |count: usize| format!("/{}", "a".repeat(count - 1));
    for rule in [PathRule::Refuse, PathRule::Resolve] {
        assert!(read(&segments(MAX_SEGMENTS), rule).is_some());
        assert_eq!(read(&segments(MAX_SEGMENTS + 1), rule), None);
        assert_eq!(read(&format!("{}/", segments(MAX_SEGMENTS)), rule), None);
        assert!(read(&bytes(MAX_BYTES), rule).is_some());
        assert_eq!(read(&bytes(MAX_BYTES + 1), rule), None);
        // The cap is on the path: a long query is another matter.
        assert!(read(&format!("/a?{}", bytes(MAX_BYTES)), rule).is_some());
    }
}

#[test]
fn a_target_is_cut_at_its_first_question_mark() {
    for (target, expected) in [
        ("/a", ("/a", None)),
        ("/a?", ("/a", Some(""))),
        ("/a?b=c?d", ("/a", Some("b=c?d"))),
        ("?", ("", Some(""))),
    ] {
        assert_eq!(split_target(target), expected, "{target}");
    }
}

/// Text that is rich in what paths are attacked with.
fn target() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z.]{0,3}",
        4 => Just("/".to_owned()),
        1 => Just("..".to_owned()),
        1 => Just("%2e".to_owned()),
        1 => Just("%25".to_owned()),
        1 => "%[0-9a-f]{2}",
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn normalisation_is_idempotent(target in target()) {
        for rule in [PathRule::Refuse, PathRule::Resolve] {
            let Ok(path) = CanonicalPath::read(&target, rule) else { continue };
            let written = path.to_string();
            // What came out is canonical by the strict rule, means the same, and is written so.
            let again = CanonicalPath::read(&written, PathRule::Refuse).unwrap();
            prop_assert_eq!(again.form(), Form::Canonical);
            prop_assert_eq!(again.segments(), path.segments());
            prop_assert_eq!(again.to_string(), written);
        }
    }

    #[test]
    fn resolving_changes_no_canonical_path(target in target()) {
        let strict = CanonicalPath::read(&target, PathRule::Refuse);
        let resolved = CanonicalPath::read(&target, PathRule::Resolve);
        match (strict, resolved) {
            (Ok(strict), resolved) => prop_assert_eq!(resolved, Ok(strict)),
            (Err(NotCanonical), Ok(path)) => prop_assert_eq!(path.form(), Form::Resolved),
            (Err(NotCanonical), Err(NotCanonical)) => {}
        }
    }

    #[test]
    fn no_canonical_path_has_a_dot_segment_or_an_inner_empty_one(target in target()) {
        let Ok(path) = CanonicalPath::read(&target, PathRule::Resolve) else { return Ok(()) };
        let segments: Vec<&str> = path.segments().split('/').collect();
        let (last, inner) = segments.split_last().unwrap();
        prop_assert!(inner.iter().all(|segment| !segment.is_empty()));
        prop_assert!(segments.iter().all(|segment| *segment != "." && *segment != ".."));
        prop_assert!(!last.contains('\\'));
    }
}
