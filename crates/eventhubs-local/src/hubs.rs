//! Hubs that come, grow and go while the server runs.

use std::sync::Arc;

use crate::builder::objection;
use crate::hub::{Hub, now_ms};
use crate::server::{NamespaceView, Server};

/// Why hubs stay as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Name one that is there.
    #[error("namespace `{namespace}` has no hub `{hub}`")]
    Unknown {
        /// Where it was looked for.
        namespace: String,
        /// The hub.
        hub: String,
    },
    /// Ask for something else.
    #[error("hub `{hub}`: {reason}")]
    Hub {
        /// The hub.
        hub: String,
        /// What cannot be.
        reason: &'static str,
    },
    /// Put the data directory right.
    #[error("cannot use the data directory: {reason}")]
    Data {
        /// What is wrong with it, and where.
        reason: String,
    },
}

impl HubError {
    fn data(error: impl std::fmt::Display) -> Self {
        Self::Data { reason: error.to_string() }
    }
}

/// Hubs that change, in the default namespace.
impl Server {
    /// Adds a hub with that many partitions and every consumer group.
    pub fn create_hub(&self, name: &str, partitions: u32) -> Result<Arc<Hub>, HubError> {
        self.default_namespace().create_hub(name, partitions, &[])
    }

    /// Adds partitions to a hub until it has that many. Links to it go on, and what is stored stays where it is.
    pub fn grow_hub(&self, name: &str, partitions: u32) -> Result<(), HubError> {
        self.default_namespace().grow_hub(name, partitions)
    }

    /// Deletes a hub and what it holds. Its links are detached with `amqp:not-found`, and new ones are refused with it.
    pub fn delete_hub(&self, name: &str) -> Result<(), HubError> {
        self.default_namespace().delete_hub(name)
    }
}

/// Hubs that change.
impl NamespaceView<'_> {
    /// Adds a hub with that many partitions. With groups it has those and `$Default`, without any it has every group.
    pub fn create_hub(
        &self,
        name: &str,
        partitions: u32,
        groups: &[String],
    ) -> Result<Arc<Hub>, HubError> {
        let retention = self.server.retention;
        let mut created = None;
        self.namespace.hubs.change(|hubs| {
            if let Some(reason) = objection(name, partitions, hubs) {
                return Err(HubError::Hub { hub: name.to_owned(), reason });
            }
            let hub = match &self.server.data {
                Some(data) => data
                    .hub(self.name(), name, partitions, now_ms())
                    .and_then(|it| Hub::open(name.to_owned(), partitions, groups, retention, &it))
                    .map_err(HubError::data)?,
                None => Hub::new(name.to_owned(), partitions, groups, retention),
            };
            let hub = Arc::new(hub);
            created = Some(Arc::clone(&hub));
            Ok(hubs.iter().cloned().chain([hub]).collect())
        })?;
        Ok(created.expect("a change that succeeds has made it"))
    }

    /// Adds partitions to a hub until it has that many. Links to it go on, and what is stored stays where it is.
    pub fn grow_hub(&self, name: &str, partitions: u32) -> Result<(), HubError> {
        // A version like the last, so that the hub is not deleted meanwhile.
        self.namespace.hubs.change(|hubs| {
            let hub = self.find(hubs, name)?;
            let refused = |reason| HubError::Hub { hub: name.to_owned(), reason };
            if (partitions as usize) < hub.partitions().len() {
                return Err(refused(
                    "partitions are never removed: delete the hub, and create it again",
                ));
            }
            if let Some(reason) = objection(hub.name(), partitions, &[]) {
                return Err(refused(reason));
            }
            let data = self.server.data.as_ref();
            let folder = data.map(|it| it.hub(self.name(), hub.name(), partitions, now_ms()));
            let folder = folder.transpose().map_err(HubError::data)?;
            hub.grow(partitions, folder.as_ref()).map_err(HubError::data)?;
            Ok(hubs.to_vec())
        })
    }

    /// Deletes a hub and what it holds, on disk too. Its links are detached with `amqp:not-found`, and new ones are refused
    /// with it.
    pub fn delete_hub(&self, name: &str) -> Result<(), HubError> {
        let mut removed = Ok(());
        self.namespace.hubs.change(|hubs| {
            let hub = self.find(hubs, name)?;
            hub.delete();
            if let Some(data) = &self.server.data {
                removed = data.remove(self.name(), hub.name()).map_err(HubError::data);
            }
            Ok(hubs.iter().filter(|other| !Arc::ptr_eq(other, hub)).cloned().collect())
        })?;
        self.server.registry().hub_deleted();
        // The hub is gone in any case.
        removed
    }

    fn find<'h>(&self, hubs: &'h [Arc<Hub>], name: &str) -> Result<&'h Arc<Hub>, HubError> {
        hubs.iter().find(|hub| hub.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            HubError::Unknown { namespace: self.name().to_owned(), hub: name.to_owned() }
        })
    }
}
