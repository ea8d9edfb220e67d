//! What one call of the program measures, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::Fail;
use crate::fixture::Fixture;
use crate::load::{Bounds, CONNECTIONS, IN_FLIGHT};
use crate::report::{self, Verdict};
use crate::{batch, memory, refused, speed, system};

const USAGE: &str = "\
usage: accredit-load [--only PART]... [--repeats N] [--quick] [--out FILE]

  --only PART    speed, refused, memory or batch; all of them if none is named
  --repeats N    how often each number is taken (7; with --quick 2)
  --quick        a tenth of the calls: to see that it runs, not to quote
  --out FILE     write the result as JSON too

Exits 0 if every goal was reached and no answer was wrong, 1 if not, 2 if it could not measure.";

const PARTS: [&str; 4] = ["speed", "refused", "memory", "batch"];

/// The arguments.
#[derive(Debug)]
pub(crate) struct Plan {
    only: Vec<String>,
    pub(crate) repeats: usize,
    quick: bool,
    out: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn read(arguments: &[String]) -> Result<Self, Fail> {
        let mut plan = Self { only: Vec::new(), repeats: 0, quick: false, out: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--quick" => plan.quick = true,
                "--repeats" => plan.repeats = value()?.parse()?,
                "--out" => plan.out = Some(value()?.into()),
                "--only" => {
                    let part = value()?;
                    if !PARTS.contains(&part.as_str()) {
                        return Err(format!("there is no part {part}\n{USAGE}").into());
                    }
                    plan.only.push(part.clone());
                }
                other => return Err(format!("unknown argument {other}\n{USAGE}").into()),
            }
        }
        if plan.repeats == 0 {
            plan.repeats = if plan.quick { 2 } else { 7 };
        }
        Ok(plan)
    }

    /// Bounds for runs of this many calls at full length.
    pub(crate) fn bounds(&self, calls: u64) -> Bounds {
        let calls = self.scaled(calls);
        Bounds { calls, time: Duration::from_secs(15), in_flight: IN_FLIGHT }
    }

    /// A count at full length, or a tenth of it.
    pub(crate) fn scaled(&self, count: u64) -> u64 {
        if self.quick { count.div_ceil(10) } else { count }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// Measures; returns whether every goal was reached.
    pub(crate) fn run(&self) -> Result<bool, Fail> {
        if cfg!(debug_assertions) {
            report::say("This build has debug assertions: its numbers are not the product's.\n");
        }
        let fixture = Fixture::new()?;
        let mut parts = Map::new();
        let mut verdicts: Vec<Verdict> = Vec::new();
        let mut take = |name: &str, (part, judged): (Value, Vec<Verdict>)| {
            parts.insert(name.to_owned(), part);
            verdicts.extend(judged);
        };
        if self.wants("speed") {
            take("speed", speed::measure(self, &fixture)?);
        }
        if self.wants("refused") {
            take("refused", refused::measure(self, &fixture)?);
        }
        if self.wants("batch") {
            take("batch", batch::measure(self, &fixture)?);
        }
        if self.wants("memory") {
            take("memory", memory::measure(self, &fixture)?);
        }
        report::verdicts(&verdicts);
        if let Some(path) = &self.out {
            let goals: Vec<Value> = verdicts.iter().map(Verdict::json).collect();
            let result = json!({
                "machine": {
                    "processor": system::processor(), "cores": system::cores(),
                    "load_average_at_end": system::load_average(),
                },
                "build": if cfg!(debug_assertions) { "with assertions" } else { "release" },
                "quick": self.quick,
                "repeats": self.repeats,
                "connections": CONNECTIONS, "in_flight": IN_FLIGHT, "server_threads": 1,
                "parts": parts, "goals": goals,
            });
            let mut text = serde_json::to_string_pretty(&result)?;
            text.push('\n');
            std::fs::write(path, text)?;
        }
        Ok(verdicts.iter().all(|verdict| verdict.reached))
    }
}
