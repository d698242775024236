//! Records with traces of their own: what a batch tells of them is what is in it, whatever has happened to it.

use crate::encode;
use crate::record::Header;
use crate::trace::{Origins, TraceContext};

use super::plan::Tp;
use super::world::World;

/// The context of a record, if it has one: every fourth has none, and every fourth one that is not sampled.
fn traceparent(at: Tp, offset: i64) -> Option<String> {
    let trace = (at.0 as u128 + 1) << 96 | (at.1 as u128) << 64 | offset as u128;
    let flags = u8::from(offset % 4 != 1);
    (offset % 4 != 0).then(|| format!("00-{trace:032x}-00f067aa0ba902b7-{flags:02x}"))
}

fn context(at: Tp, offset: i64) -> Option<TraceContext> {
    let header = traceparent(at, offset)?;
    let header = Header { name: b"traceparent", value: Some(header.as_bytes()) };
    encode::context(&[header]).filter(|context| context.flags & 1 == 1)
}

impl World {
    /// Traces are followed from now on.
    pub(super) fn follow(&mut self) {
        self.traced = true;
        self.core.follow(1.0);
    }

    /// What a record carries beside its header of old.
    pub(super) fn trace_of(&self, at: Tp, offset: i64) -> Option<String> {
        traceparent(at, offset).filter(|_| self.traced)
    }

    /// A batch with these events tells this of them.
    pub(super) fn assert_origins(
        &self,
        events: impl Iterator<Item = (Tp, i64)>,
        origins: Option<Origins>,
    ) {
        let events: Vec<_> = events.collect();
        let wanted: Vec<_> =
            events.iter().filter_map(|(at, offset)| context(*at, *offset)).collect();
        let Some(origins) = origins else {
            assert!(!self.traced || wanted.is_empty(), "{events:?} tell of no trace");
            return;
        };
        assert!(self.traced, "nobody has asked for traces");
        assert_eq!((origins.contexts, origins.dropped), (wanted, 0), "{events:?}");
        assert_eq!(origins.events, events.len());
    }
}
