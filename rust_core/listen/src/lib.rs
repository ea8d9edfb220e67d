//! The fast door: Envoy's ext_authz v3 over gRPC, on threads of its own.
//!
//! A [`Door`] accepts connections, bounds what they may cost and hands the bytes of each check to a
//! [`Handler`]; the product's is [`EngineHandler`], which asks `accredit-core`. Nothing here knows
//! of Python: what the engine lacks leaves through [`Needs`], a queue with a descriptor to wait on.
//!
//! What a gateway's client controls never becomes a gRPC status, since a gateway that fails open
//! would let the request through: it is a denial inside status OK. A status is left to a peer that
//! breaks the framing: a message over the transport's cap, a truncated or compressed one, a message
//! that does not arrive in time.
//!
//! Read in this order: [`settings`], [`door`] (accept, bound, drain), [`service`] (one call),
//! [`engine_handler`] (from bytes to a decision), [`needs`].

mod address;
mod body;
mod codec;
mod connection;
pub mod counters;
pub mod door;
pub mod engine_handler;
pub mod handler;
mod health;
mod listener;
pub mod moment;
pub mod needs;
pub mod panics;
pub mod reflection;
pub mod service;
pub mod settings;

pub use counters::DoorCounts;
pub use door::{Door, DoorError};
pub use engine_handler::EngineHandler;
pub use handler::{Deadline, Handler, Trouble};
pub use needs::Needs;
pub use settings::DoorSettings;
