//! Lines of check JSON through the engine, as `accredit check --batch` puts them.

use accredit_core::engine::Engine;
use accredit_core::facts::Moment;
use serde_json::{Value, json};

use crate::Fail;
use crate::fixture::{Fixture, catalogue};
use crate::plan::Plan;
use crate::report::{self, Verdict};
use crate::server;
use crate::stats::{Repeats, per};
use crate::system::own_cpu_ns;

const LINES: u64 = 100_000;
/// Distinct tokens; the lines differ in their paths too.
const TOKENS: u64 = 1_000;
/// Seconds of one core.
const GOAL: f64 = 10.0;

pub(crate) fn measure(plan: &Plan, fixture: &Fixture) -> Result<(Value, Vec<Verdict>), Fail> {
    let engine = server::engine(&catalogue(), &fixture.jwks()?, fixture.now_s)?;
    let tokens = fixture.tokens("RS256", TOKENS)?;
    let lines: Vec<Vec<u8>> = (0..plan.scaled(LINES))
        .zip(tokens.iter().cycle())
        .map(|(number, token)| {
            let path = format!("/orders/v1/items/{number}");
            json!({"token": token, "method": "GET", "host": "api.example", "path": path})
                .to_string()
                .into_bytes()
        })
        .collect();
    let mut seconds = Vec::new();
    let mut wrong = 0_u64;
    for _ in 0..plan.repeats.min(3) {
        let (ns, refused) = own_cpu_ns(|| answer(&engine, &lines, fixture.now_s))?;
        seconds.push(per(ns, 1_000_000_000));
        wrong = wrong.saturating_add(refused);
    }
    let seconds: Repeats = seconds.into_iter().collect();
    // A shorter run is told as what a whole one would take.
    let whole = seconds.median() * per(LINES, plan.scaled(LINES));
    report::table(
        &format!("{} lines of fresh RS256 on one core", lines.len()),
        &["", "CPU seconds"],
        &[vec!["engine.query".to_owned(), seconds.text(2)]],
    );
    let part = json!({"lines": lines.len(), "cpu_s": seconds.json(), "wrong": wrong});
    Ok((
        part,
        vec![
            Verdict::at_most("batch: seconds for 100,000 lines of fresh RS256", whole, GOAL),
            Verdict::at_most("batch: wrong answers", per(wrong, 1), 0.0),
        ],
    ))
}

/// Answers all lines into one output; returns how many are not an allow.
fn answer(engine: &Engine, lines: &[Vec<u8>], now_s: u64) -> u64 {
    let at = Moment { now_ms: now_s.saturating_mul(1_000), random: [0; 10] };
    let mut out = Vec::new();
    let mut wrong = 0_u64;
    for line in lines {
        let reply = engine.query(line, &at, false);
        if !reply.starts_with(br#"{"decision":"allow","reason":"ok""#) {
            wrong = wrong.saturating_add(1);
        }
        out.extend_from_slice(&reply);
        out.push(b'\n');
    }
    wrong
}
