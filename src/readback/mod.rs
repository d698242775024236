//! Reading back what is in the hubs.
//!
//! ```text
//! place    a hub as people name it                                            pure
//! hub      a hub that is open: how far its partitions reach, and who reads it
//! shown    an event, for people and for scripts                               pure
//! ```
//! The invariant: nothing is sent and nothing is changed. Events are read by Microsoft's own client where it can go, a witness that shares
//! no code with what sends; elsewhere by the bridge's own reader, and what is told says by which.

mod hub;
mod place;
mod shown;

pub use hub::{By, ReadHub, failure};
pub use place::HubPlace;
pub use shown::SeenEvent;
