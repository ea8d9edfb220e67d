//! What a door asks: bytes of a `CheckRequest` in, bytes of a `CheckResponse` out.

use std::future::Future;
use std::time::{Duration, Instant};

use accredit_core::decide::Decision;
use accredit_core::reason::Reason;
use accredit_core::wire::write_check_response;
use bytes::Bytes;
use http::HeaderMap;

use crate::moment;

/// Answers checks. The product's is [`crate::EngineHandler`]; a bench may put another behind the
/// same door.
pub trait Handler: Send + Sync + 'static {
    /// Answers one check before `deadline`. Whatever the request holds, the answer is a
    /// `CheckResponse`: a request that cannot be read is denied. A panic is caught by the door.
    fn check(&self, request: Bytes, deadline: Deadline) -> impl Future<Output = Bytes> + Send;

    /// The denial for a check that was not judged.
    fn refuse(&self, trouble: Trouble) -> Bytes {
        let at = moment::now();
        Bytes::from(write_check_response(&Decision::refused(trouble.reason(), &at).answer(None)))
    }
}

/// Why a check was not judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// Too many streams or bytes at a time.
    Overloaded,
    /// A panic was caught.
    Internal,
}

impl Trouble {
    /// The reason that the denial carries.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Overloaded => Reason::Overloaded,
            Self::Internal => Reason::Internal,
        }
    }
}

/// When a call came in, and how long its caller waits (`grpc-timeout`).
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    arrived: Instant,
    timeout: Option<Duration>,
}

/// What is kept back of a caller's time, so that the answer arrives before it gives up.
pub const MARGIN: Duration = Duration::from_millis(20);

impl Deadline {
    /// The deadline of a call that arrives now with these headers. A `grpc-timeout` that cannot be
    /// read counts as none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let timeout = headers.get("grpc-timeout").and_then(|value| timeout(value.as_bytes()));
        Self { arrived: Instant::now(), timeout }
    }

    /// The deadline of a call that arrives now and states this timeout.
    #[must_use]
    pub fn after(timeout: Option<Duration>) -> Self {
        Self { arrived: Instant::now(), timeout }
    }

    /// Until when this call may wait, if it may wait for `most` at all: the earlier of that and the
    /// caller's timeout less [`MARGIN`].
    #[must_use]
    pub fn within(&self, most: Duration) -> Instant {
        let wait = match self.timeout {
            Some(timeout) => timeout.saturating_sub(MARGIN).min(most),
            None => most,
        };
        self.arrived.checked_add(wait).unwrap_or(self.arrived)
    }
}

/// Reads a `grpc-timeout`: at most eight digits and a unit.
fn timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    match unit {
        b'H' => Some(Duration::from_secs(count.saturating_mul(3_600))),
        b'M' => Some(Duration::from_secs(count.saturating_mul(60))),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

    use super::{Deadline, Duration, timeout};

    #[test]
    fn grpc_timeouts_are_read_as_the_protocol_states_them() {
        for (text, expected) in [
            ("200m", Some(Duration::from_millis(200))),
            ("1S", Some(Duration::from_secs(1))),
            ("2M", Some(Duration::from_mins(2))),
            ("99999999H", Some(Duration::from_hours(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("100000000m", None),
            ("m", None),
            ("", None),
            ("-1m", None),
            ("1.5S", None),
            ("1s", None),
        ] {
            assert_eq!(timeout(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_need_waits_until_the_earlier_of_both_times() {
        let most = Duration::from_millis(150);
        for (stated_ms, wait_ms) in [(None, 150), (Some(100), 80), (Some(500), 150), (Some(5), 0)] {
            let deadline = Deadline::after(stated_ms.map(Duration::from_millis));
            let wait = deadline.within(most) - deadline.arrived;
            assert_eq!(wait, Duration::from_millis(wait_ms), "{stated_ms:?}");
        }
    }
}
