//! Microsoft's own Rust client.

mod basics;
mod official;
mod processing;
mod refused;
mod secured;
