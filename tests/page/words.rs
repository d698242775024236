//! What the page says of a reason it is told.

use std::fs;
use std::path::Path;

#[test]
fn whatever_a_partition_waits_for_has_words() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/page/words.js");
    let words = fs::read_to_string(file).unwrap();
    for reason in bridge_core::HoldReason::ALL {
        assert!(words.contains(&format!("\n  {reason}: '")), "`{reason}` has no words");
    }
}
