//! How a set of published vectors is run: where it is, what is skipped and why, what was run.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "each test file uses a part of this, and a test may fail loudly"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// One set of vectors while it is run.
pub(crate) struct Run {
    set: &'static str,
    folder: PathBuf,
    skips: &'static [(&'static str, &'static str)],
    skipped: BTreeSet<&'static str>,
    ran: usize,
}

impl Run {
    /// Begins a set, or says that it is not here: vectors are not part of the repository.
    ///
    /// The folder is `ACCREDIT_VECTORS`, else `shared/vectors` beside the repository. `skips` are
    /// names of cases, each with the reason why it is not run.
    pub(crate) fn begin(
        set: &'static str,
        skips: &'static [(&'static str, &'static str)],
    ) -> Option<Self> {
        let root = std::env::var_os("ACCREDIT_VECTORS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
            PathBuf::from,
        );
        // `set` may name a part of a folder, as in `wycheproof-jose/signature`.
        let folder = root.join(set.split('/').next().unwrap());
        if !folder.is_dir() {
            say(&format!("vectors {set}: absent, skipped: no folder {}", folder.display()));
            return None;
        }
        Some(Self { set, folder, skips, skipped: BTreeSet::new(), ran: 0 })
    }

    /// Runs one case, unless its name is among the skips.
    pub(crate) fn case(&mut self, name: &str, check: impl FnOnce()) {
        if let Some((known, _)) = self.skips.iter().find(|(skip, _)| *skip == name) {
            assert!(self.skipped.insert(known), "{}: two cases are named {name}", self.set);
        } else {
            check();
            self.ran += 1;
        }
    }

    /// Ends the set. The number is changed by hand with the files, so that a lost file fails.
    pub(crate) fn end(self, cases: usize) {
        for (name, _) in self.skips {
            assert!(self.skipped.contains(name), "{}: no case is named {name}", self.set);
        }
        let (set, ran, skipped) = (self.set, self.ran, self.skipped.len());
        assert_eq!(ran, cases, "vectors {set}: another number of cases was run than there were");
        say(&format!("vectors {set}: ran {ran}, skipped {skipped}"));
        for (name, why) in self.skips {
            say(&format!("vectors {set}: skipped {name}: {why}"));
        }
    }

    /// The bytes of a file of the set.
    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        let path = self.folder.join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A file of the set, read as JSON by another reader than the one under test.
    pub(crate) fn json(&self, file: &str) -> serde_json::Value {
        serde_json::from_slice(&self.bytes(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The names of the files in a folder of the set, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let path = self.folder.join(folder);
        let entries =
            fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// One line to the real standard output, which the test runner does not hold back.
fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}
