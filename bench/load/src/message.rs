//! `CheckRequest` messages as Envoy makes them, and what a `CheckResponse` says.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};

use crate::Fail;

/// gRPC's flag and length before each message.
pub(crate) const PREFIX_BYTES: usize = 5;

/// One HTTP request, as a gateway describes it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    pub(crate) host: String,
    pub(crate) path: String,
    /// Headers besides those that every request has.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Question {
    /// `GET` on the first API with this `authorization`.
    pub(crate) fn with_token(token: &str) -> Self {
        Self {
            method: "GET",
            host: "api.example".to_owned(),
            path: "/orders/v1/items/4711?expand=lines".to_owned(),
            headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The message, with gRPC's prefix.
    pub(crate) fn framed(&self) -> Result<Bytes, Fail> {
        framed(&self.message())
    }

    /// The message, with gRPC's prefix and filled up to a size by one long header.
    pub(crate) fn filled(&self, bytes: usize) -> Result<Bytes, Fail> {
        let have = self.message().len();
        // Tags and lengths of the filler and of what it stands in take some bytes of their own.
        let room = bytes.saturating_sub(have).saturating_sub(24);
        self.clone().header("x-filler", &"f".repeat(room)).framed()
    }

    fn message(&self) -> Vec<u8> {
        let mut http = Vec::with_capacity(4_096);
        text(&mut http, 1, "12940523874634017842");
        text(&mut http, 2, self.method);
        for (name, value) in [
            (":authority", self.host.as_str()),
            (":method", self.method),
            (":path", self.path.as_str()),
            (":scheme", "https"),
            ("accept", "application/json"),
            ("accept-encoding", "gzip, deflate, br"),
            ("user-agent", "partner-client/4.2 (linux; x86_64)"),
            ("x-envoy-external-address", "203.0.113.7"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "4f1c5f0e-6f5a-4d61-9f0a-2f6d8f3f7a51"),
        ] {
            header(&mut http, name, value);
        }
        for (name, value) in &self.headers {
            header(&mut http, name, value);
        }
        text(&mut http, 4, &self.path);
        text(&mut http, 5, &self.host);
        text(&mut http, 6, "https");
        text(&mut http, 10, "HTTP/2");
        if !self.body.is_empty() {
            bytes_field(&mut http, 12, &self.body);
        }
        let mut request = Vec::with_capacity(http.len().saturating_add(64));
        // The time at which the gateway took the request.
        bytes_field(&mut request, 1, &[0x08, 0x80, 0xa4, 0xa8, 0xda, 0x06, 0x10, 0xc0, 0x84, 0x3d]);
        bytes_field(&mut request, 2, &http);
        let mut attributes = Vec::with_capacity(request.len().saturating_add(128));
        bytes_field(&mut attributes, 1, &peer("203.0.113.7"));
        bytes_field(&mut attributes, 2, &peer("192.0.2.10"));
        bytes_field(&mut attributes, 4, &request);
        bytes_field(&mut attributes, 11, &[]);
        let mut message = Vec::with_capacity(attributes.len().saturating_add(8));
        bytes_field(&mut message, 1, &attributes);
        message
    }
}

/// A message behind gRPC's prefix.
pub(crate) fn framed(message: &[u8]) -> Result<Bytes, Fail> {
    let mut framed = BytesMut::with_capacity(message.len().saturating_add(PREFIX_BYTES));
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len())?);
    framed.put_slice(message);
    Ok(framed.freeze())
}

/// `AttributeContext.Peer` with a socket address.
fn peer(address: &str) -> Vec<u8> {
    let mut socket = Vec::new();
    text(&mut socket, 2, address);
    // port_value, a varint
    socket.extend_from_slice(&[0x18, 0xfb, 0xf0, 0x02]);
    let (mut addressed, mut peer) = (Vec::new(), Vec::new());
    bytes_field(&mut addressed, 1, &socket);
    bytes_field(&mut peer, 1, &addressed);
    peer
}

