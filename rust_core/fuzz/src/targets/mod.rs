//! One module for each target: `run`, and `seeds`.

pub mod check_request;
pub mod decision;
pub mod json;
pub mod jwk_set;
pub mod jws;
pub mod path;
