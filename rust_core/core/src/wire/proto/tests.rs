#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::{
    Fields, Found, MAX_DEPTH, Malformed, Message, put_message, put_number, put_text, put_varint,
    take_varint,
};

fn check(message: Message, bytes: &[u8]) -> Result<(), Malformed> {
    Found::Message(Fields::of(message, bytes)).check()
}

#[test]
fn varints_have_at_most_64_bits_and_may_be_longer_than_need_be() {
    let full = [0xff; 9];
    for (bytes, expected) in [
        (&[0x00][..], Some(0)),
        (&[0x7f], Some(127)),
        (&[0x80, 0x01], Some(128)),
        (&[0x80, 0x00], Some(0)),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], Some(1 << 63)),
        (&[&full[..], &[0x01]].concat(), Some(u64::MAX)),
        (&[&full[..], &[0x02]].concat(), None),
        (&[&full[..], &[0x80, 0x00]].concat(), None),
        (&[&full[..], &[0x81]].concat(), None),
        (&[], None),
        (&[0x80], None),
        (&full, None),
    ] {
        assert_eq!(take_varint(&mut &*bytes).ok(), expected, "{bytes:02x?}");
    }
}

#[test]
fn attack_1_what_is_no_message_is_refused() {
    for (case, bytes) in [
        ("field 0", &[0x02, 0x00][..]),
        ("field number beyond 29 bits", &[0x82, 0x80, 0x80, 0x80, 0x10, 0x00]),
        ("wire type 6", &[0x0e]),
        ("wire type 7", &[0x0f]),
        ("key cut short", &[0x80]),
        ("length cut short", &[0x0a, 0x80]),
        ("length past the end", &[0x0a, 0x02, 0x00]),
        ("length of 2^63", &[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
        ("varint cut short", &[0x18, 0x80]),
        ("eight bytes cut short", &[0x19, 0, 0, 0, 0, 0, 0, 0]),
        ("four bytes cut short", &[0x1d, 0, 0, 0]),
        ("group without end", &[0x1b]),
        ("group with the end of another", &[0x1b, 0x24]),
        ("end without group", &[0x1c]),
        ("text that is not UTF-8", &[0x0a, 0x01, 0xff]),
        ("text of another wire type", &[0x08, 0x00]),
    ] {
        assert_eq!(check(Message::TextEntry, bytes), Err(Malformed), "{case}");
    }
}

#[test]
fn unknown_fields_of_every_wire_type_are_passed_over() {
    for (case, bytes) in [
        ("nothing", &[][..]),
        ("varint", &[0x18, 0xff, 0x01]),
        ("eight bytes", &[0x19, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("bytes that are not UTF-8", &[0x1a, 0x02, 0xff, 0xfe]),
        ("empty group", &[0x1b, 0x1c]),
        ("group that holds known numbers of other types", &[0x1b, 0x08, 0x01, 0x1c]),
        ("group in a group", &[0x1b, 0x23, 0x24, 0x1c]),
        ("four bytes", &[0x1d, 0xff, 0xff, 0xff, 0xff]),
        ("the largest field number", &[0xf8, 0xff, 0xff, 0xff, 0x0f, 0x00]),
    ] {
        assert_eq!(check(Message::TextEntry, bytes), Ok(()), "{case}");
    }
}

#[test]
fn nesting_is_bounded_in_messages_and_in_groups() {
    let depth = usize::from(MAX_DEPTH);
    for (levels, expected) in [(depth, Ok(())), (depth + 1, Err(Malformed)), (5000, Err(Malformed))]
    {
        let groups = [vec![0x1b; levels], vec![0x1c; levels]].concat();
        assert_eq!(check(Message::TextEntry, &groups), expected, "{levels} groups");
    }
    // Struct { fields: { value: Value { struct_value: Struct …: three messages a level.
    let mut bytes = Vec::new();
    for level in 1..200 {
        let inner = std::mem::take(&mut bytes);
        put_message(&mut bytes, 1, |entry| {
            put_message(entry, 2, |value| {
                put_message(value, 5, |fields| fields.extend_from_slice(&inner));
            });
        });
        let expected = if level * 3 <= depth { Ok(()) } else { Err(Malformed) };
        assert_eq!(check(Message::Struct, &bytes), expected, "{level} structs");
    }
}

#[test]
fn a_million_levels_cost_no_stack() {
    let groups = vec![0x1b; 1_000_000];
    assert_eq!(check(Message::TextEntry, &groups), Err(Malformed));
}

proptest! {
    #[test]
    fn varints_round_trip(value in any::<u64>()) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);
        let mut rest = bytes.as_slice();
        prop_assert_eq!(take_varint(&mut rest), Ok(value));
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn messages_round_trip_at_every_length(key in ".{0,200}", value in ".{0,40}", number in any::<u64>()) {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 10, |entry| {
            put_text(entry, 1, &key);
            put_number(entry, 99, number);
            put_text(entry, 2, &value);
        });
        let mut fields = Fields::of(Message::AttributeContext, &bytes);
        let Some((10, Found::Message(mut entry))) = fields.next().unwrap() else {
            return Err(TestCaseError::fail("no entry"));
        };
        let mut texts = Vec::new();
        while let Some((number, Found::Text(text))) = entry.next().unwrap() {
            texts.push((number, text.str().unwrap()));
        }
        prop_assert_eq!(texts, [(1, key.as_str()), (2, value.as_str())]);
        prop_assert!(fields.next().unwrap().is_none());
    }
}
