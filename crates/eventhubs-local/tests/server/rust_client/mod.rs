//! Microsoft's own Rust client.

mod basics;
mod frames;
mod official;
mod processing;
mod refused;
mod secured;
