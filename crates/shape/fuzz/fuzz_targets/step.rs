//! A hostile producer: any record, against steps that ask for all there is to ask for.
//! `cargo +nightly fuzz run step fuzz/corpus/step fuzz/seeds/step -- -timeout=5` in `crates/shape`.

#![no_main]

#[path = "../../tests/play/mod.rs"]
mod play;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(play) = play::Play::of(bytes) {
        play.run();
    }
});
