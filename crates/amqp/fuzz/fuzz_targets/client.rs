//! `cargo +nightly fuzz run client fuzz/corpus/client fuzz/seeds/client` in `crates/amqp`.

#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|script: &[u8]| amqp::client::fuzzing::client(script, Instant::now()));
