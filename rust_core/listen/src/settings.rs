//! What an operator may set about the fast door. Each bound is inclusive.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

/// Address, threads, caps and time-outs of a door. In JSON, times are seconds or milliseconds as
/// the name says; unknown members are errors.
///
/// Defaults are those of `Default`, which `docs/settings.md` states for the operator.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct DoorSettings {
    /// `IP:PORT` or `unix:PATH`. Only loopback addresses are taken; port 0 picks a free one.
    pub address: String,
    /// Threads that decide.
    pub worker_threads: usize,
    /// The engine's cap, above which a check is denied; here it only has to fit below the next.
    pub request_bytes: usize,
    /// Largest message that is read at all; a larger one is a gRPC status, so it stands well above
    /// what a gateway sends. The cap that denies is the engine's `request_bytes`.
    pub transport_message_bytes: usize,
    /// Connections open at a time; one more is closed at once.
    pub connections: usize,
    /// Streams open at a time on one connection, announced to the peer.
    pub streams_per_connection: u32,
    /// Streams open at a time on all connections; a check above it is denied `overloaded`.
    pub streams: usize,
    /// Bytes of messages that are being received, all connections together; a check above it is
    /// denied `overloaded`.
    pub receiving_bytes: usize,
    /// Largest HTTP/2 header list of one call.
    pub header_list_bytes: u32,
    /// Longest time that a check waits for a key, less where the call's own deadline is nearer.
    pub need_wait_ms: u64,
    /// Seconds between HTTP/2 pings.
    pub http2_keepalive_s: f64,
    /// Seconds in which a ping must be answered, or the connection is closed.
    pub http2_keepalive_timeout_s: f64,
    /// Seconds in which a peer must have sent the HTTP/2 preface, and in which a call's message must
    /// have arrived.
    pub header_read_s: f64,
    /// Seconds after which a connection without a call is closed in an orderly way.
    pub idle_s: f64,
    /// Seconds after which a peer that does not read its answers is cut off.
    pub write_stall_s: f64,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:9191".to_owned(),
            worker_threads: 2,
            request_bytes: 1_048_576,
            transport_message_bytes: 16_777_216,
            connections: 1_024,
            streams_per_connection: 1_024,
            streams: 8_192,
            receiving_bytes: 268_435_456,
            header_list_bytes: 65_536,
            need_wait_ms: 150,
            http2_keepalive_s: 30.0,
            http2_keepalive_timeout_s: 10.0,
            header_read_s: 10.0,
            idle_s: 600.0,
            write_stall_s: 30.0,
        }
    }
}

/// A setting that is out of range.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{name}` must be {range}")]
pub struct SettingError {
    /// Which one.
    pub name: &'static str,
    /// What it may be.
    pub range: &'static str,
}

/// The time-outs, as durations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) keepalive: Duration,
    pub(crate) keepalive_answer: Duration,
    pub(crate) read: Duration,
    pub(crate) idle: Duration,
    pub(crate) stall: Duration,
}

impl Timeouts {
    /// How often a connection looks at itself: often enough for its shortest time-out.
    pub(crate) fn beat(&self) -> Duration {
        let shortest = self.read.min(self.idle).min(self.stall);
        shortest.div_f64(4.0).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

impl DoorSettings {
    /// Checks every range and returns the time-outs.
    pub(crate) fn timeouts(&self) -> Result<Timeouts, SettingError> {
        let counts = [
            ("worker_threads", (1..=256).contains(&self.worker_threads), "1 to 256"),
            (
                "transport_message_bytes",
                (1_024..=268_435_456).contains(&self.transport_message_bytes),
                "1024 to 268435456",
            ),
            (
                "transport_message_bytes",
                self.transport_message_bytes >= self.request_bytes,
                "at least `request_bytes`",
            ),
            ("connections", (1..=1_000_000).contains(&self.connections), "1 to 1000000"),
            (
                "streams_per_connection",
                (1..=1_000_000).contains(&self.streams_per_connection),
                "1 to 1000000",
            ),
            ("streams", (1..=10_000_000).contains(&self.streams), "1 to 10000000"),
            (
                "receiving_bytes",
                self.receiving_bytes >= self.transport_message_bytes,
                "at least `transport_message_bytes`",
            ),
            (
                "header_list_bytes",
                (1_024..=16_777_216).contains(&self.header_list_bytes),
                "1024 to 16777216",
            ),
            ("need_wait_ms", self.need_wait_ms <= 60_000, "0 to 60000"),
        ];
        for (name, holds, range) in counts {
            if !holds {
                return Err(SettingError { name, range });
            }
        }
        Ok(Timeouts {
            keepalive: seconds("http2_keepalive_s", self.http2_keepalive_s)?,
            keepalive_answer: seconds("http2_keepalive_timeout_s", self.http2_keepalive_timeout_s)?,
            read: seconds("header_read_s", self.header_read_s)?,
            idle: seconds("idle_s", self.idle_s)?,
            stall: seconds("write_stall_s", self.write_stall_s)?,
        })
    }

    pub(crate) const fn need_wait(&self) -> Duration {
        Duration::from_millis(self.need_wait_ms)
    }
}

fn seconds(name: &'static str, value: f64) -> Result<Duration, SettingError> {
    if (0.01..=86_400.0).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(SettingError { name, range: "0.01 to 86400 seconds" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::DoorSettings;

    type Break = fn(&mut DoorSettings);

    #[test]
    fn json_settings_take_defaults_and_refuse_unknown_names() {
        let settings: DoorSettings =
            serde_json::from_str(r#"{"address":"[::1]:0","header_read_s":5}"#).unwrap();
        assert_eq!(settings.address, "[::1]:0");
        assert_eq!(settings.streams, 8_192);
        assert!((settings.header_read_s - 5.0).abs() < f64::EPSILON);
        assert!(serde_json::from_str::<DoorSettings>(r#"{"adress":"[::1]:0"}"#).is_err());
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        let broken: [(&str, Break); 7] = [
            ("transport_message_bytes", |settings| settings.request_bytes = 16_777_217),
            ("worker_threads", |settings| settings.worker_threads = 0),
            ("connections", |settings| settings.connections = 0),
            ("receiving_bytes", |settings| settings.receiving_bytes = 1),
            ("need_wait_ms", |settings| settings.need_wait_ms = 60_001),
            ("idle_s", |settings| settings.idle_s = f64::NAN),
            ("header_read_s", |settings| settings.header_read_s = 0.0),
        ];
        for (name, break_it) in broken {
            let mut settings = DoorSettings::default();
            break_it(&mut settings);
            assert_eq!(settings.timeouts().unwrap_err().name, name);
        }
    }
}
