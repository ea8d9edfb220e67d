//! Counters of decisions, by reason.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::decide::{Access, Decision, Softened};
use crate::reason::Reason;

const REASONS: usize = Reason::ALL.len();

/// Counts since the engine was made. Each number only grows.
#[derive(Debug)]
pub struct Counters {
    decided: [AtomicU64; REASONS],
    reported: [AtomicU64; REASONS],
    anonymous: AtomicU64,
    pending: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counts {
    /// Decisions by reason code; `ok` counts the allows.
    pub decided: Vec<(&'static str, u64)>,
    /// Denials that `mode: report` turned into allows, by reason code.
    pub reported: Vec<(&'static str, u64)>,
    /// Allows without a credential: public routes and CORS preflights.
    pub anonymous: u64,
    /// Checks that had to wait for a key set.
    pub pending: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            decided: std::array::from_fn(|_| AtomicU64::new(0)),
            reported: std::array::from_fn(|_| AtomicU64::new(0)),
            anonymous: AtomicU64::new(0),
            pending: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// Counts one decision.
    pub fn count(&self, decision: &Decision<'_>) {
        let table = match decision.softened() {
            Softened::No => &self.decided,
            Softened::Report => &self.reported,
        };
        add(table.get(decision.reason().index()));
        if decision.reason().is_allow() && decision.access() == Access::Anonymous {
            add(Some(&self.anonymous));
        }
    }

    /// Counts one check that waits.
    pub fn count_pending(&self) {
        add(Some(&self.pending));
    }

    /// Reads all counters. Each is exact; together they are not one instant.
    #[must_use]
    pub fn read(&self) -> Counts {
        let table = |table: &[AtomicU64; REASONS]| {
            let counts = table.iter().map(|count| count.load(Ordering::Relaxed));
            Reason::ALL.iter().map(|reason| reason.code()).zip(counts).collect()
        };
        Counts {
            decided: table(&self.decided),
            reported: table(&self.reported),
            anonymous: self.anonymous.load(Ordering::Relaxed),
            pending: self.pending.load(Ordering::Relaxed),
        }
    }
}

fn add(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
