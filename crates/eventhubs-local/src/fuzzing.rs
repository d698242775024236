//! What a fuzzer feeds: a connection without its socket. Only there in builds of cargo-fuzz, and in tests, which keep it
//! building.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::{Connection, test_namespace};
use crate::hub::Hub;
use crate::log::Retention;

/// What one connection may hold after whatever came.
const MOST: usize = 8 << 20;

/// Feeds a new connection those bytes, in pieces; panics when it breaks its own rules.
pub fn connection(bytes: &[u8]) {
    let retention = Retention { bytes: 1 << 20, events: 100, ..Retention::default() };
    let hub = Hub::new("orders".into(), 4, &[], retention);
    let namespace = Arc::new(test_namespace(vec![Arc::new(hub)]));
    let handle = namespace.registry.open("fuzz".into());
    let mut connection = Connection::new(namespace, handle);
    let (mut start, mut end) = (0, 0);
    let begun = Instant::now();
    while end < bytes.len() {
        // The bytes themselves say where they are cut.
        end = (end + 1 + usize::from(bytes[end])).min(bytes.len());
        let used = connection.receive(&bytes[start..end], begun);
        assert!(used <= end - start, "more is used than came");
        start += used;
        connection.pump();
        assert!(connection.out().len() < MOST, "the output grows");
    }
    connection.tick(begun + Duration::from_mins(10));
    connection.pump();
}
