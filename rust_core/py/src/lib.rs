//! The Python face of `accredit-core` and `accredit-listen`: conversions and nothing else.
//!
//! Bytes in, bytes out: settings, reports and states cross as JSON, so that their shape is stated
//! once, in Rust. The interpreter is released around everything that works or waits. Contract:
//! `python/accredit/_core.pyi`.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 passes extracted arguments by value")]

mod door;
mod engine;
mod errors;
mod json;

/// Decisions and the fast door, for `accredit.engine` alone.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::door::FastDoor;
    #[pymodule_export]
    use crate::engine::{Engine, Pending, descriptor_sets, inspect_keys, reasons, verify_jws};
}
