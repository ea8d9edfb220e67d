//! What decisions are made from: the compiled catalogue and each issuer's keys.
//!
//! [`Catalogue::compile`] reads the document that the operator's YAML was compiled to and reports
//! every fault at once; [`Catalogue::locate`] finds the resource and the route that a request
//! calls. Read in this order: [`catalogue`] (the model), [`document`] (its JSON form), [`path`] and
//! [`host`] (what is canonical), [`routes`] (how the most specific path is found), [`locate`] (the
//! rules of location).

pub mod catalogue;
mod compile;
pub mod document;
pub mod host;
pub mod keys;
pub mod locate;
pub mod path;
pub mod root;
pub mod routes;

pub use catalogue::{
    Access, Audience, Catalogue, Fault, Issuer, Mode, PathRule, Profile, Resource, Route, ScopeRule,
};
pub use locate::{Located, Target};
pub use root::Root;
