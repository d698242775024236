//! What a shard of the bridge decides, and nothing else: no clock, no I/O, no runtime, no registry of metrics, no log.
//!
//! Records, answers and time come in as arguments; what is to be done, said and counted comes out as [`action::Action`]s. So
//! it is tested by simulation: a made-up Kafka and Event Hubs that reorder, refuse, fall silent, throttle, grow, shrink and
//! rebalance at random, thousands of times a second, against the promises themselves.
//!
//! | module | what it is |
//! |---|---|
//! | [`record`], [`event`], [`mapping`], [`action`] | the words: Kafka's side, Event Hubs' side, the operator's, the core's own |
//! | [`mod@words`] | enums each value of which has a word |
//! | [`route`] | which hub, and which partition of it |
//! | [`fork`] | which of several hubs, where the record chooses |
//! | [`trace`] | where the records of a batch come from, for who follows traces |
//! | [`encode`], [`typed`] | a record as one AMQP message; what becomes of its key and of the values of its headers |
//! | [`once`] | what may have been sent is looked for before it is sent again |
//! | [`claim`], [`parts`] | a value that is too large for an event: what the event says instead, and how it is cut |
//! | [`offsets`], [`batch`], [`lane`], [`retry`], [`pace`] | the parts, each with a property test against a simpler version of itself |
//! | `hubs`, `partitions`, `scale`, `due`, `governor`, `labels` | the books: where events leave, what is assigned, who holds how much, who is due, whose turn it is |
//! | `core`, `known`, `again`, `place`, `hold`, `answer`, `letters`, `drain`, `reroute`, `turns`, `progress` | [`Core`], a file for each question it answers |

pub mod action;
mod again;
mod answer;
#[cfg(test)]
mod audit;
pub mod batch;
pub mod claim;
mod core;
mod drain;
mod due;
pub mod encode;
pub mod event;
mod filtered;
pub mod fork;
mod governor;
mod hold;
mod hubs;
mod known;
mod labels;
pub mod lane;
mod letters;
pub mod mapping;
mod missing;
pub mod offsets;
pub mod once;
pub mod pace;
mod partitions;
pub mod parts;
mod pause;
mod place;
mod progress;
pub mod record;
pub mod rehearse;
mod reroute;
pub mod retry;
pub mod route;
mod scale;
#[cfg(test)]
mod simulation;
mod state;
pub mod step;
pub mod trace;
mod turns;
pub mod typed;
pub mod words;

pub use crate::core::{Admitted, Core};
pub use drain::Drained;
pub use filtered::Filtered;
pub use hubs::HubName;
pub use labels::{HoldReason, LetGo};
pub use progress::{PartitionStatus, ReadState};
pub use state::{LaneState, LaneStatus};
pub use turns::Governed;
