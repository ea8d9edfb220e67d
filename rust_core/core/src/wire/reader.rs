//! Reads `envoy.service.auth.v3.CheckRequest` without copying.
//!
//! What protobuf says about repeated parts holds: submessages merge, the last scalar wins. Two
//! things differ, on the side of refusing: headers that stand twice under one name are both kept,
//! though `headers` is a map, and a map entry that selects and stands twice is malformed.

use super::proto::{Fields, Found, Malformed, Message, Text};
use crate::facts::{Facts, Headers, RouteMetadataKey, Selector, SelectorSettings};
use crate::reason::Reason;

/// The context extension that names the resource.
const RESOURCE_EXTENSION: &[u8] = b"accredit.resource";

/// Reads a `CheckRequest`; only the selectors that `settings` enable are filled in.
///
/// Errors: [`Reason::RequestMalformed`] where protobuf's own parser would refuse the bytes,
/// [`Reason::RequestNotHttp`] where no HTTP request is described.
pub fn read_check_request<'a>(
    bytes: &'a [u8],
    settings: &SelectorSettings,
) -> Result<Facts<'a>, Reason> {
    let mut reader = Reader {
        settings,
        facts: Facts::default(),
        is_http: false,
        text_body: &[],
        has_namespace: false,
    };
    match reader.check_request(Fields::of(Message::CheckRequest, bytes)) {
        Err(Malformed) => Err(Reason::RequestMalformed),
        Ok(()) if !reader.is_http => Err(Reason::RequestNotHttp),
        Ok(()) => Ok(reader.finish()),
    }
}

struct Reader<'a, 's> {
    settings: &'s SelectorSettings,
    facts: Facts<'a>,
    is_http: bool,
    text_body: &'a [u8],
    has_namespace: bool,
}

impl<'a> Reader<'a, '_> {
    fn finish(self) -> Facts<'a> {
        let mut facts = self.facts;
        if facts.body.bytes.is_empty() {
            facts.body.bytes = self.text_body;
        }
        facts
    }

    fn check_request(&mut self, mut fields: Fields<'a>) -> Result<(), Malformed> {
        while let Some((number, found)) = fields.next()? {
            match (number, found) {
                (1, Found::Message(attributes)) => self.attributes(attributes)?,
                (_, other) => other.check()?,
            }
        }
        Ok(())
    }

    fn attributes(&mut self, mut fields: Fields<'a>) -> Result<(), Malformed> {
        while let Some((number, found)) = fields.next()? {
            match (number, found) {
                (2, Found::Message(peer)) => self.destination(peer)?,
                (4, Found::Message(request)) => self.request(request)?,
                (10, Found::Message(entry)) => {
                    let (name, value) = text_entry(entry)?;
                    if self.settings.context_extension && name.bytes() == RESOURCE_EXTENSION {
                        add_selector(&mut self.facts.selectors.resource, selector(value.str()?));
                    }
                }
                (13, Found::Message(metadata)) => match &self.settings.route_metadata {
                    Some(key) => self.route_metadata(metadata, key)?,
                    None => found.check()?,
                },
                (_, other) => other.check()?,
            }
        }
        Ok(())
    }

    fn destination(&mut self, mut fields: Fields<'a>) -> Result<(), Malformed> {
        while let Some((number, found)) = fields.next()? {
            match (number, found) {
                (4, Found::Text(principal)) => {
                    // Envoy leaves the principal empty where the peer has none.
                    if self.settings.destination_principal {
                        self.facts.selectors.destination_principal =
                            non_empty(principal)?.map_or(Selector::Absent, Selector::Value);
                    }
                }
                (_, other) => other.check()?,
            }
        }
        Ok(())
    }

    fn request(&mut self, mut fields: Fields<'a>) -> Result<(), Malformed> {
        while let Some((number, found)) = fields.next()? {
            match (number, found) {
                (2, Found::Message(http)) => self.http(http)?,
                (_, other) => other.check()?,
            }
        }
        Ok(())
    }

    fn http(&mut self, mut fields: Fields<'a>) -> Result<(), Malformed> {
        self.is_http = true;
        let facts = &mut self.facts;
        while let Some((number, found)) = fields.next_in(Message::HttpRequest)? {
            match (number, found) {
                (2, Found::Text(method)) => facts.method = non_empty(method)?,
                (4, Found::Text(path)) => facts.path = non_empty(path)?,
                (5, Found::Text(host)) => facts.host = non_empty(host)?,
                (11, Found::Text(body)) => self.text_body = body.bytes(),
                (12, Found::Bytes(body)) => facts.body.bytes = body,
                (3, Found::Message(entry)) => {
                    let (name, value) = text_entry(entry)?;
                    push(&mut facts.headers, name, value.bytes())?;
                }
                (13, Found::Message(map)) => header_map(map, &mut facts.headers)?,
                (_, other) => other.check()?,
            }
        }
        Ok(())
    }

    fn route_metadata(
        &mut self,
        mut fields: Fields<'a>,
        key: &RouteMetadataKey,
    ) -> Result<(), Malformed> {
        while let Some((number, found)) = fields.next()? {
            match (number, found) {
                (1, Found::Message(entry)) => {
                    if entry_key(entry)? == key.namespace.as_bytes() {
                        if self.has_namespace {
                            self.facts.selectors.route_metadata = Selector::Malformed;
                        }
                        self.has_namespace = true;
                        self.namespace(entry, key)?;
                    }
                }
                (_, other) => other.check()?,
            }
        }
        Ok(())
    }

    /// The entry of the namespace that is asked for; it has been walked already.
    fn namespace(
        &mut self,
        mut entry: Fields<'a>,
        key: &RouteMetadataKey,
    ) -> Result<(), Malformed> {
        while let Some((_, found)) = entry.next()? {
            let Found::Message(mut fields) = found else { continue };
            while let Some((_, found)) = fields.next()? {
                let Found::Message(member) = found else { continue };
                if entry_key(member)? == key.key.as_bytes() {
                    add_selector(&mut self.facts.selectors.route_metadata, string_value(member)?);
                }
            }
        }
        Ok(())
    }
}

