//! The clock and the random bits that the core asks for as arguments.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use accredit_core::facts::Moment;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

const PIECE: usize = 10;
const PIECES: usize = 64;

/// Random bits fetched ahead, so that a decision costs no system call of its own.
struct Pool {
    bytes: [u8; PIECE * PIECES],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { bytes: [0; PIECE * PIECES], used: PIECE * PIECES }) };
}

/// The present moment, for a thread of the door: its random bits come from a pool of the thread.
///
/// A forked child would repeat its parent's pool; the door's threads do not live on in a child.
#[must_use]
pub fn now() -> Moment {
    let random = POOL.with_borrow_mut(|pool| {
        if pool.used >= pool.bytes.len() {
            fill(&mut pool.bytes);
            pool.used = 0;
        }
        let end = pool.used.saturating_add(PIECE);
        let piece = pool.bytes.get(pool.used..end).and_then(|piece| piece.try_into().ok());
        pool.used = end;
        piece.unwrap_or_default()
    });
    Moment { now_ms: now_ms(), random }
}

/// A stated moment, with random bits straight from the system.
#[must_use]
pub fn at(now_ms: u64) -> Moment {
    let mut random = [0; PIECE];
    fill(&mut random);
    Moment { now_ms, random }
}

/// Milliseconds since the Unix epoch; 0 where the clock stands before it.
#[must_use]
pub fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The bits make decision ids distinct; nothing secret hangs on them. Where the system gives none
/// (it always does once it has booted) the rest stays as it was.
fn fill(bytes: &mut [u8]) {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(count) if count > 0 => filled = filled.saturating_add(count),
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECES, at, now};
    use std::collections::HashSet;

    #[test]
    fn no_two_moments_share_their_random_bits() {
        let seen: HashSet<[u8; 10]> = (0..PIECES * 3).map(|_| now().random).collect();
        assert_eq!(seen.len(), PIECES * 3);
        assert_ne!(at(1).random, at(1).random);
        assert_eq!(at(7).now_ms, 7);
    }
}
