//! The dead letters of a configuration: what lies in their topics, one of them, and deleting the oldest.
//!
//! ```text
//! topics     the dead-letter topics of the mappings, and what is read of them
//! filter     which letters are meant                                          pure
//! counts     how many there are, by source, reason and hub                    pure
//! entries    single ones, the oldest of them                                  pure
//! listing    reads, and counts or keeps
//! letter     one of them, whole
//! purge      the plan, and then what Kafka makes of it
//! plain      what somebody else wrote, for a terminal                         pure
//! table, json
//! ```
//! The invariants: no group is joined, and nothing is changed but by [`Purge::carry_out`]; what is held is bounded, however much there is; and
//! nothing of a letter reaches a terminal that the terminal would obey.

mod counts;
mod entries;
mod filter;
mod json;
mod letter;
mod listing;
mod purge;
mod table;
mod topics;

pub use counts::LetterCounts;
pub use entries::LetterEntries;
pub use filter::{Filter, Time};
pub use letter::{FoundLetter, LetterPlace, Shown};
pub use listing::{Listing, What};
pub use purge::{Before, Purge, Purged};
pub use topics::DeadLetterTopics;
