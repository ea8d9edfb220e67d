//! The protobuf wire format and the part of Envoy's schema that a `CheckRequest` can reach.
//!
//! [`Fields`] walks one message without copying and is stricter than protobuf nowhere but here: a
//! known field of another wire type is refused, where some parsers pass it over as unknown.
//! Field numbers are those of `proto/third_party/ext_authz.binpb`; a test compares them.
//!
//! Source: protobuf's encoding reference ("Message Structure", "Last One Wins", "Groups").

/// How deep messages and groups may nest; protobuf's own limit is 100.
pub const MAX_DEPTH: u8 = 90;

/// The bytes are not a message of the schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed;

/// A message type that a `CheckRequest` can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message {
    /// `envoy.service.auth.v3.CheckRequest`
    CheckRequest,
    /// `envoy.service.auth.v3.AttributeContext`
    AttributeContext,
    /// `envoy.service.auth.v3.AttributeContext.Peer`
    Peer,
    /// `envoy.service.auth.v3.AttributeContext.Request`
    Request,
    /// `envoy.service.auth.v3.AttributeContext.HttpRequest`
    HttpRequest,
    /// `envoy.service.auth.v3.AttributeContext.TLSSession`
    TlsSession,
    /// The entry of any `map<string, string>`.
    TextEntry,
    /// `envoy.config.core.v3.HeaderMap`
    HeaderMap,
    /// `envoy.config.core.v3.HeaderValue`
    HeaderValue,
    /// `envoy.config.core.v3.Metadata`
    Metadata,
    /// The entry of `Metadata.filter_metadata`.
    FilterMetadataEntry,
    /// The entry of `Metadata.typed_filter_metadata`.
    TypedFilterMetadataEntry,
    /// `envoy.config.core.v3.Address`
    Address,
    /// `envoy.config.core.v3.SocketAddress`
    SocketAddress,
    /// `envoy.config.core.v3.Pipe`
    Pipe,
    /// `envoy.config.core.v3.EnvoyInternalAddress`
    EnvoyInternalAddress,
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `google.protobuf.Any`
    Any,
    /// `google.protobuf.Struct`
    Struct,
    /// The entry of `Struct.fields`.
    StructEntry,
    /// `google.protobuf.Value`
    Value,
    /// `google.protobuf.ListValue`
    ListValue,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An integer, an enum value or a bool.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A string, which must be UTF-8.
    Text,
    /// Any bytes.
    Bytes,
    /// A message.
    Message(Message),
}

