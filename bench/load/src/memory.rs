//! Resident memory of the server while it judges many tokens that it has never seen.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Fail;
use crate::fixture::Fixture;
use crate::load::{self, Bounds, Source};
use crate::message::{Expected, Question};
use crate::plan::Plan;
use crate::report::{self, Verdict};
use crate::server::Server;
use crate::signer::Signer;
use crate::stats::per;

/// Distinct tokens, all steps together.
const TOKENS: u64 = 1_000_000;
const STEPS: u64 = 10;
/// MB, as in 10^6 bytes.
const GOAL_MB: f64 = 150.0;
/// How much more the last step may have than the middle one: what grows for good grows by more.
const GROWTH_MB: f64 = 5.0;

/// Signs each token when it is asked for: a million of them would not fit beside the server.
struct Fresh<'f> {
    fixture: &'f Fixture,
    signer: &'f Signer,
    first: u64,
}

impl Source for Fresh<'_> {
    fn body(&self, number: u64) -> Result<Bytes, Fail> {
        let claims = self.fixture.claims(self.first.saturating_add(number));
        Question::with_token(&self.signer.token(&claims)?).framed()
    }
}

pub(crate) fn measure(plan: &Plan, fixture: &Fixture) -> Result<(Value, Vec<Verdict>), Fail> {
    let server = Server::engine(fixture)?;
    let at_start = megabytes(&server)?;
    let expected = Expected::new("ok");
    let calls = plan.scaled(TOKENS).div_ceil(STEPS);
    let bounds = Bounds { calls, time: Duration::from_mins(2), in_flight: load::IN_FLIGHT };
    let mut steps = Vec::new();
    let (mut asked, mut wrong) = (0_u64, 0_u64);
    for step in 0..STEPS {
        // Numbers of the warming calls are used again in the step: twice as many are set aside.
        let first = step.saturating_mul(calls).saturating_mul(2);
        let source = Fresh { fixture, signer: fixture.signer("EdDSA")?, first };
        let run = load::run(&server, &source, &expected, bounds)?;
        asked = asked.saturating_add(run.calls);
        wrong = wrong.saturating_add(run.wrong);
        steps.push(megabytes(&server)?);
    }
    if asked < calls.saturating_mul(STEPS) {
        return Err(format!("only {asked} checks were made in the time set aside").into());
    }
    let last = steps.last().copied().unwrap_or(f64::NAN);
    let middle = steps.get(steps.len() / 2).copied().unwrap_or(f64::NAN);
    let most = steps.iter().copied().fold(at_start, f64::max);
    let shown = steps.iter().map(|step| format!("{step:.1}")).collect::<Vec<_>>().join(" ");
    report::table(
        &format!("Resident memory of the server over {asked} distinct tokens, MB"),
        &["", "at start", "after each tenth"],
        &[vec!["Rust part alone".to_owned(), format!("{at_start:.1}"), shown]],
    );
    let part = json!({
        "checks": asked, "start_mb": at_start, "steps_mb": steps, "wrong": wrong,
    });
    Ok((
        part,
        vec![
            Verdict::at_most("memory: most MB", most, GOAL_MB),
            Verdict::at_most("memory: MB grown in the second half", last - middle, GROWTH_MB),
            Verdict::at_most("memory: wrong answers", per(wrong, 1), 0.0),
        ],
    ))
}

fn megabytes(server: &Server) -> Result<f64, Fail> {
    let bytes = server.resident_kib()?.saturating_mul(1_024);
    Ok((per(bytes, 1_000_000) * 10.0).round() / 10.0)
}
