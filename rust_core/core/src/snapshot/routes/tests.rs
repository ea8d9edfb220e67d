#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::{Pattern, Piece, RouteAt, Trie};
use crate::snapshot::PathRule;
use crate::snapshot::path::CanonicalPath;

fn trie(patterns: &[&str]) -> Trie {
    let mut trie = Trie::default();
    for (route, pattern) in patterns.iter().enumerate() {
        trie.insert(&Pattern::read(pattern).unwrap(), RouteAt { resource: 0, route });
    }
    trie
}

/// The pattern that decides about a path.
fn find<'p>(patterns: &[&'p str], path: &str) -> Option<&'p str> {
    let trie = trie(patterns);
    let path = CanonicalPath::read(path, PathRule::Refuse).unwrap();
    trie.find(&path).first().map(|at| *patterns.get(at.route).unwrap())
}

#[test]
fn one_pattern_fits_what_it_says() {
    for (pattern, fits, others) in [
        ("/", vec!["/"], vec!["/a"]),
        ("/a", vec!["/a", "/%61"], vec!["/", "/a/", "/b", "/A", "/a/b", "/aa"]),
        ("/a/", vec!["/a/"], vec!["/a", "/a/b"]),
        ("/a/*", vec!["/a/b", "/a/b.c", "/a/*"], vec!["/a", "/a/", "/a/b/", "/a/b/c"]),
        ("/*", vec!["/a"], vec!["/", "/a/", "/a/b"]),
        ("/*/c", vec!["/a/c"], vec!["/c", "/a/b/c", "/a/c/"]),
        ("/**", vec!["/", "/a", "/a/", "/a/b/c"], vec![]),
        ("/a/**", vec!["/a", "/a/", "/a/b", "/a/b/c/"], vec!["/", "/ab", "/b/a"]),
        ("/a/*/**", vec!["/a/b", "/a/b/", "/a/b/c"], vec!["/a", "/a/"]),
        ("/%2A", vec!["/*", "/%2a"], vec!["/a"]),
        ("/caf%C3%A9", vec!["/caf%c3%a9"], vec!["/cafe"]),
        // No character of a pattern is a regular expression.
        ("/a.c", vec!["/a.c", "/a%2ec"], vec!["/abc"]),
    ] {
        for path in fits {
            assert_eq!(find(&[pattern], path), Some(pattern), "{pattern} {path}");
        }
        for path in others {
            assert_eq!(find(&[pattern], path), None, "{pattern} {path}");
        }
    }
}

#[test]
fn by_segment_a_literal_goes_before_one_and_one_before_the_rest() {
    let all = ["/a/b", "/a/*", "/*/b", "/a/**", "/*/**", "/**", "/a/*/c/d", "/a/b/**"];
    for (path, expected) in [
        ("/a/b", "/a/b"),
        ("/a/x", "/a/*"),
        ("/x/b", "/*/b"),
        ("/a/b/c", "/a/b/**"),
        // Under `/a/b` only `**` fits, and that is more specific than `*` above it.
        ("/a/b/c/d", "/a/b/**"),
        ("/a/x/c/d", "/a/*/c/d"),
        // The branch of `*` leads nowhere: back to `/a/**`.
        ("/a/x/c/e", "/a/**"),
        ("/a", "/a/**"),
        ("/a/", "/a/**"),
        ("/x/y/z", "/*/**"),
        ("/x", "/*/**"),
        ("/", "/**"),
    ] {
        assert_eq!(find(&all, path), Some(expected), "{path}");
        let reversed: Vec<&str> = all.iter().rev().copied().collect();
        assert_eq!(find(&reversed, path), Some(expected), "{path}, written the other way round");
    }
}

#[test]
fn patterns_that_cannot_mean_one_thing_are_refused() {
    for pattern in [
        "",
        "a",
        "*",
        "**",
        "//",
        "/a//b",
        "/a/../b",
        "/./a",
        "/a?b",
        "/a#b",
        "/a;b",
        "/a\\b",
        "/a%2fb",
        "/a%00",
        "/%zz",
        "/é",
        "/a b",
        "/**/a",
        "/**/",
        "/**/**",
        "/a*",
        "/*a",
        "/***",
        "/a/**b",
        "http://a/b",
    ] {
        assert!(Pattern::read(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn pieces_are_decoded_and_only_literals_are_literal() {
    let pattern = Pattern::read("/%61/*/**").unwrap();
    assert_eq!(pattern.pieces(), [Piece::Literal("a".to_owned()), Piece::One, Piece::Rest]);
    for (pattern, literal) in [("/a/b/", true), ("/%2A", true), ("/a/*", false), ("/**", false)] {
        assert_eq!(Pattern::read(pattern).unwrap().is_literal(), literal, "{pattern}");
    }
}

#[test]
fn inserting_returns_all_routes_of_the_pattern_once() {
    let mut trie = Trie::default();
    let [first, second] = [0, 1].map(|route| RouteAt { resource: 7, route });
    assert_eq!(trie.insert(&Pattern::read("/a/*").unwrap(), first), [first]);
    assert_eq!(trie.insert(&Pattern::read("/a/*").unwrap(), first), [first]);
    assert_eq!(trie.insert(&Pattern::read("/a/**").unwrap(), second), [second]);
    assert_eq!(trie.insert(&Pattern::read("/%61/*").unwrap(), second), [first, second]);
}
