//! The pipeline: from the facts of a request to a decision, cheap before dear, the first failure
//! decides.
//!
//! [`pipeline`] runs the steps in order, [`credential`] finds the token, [`keys`] finds the key or
//! says what is missing, [`decision`] holds the outcome, [`obligations`] turns it into an
//! [`answer`], and [`trace`] lets an explanation watch the very same code.

pub mod answer;
pub mod credential;
pub mod decision;
mod keys;
pub mod obligations;
pub mod pipeline;
pub mod trace;

pub use answer::{Answer, Effect};
pub(crate) use decision::decision_id;
pub use decision::{Access, Decision, Softened};
pub use pipeline::{Need, Outcome, Patience, Scene, decide};
pub use trace::{Silent, Step, Trace, Verdict};
