//! One module for each target: `run`, and `seeds`.

pub mod json;
pub mod jwk_set;
pub mod jws;
