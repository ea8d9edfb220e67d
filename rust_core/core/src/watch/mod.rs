//! What the engine counts and remembers about its own decisions: [`counters`] and the bounded ring
//! of decision [`records`]. Rust counts; whoever is outside reads.

pub mod counters;
pub mod records;

pub use counters::Counters;
pub use records::{Record, Ring};
