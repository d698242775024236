//! Whether lanes number events, for the service's idempotent producer; and that it knows none, said once.

use std::sync::atomic::{AtomicBool, Ordering};

use bridge_core::HubName;

use super::NamespaceClient;

/// Whether lanes whose events are to stand once number them.
#[derive(Default)]
pub(super) struct Numbering {
    on: AtomicBool,
    /// It was said that the service does not know that.
    told: AtomicBool,
}

impl NamespaceClient {
    /// From now on the events of a new lane that has a lease are numbered, where the service knows what that is for. The core
    /// leaves [`ROOM`](super::super::ROOM) for it.
    pub fn number_events(&self) {
        self.0.numbering.on.store(true, Ordering::Relaxed);
    }

    /// The service does not know what it is for. Said once.
    pub(in super::super) fn does_not_number(&self, hub: &HubName) {
        if !self.0.numbering.told.swap(true, Ordering::Relaxed) {
            let (namespace, hub) = (&*hub.namespace, &*hub.hub);
            tracing::warn!(name: "idempotent_producer_missing", namespace, hub, "event hubs does not offer `com.microsoft:idempotent-producer`; the bridge sends without it, and looks for events in the hub as without it");
        }
    }

    pub(in super::super) fn numbers_events(&self) -> bool {
        self.0.numbering.on.load(Ordering::Relaxed)
    }
}