impl Message {
    /// What the field with this number holds; `None` where the schema has none.
    #[must_use]
    #[inline]
    #[expect(clippy::match_same_arms, reason = "a table reads best in the order of the schema")]
    pub const fn kind(self, number: u32) -> Option<Kind> {
        use Kind::{Bytes, Fixed64, Text, Varint};
        Some(match (self, number) {
            (Self::CheckRequest, 1) => Kind::Message(Self::AttributeContext),
            (Self::AttributeContext, 1 | 2) => Kind::Message(Self::Peer),
            (Self::AttributeContext, 4) => Kind::Message(Self::Request),
            (Self::AttributeContext, 10) => Kind::Message(Self::TextEntry),
            (Self::AttributeContext, 11 | 13) => Kind::Message(Self::Metadata),
            (Self::AttributeContext, 12) => Kind::Message(Self::TlsSession),
            (Self::Peer, 1) => Kind::Message(Self::Address),
            (Self::Peer, 3) => Kind::Message(Self::TextEntry),
            (Self::Peer, 2 | 4 | 5) => Text,
            (Self::Request, 1) => Kind::Message(Self::Timestamp),
            (Self::Request, 2) => Kind::Message(Self::HttpRequest),
            (Self::HttpRequest, 3) => Kind::Message(Self::TextEntry),
            (Self::HttpRequest, 13) => Kind::Message(Self::HeaderMap),
            (Self::HttpRequest, 9) => Varint,
            (Self::HttpRequest, 12) => Bytes,
            (Self::HttpRequest, 1 | 2 | 4..=8 | 10 | 11) => Text,
            (Self::TlsSession, 1) | (Self::TextEntry, 1 | 2) => Text,
            (Self::HeaderMap, 1) => Kind::Message(Self::HeaderValue),
            (Self::HeaderValue, 1 | 2) => Text,
            (Self::HeaderValue, 3) => Bytes,
            (Self::Metadata, 1) => Kind::Message(Self::FilterMetadataEntry),
            (Self::Metadata, 2) => Kind::Message(Self::TypedFilterMetadataEntry),
            (Self::FilterMetadataEntry | Self::TypedFilterMetadataEntry, 1) => Text,
            (Self::FilterMetadataEntry, 2) => Kind::Message(Self::Struct),
            (Self::TypedFilterMetadataEntry, 2) => Kind::Message(Self::Any),
            (Self::Address, 1) => Kind::Message(Self::SocketAddress),
            (Self::Address, 2) => Kind::Message(Self::Pipe),
            (Self::Address, 3) => Kind::Message(Self::EnvoyInternalAddress),
            (Self::SocketAddress, 2 | 4 | 5 | 7) => Text,
            (Self::SocketAddress, 1 | 3 | 6) => Varint,
            (Self::Pipe, 1) | (Self::EnvoyInternalAddress, 1 | 2) => Text,
            (Self::Pipe, 2) | (Self::Timestamp, 1 | 2) => Varint,
            (Self::Any, 1) => Text,
            (Self::Any, 2) => Bytes,
            (Self::Struct, 1) => Kind::Message(Self::StructEntry),
            (Self::StructEntry, 1) => Text,
            (Self::StructEntry, 2) | (Self::ListValue, 1) => Kind::Message(Self::Value),
            (Self::Value, 1 | 4) => Varint,
            (Self::Value, 2) => Fixed64,
            (Self::Value, 3) => Text,
            (Self::Value, 5) => Kind::Message(Self::Struct),
            (Self::Value, 6) => Kind::Message(Self::ListValue),
            _ => return None,
        })
    }
}

/// Bytes that have been seen to be UTF-8. Most strings of a request are only passed over, so the
/// `str` is made for those that are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        // Nearly all of them are ASCII, which shows many bytes at a time.
        if bytes.is_ascii() || str::from_utf8(bytes).is_ok() {
            Ok(Self(bytes))
        } else {
            Err(Malformed)
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The string; the error never comes.
    pub fn str(self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.0).map_err(|_| Malformed)
    }
}

