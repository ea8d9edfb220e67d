//! A closed loop: a fixed number of calls in flight, each answer begins the next call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

use accredit_listen::service::CHECK;
use bytes::Bytes;

use crate::Fail;
use crate::http2::{Answer, Connection};
use crate::message::Expected;
use crate::server::Server;
use crate::stats::{per, percentile};
use crate::system::{self, Until};

/// As a gateway with two threads has them.
pub(crate) const CONNECTIONS: usize = 2;
/// Calls in flight, all connections together.
pub(crate) const IN_FLIGHT: usize = 64;

/// What is asked.
pub(crate) trait Source: Sync {
    /// The body of the call with this number.
    fn body(&self, number: u64) -> Result<Bytes, Fail>;
}

/// Bodies made beforehand, in turn.
#[derive(Clone, Debug)]
pub(crate) struct Pool(pub(crate) Vec<Bytes>);

impl Source for Pool {
    fn body(&self, number: u64) -> Result<Bytes, Fail> {
        let at = usize::try_from(number)?.checked_rem(self.0.len()).ok_or("nothing to ask")?;
        Ok(self.0.get(at).ok_or("nothing to ask")?.clone())
    }
}

/// When a run ends: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) calls: u64,
    pub(crate) time: Duration,
    pub(crate) in_flight: usize,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) calls: u64,
    /// Answers that said something else than expected; must be 0.
    pub(crate) wrong: u64,
    /// Server CPU of all calls.
    pub(crate) cpu_ns: u64,
    pub(crate) wall: Duration,
    /// Microseconds, sorted.
    pub(crate) latencies_us: Vec<u32>,
}

impl Run {
    /// Microseconds of server CPU a call.
    pub(crate) fn cpu_us(&self) -> f64 {
        per(self.cpu_ns, self.calls) / 1_000.0
    }

    pub(crate) fn calls_a_second(&self) -> f64 {
        per(self.calls, 1) / self.wall.as_secs_f64()
    }

    pub(crate) fn latency_us(&self, percent: usize) -> u32 {
        percentile(&self.latencies_us, percent)
    }
}

/// What the threads of a run share.
struct Shared<'a> {
    source: &'a dyn Source,
    expected: &'a Expected,
    next: AtomicU64,
}

/// Warms up, then measures. All calls, the warming ones too, must be answered as expected.
pub(crate) fn run(
    server: &Server,
    source: &dyn Source,
    expected: &Expected,
    bounds: Bounds,
) -> Result<Run, Fail> {
    let shared = Shared { source, expected, next: AtomicU64::new(0) };
    let connections = CONNECTIONS.min(bounds.in_flight);
    let threads = connections.saturating_add(1);
    // Warmed, then started: between the two the server's clock is read.
    let (warmed, started) = (Barrier::new(threads), Barrier::new(threads));
    let total = Mutex::new(Run::default());
    let warm =
        Bounds { calls: bounds.calls.div_ceil(10), time: bounds.time.div_f64(5.0), ..bounds };
    let (before, wall) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| -> Result<(), Fail> {
                    let ready = warm_up(server, &shared, warm, connections);
                    // A thread that failed must not leave the others waiting.
                    warmed.wait();
                    started.wait();
                    let (mut connection, wrong) = ready?;
                    let mut run = drive(&mut connection, &shared, bounds, connections)?;
                    run.wrong = run.wrong.saturating_add(wrong);
                    add(&total, run);
                    Ok(())
                })
            })
            .collect();
        warmed.wait();
        // The warming calls have used up numbers; the bound counts from here.
        shared.next.store(0, Ordering::Relaxed);
        let before = server.cpu_ns();
        started.wait();
        let began = Instant::now();
        let ended: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        let wall = began.elapsed();
        for worker in ended {
            worker.map_err(|_| "a thread that asks panicked")??;
        }
        Ok::<_, Fail>((before?, wall))
    })?;
    let after = server.cpu_ns()?;
    let mut run = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    run.cpu_ns = after.saturating_sub(before);
    run.wall = wall;
    run.latencies_us.sort_unstable();
    if run.calls == 0 {
        return Err("no call was answered in the time of the run".into());
    }
    Ok(run)
}

/// An open connection that has been used, and how many answers on it were wrong.
fn warm_up(
    server: &Server,
    shared: &Shared<'_>,
    bounds: Bounds,
    connections: usize,
) -> Result<(Connection, u64), Fail> {
    system::keep_to_one_core()?;
    system::give_way()?;
    let mut connection = Connection::open(&server.address, CHECK)?;
    let run = drive(&mut connection, shared, bounds, connections)?;
    Ok((connection, run.wrong))
}

fn add(total: &Mutex<Run>, run: Run) {
    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
    total.calls = total.calls.saturating_add(run.calls);
    total.wrong = total.wrong.saturating_add(run.wrong);
    total.latencies_us.extend(run.latencies_us);
}

/// Keeps a share of the calls in flight until the bounds, then waits for those that are out.
fn drive(
    connection: &mut Connection,
    shared: &Shared<'_>,
    bounds: Bounds,
    connections: usize,
) -> Result<Run, Fail> {
    let in_flight = bounds.in_flight.checked_div(connections).unwrap_or(1).max(1);
    let until = Until::after(bounds.time);
    let mut run = Run::default();
    let mut answers: Vec<Answer> = Vec::new();
    let mut over = false;
    loop {
        while !over && connection.open_calls() < in_flight {
            let number = shared.next.fetch_add(1, Ordering::Relaxed);
            if number >= bounds.calls || until.passed() {
                over = true;
            } else {
                connection.begin(shared.source.body(number)?)?;
            }
        }
        connection.flush()?;
        if connection.open_calls() == 0 {
            return Ok(run);
        }
        connection.receive(&mut answers)?;
        for answer in answers.drain(..) {
            run.calls = run.calls.saturating_add(1);
            if !answer.fits(shared.expected) {
                run.wrong = run.wrong.saturating_add(1);
            }
            let micros = u32::try_from(answer.took.as_micros()).unwrap_or(u32::MAX);
            run.latencies_us.push(micros);
        }
    }
}

/// The message of the answer to one call.
pub(crate) fn ask(server: &Server, body: Bytes) -> Result<Vec<u8>, Fail> {
    let mut connection = Connection::open(&server.address, CHECK)?;
    connection.begin(body)?;
    let mut answers = Vec::new();
    while answers.is_empty() {
        connection.flush()?;
        connection.receive(&mut answers)?;
    }
    let message = answers.pop().and_then(|answer| answer.message);
    Ok(message.ok_or("the server did not answer with a message")?)
}
