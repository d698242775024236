//! Whether Kafka is reached and takes this client, as far as librdkafka says so. The event thread's.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use crate::config::Security;
use crate::kafka::absence::Absence;
use crate::kafka::advice;
use crate::kafka::context::Context;

/// See the module.
pub(super) struct Contact {
    security: Option<Security>,
    reach: Reach,
    refusal: Option<LastingRefusal>,
    absence: Absence,
}

/// Whether any broker is connected, as far as we have been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    Never,
    Connected,
    Lost,
}

/// Kafka refuses this client, since when and how often, with nothing good in between.
#[derive(Debug, Clone)]
pub(super) struct LastingRefusal {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) since: Instant,
    pub(super) times: u32,
}

impl Contact {
    /// `session` is the session timeout of the member.
    pub(super) fn new(security: Option<Security>, session: Duration) -> Self {
        Self { security, reach: Reach::Never, refusal: None, absence: Absence::new(session) }
    }

    /// The refusal that lasts, if any.
    pub(super) fn refusal(&self) -> Option<&LastingRefusal> {
        self.refusal.as_ref()
    }

    /// For how long the coordinator of the group is away, once no session can have lasted so long.
    pub(super) fn absence(&self) -> Option<Duration> {
        self.absence.told()
    }

    /// Whether the coordinator of the group is connected. Gives for how long it was not, once, when no session can have lasted
    /// so long. Statistics come in one order with rebalances, so that is never said after we have been taken again.
    pub(super) fn coordinator(&mut self, connected: bool) -> Option<Duration> {
        self.absence.heard(connected, Instant::now())
    }

    /// A broker is connected.
    pub(super) fn reached(&mut self, context: &Context) {
        let before = std::mem::replace(&mut self.reach, Reach::Connected);
        if before == Reach::Lost {
            tracing::info!(name: "kafka_connected", shard = context.shard, "connected to kafka again");
        }
    }

    /// Kafka took us.
    pub(super) fn welcomed(&mut self, context: &Context) {
        self.reached(context);
        self.absence.heard(true, Instant::now());
        self.refusal = None;
        context.set_trouble(None);
    }

    /// librdkafka says in these words that something went wrong.
    pub(super) fn failed(
        &mut self,
        context: &Context,
        code: Option<RDKafkaErrorCode>,
        reason: &str,
    ) {
        let Some(code) = code else {
            return context.complain("kafka", reason);
        };
        context.metrics.kafka_error(&format!("{code:?}"));
        if code == RDKafkaErrorCode::AllBrokersDown {
            return self.lost(context, reason);
        }
        let told = advice::told(code, reason, self.security.as_ref());
        context.set_trouble(Some(told.text.clone()));
        if told.refused {
            self.refused(code, &told.text);
        }
        // Fetch errors go by partition through the pump's queue, and are told from there.
        let what = format!("kafka: {code}");
        let cause = match code {
            // One topic after the other.
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed => &told.text,
            _ => told.hint.as_ref().unwrap_or(&what),
        };
        context.complain_of(cause, &what, &told.text);
    }

    /// No broker is connected. Why was said before, unless nobody knows.
    fn lost(&mut self, context: &Context, reason: &str) {
        let hint = if self.reach == Reach::Never {
            advice::silence(self.security.as_ref())
        } else {
            self.reach = Reach::Lost;
            ""
        };
        if context.trouble().is_none() {
            let what = format!("kafka: {}", RDKafkaErrorCode::AllBrokersDown);
            context.complain(&what, &format!("{reason}{hint}"));
        }
    }

    fn refused(&mut self, code: RDKafkaErrorCode, detail: &str) {
        let before = self.refusal.take();
        let (since, times) = before.map_or((Instant::now(), 0), |it| (it.since, it.times));
        let (code, detail) = (format!("{code:?}"), detail.to_owned());
        self.refusal = Some(LastingRefusal { code, detail, since, times: times + 1 });
    }
}