/// A selector that stands twice is malformed, even if both say the same: nobody sends that.
fn add_selector<'a>(slot: &mut Selector<'a>, found: Selector<'a>) {
    *slot = if *slot == Selector::Absent { found } else { Selector::Malformed };
}

fn selector(text: &str) -> Selector<'_> {
    if text.is_empty() { Selector::Malformed } else { Selector::Value(text) }
}

/// An empty string is the zero value of protobuf: not sent.
fn non_empty(text: Text<'_>) -> Result<Option<&str>, Malformed> {
    if text.bytes().is_empty() { Ok(None) } else { text.str().map(Some) }
}

fn push<'a>(headers: &mut Headers<'a>, name: Text<'a>, value: &'a [u8]) -> Result<(), Malformed> {
    if headers.take(name.bytes(), value) {
        headers.ours.push(name.str()?);
    }
    Ok(())
}

/// The key and the value of a `map<string, string>` entry.
fn text_entry(mut fields: Fields<'_>) -> Result<(Text<'_>, Text<'_>), Malformed> {
    let (mut key, mut value) = (Text::default(), Text::default());
    while let Some((number, found)) = fields.next_in(Message::TextEntry)? {
        match (number, found) {
            (1, Found::Text(text)) => key = text,
            (2, Found::Text(text)) => value = text,
            (_, other) => other.check()?,
        }
    }
    Ok((key, value))
}

/// The key of a map entry, whose value is walked.
fn entry_key(mut fields: Fields<'_>) -> Result<&[u8], Malformed> {
    let mut key = Text::default();
    while let Some((number, found)) = fields.next()? {
        match (number, found) {
            (1, Found::Text(text)) => key = text,
            (_, other) => other.check()?,
        }
    }
    Ok(key.bytes())
}

/// The string in a `Struct` entry, if its value is one. Of several members of the union the last
/// one holds.
fn string_value(mut entry: Fields<'_>) -> Result<Selector<'_>, Malformed> {
    let mut value = Selector::Malformed;
    while let Some((_, found)) = entry.next()? {
        let Found::Message(mut union) = found else { continue };
        while let Some((number, found)) = union.next()? {
            value = match (number, found) {
                (3, Found::Text(text)) => selector(text.str()?),
                _ => Selector::Malformed,
            };
        }
    }
    Ok(value)
}

fn header_map<'a>(mut map: Fields<'a>, headers: &mut Headers<'a>) -> Result<(), Malformed> {
    while let Some((_, found)) = map.next_in(Message::HeaderMap)? {
        let Found::Message(mut header) = found else { continue };
        let (mut name, mut value) = (Text::default(), Text::default());
        let mut raw: &[u8] = &[];
        while let Some((number, found)) = header.next_in(Message::HeaderValue)? {
            match (number, found) {
                (1, Found::Text(text)) => name = text,
                (2, Found::Text(text)) => value = text,
                (3, Found::Bytes(bytes)) => raw = bytes,
                (_, other) => other.check()?,
            }
        }
        push(headers, name, if raw.is_empty() { value.bytes() } else { raw })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
