//! A hostile expression over a hostile record: any text, a zero, and the value.
//! `cargo +nightly fuzz run expression fuzz/corpus/expression fuzz/seeds/expression -- -timeout=5` in `crates/shape`.

#![no_main]

#[path = "../../tests/play/mod.rs"]
mod play;

use play::{Play, express};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let Some(Ok(text)) = parts.next().map(str::from_utf8) else { return };
    let value = parts.next().map(<[u8]>::to_vec);
    express(text, &Play { value, key: Some(b"k1".to_vec()), ..Play::default() });
});
