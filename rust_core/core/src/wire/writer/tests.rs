use super::write_check_response;
use crate::decide::answer::{Answer, Effect};

fn deny(status: u16) -> Vec<u8> {
    let effect = Effect::Deny { status, headers: Vec::new(), body: "" };
    write_check_response(&Answer { effect, metadata: Vec::new() })
}

#[test]
fn every_http_status_is_denied_with_a_code_that_is_not_zero() {
    for status in 0..=u16::MAX {
        let bytes = deny(status);
        // `status` first, one field, `code`.
        assert!(bytes.starts_with(&[0x0a, 2, 0x08]), "{status}: {bytes:02x?}");
        let code = match status {
            400 => 3,
            401 => 16,
            503 => 14,
            _ => 7,
        };
        assert_eq!(bytes.get(3), Some(&code), "{status}");
    }
}

#[test]
fn the_emptiest_allow_is_not_the_zero_value() {
    let effect = Effect::Allow { set: Vec::new(), remove: Vec::new() };
    let bytes = write_check_response(&Answer { effect, metadata: Vec::new() });
    // `status { code: 0 }`, written out, then an empty `ok_response`.
    assert_eq!(bytes, [0x0a, 2, 0x08, 0, 0x1a, 0]);
}

#[test]
fn an_allow_overwrites_headers_and_names_those_to_remove() {
    let effect = Effect::Allow {
        set: vec![("x-accredit-subject", "s".into())],
        remove: vec!["X_Accredit_Role".into()],
    };
    let metadata = vec![("reason", "ok".into())];
    let bytes = write_check_response(&Answer { effect, metadata });
    let expected = [
        &[0x0a, 2, 0x08, 0][..],
        &[0x1a, 46, 0x12, 27, 0x0a, 23, 0x0a, 18],
        b"x-accredit-subject",
        &[0x12, 1, b's'],
        // append_action: OVERWRITE_IF_EXISTS_OR_ADD
        &[0x18, 2],
        &[0x2a, 15],
        b"X_Accredit_Role",
        &[0x22, 16, 0x0a, 14, 0x0a, 6],
        b"reason",
        &[0x12, 4, 0x1a, 2],
        b"ok",
    ]
    .concat();
    assert_eq!(bytes, expected);
}

#[test]
fn long_values_keep_their_length() {
    for length in [120, 127, 128, 200, 16_383, 16_384] {
        let effect = Effect::Allow {
            set: vec![("x-accredit-subject", "q".repeat(length).into())],
            remove: Vec::new(),
        };
        let bytes = write_check_response(&Answer { effect, metadata: Vec::new() });
        // What is behind the value is two bytes of `append_action`.
        let value = bytes.strip_suffix(&[0x18, 2]).unwrap_or_default();
        assert!(value.ends_with("q".repeat(length).as_bytes()), "{length}");
    }
}
