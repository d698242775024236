//! Schemas that records were written with, fetched as they are needed, one after the other.

use std::sync::Arc;

use bridge_core::step::{Reference, Thing};
use bridge_shape::schema_id;

use crate::config::Config;
use crate::registry::{Client, compiled};

/// See the module.
#[derive(Debug)]
pub(super) struct Schemas {
    registries: Vec<Client>,
}

impl Schemas {
    pub(super) fn of(config: &Config) -> Self {
        Self { registries: config.registries.iter().map(Client::new).collect() }
    }

    /// The schema, or why it is not to be had.
    pub(super) fn fetch(&self, reference: &Reference) -> Result<Thing, String> {
        let asked = schema_id(reference);
        let asked = asked.and_then(|(place, id)| Some((self.registries.get(place as usize)?, id)));
        let Some((client, id)) = asked else { return Err("it has no registry".to_owned()) };
        let mut made = tokio::runtime::Builder::new_current_thread();
        let runtime = made.enable_all().build().map_err(|error| error.to_string())?;
        let fetched = runtime.block_on(async { compiled(client.fetch(id).await).await });
        Ok(Arc::new(fetched.map_err(|failure| failure.to_string())?))
    }
}
