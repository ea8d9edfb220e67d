//! What is printed.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};

/// Prints one line. Where nobody reads any more, the measuring goes on.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a table: the first column to the left, the others to the right.
pub(crate) fn table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    say(&format!("\n{title}"));
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let head = head.get(column).map_or(0, |cell| cell.chars().count());
        cells.max().unwrap_or_default().max(head)
    };
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from(" ");
        for (column, cell) in cells.enumerate() {
            let width = width(column);
            line.push(' ');
            // Writing to a string cannot fail.
            let _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ => write!(line, " {cell:>width$}"),
            };
        }
        say(&line);
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// A goal and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) goal: String,
    pub(crate) measured: f64,
    /// Inclusive.
    pub(crate) most: f64,
    pub(crate) reached: bool,
}

impl Verdict {
    pub(crate) fn at_most(goal: impl Into<String>, measured: f64, most: f64) -> Self {
        // A number that is none reaches nothing.
        Self { goal: goal.into(), measured, most, reached: measured <= most }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "goal": self.goal, "measured": (self.measured * 1_000.0).round() / 1_000.0,
            "most": self.most, "reached": self.reached,
        })
    }
}

pub(crate) fn verdicts(verdicts: &[Verdict]) {
    let rows: Vec<Vec<String>> = verdicts
        .iter()
        .map(|verdict| {
            vec![
                verdict.goal.clone(),
                format!("{:.2}", verdict.measured),
                format!("{}", verdict.most),
                if verdict.reached { "reached" } else { "MISSED" }.to_owned(),
            ]
        })
        .collect();
    table("Goals", &["", "measured", "at most", ""], &rows);
}
