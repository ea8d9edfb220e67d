//! Fresh checks against the empty handler of the same door and the raw verification.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Fail;
use crate::fixture::Fixture;
use crate::load::{self, Pool, Run};
use crate::message::{Expected, Question};
use crate::plan::Plan;
use crate::raw::Raw;
use crate::report::{self, Verdict};
use crate::server::Server;
use crate::stats::Repeats;

/// Distinct tokens of each algorithm.
const TOKENS: u64 = 512;
const CALLS: u64 = 10_000;
/// `(fresh - empty - raw) / empty`
const GOAL: f64 = 0.6;

/// One algorithm, with what it is asked and all that was measured.
struct Subject {
    alg: &'static str,
    pool: Pool,
    raw: Raw,
    /// The same door on the same build, with an answer of the same size.
    empty: Server,
    /// The same with one verification behind it.
    placed: Server,
    request_bytes: usize,
    answer_bytes: usize,
    taken: Vec<Taken>,
}

/// One repeat.
struct Taken {
    empty: Run,
    fresh: Run,
    raw_us: f64,
    placed: Run,
}

impl Taken {
    /// What the verification costs inside a call, where it starts cold.
    fn placed_us(&self) -> f64 {
        self.placed.cpu_us() - self.empty.cpu_us()
    }

    /// What is ours, if a verification costs this much.
    fn own_us(&self, raw_us: f64) -> f64 {
        self.fresh.cpu_us() - self.empty.cpu_us() - raw_us
    }
}

pub(crate) fn measure(plan: &Plan, fixture: &Fixture) -> Result<(Value, Vec<Verdict>), Fail> {
    let engine = Server::engine(fixture)?;
    let mut subjects = fixture
        .signers
        .iter()
        .map(|signer| subject(fixture, signer.alg, &engine))
        .collect::<Result<Vec<_>, _>>()?;
    let allowed = Expected::new("ok");
    let bounds = plan.bounds(CALLS);
    // Interleaved, so that a change of the machine's mood meets all of them.
    for _ in 0..plan.repeats {
        for subject in &mut subjects {
            let empty = load::run(&subject.empty, &subject.pool, &allowed, bounds)?;
            let fresh = load::run(&engine, &subject.pool, &allowed, bounds)?;
            let raw_us = subject.raw.measure(bounds.calls.div_ceil(2))?;
            let placed = load::run(&subject.placed, &subject.pool, &allowed, bounds)?;
            subject.taken.push(Taken { empty, fresh, raw_us, placed });
        }
    }
    Ok(tell(&subjects))
}

fn subject(fixture: &Fixture, alg: &'static str, engine: &Server) -> Result<Subject, Fail> {
    let tokens = fixture.tokens(alg, TOKENS)?;
    let raw = Raw::new(&fixture.jwks()?, alg, &tokens)?;
    let pool: Vec<Bytes> = tokens
        .iter()
        .map(|token| Question::with_token(token).framed())
        .collect::<Result<_, _>>()?;
    let first = pool.first().ok_or("there is no token")?.clone();
    let request_bytes = first.len();
    let answer = load::ask(engine, first)?;
    Ok(Subject {
        alg,
        pool: Pool(pool),
        raw,
        empty: Server::empty(&answer)?,
        placed: Server::raw(fixture, &answer, alg, &tokens)?,
        request_bytes,
        answer_bytes: answer.len(),
        taken: Vec::new(),
    })
}

fn tell(subjects: &[Subject]) -> (Value, Vec<Verdict>) {
    let mut rows = Vec::new();
    let mut rates = Vec::new();
    let mut results = serde_json::Map::new();
    let mut verdicts = Vec::new();
    let mut wrong = 0_u64;
    for subject in subjects {
        let each =
            |read: &dyn Fn(&Taken) -> f64| -> Repeats { subject.taken.iter().map(read).collect() };
        let empty = each(&|taken| taken.empty.cpu_us());
        let fresh = each(&|taken| taken.fresh.cpu_us());
        let raw = each(&|taken| taken.raw_us);
        let placed = each(&Taken::placed_us);
        let own = each(&|taken| taken.own_us(taken.raw_us));
        // Each repeat against its own floors, which were measured beside it.
        let ratio = each(&|taken| taken.own_us(taken.raw_us) / taken.empty.cpu_us());
        let in_place = each(&|taken| taken.own_us(taken.placed_us()) / taken.empty.cpu_us());
        rows.push(vec![
            subject.alg.to_owned(),
            empty.text(1),
            raw.text(1),
            placed.text(1),
            fresh.text(1),
            own.text(1),
            ratio.text(2),
            in_place.text(2),
        ]);
        let mut result = json!({
            "request_bytes": subject.request_bytes, "answer_bytes": subject.answer_bytes,
            "empty_cpu_us": empty.json(), "raw_cpu_us": raw.json(), "fresh_cpu_us": fresh.json(),
            "raw_in_place_cpu_us": placed.json(),
            "own_cpu_us": own.json(), "own_per_empty": ratio.json(),
            "own_per_empty_raw_in_place": in_place.json(),
        });
        for (name, run) in [
            ("empty", (|taken| &taken.empty) as fn(&Taken) -> &Run),
            ("fresh", |taken| &taken.fresh),
        ] {
            let rate = each(&|taken| run(taken).calls_a_second());
            let latency = |percent| each(&|taken| f64::from(run(taken).latency_us(percent)));
            let (p50, p99) = (latency(50), latency(99));
            rates.push(vec![
                format!("{} {name}", subject.alg),
                rate.text(0),
                p50.text(0),
                p99.text(0),
            ]);
            if let Some(result) = result.as_object_mut() {
                let told = json!({
                    "calls_a_second": rate.json(), "p50_us": p50.json(), "p99_us": p99.json(),
                });
                result.insert(name.to_owned(), told);
            }
        }
        for taken in &subject.taken {
            for run in [&taken.empty, &taken.fresh, &taken.placed] {
                wrong = wrong.saturating_add(run.wrong);
            }
        }
        results.insert(subject.alg.to_owned(), result);
        for (raw, ratio) in [("raw", ratio), ("raw in place", in_place)] {
            let goal = format!("{}: (fresh - empty - {raw}) / empty", subject.alg);
            verdicts.push(Verdict::at_most(goal, ratio.median(), GOAL));
        }
    }
    report::table(
        "Server CPU, microseconds a call: median [least to most]",
        &[
            "",
            "empty",
            "raw",
            "raw in place",
            "fresh",
            "fresh - empty - raw",
            "of empty",
            "with raw in place",
        ],
        &rows,
    );
    report::table(
        "Closed loop on one server thread",
        &["", "calls a second", "latency p50, us", "latency p99, us"],
        &rates,
    );
    verdicts.push(Verdict::at_most("speed: wrong answers", crate::stats::per(wrong, 1), 0.0));
    (Value::Object(results), verdicts)
}
