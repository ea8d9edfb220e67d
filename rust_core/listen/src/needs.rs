//! Facts that the engine lacks, on their way to whoever can fetch them, and the checks that wait.
//!
//! One side asks: [`Needs::wait`] puts an issuer into a bounded queue, once however many checks
//! wait for it, and wakes the other side through a descriptor. The other side, in Python or not,
//! watches [`Needs::descriptor`], calls [`Needs::take`], fetches, and calls [`Needs::resolve`].

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use accredit_core::decide::Need;
use rustix::event::{EventfdFlags, eventfd};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::counters::count;

/// Issuers that may stand in the queue at a time. Each stands there once.
pub const CAPACITY: usize = 1_024;

/// How a wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waited {
    /// The need was seen to; the check can be run again.
    Resolved,
    /// The time is up.
    Late,
    /// The queue is full; nobody will see to the need.
    Refused,
}

/// A reading of the counters of [`Needs`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct NeedCounts {
    /// Issuers put into the queue.
    pub needs_asked: u64,
    /// Needs for which there was no room.
    pub needs_refused: u64,
    /// Checks that waited.
    pub needs_waited: u64,
    /// Checks whose time was up before the need was seen to.
    pub needs_late: u64,
    /// Checks that wait now.
    pub needs_waiting_now: u64,
    /// Times that the other side was woken.
    pub needs_wakeups: u64,
}

#[derive(Debug, Default)]
struct Counters {
    asked: AtomicU64,
    refused: AtomicU64,
    waited: AtomicU64,
    late: AtomicU64,
    waiting: AtomicUsize,
    wakeups: AtomicU64,
}

/// The queue, the descriptor and the waiting checks.
#[derive(Debug)]
pub struct Needs {
    event: OwnedFd,
    /// A wake-up is under way: the descriptor is readable or about to be, and nobody has looked.
    woken: AtomicBool,
    /// Grows with every resolve.
    epoch: AtomicU64,
    inner: Mutex<Inner>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Inner {
    /// Asked for and not taken yet.
    asked: VecDeque<Arc<str>>,
    /// By issuer. Bounded by the issuers of the catalogue, since the engine names no other.
    issuers: HashMap<Arc<str>, Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bell: Arc<Notify>,
    resolved: u64,
}

impl Needs {
    /// An empty queue with a descriptor of its own.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            woken: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            inner: Mutex::default(),
            counters: Counters::default(),
        })
    }

    /// Readable while issuers stand in the queue that nobody was told of. Not to be read from:
    /// [`Needs::take`] does that.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// A mark to take before a check is judged. A resolve after it ends a wait at once, so that
    /// one between the judging and the waiting is not missed.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Waits until the need is seen to, at most until `until`. The first check asks; all that wait
    /// for the same issuer are woken together.
    pub async fn wait(&self, need: &Need, mark: u64, until: Instant) -> Waited {
        let ring = {
            let mut inner = self.lock();
            let waiting = inner.issuers.entry(Arc::clone(&need.issuer)).or_default();
            if waiting.resolved > mark {
                return Waited::Resolved;
            }
            // Made under the lock: it hears every ring from here on.
            let ring = Arc::clone(&waiting.bell).notified_owned();
            if need.start && !self.ask(&mut inner, &need.issuer) {
                return Waited::Refused;
            }
            ring
        };
        count(&self.counters.waited);
        let _waiting = Gauge::up(&self.counters.waiting);
        if timeout_at(until.into(), ring).await.is_ok() {
            Waited::Resolved
        } else {
            count(&self.counters.late);
            Waited::Late
        }
    }

    /// Takes every issuer from the queue, and resets the descriptor.
    #[must_use]
    pub fn take(&self) -> Vec<Arc<str>> {
        let mut word = [0; 8];
        // Nothing to read is no error: whoever looks may do so at any time.
        let _ = rustix::io::read(&self.event, &mut word);
        // Before the queue is emptied, so that an issuer that comes after rings again.
        self.woken.store(false, Ordering::SeqCst);
        self.lock().asked.drain(..).collect()
    }

    /// Wakes every check that waits for this issuer.
    pub fn resolve(&self, issuer: &str) {
        let mut inner = self.lock();
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if let Some(waiting) = inner.issuers.get_mut(issuer) {
            waiting.resolved = epoch;
            waiting.bell.notify_waiters();
        } else {
            inner
                .issuers
                .insert(Arc::from(issuer), Waiting { resolved: epoch, ..Waiting::default() });
        }
    }

    /// Reads the counters.
    #[must_use]
    pub fn counts(&self) -> NeedCounts {
        let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let waiting = self.counters.waiting.load(Ordering::Relaxed);
        NeedCounts {
            needs_asked: total(&self.counters.asked),
            needs_refused: total(&self.counters.refused),
            needs_waited: total(&self.counters.waited),
            needs_late: total(&self.counters.late),
            needs_waiting_now: u64::try_from(waiting).unwrap_or(u64::MAX),
            needs_wakeups: total(&self.counters.wakeups),
        }
    }

    fn ask(&self, inner: &mut Inner, issuer: &Arc<str>) -> bool {
        if inner.asked.contains(issuer) {
            return true;
        }
        if inner.asked.len() >= CAPACITY {
            count(&self.counters.refused);
            return false;
        }
        inner.asked.push_back(Arc::clone(issuer));
        count(&self.counters.asked);
        if !self.woken.swap(true, Ordering::SeqCst) {
            count(&self.counters.wakeups);
            // It fails only where the count is full, and then the descriptor is readable.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one up for as long as it lives, also where the caller hangs up.
struct Gauge<'a>(&'a AtomicUsize);

impl<'a> Gauge<'a> {
    fn up(gauge: &'a AtomicUsize) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
