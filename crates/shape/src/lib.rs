//! What a mapping asks for between a record and its event: no clock, no I/O, no runtime, no log.
//!
//! | module | what it is |
//! |---|---|
//! | [`asked`] | all of it, in its order |
//! | [`select`] | which records a mapping is for |
//! | [`decode`] | what was written with a schema of a registry, as JSON or as Avro with its schema inside |
//! | [`envelope`] | what Debezium and Connect put around a record |
//! | [`fields`], [`headers`] | what is taken out, hidden, renamed and added |
//! | [`cloud_events`] | the bindings of `CloudEvents` |
//! | [`compress`] | gzip and zstd |
//! | [`expression`] | CEL, within bounds |
//! | [`path`], [`pattern`], [`template`] | what the configuration says it in; a template also names the hub of a record |
//! | `json` | JSON as text, and where everything stands in it |
//!
//! Schemas are fetched by others: a record whose schema is not known says so, and its partition waits for it. The same record
//! always has the same outcome. Nothing that is said of a record quotes what is in it.

pub mod asked;
pub mod cloud_events;
pub mod compress;
pub mod decode;
pub mod envelope;
pub mod expression;
pub mod fields;
pub mod headers;
mod json;
pub mod path;
pub mod pattern;
mod schemas;
pub mod select;
mod stop;
pub mod template;
mod time;

#[cfg(test)]
mod sample;

pub use asked::{Asked, Key};
pub use cloud_events::{CloudEvents, Make, Mode};
pub use compress::Codec;
pub use decode::{Decode, Decoder, To};
pub use envelope::{Deletes, Envelope};
pub use expression::{Expression, NoExpression};
pub use fields::{Fields, HashKey};
pub use headers::Headers;
pub use path::{NoPath, Path};
pub use pattern::Pattern;
pub use schemas::{Fetched, reference, schema_id};
pub use select::{Select, Tombstones};
pub use template::{NoTemplate, Template};
