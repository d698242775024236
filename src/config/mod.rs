//! What the operator said: read from a file, the environment and flags, and checked before any port opens.

mod secret;
mod shape;

pub use secret::Secret;
pub use shape::*;

#[cfg(test)]
mod sample;
#[cfg(test)]
pub(crate) use sample::sample;
