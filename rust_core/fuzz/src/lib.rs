//! Fuzz targets of `accredit-core`.
//!
//! A target is a plain function that takes any bytes and panics when something does not hold that
//! must hold for all of them. Three things call it: libFuzzer (`cargo fuzz run NAME`), the test
//! that replays seeds and corpus (`cargo test`), and a bin that replays one file
//! (`cargo run --bin NAME -- FILE`), for a crash that was found.
//!
//! To add a target: a module in `targets/` with `run` and `seeds`, a line in [`TARGETS`], a file in
//! `fuzz_targets/` and a `[[bin]]` in `Cargo.toml`; a test compares the four.
#![forbid(unsafe_code)]

use std::path::PathBuf;

pub mod seeds;
pub mod targets;

/// One target.
pub struct Target {
    /// The name of its module, its bin and its folders of seeds and corpus.
    pub name: &'static str,
    /// Takes any bytes; panics on a finding.
    pub run: fn(&[u8]),
    /// What it is begun from: all that the vectors have for it, if they are here.
    pub seeds: fn(&seeds::Vectors) -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "json", run: targets::json::run, seeds: targets::json::seeds },
    Target { name: "jws", run: targets::jws::run, seeds: targets::jws::seeds },
    Target { name: "jwk_set", run: targets::jwk_set::run, seeds: targets::jwk_set::seeds },
    Target {
        name: "check_request",
        run: targets::check_request::run,
        seeds: targets::check_request::seeds,
    },
    Target { name: "path", run: targets::path::run, seeds: targets::path::seeds },
    Target { name: "decision", run: targets::decision::run, seeds: targets::decision::seeds },
];

/// Runs a target over the files named on the command line.
pub fn replay_arguments(run: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        run(&std::fs::read(path)?);
    }
    Ok(())
}
