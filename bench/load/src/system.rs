//! What the system says about processes and the machine (proc(5)).

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::nice;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Fail;

/// How long whatever ran last gets to leave its processor: the kernel brings a thread's time up to
/// date when it does.
const SETTLE: Duration = Duration::from_millis(3);

/// Nanoseconds that all threads of a process have run so far (`/proc/PID/task/TID/schedstat`).
pub(crate) fn cpu_ns(pid: u32) -> Result<u64, Fail> {
    std::thread::sleep(SETTLE);
    let mut total = 0_u64;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        total = total.saturating_add(first_number(&task?.path().join("schedstat"))?);
    }
    Ok(total)
}

/// Nanoseconds that this thread runs while it does `work`, and what that returns.
pub(crate) fn own_cpu_ns<T>(work: impl FnOnce() -> T) -> Result<(u64, T), Fail> {
    let read = || {
        std::thread::sleep(SETTLE);
        first_number(std::path::Path::new("/proc/thread-self/schedstat"))
    };
    let before = read()?;
    let done = work();
    Ok((read()?.saturating_sub(before), done))
}

fn first_number(path: &std::path::Path) -> Result<u64, Fail> {
    let text = fs::read_to_string(path)?;
    let number = text.split_ascii_whitespace().next().unwrap_or_default();
    Ok(number.parse()?)
}

/// Resident memory of a process in KiB (`VmRSS`).
pub(crate) fn resident_kib(pid: u32) -> Result<u64, Fail> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
    Ok(number.ok_or("the process has no VmRSS")?.parse()?)
}

/// Keeps this thread, and what it starts, to the first processor that it may use.
///
/// Server, clients and raw verification share one: the server works off all that waits for it, then
/// the clients run and ask anew. So calls come in the same batches whatever stands behind the door,
/// no core has to wake another, and the shared cost of the transport cancels out.
pub(crate) fn keep_to_one_core() -> Result<(), Fail> {
    let allowed = sched_getaffinity(None)?;
    let first = (0..CpuSet::MAX_CPU).find(|at| allowed.is_set(*at));
    let mut kept = CpuSet::new();
    kept.set(first.ok_or("no processor may be used")?);
    Ok(sched_setaffinity(None, &kept)?)
}

/// Lets everyone else go first. A client that ran as soon as its first answer is written would
/// interrupt the server once a call.
pub(crate) fn give_way() -> Result<(), Fail> {
    nice(19)?;
    Ok(())
}

/// The processor, as it names itself.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or(std::env::consts::ARCH, |rest| rest.trim_start_matches([' ', '\t', ':']))
        .to_owned()
}

/// Processors that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Threads that wanted to run over the last minute, on average: how quiet the machine was.
pub(crate) fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// A bound on one piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until(Instant);

impl Until {
    pub(crate) fn after(time: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(time).unwrap_or(now))
    }

    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}
