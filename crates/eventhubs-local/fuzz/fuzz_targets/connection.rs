//! `cargo +nightly fuzz run connection` in `crates/eventhubs-local`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| eventhubs_local::fuzzing::connection(bytes));
