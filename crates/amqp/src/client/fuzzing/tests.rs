//! The scripts of a fuzzer, and scripts at random.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;

/// A peer that does what it should: where a fuzzer begins.
const SEEDS: [&[u8]; 4] = [
    include_bytes!("../../../fuzz/seeds/client/greets"),
    include_bytes!("../../../fuzz/seeds/client/sends"),
    include_bytes!("../../../fuzz/seeds/client/receives"),
    include_bytes!("../../../fuzz/seeds/client/ends"),
];

proptest! {
    #[test]
    fn a_script_with_some_bytes_changed(
        seed in 0..SEEDS.len(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut script = SEEDS[seed].to_vec();
        for (place, byte) in changes {
            *place.get_mut(&mut script) = byte;
        }
        super::client(&script, Instant::now());
    }

    #[test]
    fn any_script(script in vec(any::<u8>(), 0..400)) {
        super::client(&script, Instant::now());
    }
}
