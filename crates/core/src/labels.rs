//! The values of metric labels that the core gives.

use crate::words;

words! {
    /// Why a partition is not read: `bridge_partition_held`.
    pub enum HoldReason {
        /// Its hub does not accept events, or is not known.
        HubUnavailable = "hub_unavailable",
        /// Its hub accepts events too slowly.
        HubSlow = "hub_slow",
        /// Its hub has too few partitions.
        NoPartition = "no_partition",
        /// A schema is not here yet.
        Schema = "schema",
        /// A value that is too large is not in its container yet.
        ClaimCheck = "claim_check",
        /// Too many records behind one that is not settled.
        InFlight = "in_flight",
        /// Too many dead letters that are not written.
        DeadLetters = "dead_letters",
        /// A mapping of it is paused.
        Paused = "paused",
        /// Its mappings change, or none takes its topic any more.
        Reload = "reload",
        /// It is not known yet which of its events were sent before.
        Lookup = "lookup",
        /// It has stopped at a record, and somebody has to act.
        Halted = "halted",
    }
}

words! {
    /// Why events were given up unacknowledged: `bridge_records_let_go_total`.
    pub enum LetGo {
        /// Their partition came back after a revoke that was not drained.
        Revoked = "revoked",
        /// Their partition was lost without a revoke.
        Lost = "lost",
        /// The time of a drain was over.
        Deadline = "deadline",
        /// The time of a reload was over.
        Reload = "reload",
    }
}
