//! Where inputs come from: committed seeds, published vectors, and the corpus of earlier runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of published vectors, which are not part of the repository.
pub struct Vectors(Option<PathBuf>);

impl Vectors {
    /// `ACCREDIT_VECTORS`, else `shared/vectors` beside the repository.
    #[must_use]
    pub fn find() -> Self {
        let folder = std::env::var_os("ACCREDIT_VECTORS")
            .map_or_else(|| crate_folder().join("../../../shared/vectors"), PathBuf::from);
        Self(folder.is_dir().then_some(folder))
    }

    /// The contents of all files in a folder of the vectors; none where the folder is not here.
    #[must_use]
    pub fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        self.0.as_ref().map_or_else(Vec::new, |vectors| files(&vectors.join(folder)))
    }

    /// A file of the vectors as JSON; null where it is not here.
    #[must_use]
    pub fn json(&self, file: &str) -> Value {
        let read = |vectors: &PathBuf| fs::read(vectors.join(file)).ok();
        let bytes = self.0.as_ref().and_then(read).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

/// The committed seeds of a target.
#[must_use]
pub fn committed(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&crate_folder().join("seeds").join(target))
}

/// What earlier runs of the fuzzer left; not committed.
#[must_use]
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&corpus_folder(target))
}

/// Where libFuzzer keeps the corpus of a target.
#[must_use]
pub fn corpus_folder(target: &str) -> PathBuf {
    crate_folder().join("corpus").join(target)
}

/// The folder of this crate.
#[must_use]
pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names and contents of the files in a folder, sorted by name; none where there is no folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let bytes = fs::read(entry.path()).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), bytes))
        })
        .collect();
    files.sort();
    files
}
