//! What a mapping asks for between a record and its event: no clock, no I/O, no runtime, no log.
//!
//! [`decode`] turns what was written with a schema of a registry into JSON, or into Avro that has its schema inside. Schemas are
//! fetched by others: a record whose schema is not known says so, and its partition waits for it.

pub mod decode;
mod schemas;

pub use decode::{Decode, Decoder, To};
pub use schemas::{Fetched, reference, schema_id};
