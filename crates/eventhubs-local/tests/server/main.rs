//! The server as clients meet it, over real connections. One binary, because each would link everything again.

#[path = "../support/mod.rs"]
mod support;

mod control;
mod data;
mod emulator;
mod faults;
mod hubs;
mod latency;
mod namespaces;
mod neighbours;
mod outside;
mod program;
mod rust_client;
mod scoped_faults;
mod security;
mod service;
mod transport;
mod websocket;
