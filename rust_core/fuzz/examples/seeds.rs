//! Fills `corpus/` with the seeds of every target, for `cargo fuzz run` to begin from.

use std::fs;

use accredit_fuzz::TARGETS;
use accredit_fuzz::seeds::{self, Vectors};

fn main() -> std::io::Result<()> {
    let vectors = Vectors::find();
    for target in TARGETS {
        let folder = seeds::corpus_folder(target.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds::committed(target.name) {
            fs::write(folder.join(name), bytes)?;
        }
        for (index, bytes) in (target.seeds)(&vectors).iter().enumerate() {
            fs::write(folder.join(format!("vector-{index:04}")), bytes)?;
        }
    }
    Ok(())
}
