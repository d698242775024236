//! The steps on a record's way.

use clap::ValueEnum;

use crate::{kafka, lane, shard};

/// Bytes of the records' values.
pub(crate) const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Take,
    Headers,
    Measure,
    Write,
    Seal,
    Settle,
    Core,
    Filter,
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::Take,
        Self::Headers,
        Self::Measure,
        Self::Write,
        Self::Seal,
        Self::Settle,
        Self::Core,
        Self::Filter,
    ];

    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Take => "take: a record from the Kafka client's queue, and free it",
            Self::Headers => "headers: read a record and decode its headers",
            Self::Measure => "measure: the size of its event",
            Self::Write => "write: the event into a batch",
            Self::Seal => "seal: a batch of 64 is closed and leaves",
            Self::Settle => "settle: a record of an accepted batch",
            Self::Core => "the core, from admit to settled, with all it does for a batch",
            Self::Filter => "the core with a filter by header, which all records pass",
        }
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    /// Goes through it so often.
    pub(crate) fn go(self, size: usize) -> usize {
        match self {
            Self::Take => kafka::take(size),
            Self::Headers => kafka::headers(size),
            Self::Measure => lane::measure(size),
            Self::Write => lane::write(size),
            Self::Seal => lane::seal(size),
            Self::Settle => lane::settle(size),
            Self::Core => shard::whole(size, None),
            Self::Filter => shard::whole(size, Some(shard::filter())),
        }
    }
}
