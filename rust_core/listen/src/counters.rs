//! What a door counts about itself.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

/// A reading of a door's counters. Those that end in `_open` or `_now` go up and down; all others
/// only grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct DoorCounts {
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections closed at once because `connections` were open.
    pub connections_refused: u64,
    /// Connections closed because no HTTP/2 preface came in time.
    pub connections_silent: u64,
    /// Connections closed in an orderly way because they had no call for too long.
    pub connections_idle: u64,
    /// Connections cut off because the peer did not read.
    pub connections_stalled: u64,
    /// Connections that ended with an HTTP/2 or socket error.
    pub connections_failed: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Times that a connection could not be accepted, as when descriptors run out.
    pub accept_errors: u64,
    /// Streams open now.
    pub streams_open: u64,
    /// Calls of `Check`.
    pub checks: u64,
    /// Checks denied `overloaded` because `streams` were open.
    pub checks_shed_streams: u64,
    /// Checks denied `overloaded` because `receiving_bytes` were being received.
    pub checks_shed_bytes: u64,
    /// Checks that ended with a gRPC status other than OK: the peer broke the framing.
    pub checks_status: u64,
    /// Panics that were caught and denied.
    pub panics: u64,
    /// Bytes of messages being received now.
    pub receiving_bytes_now: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections_accepted: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    pub(crate) connections_silent: AtomicU64,
    pub(crate) connections_idle: AtomicU64,
    pub(crate) connections_stalled: AtomicU64,
    pub(crate) connections_failed: AtomicU64,
    pub(crate) connections_open: AtomicUsize,
    pub(crate) accept_errors: AtomicU64,
    pub(crate) streams_open: AtomicUsize,
    pub(crate) checks: AtomicU64,
    pub(crate) checks_shed_streams: AtomicU64,
    pub(crate) checks_shed_bytes: AtomicU64,
    pub(crate) checks_status: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) receiving_bytes: AtomicUsize,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn read(&self) -> DoorCounts {
        let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let now =
            |gauge: &AtomicUsize| u64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        DoorCounts {
            connections_accepted: total(&self.connections_accepted),
            connections_refused: total(&self.connections_refused),
            connections_silent: total(&self.connections_silent),
            connections_idle: total(&self.connections_idle),
            connections_stalled: total(&self.connections_stalled),
            connections_failed: total(&self.connections_failed),
            connections_open: now(&self.connections_open),
            accept_errors: total(&self.accept_errors),
            streams_open: now(&self.streams_open),
            checks: total(&self.checks),
            checks_shed_streams: total(&self.checks_shed_streams),
            checks_shed_bytes: total(&self.checks_shed_bytes),
            checks_status: total(&self.checks_status),
            panics: total(&self.panics),
            receiving_bytes_now: now(&self.receiving_bytes),
        }
    }
}
