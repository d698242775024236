//! The data directory: one server at a time, one folder for each namespace, hub and partition.
//!
//! ```text
//! DIR/.lock                                  held while a server uses DIR
//! DIR/<namespace>/<hub>/hub.json             the hub's name, partitions and time of creation
//! DIR/<namespace>/<hub>/<partition>/*.log    segments, *.idx their indexes
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{Policy, Restored, Store, StoreError};

/// What a folder's name has as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("`{}`: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("`{}` is used by another server", path.display())]
    InUse { path: PathBuf },
    #[error("`{}`: {cause}", path.display())]
    Hub { path: PathBuf, cause: serde_json::Error },
    #[error("hub `{hub}` has {stored} partitions in `{}`, not {wanted}: partitions are never removed", path.display())]
    Fewer { hub: String, path: PathBuf, stored: u32, wanted: u32 },
    #[error("`{}`: {cause}", path.display())]
    Partition { path: PathBuf, cause: StoreError },
}

/// A data directory this server holds.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    policy: Policy,
    /// Locked; unlocked when closed.
    _lock: File,
}

/// What is kept of a hub itself.
#[derive(Debug, Serialize, Deserialize)]
struct HubFile {
    name: String,
    partitions: u32,
    created_ms: i64,
}

/// A hub's folder.
#[derive(Debug)]
pub(crate) struct HubFolder {
    path: PathBuf,
    policy: Policy,
    pub(crate) created_ms: i64,
}

impl Directory {
    pub(crate) fn open(root: &Path, policy: Policy) -> Result<Self, DirectoryError> {
        let refused = |cause| DirectoryError::Io { path: root.to_owned(), cause };
        fs::create_dir_all(root).map_err(refused)?;
        let mut options = File::options();
        let lock = options.create(true).truncate(false).write(true).open(root.join(".lock"));
        let lock = lock.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), policy, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse { path: root.to_owned() }),
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    pub(crate) fn hub(
        &self,
        namespace: &str,
        name: &str,
        partitions: u32,
        now_ms: i64,
    ) -> Result<HubFolder, DirectoryError> {
        let path = self.root.join(folder(namespace)).join(folder(name));
        let file = path.join("hub.json");
        let refused = |cause| DirectoryError::Io { path: file.clone(), cause };
        let known = match fs::read(&file) {
            Ok(bytes) => Some(
                serde_json::from_slice::<HubFile>(&bytes)
                    .map_err(|cause| DirectoryError::Hub { path: file.clone(), cause })?,
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(refused(error)),
        };
        if let Some(stored) = known.as_ref().map(|it| it.partitions).filter(|it| *it > partitions) {
            let (hub, wanted) = (name.to_owned(), partitions);
            return Err(DirectoryError::Fewer { hub, path, stored, wanted });
        }
        let created_ms = known.as_ref().map_or(now_ms, |it| it.created_ms);
        if known.is_none_or(|it| it.partitions < partitions) {
            fs::create_dir_all(&path).map_err(refused)?;
            let hub = HubFile { name: name.to_owned(), partitions, created_ms };
            replace(&file, &serde_json::to_vec(&hub).unwrap_or_default()).map_err(refused)?;
        }
        Ok(HubFolder { path, policy: self.policy, created_ms })
    }

    /// Removes what is kept of a hub. First what it is known by: if the rest cannot go now, it is no hub any more.
    pub(crate) fn remove(&self, namespace: &str, name: &str) -> Result<(), DirectoryError> {
        let path = self.root.join(folder(namespace)).join(folder(name));
        let refused = |cause| DirectoryError::Io { path: path.clone(), cause };
        fs::remove_file(path.join("hub.json"))
            .and_then(|()| fs::remove_dir_all(&path))
            .map_err(refused)
    }
}

impl HubFolder {
    pub(crate) fn partition(&self, id: u32) -> Result<Restored, DirectoryError> {
        let path = self.path.join(id.to_string());
        Store::open(&path, self.policy).map_err(|cause| DirectoryError::Partition { path, cause })
    }
}

/// Writes a file that is there whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    File::open(&new)?.sync_all()?;
    fs::rename(&new, path)
}

/// Names are compared without case, so they are stored without.
fn folder(name: &str) -> String {
    let name = utf8_percent_encode(&name.to_lowercase(), PLAIN).to_string();
    match name.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => name,
    }
}
