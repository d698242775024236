//! Values that are too large for their hub, on their way into Azure Blob Storage.
//!
//! ```text
//! container     one upload to one container: who asks, a deadline, what each answer means
//! uploads       blobs that partitions wait for: so many at a time, each until it is stored or nobody waits for it any more
//! ```
//! The invariant: a blob is told to be stored only when storage said so of all of it.
//!
//! `azure_storage_blob` is for another `azure_core` than the one that Event Hubs and identities are pinned to, so it is not to be had
//! beside them; and of all it knows, the bridge needs one request. So it is made here.

mod container;
mod uploads;

pub use container::{BlobContainer, BlobError};
pub use uploads::Uploads;
