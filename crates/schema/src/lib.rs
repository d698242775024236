//! Bytes that were written with a schema of a registry, as JSON that Stream Analytics, Data Explorer, Functions and Fabric can
//! read: no clock, no I/O, no runtime, no log.
//!
//! A value is read in three steps. [`frame::frame`] says which schema it was written with, and where its payload begins. The
//! caller gets that schema from the registry and compiles it, once: [`Schema::compile`]. [`Schema::write_json`] does the rest,
//! once a record.
//!
//! | module | what it is |
//! |---|---|
//! | [`frame`] | ids of schemas, in the bytes and in headers, as Confluent and Apicurio write them |
//! | [`schema`] | a schema, compiled; what may be done with it |
//! | [`form`] | which JSON comes out: every type, in a table |
//! | [`unreadable`] | where a value cannot be read, and why |
//! | `avro`, `protobuf` | the formats |
//! | `json`, `time` | the pieces of JSON |
//!
//! The schema that a value was written with is the only one: there is no reader's schema. So Avro's defaults, aliases and
//! promotions never matter; what the writer wrote comes out.
//!
//! Values and schemas may come from someone hostile. Nothing panics; nesting, lengths and what comes out have bounds, and an
//! error never quotes what is in a value.

mod avro;
pub mod form;
pub mod frame;
mod json;
mod protobuf;
pub mod schema;
mod time;
pub mod unreadable;

pub use form::Form;
pub use frame::{Framed, Framing, Message, NotFramed, Part, Payload, SchemaId};
pub use schema::{Kind, Malformed, Reference, Schema, Source};
pub use unreadable::{Reason, Unreadable};
