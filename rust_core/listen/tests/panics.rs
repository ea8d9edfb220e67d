//! The hook is the whole process's, so it is tried in a process of its own.

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

    use std::panic::catch_unwind;
    use std::sync::{Arc, Mutex};

    use accredit_listen::panics::only_say_where;

    #[test]
    fn a_panic_says_where_and_not_what() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        only_say_where(move |place| heard.lock().unwrap().push(place.to_owned()));
        let caught = catch_unwind(|| panic!("the text quotes a token"));
        // Else a failure below would be told to nobody.
        let _ = std::panic::take_hook();
        assert!(caught.is_err());
        let said = said.lock().unwrap();
        assert_eq!(said.len(), 1);
        assert!(said.concat().contains("tests/panics.rs:"), "{said:?}");
        assert!(!said.concat().contains("token"), "{said:?}");
    }
}
