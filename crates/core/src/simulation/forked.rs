//! Mappings whose hub each record chooses.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fork::{Choice, Choose, Refusal, UNKNOWN_HUB};
use crate::mapping::Partitioning::Key;
use crate::mapping::Policy;
use crate::record::Record;

use super::plan::{Answer, Mode, Plan, Tp};
use super::shaped::Registry;
use super::world::World;

/// The hub of `hubs` that the record at `offset` goes to; some choose none.
pub(super) fn chosen(hubs: &[usize], offset: i64) -> Option<usize> {
    (offset % 25 != 13).then(|| hubs[(offset / 2) as usize % hubs.len()])
}

/// The choice among `hubs`.
pub(super) fn choice(hubs: Vec<usize>) -> Choice {
    Choice {
        written: format!("{hubs:?}").into(),
        hubs: hubs.iter().map(|hub| format!("hub-{hub}")).collect(),
        by: Arc::new(Chooser(hubs)),
    }
}

#[derive(Debug)]
struct Chooser(Vec<usize>);

impl Choose for Chooser {
    fn hub(&self, record: &Record<'_>) -> Result<Vec<u8>, Refusal> {
        match chosen(&self.0, record.offset) {
            Some(hub) => Ok(format!("hub-{hub}").into_bytes()),
            None if record.offset % 2 == 0 => Ok(b"hub-of-nobody".to_vec()),
            None => Err(Refusal { reason: "no_field", detail: "it has no tenant".to_owned() }),
        }
    }
}
