//! A few repeats of one number: the middle, and how far they lie apart.

use serde_json::{Value, json};

/// Sorted repeats of one measurement; never empty where it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats(Vec<f64>);

impl FromIterator<f64> for Repeats {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut all: Vec<f64> = numbers.into_iter().collect();
        all.sort_by(f64::total_cmp);
        Self(all)
    }
}

impl Repeats {
    /// The middle one; of an even number the lower.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len().saturating_sub(1).checked_div(2).unwrap_or_default();
        self.0.get(middle).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// `median [least to most]`
    pub(crate) fn text(&self, decimals: usize) -> String {
        let (median, least, most) = (self.median(), self.least(), self.most());
        format!("{median:.decimals$} [{least:.decimals$} to {most:.decimals$}]")
    }

    pub(crate) fn json(&self) -> Value {
        let round = |number: f64| (number * 1_000.0).round() / 1_000.0;
        json!({
            "median": round(self.median()), "least": round(self.least()),
            "most": round(self.most()), "repeats": self.0.len(),
        })
    }
}

/// `part / whole` as a float.
#[expect(clippy::cast_precision_loss, reason = "counts and times stay far below 2^53")]
pub(crate) fn per(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// The value below which `percent` of the sorted values lie.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let at = sorted.len().saturating_mul(percent).checked_div(100).unwrap_or_default();
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
