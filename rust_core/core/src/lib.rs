//! Pure decisions about OAuth access tokens: bytes in, bytes out.
//!
//! One question is answered here: may this token be used at this API, now? [`engine::Engine`] holds
//! what decisions are made from (the catalogue, each issuer's keys) and answers with a
//! [`decide::Decision`]. Nothing in this crate reads a clock, a socket, a file or the environment:
//! time, random bits and requests are arguments.
//!
//! Read in this order: [`facts`] (what a request says), [`decide`] (the pipeline), [`reason`] (why
//! not), [`snapshot`] (what is decided from), [`wire`] (protobuf and JSON at the edge).

pub mod budget;
pub mod decide;
pub mod engine;
pub mod facts;
pub mod jose;
pub mod json;
mod mask;
pub mod reason;
pub mod snapshot;
pub mod token;
pub mod watch;
pub mod wire;
