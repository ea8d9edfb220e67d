//! Messages at the edge: ext_authz protobuf in and out, check JSON in and out.
//!
//! Nothing is decoded into message objects: [`reader`] fills [`crate::facts::Facts`] with borrowed
//! pieces of a `CheckRequest`, [`writer`] writes a `CheckResponse` from a decision's answer.

pub mod proto;
pub mod query;
pub mod reader;
pub mod writer;

pub use reader::read_check_request;
pub use writer::write_check_response;
