//! libFuzzer's door to [`accredit_fuzz::targets::decision`]; run without it, replays the files given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| accredit_fuzz::targets::decision::run(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    accredit_fuzz::replay_arguments(accredit_fuzz::targets::decision::run)
}
