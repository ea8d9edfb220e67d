//! Measures what a check costs: server CPU a call, through the real door, against its floors.
//!
//! One process measures, and starts itself again as the server that is measured, so that the CPU
//! time of the two is told apart. The method, and what its numbers do not say: `bench/README.md`.
//!
//! Read in this order: [`plan`] (what is measured), [`fixture`] (keys, tokens, requests), [`server`]
//! (what is measured against), [`load`] and [`http2`] (who asks), [`report`].

mod batch;
mod fixture;
mod http2;
mod load;
mod memory;
mod message;
mod plan;
mod raw;
mod refused;
mod report;
mod server;
mod signer;
mod speed;
mod stats;
mod system;

use std::process::ExitCode;

/// Any fault ends the run; its text says what was wrong.
type Fail = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.first().map(String::as_str) {
        Some(server::COMMAND) => server::serve().map(|()| true),
        _ => plan::Plan::read(&arguments).and_then(|plan| plan.run()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            report::say(&format!("accredit-load: {fault}"));
            ExitCode::from(2)
        }
    }
}