fn header(to: &mut Vec<u8>, name: &str, value: &str) {
    let mut entry = Vec::with_capacity(name.len().saturating_add(value.len()).saturating_add(12));
    text(&mut entry, 1, name);
    text(&mut entry, 2, value);
    bytes_field(to, 3, &entry);
}

fn text(to: &mut Vec<u8>, number: u8, value: &str) {
    bytes_field(to, number, value.as_bytes());
}

/// A length-delimited field with a number below 16.
pub(crate) fn bytes_field(to: &mut Vec<u8>, number: u8, value: &[u8]) {
    to.push(number << 3 | 2);
    let mut length = value.len();
    while length >= 0x80 {
        to.push(length.to_le_bytes().first().copied().unwrap_or_default() | 0x80);
        length >>= 7;
    }
    to.push(length.to_le_bytes().first().copied().unwrap_or_default());
    to.extend_from_slice(value);
}

/// What an answer must say to count as right.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The reason code; `ok` for an allow.
    pub(crate) reason: &'static str,
    /// How the reason stands in the metadata of the answer.
    member: Vec<u8>,
    /// Where it stood in the last answer, as it nearly always does again: whoever asks must be
    /// faster than whoever answers.
    place: AtomicUsize,
}

impl Expected {
    pub(crate) fn new(reason: &'static str) -> Self {
        let (mut union, mut member) = (Vec::new(), Vec::new());
        text(&mut union, 3, reason);
        text(&mut member, 1, "reason");
        bytes_field(&mut member, 2, &union);
        Self { reason, member, place: AtomicUsize::new(0) }
    }

    /// Whether a `CheckResponse` allows or denies as expected, and for that reason.
    pub(crate) fn fits(&self, response: &[u8]) -> bool {
        // `status`, always first and always written: field 1, two bytes, `code`.
        let [0x0a, 2, 0x08, code, rest @ ..] = response else { return false };
        (*code == 0) == (self.reason == "ok") && self.names_reason(rest)
    }

    fn names_reason(&self, response: &[u8]) -> bool {
        let place = self.place.load(Ordering::Relaxed);
        if response.get(place..).is_some_and(|rest| rest.starts_with(&self.member)) {
            return true;
        }
        let found = response.windows(self.member.len()).position(|part| part == self.member);
        if let Some(place) = found {
            self.place.store(place, Ordering::Relaxed);
        }
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

    use super::{Expected, PREFIX_BYTES, Question};
    use accredit_core::decide::Decision;
    use accredit_core::facts::{Moment, SelectorSettings};
    use accredit_core::reason::Reason;
    use accredit_core::wire::{read_check_request, write_check_response};

    #[test]
    fn the_product_reads_what_is_asked() {
        let framed = Question::with_token("a.b.c").header("x-more", "1").framed().unwrap();
        let facts =
            read_check_request(&framed[PREFIX_BYTES..], &SelectorSettings::default()).unwrap();
        assert_eq!(facts.method, Some("GET"));
        assert_eq!(facts.host, Some("api.example"));
        assert!(facts.path.unwrap().starts_with("/orders/"));
        assert!(facts.headers.authorization.is_present());
        let filled = Question::with_token("a.b.c").filled(60_000).unwrap();
        assert!((59_900..60_100).contains(&filled.len()), "{}", filled.len());
    }

    #[test]
    fn a_wrong_answer_is_seen() {
        let at = Moment { now_ms: 1, random: [0; 10] };
        let answer = write_check_response(&Decision::refused(Reason::Overloaded, &at).answer(None));
        assert!(Expected::new("overloaded").fits(&answer));
        assert!(!Expected::new("internal").fits(&answer));
        assert!(!Expected::new("ok").fits(&answer));
        assert!(!Expected::new("ok").fits(&[]));
        let mut turned = answer;
        turned[3] = 0;
        assert!(!Expected::new("overloaded").fits(&turned));
    }
}
