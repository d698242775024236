//! What of the client's own log is told.

use rdkafka::config::RDKafkaLogLevel;

use super::Context;
use crate::kafka::advice;

pub(super) fn tell(context: &Context, level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", shard = context.shard, facility, "{text}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning if advice::is_only_logged(facility) => {
            if context.may_say(facility).is_some() {
                tracing::warn!(target: "librdkafka", shard = context.shard, facility, "{text}");
            }
        }
        // What this broker is too old for. Said once a day, and on the first day of a machine not at all.
        RDKafkaLogLevel::Notice if matches!(facility, "STATICMEMBER" | "MAXPOLL") => {
            tracing::warn!(target: "librdkafka", shard = context.shard, facility, "{text}");
        }
        _ if advice::is_old(facility, text) => {
            context.complain("kafka: a broker is too old", advice::OLD);
        }
        _ => tracing::debug!(target: "librdkafka", shard = context.shard, facility, "{text}"),
    }
}
