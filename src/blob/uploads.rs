//! Blobs that the partitions of a shard wait for. Each is tried until it is stored, or until nobody waits for it any more.

use std::sync::{Arc, Weak};
use std::time::Instant;

use bridge_core::claim::Blob;
use bridge_core::step::Reference;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::config::ClaimCheck;
use crate::http::pause;
use crate::lasting::{Lasting, LastingReport};
use crate::metrics::Metrics;

use super::container::{BlobContainer, BlobError};

/// Uploads at a time.
const AT_ONCE: usize = 4;

/// See the module.
#[derive(Debug)]
pub struct Uploads {
    to: Option<Arc<Storage>>,
    runtime: Handle,
}

#[derive(Debug)]
struct Storage {
    container: BlobContainer,
    gate: Semaphore,
    metrics: Arc<Metrics>,
    /// That nothing can be stored.
    trouble: Lasting<Reference>,
}

impl Uploads {
    /// To the container of the configuration, if there is one. Uploads on `runtime`.
    pub fn new(settings: Option<&ClaimCheck>, runtime: Handle, metrics: &Arc<Metrics>) -> Self {
        let storage = |settings| {
            metrics.stores();
            Arc::new(Storage {
                container: BlobContainer::new(settings),
                gate: Semaphore::new(AT_ONCE),
                metrics: Arc::clone(metrics),
                trouble: Lasting::default(),
            })
        };
        Self { to: settings.map(storage), runtime }
    }

    /// Tells that the blob is stored, and what stands against it until then.
    pub fn want(
        &self,
        reference: Reference,
        blob: Weak<Blob>,
        tell: impl Fn(Result<(), String>) + Send + Sync + 'static,
    ) {
        // Mappings put values there only where it is configured.
        let Some(storage) = self.to.clone() else { return };
        self.runtime.spawn(async move {
            storage.store(reference, blob, tell).await;
            storage.is_done(reference);
        });
    }
}

impl Storage {
    async fn store(
        &self,
        reference: Reference,
        blob: Weak<Blob>,
        tell: impl Fn(Result<(), String>),
    ) {
        let mut failures = 0;
        loop {
            let failure = {
                let _turn = self.gate.acquire().await.expect("the gate is never closed");
                // What nobody waits for is gone, and its memory with it.
                let Some(blob) = blob.upgrade() else { return };
                match self.container.put(&blob).await {
                    Ok(()) => {
                        self.metrics.stored(blob.bytes.len() as u64);
                        return tell(Ok(()));
                    }
                    Err(failure) => failure,
                }
            };
            self.metrics.not_stored(failure.label());
            self.fails(reference, &failure);
            failures += 1;
            tell(Err(failure.to_string()));
            sleep(pause(failure.after(), failures)).await;
        }
    }

    fn fails(&self, reference: Reference, failure: &BlobError) {
        let Some(LastingReport { waiting, lasted }) =
            self.trouble.holds_up(reference, Instant::now())
        else {
            return;
        };
        let (container, blobs) = (self.container.url(), waiting);
        let lasted = lasted.map(tracing::field::display);
        if let BlobError::Unauthorized(error) = failure {
            tracing::error!(name: "claim_check_refused", container, blobs, lasted, error, "not authorized to write to storage, retrying: partitions whose next record is too large wait, all others continue");
        } else {
            tracing::warn!(name: "claim_check_failed", container, blobs, lasted, error = %failure, "storage does not accept a value, retrying: partitions whose next record is too large wait, all others continue");
        }
    }

    /// A blob is stored, or is not wanted any more.
    fn is_done(&self, reference: Reference) {
        if let Some(lasted) = self.trouble.releases(&reference, Instant::now()) {
            tracing::info!(name: "claim_check_restored", container = self.container.url(), %lasted, "storage accepts values again: no partition waits for it");
        }
    }
}
