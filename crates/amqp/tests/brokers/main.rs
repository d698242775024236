//! The client against servers that others have written and many use: a misreading of the standard cannot agree with
//! itself.
//!
//! Each server comes from a registry of packages once, listens on a port of its own of this machine, and keeps its data in a
//! folder that goes with the test. One that cannot be had is skipped, by name, on stderr; one that is there has to agree.

mod artemis;
mod proton;
mod qpid;
mod rabbitmq;
mod server;
mod talk;
