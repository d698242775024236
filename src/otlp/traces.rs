//! Exports spans: gathered for a second, or until there are many, and tried again for a while.
//!
//! What waits has a bound, and whoever tells of a send never waits for room in it: a span there is no room for is dropped and
//! counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::metrics::{Metrics, SpansDropped};

use super::sender::{Rejected, Sender};
use super::span::{Numbered, SendSpan};
use super::{FLUSH, scope};

/// Spans that may wait. With all their links they are 2 MiB.
const WAITING: usize = 512;
/// Spans of one request. With all their links they are 3 MiB before they are written.
const TOGETHER: usize = 128;
/// How long spans are gathered.
const GATHERED: Duration = Duration::from_secs(1);
/// Between attempts to deliver the same spans, after which they are given up.
const AGAIN: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// No collector makes them wait longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Where sends are told of. All of them are one.
#[derive(Debug, Clone)]
pub struct Spans(Arc<SpanQueue>);

#[derive(Debug)]
struct SpanQueue {
    waiting: Mutex<Vec<Numbered>>,
    /// There are many.
    many: Notify,
    metrics: Arc<Metrics>,
    /// Part of the sampled traces that is followed.
    ratio: f64,
}

impl Spans {
    pub(super) fn new(metrics: Arc<Metrics>, ratio: f64) -> Self {
        for reason in SpansDropped::ALL {
            metrics.spans_dropped(*reason, 0);
        }
        let (waiting, many) = (Mutex::default(), Notify::new());
        Self(Arc::new(SpanQueue { waiting, many, metrics, ratio }))
    }

    /// The part of all sampled traces of which sends are to be told, 0.0 to 1.0.
    pub fn ratio(&self) -> f64 {
        self.0.ratio
    }

    /// A send has ended. Never waits.
    pub fn tell(&self, sent: SendSpan) {
        let span = Numbered::new(sent);
        // A panic cannot leave the list half changed.
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = waiting.len() < WAITING;
        if has_room {
            waiting.push(span);
        }
        let is_many = waiting.len() == TOGETHER;
        drop(waiting);
        if !has_room {
            self.0.metrics.spans_dropped(SpansDropped::QueueFull, 1);
        } else if is_many {
            self.0.many.notify_one();
        }
    }

    fn take(&self) -> Vec<Numbered> {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(TOGETHER);
        waiting.drain(..count).collect()
    }
}

/// Exports what [`Spans`] was told.
pub(super) struct Traces {
    pub(super) sender: Sender,
    pub(super) spans: Spans,
    pub(super) resource: Resource,
    /// What is being delivered.
    pub(super) under_way: Vec<Numbered>,
}

impl Traces {
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                // A dropped sender is the end, too.
                _ = stopped.changed() => break,
                () = self.turn() => {}
            }
        }
        let last = async { while self.has_more() && self.attempt().await.is_ok() {} };
        drop(tokio::time::timeout(FLUSH, last).await);
        let mut left = 0;
        while self.has_more() {
            left += self.under_way.len();
            self.under_way.clear();
        }
        self.spans.0.metrics.spans_dropped(SpansDropped::NotDelivered, left as u64);
    }

    async fn turn(&mut self) {
        if self.under_way.is_empty() {
            tokio::select! {
                () = self.spans.0.many.notified() => {}
                () = sleep(GATHERED) => {}
            }
        }
        while self.has_more() {
            self.deliver_or_drop().await;
        }
    }

    /// Whether there is something to deliver, which is under way then.
    fn has_more(&mut self) -> bool {
        if self.under_way.is_empty() {
            self.under_way = self.spans.take();
        }
        !self.under_way.is_empty()
    }

    async fn deliver_or_drop(&mut self) {
        for wait in AGAIN.into_iter().map(Some).chain([None]) {
            match (self.attempt().await, wait) {
                (Ok(()), _) => return,
                (Err(Some(asked)), Some(wait)) => sleep(wait.max(asked.min(LONGEST))).await,
                (Err(_), _) => break,
            }
        }
        let dropped = std::mem::take(&mut self.under_way);
        self.spans.0.metrics.spans_dropped(SpansDropped::NotDelivered, dropped.len() as u64);
    }

    /// The least wait before another one, if that may do better.
    async fn attempt(&mut self) -> Result<(), Option<Duration>> {
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope()),
                    spans: self.under_way.iter().map(Numbered::as_otlp).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        let rejected = |answer: ExportTraceServiceResponse| {
            let it = answer.partial_success?;
            Some(Rejected { count: it.rejected_spans, why: it.error_message })
        };
        match self.sender.send(&request, rejected).await {
            Ok(rejected) => {
                self.under_way.clear();
                self.spans.0.metrics.spans_dropped(SpansDropped::Rejected, rejected);
                Ok(())
            }
            Err(failure) => Err(failure.passing.then_some(failure.after.unwrap_or_default())),
        }
    }
}
