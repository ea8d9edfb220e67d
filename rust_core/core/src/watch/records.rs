//! Decision records on their way to a log.
//!
//! A record holds what a log may hold: reason, resource, route, masked client; never a token, a
//! query string or a whole path with something long in it. The ring is bounded: when nobody drains
//! it, new records are lost and counted, and decisions go on.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::decide::{Decision, Softened};
use crate::facts::Facts;

use crate::mask::{host_for_record, method_for_record, path_for_record};

/// One decision, as a log may see it.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Milliseconds since the epoch.
    pub at_ms: u64,
    /// `dec_…`
    pub decision_id: String,
    /// `allow` or `deny`: what the gateway was told.
    pub decision: &'static str,
    /// The reason code; in report mode that of the denial that would have been.
    pub reason: &'static str,
    /// Who has to act.
    pub blame: &'static str,
    /// `report` where a denial was softened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'static str>,
    /// The claim that the reason is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<&'static str>,
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The route's pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path, without query and without long pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The issuer, where the signature verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The client, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

impl Record {
    /// The record of a decision about a request, where it could be read.
    #[must_use]
    pub fn new(decision: Decision<'_>, facts: Option<&Facts<'_>>) -> Self {
        let entry = decision.reason().entry();
        let mut record = Self {
            at_ms: decision.at().now_ms,
            decision_id: String::new(),
            decision: if decision.is_allow() { "allow" } else { "deny" },
            reason: entry.code,
            blame: entry.blame.word(),
            mode: (decision.softened() == Softened::Report).then_some("report"),
            claim: decision.claim(),
            resource: decision.resource().map(|resource| resource.resource.clone()),
            route: decision.route().map(|route| route.pattern.clone()),
            method: facts.and_then(|facts| facts.method).map(method_for_record),
            host: facts.and_then(|facts| facts.host).map(host_for_record),
            path: facts.and_then(|facts| facts.path).map(path_for_record),
            issuer: decision.identity().issuer.as_deref().map(str::to_owned),
            client: None,
        };
        (record.decision_id, record.client) = decision.into_names();
        record
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
    use super::{Record, Ring};
    use crate::decide::Decision;
    use crate::facts::Moment;
    use crate::reason::Reason;

    #[test]
    fn a_full_ring_loses_the_new_and_counts_it() {
        let ring = Ring::new(2);
        for now_ms in 0..5 {
            let at = Moment { now_ms, random: [0; 10] };
            ring.push(Record::new(Decision::refused(Reason::Internal, &at), None));
        }
        assert_eq!(ring.lost(), 3);
        let kept: Vec<u64> = ring.drain(10).iter().map(|record| record.at_ms).collect();
        assert_eq!(kept, [0, 1]);
        assert!(ring.drain(10).is_empty());
    }
}
