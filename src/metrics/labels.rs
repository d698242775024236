//! The values of labels that are known beforehand, besides those of the core.

use bridge_core::words;

words! {
    /// What a rebalance did: `bridge_rebalances_total`.
    pub enum Rebalance {
        /// Partitions came.
        Assign = "assign",
        /// Partitions went, after they were drained.
        Revoke = "revoke",
        /// Partitions were gone at once.
        Lost = "lost",
    }
}

words! {
    /// What becomes of records where a committed position is gone: `bridge_position_gone_records_total`.
    pub enum PositionGone {
        /// They are not read.
        Skipped = "skipped",
        /// They may be read a second time.
        Again = "again",
    }
}

words! {
    /// What became of a reload: `bridge_config_reloads_total`.
    pub enum Reloaded {
        /// The new configuration runs.
        Applied = "applied",
        /// The one of before runs on.
        Refused = "refused",
    }
}

words! {
    /// What a registry answered: `bridge_registry_requests_total`.
    pub enum RegistryAnswer {
        /// The schema.
        Ok = "ok",
        /// It does not know the schema.
        Unknown = "unknown",
        /// Access is denied.
        Unauthorized = "unauthorized",
        /// Nothing that helps, at least now.
        Failed = "failed",
        /// A schema that cannot be read with.
        Unusable = "unusable",
    }
}

words! {
    /// What became of an upload: `bridge_claim_check_uploads_total`.
    pub enum Upload {
        /// The value is in the container.
        Ok = "ok",
        /// Access is denied.
        Unauthorized = "unauthorized",
        /// It is not, at least now.
        Failed = "failed",
    }
}

words! {
    /// What is exported by OTLP: `bridge_otlp_exports_total`.
    pub enum OtlpSignal {
        /// The metrics.
        Metrics = "metrics",
        /// The spans.
        Traces = "traces",
    }
}

words! {
    /// Why spans were dropped: `bridge_otlp_spans_dropped_total`.
    pub enum SpansDropped {
        /// Too many waited.
        QueueFull = "queue_full",
        /// No collector was reached in time.
        NotDelivered = "not_delivered",
        /// The collector did not take them.
        Rejected = "rejected",
    }
}

words! {
    /// How a round of `verify --live` ended: `bridge_verify_rounds_total`.
    pub enum RoundOutcome {
        /// Nothing is wrong.
        Good = "good",
        /// Something is.
        Faults = "faults",
        /// It could not be ended.
        Failed = "failed",
    }
}
