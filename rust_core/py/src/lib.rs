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
    use std::io::Write;

    use pyo3::prelude::{Bound, PyModule, PyResult};

    #[pymodule_export]
    use crate::door::FastDoor;
    #[pymodule_export]
    use crate::engine::{Engine, Pending, descriptor_sets, inspect_keys, reasons, verify_jws};

    /// The hook is that of this extension; other extensions bring a standard library of their own.
    #[pymodule_init]
    #[expect(clippy::unnecessary_wraps, reason = "the signature is PyO3's")]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        accredit_listen::panics::only_say_where(|place| {
            // Where stderr is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "accredit: a panic at {place}; please report it");
        });
        Ok(())
    }
}
