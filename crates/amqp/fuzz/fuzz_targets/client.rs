//! `cargo +nightly fuzz run client fuzz/corpus/client fuzz/seeds/client` in `crates/amqp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| amqp::client::fuzzing::client(script));
