//! Decision records on their way to a log.
//!
//! A record holds what a log may hold: reason, resource, route, masked client; never a token, a
//! query string or a whole path with something long in it. The ring is bounded: when nobody drains
//! it, new records are lost and counted, and decisions go on.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, Serializer};

use crate::decide::{Decision, Softened, decision_id};
use crate::facts::{Facts, Moment};
use crate::mask::{host_for_record, method_for_record, path_for_record};

/// One decision, as a log may see it.
///
/// Made on the thread that decides and written out on another: so it holds one piece of memory, and
/// what can be worked out later is.
#[derive(Clone, Debug)]
pub struct Record {
    /// `allow` or `deny`: what the gateway was told.
    pub decision: &'static str,
    /// The reason code; in report mode that of the denial that would have been.
    pub reason: &'static str,
    blame: &'static str,
    mode: Option<&'static str>,
    claim: Option<&'static str>,
    at: Moment,
    texts: Texts,
}

/// How a record reads in JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// Milliseconds since the epoch.
    at_ms: u64,
    /// `dec_…`
    decision_id: String,
    decision: &'static str,
    reason: &'static str,
    /// Who has to act.
    blame: &'static str,
    /// `report` where a denial was softened.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    /// The claim that the reason is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'static str>,
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    /// The route's pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// The path, without query and without long pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// The issuer, where the signature verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    /// The client, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [resource, route, method, host, path, issuer, client] = self.texts.all();
        let line = Line {
            at_ms: self.at.now_ms,
            decision_id: decision_id(&self.at),
            decision: self.decision,
            reason: self.reason,
            blame: self.blame,
            mode: self.mode,
            claim: self.claim,
            resource,
            route,
            method,
            host,
            path,
            issuer,
            client,
        };
        line.serialize(serializer)
    }
}

impl Record {
    /// The record of a decision about a request, where it could be read.
    #[must_use]
    pub fn new(decision: &Decision<'_>, facts: Option<&Facts<'_>>) -> Self {
        let entry = decision.reason().entry();
        let method = facts.and_then(|facts| facts.method).map(method_for_record);
        let host = facts.and_then(|facts| facts.host).map(host_for_record);
        let path = facts.and_then(|facts| facts.path).map(path_for_record);
        Self {
            decision: if decision.is_allow() { "allow" } else { "deny" },
            reason: entry.code,
            blame: entry.blame.word(),
            mode: (decision.softened() == Softened::Report).then_some("report"),
            claim: decision.claim(),
            at: *decision.at(),
            texts: Texts::new([
                decision.resource().map(|resource| resource.resource.as_str()),
                decision.route().map(|route| route.pattern.as_str()),
                method.as_deref(),
                host.as_deref(),
                path.as_deref(),
                decision.identity().issuer.as_deref(),
                decision.masked_client(),
            ]),
        }
    }

    /// The path, where the request named one: without query and without long pieces.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        let [_, _, _, _, path, _, _] = self.texts.all();
        path
    }
}

/// Some texts, one behind another.
#[derive(Clone, Debug)]
struct Texts {
    joined: String,
    lengths: [Option<u32>; 7],
}

impl Texts {
    fn new(texts: [Option<&str>; 7]) -> Self {
        let bytes = texts.iter().flatten().map(|text| text.len()).sum();
        let mut joined = String::with_capacity(bytes);
        for text in texts.iter().flatten() {
            joined.push_str(text);
        }
        // No text is that long: each is a name of the catalogue or cut for records.
        let lengths =
            texts.map(|text| text.map(|text| u32::try_from(text.len()).unwrap_or(u32::MAX)));
        Self { joined, lengths }
    }

    fn all(&self) -> [Option<&str>; 7] {
        let mut rest = self.joined.as_str();
        self.lengths.map(|length| {
            let (text, after) = rest.split_at_checked(usize::try_from(length?).ok()?)?;
            rest = after;
            Some(text)
        })
    }
}

/// The bounded ring.
#[derive(Debug)]
pub struct Ring {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<Record>,
    lost: u64,
}

impl Ring {
    /// A ring that holds at most `capacity` records.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, inner: Mutex::default() }
    }

    /// Adds a record, or counts it as lost where the ring is full.
    pub fn push(&self, record: Record) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.records.len() >= self.capacity {
            inner.lost = inner.lost.saturating_add(1);
        } else {
            inner.records.push_back(record);
        }
    }

    /// Takes the oldest records, at most `most`.
    #[must_use]
    pub fn drain(&self, most: usize) -> Vec<Record> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inner.records.len().min(most);
        inner.records.drain(..count).collect()
    }

    /// How many were lost since the ring was made.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).lost
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, Ring, Texts};
    use crate::decide::Decision;
    use crate::facts::Moment;
    use crate::reason::Reason;

    #[test]
    fn a_full_ring_loses_the_new_and_counts_it() {
        let ring = Ring::new(2);
        for now_ms in 0..5 {
            let at = Moment { now_ms, random: [0; 10] };
            ring.push(Record::new(&Decision::refused(Reason::Internal, &at), None));
        }
        assert_eq!(ring.lost(), 3);
        let kept: Vec<u64> = ring.drain(10).iter().map(|record| record.at.now_ms).collect();
        assert_eq!(kept, [0, 1]);
        assert!(ring.drain(10).is_empty());
    }

    #[test]
    fn texts_come_apart_as_they_went_in() {
        for texts in [
            [None; 7],
            [Some(""); 7],
            [Some("a"), None, Some(""), Some("é"), None, Some("bc"), None],
            [None, None, None, None, None, None, Some("last")],
        ] {
            assert_eq!(Texts::new(texts).all(), texts);
        }
    }
}
