//! Schema registries: an id in, the text of its schema and of all it refers to out.
//!
//! ```text
//! client        one question to one registry: addresses in turn, a deadline, a bound on each answer
//! login         who asks, with each request
//! schema        what is asked for one schema, and put together; of Apicurio's own ids, apicurio
//! asked         a registry as a shard asks it: bounded, counted, and told of when it cannot be asked
//! registries    schemas that partitions wait for: each asked for once, until the registry gives it
//! ```
//! The invariant: a schema is given only when the registry gave all of it. What a registry does not say keeps those who need it
//! waiting, and nobody else.

mod apicurio;
mod asked;
mod client;
mod login;
mod registries;
mod schema;

pub(crate) use asked::compiled;
pub use client::{Client, RegistryError};
pub use registries::{Registries, SchemaNews};