/// The value of a known field.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A number, which no decision depends on.
    Number,
    /// A string.
    Text(Text<'a>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A message, not walked yet.
    Message(Fields<'a>),
}

impl Found<'_> {
    /// Walks whatever is in it, to know that it is well formed.
    pub fn check(self) -> Result<(), Malformed> {
        match self {
            Self::Message(mut fields) => {
                while let Some((_, found)) = fields.next()? {
                    found.check()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The known fields of one message, in the order in which they stand.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    message: Message,
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Fields<'a> {
    /// Walks a message that stands by itself.
    #[must_use]
    pub const fn of(message: Message, bytes: &'a [u8]) -> Self {
        Self { message, rest: bytes, depth: 0 }
    }

    /// The next known field; unknown ones are passed over.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not stop at an error")]
    pub fn next(&mut self) -> Result<Option<(u32, Found<'a>)>, Malformed> {
        self.next_in(self.message)
    }

    /// As [`Self::next`], for a caller who knows the type: the schema is then known to the
    /// compiler, which makes headers cheap.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "with a plain hint a request takes twice as long")]
    pub fn next_in(&mut self, message: Message) -> Result<Option<(u32, Found<'a>)>, Malformed> {
        while !self.rest.is_empty() {
            let (number, wire) = take_key(&mut self.rest)?;
            let Some(kind) = message.kind(number) else {
                skip(&mut self.rest, number, wire, self.depth)?;
                continue;
            };
            let found = match (kind, wire) {
                (Kind::Varint, VARINT) => {
                    take_varint(&mut self.rest)?;
                    Found::Number
                }
                (Kind::Fixed64, FIXED64) => {
                    take(&mut self.rest, 8)?;
                    Found::Number
                }
                (Kind::Text, LENGTH) => Found::Text(Text::new(take_delimited(&mut self.rest)?)?),
                (Kind::Bytes, LENGTH) => Found::Bytes(take_delimited(&mut self.rest)?),
                (Kind::Message(message), LENGTH) => {
                    let rest = take_delimited(&mut self.rest)?;
                    Found::Message(Fields { message, rest, depth: deeper(self.depth)? })
                }
                _ => return Err(Malformed),
            };
            return Ok(Some((number, found)));
        }
        Ok(None)
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const GROUP_START: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// The largest field number.
const MAX_NUMBER: u64 = (1 << 29) - 1;

const fn deeper(depth: u8) -> Result<u8, Malformed> {
    if depth < MAX_DEPTH { Ok(depth.saturating_add(1)) } else { Err(Malformed) }
}

#[inline]
fn take_key(rest: &mut &[u8]) -> Result<(u32, u8), Malformed> {
    let key = take_varint(rest)?;
    let number = key >> 3;
    if number == 0 || number > MAX_NUMBER {
        return Err(Malformed);
    }
    let number = u32::try_from(number).map_err(|_| Malformed)?;
    Ok((number, u8::try_from(key & 7).map_err(|_| Malformed)?))
}

/// A varint of at most 64 bits. One that is longer than it need be is taken, as everywhere.
#[inline]
fn take_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    // Nearly all keys and lengths take one byte.
    match rest.split_first() {
        Some((byte, left)) if *byte < 0x80 => {
            *rest = left;
            Ok(u64::from(*byte))
        }
        _ => take_long_varint(rest),
    }
}

fn take_long_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value: u64 = 0;
    for (index, byte) in rest.iter().enumerate().take(10) {
        // The tenth byte has room for one bit.
        if index == 9 && *byte > 1 {
            return Err(Malformed);
        }
        value |= u64::from(byte & 0x7f) << index.wrapping_mul(7);
        if *byte < 0x80 {
            *rest = rest.get(index.saturating_add(1)..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(Malformed)
}

#[inline]
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

#[inline]
fn take_delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let count = usize::try_from(take_varint(rest)?).map_err(|_| Malformed)?;
    take(rest, count)
}

/// Passes over the value of an unknown field, groups included.
fn skip(rest: &mut &[u8], number: u32, wire: u8, depth: u8) -> Result<(), Malformed> {
    match wire {
        VARINT => take_varint(rest).map(drop),
        FIXED64 => take(rest, 8).map(drop),
        LENGTH => take_delimited(rest).map(drop),
        FIXED32 => take(rest, 4).map(drop),
        GROUP_START => {
            let depth = deeper(depth)?;
            loop {
                let (inner, wire) = take_key(rest)?;
                if wire == GROUP_END {
                    return if inner == number { Ok(()) } else { Err(Malformed) };
                }
                skip(rest, inner, wire, depth)?;
            }
        }
        _ => Err(Malformed),
    }
}

/// Appends a varint.
pub fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    to.push(low_bits(value));
}

fn low_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or_default()
}

fn put_key(to: &mut Vec<u8>, number: u32, wire: u8) {
    put_varint(to, (u64::from(number) << 3) | u64::from(wire));
}

/// Appends an integer field, zero included.
pub fn put_number(to: &mut Vec<u8>, number: u32, value: u64) {
    put_key(to, number, VARINT);
    put_varint(to, value);
}

/// Appends a string field, the empty string included.
pub fn put_text(to: &mut Vec<u8>, number: u32, text: &str) {
    put_key(to, number, LENGTH);
    put_varint(to, text.len() as u64);
    to.extend_from_slice(text.as_bytes());
}

/// Appends a message field whose content `write` appends.
pub fn put_message(to: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_key(to, number, LENGTH);
    let start = to.len();
    // Nearly every length takes one byte; for longer ones what was written moves up.
    to.push(0);
    write(to);
    let mut length = to.len().saturating_sub(start).saturating_sub(1) as u64;
    let mut at = start;
    while length >= 0x80 {
        to.insert(at, low_bits(length) | 0x80);
        at = at.saturating_add(1);
        length >>= 7;
    }
    if let Some(byte) = to.get_mut(at) {
        *byte = low_bits(length);
    }
}

#[cfg(test)]
mod tests;
