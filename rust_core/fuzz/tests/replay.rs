//! Runs every target over its seeds, as a plain test: no fuzzer, no sanitizer.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::io::Write as _;

use accredit_fuzz::seeds::{self, Vectors};
use accredit_fuzz::{TARGETS, Target};

#[test]
fn seeds_and_corpus_hold() {
    let vectors = Vectors::find();
    for Target { name, run, seeds: from_vectors } in TARGETS {
        let committed = seeds::committed(name);
        assert!(!committed.is_empty(), "{name} has no committed seed");
        let published = from_vectors(&vectors);
        let corpus = seeds::corpus(name);
        let inputs = || {
            let files = committed.iter().chain(&corpus).map(|(_, bytes)| bytes);
            files.chain(&published)
        };
        for input in inputs() {
            run(input);
            // Close by: cut short, begun late, and with one byte turned.
            run(input.get(..input.len() / 2).unwrap());
            run(input.get(input.len().min(1)..).unwrap());
            for at in (0..input.len()).step_by(input.len() / 8 + 1) {
                let mut turned = input.clone();
                *turned.get_mut(at).unwrap() ^= 1 << (at % 8);
                run(&turned);
            }
        }
        let (all, published) = (inputs().count(), published.len());
        let line = format!("fuzz {name}: replayed {all} seeds, {published} of them vectors\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn targets_are_named_alike_everywhere() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let manifest = fs::read_to_string(seeds::crate_folder().join("Cargo.toml")).unwrap();
    for name in &names {
        let bin = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&bin), "{name} has no bin");
        let file = seeds::crate_folder().join(format!("fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(text.matches(&format!("targets::{name}::run")).count(), 2, "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), names.len());
}
