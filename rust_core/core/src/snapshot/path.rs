//! Request paths: what is canonical, and what can be made so.

/// Cuts a request target at its first `?` into the path and the query, without the `?`.
#[must_use]
pub fn split_target(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}
