//! Each issuer's keys, and the gate that keeps refreshes rare.
//!
//! Keys belong to one issuer: there is no way to ask for a key without naming whose it is. A set
//! knows when its fetch began, so that a `kid` first seen before then and absent from the set is
//! known to be unknown, and until when it may be used at all.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::jose::KeySet;

/// A key set that was accepted, with its dates.
#[derive(Debug)]
pub struct LoadedKeys {
    /// The keys.
    pub keys: KeySet,
    /// When the fetch that brought them began, in milliseconds since the epoch.
    pub requested_at_ms: u64,
    /// The second from which they may no longer be used.
    pub usable_until_s: i64,
    /// Grows with every accepted set of every issuer.
    pub epoch: u64,
}

/// One issuer's place: its set, if it has one, and its gate.
#[derive(Clone, Debug)]
pub struct IssuerKeys {
    /// The issuer, as the catalogue spells it.
    pub issuer: Arc<str>,
    /// The last accepted set.
    pub loaded: Option<Arc<LoadedKeys>>,
    /// Shared by all roots, so that a reload does not open it.
    pub gate: Arc<RefreshGate>,
}

/// Lets one refresh of an issuer's keys begin in each hold time, and knows whether one is under way.
#[derive(Debug, Default)]
pub struct RefreshGate {
    next_ms: AtomicU64,
    under_way: AtomicBool,
}

/// What the gate says to a check that lacks a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gate {
    /// This check begins the refresh.
    Begin,
    /// Another check has begun it; it is not over.
    UnderWay,
    /// The last one was too recent.
    Held,
}

impl RefreshGate {
    /// Asks to begin a refresh at `now_ms`.
    ///
    /// A refresh that was begun and never ended, because whoever was to fetch has gone, does not
    /// block the next one past the hold time.
    pub fn ask(&self, now_ms: u64, hold_ms: u64) -> Gate {
        let next = self.next_ms.load(Ordering::Acquire);
        // A clock that was set back must not hold the gate shut for longer than one hold time.
        let open = now_ms >= next || next > now_ms.saturating_add(hold_ms);
        if open
            && self
                .next_ms
                .compare_exchange(
                    next,
                    now_ms.saturating_add(hold_ms),
                    Ordering::AcqRel,
                    Ordering::Acquire,
                )
                .is_ok()
        {
            self.under_way.store(true, Ordering::Release);
            return Gate::Begin;
        }
        if open || self.under_way.load(Ordering::Acquire) { Gate::UnderWay } else { Gate::Held }
    }

    /// The refresh is over, whatever it brought.
    pub fn end(&self) {
        self.under_way.store(false, Ordering::Release);
    }

    /// Whole seconds until the next refresh may begin; at least 1.
    #[must_use]
    pub fn retry_after_s(&self, now_ms: u64) -> u32 {
        let left_ms = self.next_ms.load(Ordering::Acquire).saturating_sub(now_ms);
        u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
    }
}

/// When each `kid` that no set holds was first seen. Bounded: the oldest goes first, and a `kid`
/// that is forgotten is merely told to retry once more.
#[derive(Debug, Default)]
pub struct UnknownKids {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    first_seen_ms: HashMap<[u8; 32], u64>,
    order: VecDeque<[u8; 32]>,
}

/// How many unknown `kid`s are remembered, all issuers together.
pub const UNKNOWN_KIDS: usize = 4_096;

impl UnknownKids {
    /// The first time this `kid` of this issuer was seen, which is `now_ms` for a new one.
    pub fn first_seen_ms(&self, issuer: &str, kid: &str, now_ms: u64) -> u64 {
        let name = digest(issuer, kid);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = inner.first_seen_ms.get(&name) {
            return *seen;
        }
        if inner.order.len() >= UNKNOWN_KIDS
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.first_seen_ms.remove(&oldest);
        }
        inner.order.push_back(name);
        inner.first_seen_ms.insert(name, now_ms);
        now_ms
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).order.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn digest(issuer: &str, kid: &str) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(issuer.as_bytes());
    context.update(&[0]);
    context.update(kid.as_bytes());
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::{Gate, RefreshGate, UNKNOWN_KIDS, UnknownKids};

    #[test]
    fn one_refresh_in_each_hold_time() {
        let gate = RefreshGate::default();
        assert_eq!(gate.ask(1_000, 30_000), Gate::Begin);
        assert_eq!(gate.ask(1_001, 30_000), Gate::UnderWay);
        gate.end();
        assert_eq!(gate.ask(1_002, 30_000), Gate::Held);
        assert_eq!(gate.retry_after_s(1_002), 30);
        assert_eq!(gate.retry_after_s(30_999), 1);
        assert_eq!(gate.ask(31_000, 30_000), Gate::Begin);
    }

    #[test]
    fn a_refresh_that_never_ends_does_not_block_the_next() {
        let gate = RefreshGate::default();
        assert_eq!(gate.ask(0, 30_000), Gate::Begin);
        assert_eq!(gate.ask(30_000, 30_000), Gate::Begin);
    }

    #[test]
    fn a_clock_set_back_does_not_hold_the_gate_shut() {
        let gate = RefreshGate::default();
        assert_eq!(gate.ask(1_000_000_000, 30_000), Gate::Begin);
        gate.end();
        assert_eq!(gate.ask(1_000, 30_000), Gate::Begin);
    }

    #[test]
    fn the_memory_of_unknown_kids_is_bounded_and_forgets_the_oldest() {
        let kids = UnknownKids::default();
        assert_eq!(kids.first_seen_ms("i", "a", 1), 1);
        assert_eq!(kids.first_seen_ms("i", "a", 9), 1);
        assert_eq!(kids.first_seen_ms("j", "a", 9), 9, "another issuer's kid is another kid");
        for index in 0..UNKNOWN_KIDS * 2 {
            kids.first_seen_ms("flood", &index.to_string(), 10);
        }
        assert_eq!(kids.len(), UNKNOWN_KIDS);
        assert_eq!(kids.first_seen_ms("i", "a", 20), 20);
    }
}
