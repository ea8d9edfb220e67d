#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::{NotCanonical, decode, decode_onto, encode};

#[test]
fn only_the_canonical_form_is_read() {
    for (text, bytes) in [
        ("", &b""[..]),
        ("Zg", b"f"),
        ("Zm8", b"fo"),
        ("Zm9v", b"foo"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("AA", b"\0"),
    ] {
        assert_eq!(decode(text.as_bytes()).unwrap(), bytes, "{text}");
        assert_eq!(encode(bytes), text);
    }
    for text in [
        "Zg==",
        "Zm8=",
        "Zm9v=",
        "Zh",
        "Zm9",
        "Zm9vZ",
        "Z",
        "+/+/",
        "Zm 9v",
        " Zm9v",
        "Zm9v ",
        "Zm9v\n",
        "Zm9v\r\n",
        "Zm\t9v",
        "Zm9v\0",
        "Zm9v.",
        "Zm9v\u{e9}",
        "=",
        "====",
        "?m9v",
    ] {
        assert_eq!(decode(text.as_bytes()), Err(NotCanonical), "{text:?}");
    }
}

#[test]
fn appending_leaves_what_is_there() {
    let mut bytes = b"before".to_vec();
    decode_onto(b"Zm9v", &mut bytes).unwrap();
    assert_eq!(bytes, b"beforefoo");
}

proptest! {
    #[test]
    fn bytes_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = encode(&bytes);
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        prop_assert_eq!(decode(text.as_bytes()), Ok(bytes));
    }

    #[test]
    fn no_two_texts_stand_for_the_same_bytes(text in "[A-Za-z0-9_=+/ -]{0,12}") {
        if let Ok(bytes) = decode(text.as_bytes()) {
            prop_assert_eq!(encode(&bytes), text);
        }
    }
}
