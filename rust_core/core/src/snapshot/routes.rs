//! The most specific path pattern that fits a path.
