//! What is said of a panic: where it happened, never its text.
//!
//! The text of a panic can quote what it choked on, as `str` does with the string that was cut in
//! the wrong place; on this path that could be a token. A place in the source is enough to mend it.

use std::panic::set_hook;

/// Replaces the process's panic hook by one that hands `FILE:LINE` to `report`.
pub fn only_say_where(report: impl Fn(&str) + Send + Sync + 'static) {
    set_hook(Box::new(move |panic| match panic.location() {
        Some(place) => report(&format!("{}:{}", place.file(), place.line())),
        None => report("an unknown place"),
    }));
}
