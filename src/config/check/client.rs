//! The librdkafka properties the bridge must own: its promises stand on them.

/// Why an operator may not set `property`, and what to do instead; `None` if it may be set.
pub(super) fn owner(property: &str) -> Option<(&'static str, &'static str)> {
    const OFFSETS: &str =
        "the bridge commits an offset itself, once Event Hubs has accepted everything below it";
    const MEMBERSHIP: &str =
        "partitions are handed over one by one: by cooperative-sticky, or as the brokers decide";
    const DEAD_LETTERS: &str =
        "a dead letter counts as delivered only when all in-sync replicas hold it";
    const REMOVE: &str = "remove it";
    Some(match property {
        "bootstrap.servers" | "metadata.broker.list" => {
            ("there is one key for the brokers", "use `brokers` under `[kafka]`")
        }
        "group.id" => ("there is one key for the group", "use `group_id` under `[kafka]`"),
        "group.instance.id" => (
            "each shard needs a name of its own, made from one",
            "use `instance_id` under `[kafka]`",
        ),
        "enable.auto.commit"
        | "auto.commit.enable"
        | "enable.auto.offset.store"
        | "offset.store.method"
        | "offset.store.path"
        | "offset.store.sync.interval.ms" => (OFFSETS, REMOVE),
        "auto.commit.interval.ms" => (OFFSETS, "use `commit_interval` under `[kafka]`"),
        "auto.offset.reset" => (
            "with a reset policy librdkafka would skip records silently",
            "use `start` under `[kafka]` for a group without committed offsets, and `out_of_range` for offsets that are gone",
        ),
        "partition.assignment.strategy" | "group.protocol.type" | "group.remote.assignor" => {
            (MEMBERSHIP, REMOVE)
        }
        "enable.partition.eof" => ("the bridge does not use end-of-partition events", REMOVE),
        "queued.max.messages.kbytes" => {
            ("the prefetch is part of one memory budget", "use `memory` under `[limits]`")
        }
        "statistics.interval.ms" => {
            ("the metrics of the bridge are made from these statistics", REMOVE)
        }
        "topic.metadata.refresh.interval.ms" => (
            "the bridge looks for new topics and partitions itself",
            "use `discovery_interval` under `[kafka]`",
        ),
        "log.queue" | "log_level" => {
            ("the log of librdkafka is part of the bridge's own", "use `level` under `[log]`")
        }
        "acks"
        | "request.required.acks"
        | "enable.idempotence"
        | "transactional.id"
        | "message.timeout.ms"
        | "delivery.timeout.ms" => (DEAD_LETTERS, REMOVE),
        "enabled_events" | "opaque" | "default_topic_conf" => {
            ("only a program can set it, not a file", REMOVE)
        }
        property if property.ends_with("_cb") => ("only a program can set it, not a file", REMOVE),
        _ => return None,
    })
}
