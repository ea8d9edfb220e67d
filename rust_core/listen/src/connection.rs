//! One connection: what it may cost, and when it is given up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::counters::Counters;
use crate::settings::Timeouts;

/// What all connections of a door share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    pub(crate) message_bytes: usize,
    pub(crate) receiving_bytes: usize,
    pub(crate) streams: usize,
    pub(crate) timeouts: Timeouts,
    pub(crate) need_wait: Duration,
}

/// One connection, as its calls and its watch see it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    /// The preface has come.
    greeted: AtomicBool,
    /// A write waits for the peer to read.
    stalled: AtomicBool,
    /// Streams open now.
    live: AtomicUsize,
    /// Of those, checks.
    checks: AtomicUsize,
    /// A stream began or ended since the last beat.
    moved: AtomicBool,
}

impl Connection {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            greeted: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            live: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            moved: AtomicBool::new(false),
        }
    }
}

/// A stream's place in the counts, held until its answer is gone.
#[derive(Debug)]
pub(crate) struct Slot {
    connection: Arc<Connection>,
    check: bool,
}

impl Slot {
    /// Takes a place; the flag says whether that kept within the cap on streams.
    pub(crate) fn take(connection: &Arc<Connection>, check: bool) -> (Self, bool) {
        let shared = &connection.shared;
        let before = shared.counters.streams_open.fetch_add(1, Ordering::Relaxed);
        connection.live.fetch_add(1, Ordering::Relaxed);
        if check {
            connection.checks.fetch_add(1, Ordering::Relaxed);
        }
        connection.moved.store(true, Ordering::Relaxed);
        (Self { connection: Arc::clone(connection), check }, before < shared.streams)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let connection = &self.connection;
        connection.shared.counters.streams_open.fetch_sub(1, Ordering::Relaxed);
        connection.live.fetch_sub(1, Ordering::Relaxed);
        if self.check {
            connection.checks.fetch_sub(1, Ordering::Relaxed);
        }
        connection.moved.store(true, Ordering::Relaxed);
    }
}

/// What a beat says about a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pulse {
    /// It goes on.
    Well,
    /// No preface came: cut it off.
    Silent,
    /// The peer does not read, or does not take its answers: cut it off.
    Stalled,
    /// It has had no call for long: close it in an orderly way.
    Idle,
}

/// Counts beats; a connection asks at each whether it should go on.
///
/// Beats stand in for clocks, so that a call costs no look at one: a call only raises a flag.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    silent: u32,
    stalled: u32,
    still: u32,
}

/// Time-outs in beats.
#[derive(Clone, Copy, Debug)]
struct Limits {
    silent: u32,
    stalled: u32,
    idle: u32,
    stuck: u32,
}

impl Watch {
    pub(crate) fn new(shared: &Shared) -> Self {
        let times = &shared.timeouts;
        let beats = |time: Duration| {
            let beats = time.as_nanos().div_ceil(times.beat().as_nanos().max(1));
            u32::try_from(beats).unwrap_or(u32::MAX)
        };
        let limits = Limits {
            silent: beats(times.read),
            stalled: beats(times.stall),
            idle: beats(times.idle),
            // A check may take its time to arrive and its time to wait before its answer stands.
            stuck: beats(times.stall.saturating_add(times.read).saturating_add(shared.need_wait)),
        };
        Self { limits, silent: 0, stalled: 0, still: 0 }
    }

    /// Starts counting stillness anew.
    pub(crate) fn again(&mut self) {
        self.still = 0;
    }

    /// One beat.
    pub(crate) fn beat(&mut self, connection: &Connection) -> Pulse {
        if !connection.greeted.load(Ordering::Relaxed) {
            self.silent = self.silent.saturating_add(1);
            return if self.silent > self.limits.silent { Pulse::Silent } else { Pulse::Well };
        }
        let stalled = connection.stalled.load(Ordering::Relaxed);
        self.stalled = if stalled { self.stalled.saturating_add(1) } else { 0 };
        let moved = connection.moved.swap(false, Ordering::Relaxed);
        self.still = if moved { 0 } else { self.still.saturating_add(1) };
        let live = connection.live.load(Ordering::Relaxed);
        let checks = connection.checks.load(Ordering::Relaxed);
        if self.stalled > self.limits.stalled || (checks > 0 && self.still > self.limits.stuck) {
            Pulse::Stalled
        } else if live == 0 && self.still > self.limits.idle {
            Pulse::Idle
        } else {
            Pulse::Well
        }
    }
}

// The preface (24 bytes) and the first frame's header (RFC 9113, sections 3.4 and 4.1).
const GREETING_BYTES: usize = 33;

/// A socket that tells its [`Connection`] when it greets and when it stalls.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    inner: S,
    connection: Arc<Connection>,
    seen: usize,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S, connection: Arc<Connection>) -> Self {
        Self { inner, connection, seen: 0 }
    }

    fn note<T>(&self, written: &Poll<io::Result<T>>) {
        self.connection.stalled.store(written.is_pending(), Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.seen >= GREETING_BYTES {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.seen = self.seen.saturating_add(buffer.filled().len().saturating_sub(before));
        if self.seen >= GREETING_BYTES {
            self.connection.greeted.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.note(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        self.note(&polled);
        polled
    }
}
