//! A send of a batch as a span: what is kept of it until it is exported, and what OTLP makes of it.
//!
//! Named as the semantic conventions for messaging have it, with a link to each record's own span. It has a trace of its own: a
//! batch carries many.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bridge_core::trace::{Origins, TraceContext};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::{attribute, text};

/// Of flags in OTLP: it is known whether a context is of another process, and it is.
const REMOTE: u32 = 0x300;

/// Where a lane leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The host of the namespace.
    pub host: Arc<str>,
    /// The hub.
    pub hub: Arc<str>,
    /// Its partition, unless the service chooses.
    pub partition: Option<Box<str>>,
}

/// One send that has ended.
#[derive(Debug)]
pub struct SendSpan {
    /// Where it went.
    pub destination: Arc<Destination>,
    /// When the batch left.
    pub began: SystemTime,
    /// Until the answer.
    pub took: Duration,
    /// Where its records come from.
    pub origins: Origins,
    /// A word for why it was in vain, and more of them.
    pub error: Option<(String, String)>,
}

/// A send with the number of its span, which stays when it is exported again.
#[derive(Debug)]
pub(super) struct Numbered {
    sent: SendSpan,
    trace: [u8; 16],
    span: [u8; 8],
}

impl Numbered {
    pub(super) fn new(sent: SendSpan) -> Self {
        // Zero is no number.
        let trace = rand::random::<u128>().max(1).to_be_bytes();
        Self { sent, trace, span: rand::random::<u64>().max(1).to_be_bytes() }
    }

    /// As OTLP has it.
    pub(super) fn as_otlp(&self) -> Span {
        let SendSpan { destination, origins, error, .. } = &self.sent;
        let start = self.sent.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let mut attributes = vec![
            text("messaging.system", "eventhubs"),
            text("messaging.operation.name", "send"),
            text("messaging.operation.type", "send"),
            text("messaging.destination.name", &destination.hub),
            attribute("messaging.batch.message_count", Value::IntValue(origins.events as i64)),
            text("server.address", &destination.host),
        ];
        let partition = destination.partition.as_deref();
        attributes.extend(partition.map(|id| text("messaging.destination.partition.id", id)));
        attributes.extend(error.as_ref().map(|(kind, _)| text("error.type", kind)));
        let status = error.as_ref().map(|(_, message)| Status {
            message: message.clone(),
            code: StatusCode::Error as i32,
        });
        Span {
            trace_id: self.trace.to_vec(),
            span_id: self.span.to_vec(),
            // Its own trace is sampled.
            flags: 1,
            name: format!("send {}", destination.hub),
            kind: SpanKind::Producer as i32,
            start_time_unix_nano: nanos(start),
            end_time_unix_nano: nanos(start + self.sent.took),
            attributes,
            links: origins.contexts.iter().map(link).collect(),
            dropped_links_count: origins.dropped,
            status,
            ..Span::default()
        }
    }
}

fn link(context: &TraceContext) -> Link {
    Link {
        trace_id: context.trace.to_vec(),
        span_id: context.span.to_vec(),
        flags: REMOTE | u32::from(context.flags),
        ..Link::default()
    }
}
