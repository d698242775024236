//! What became of a record by one mapping, for people and for scripts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::rehearse::{Rehearsed, RehearsedEvent};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::eventhubs::Content;
use crate::plain;
use crate::record::Record;
use crate::route::{Misfit, Route};

/// See the module. `docs/try.md` says what each key of its JSON means.
#[derive(Debug, Serialize)]
pub struct TrialResult {
    /// `TOPIC/PARTITION/OFFSET`.
    record: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<String>,
    #[serde(flatten)]
    outcome: TrialOutcome,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum TrialOutcome {
    Sent(Box<TrialEvent>),
    Filtered {
        reason: &'static str,
    },
    Refused {
        reason: &'static str,
        detail: String,
        policy: &'static str,
        dead_letter_topic: Option<String>,
    },
    Waits {
        detail: String,
    },
    Unmapped,
}

#[derive(Debug, Serialize)]
struct TrialEvent {
    namespace: String,
    hub: String,
    hub_partition: Option<usize>,
    partition_key: Option<String>,
    size: usize,
    message_id: Option<String>,
    content_type: Option<String>,
    properties: Properties,
    /// JSON where the body is JSON, or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<TrialBody>,
    /// Where it is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

#[derive(Debug)]
struct Properties(Vec<(String, Value)>);

impl Serialize for Properties {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum TrialBody {
    Json(Box<RawValue>),
    Text(String),
}

impl TrialResult {
    /// What became of `record` on that way, an entry for each of its events; `why` something that it needs is missing.
    pub fn of(
        record: &Record<'_>,
        route: &Route,
        became: Rehearsed,
        why: Option<&str>,
    ) -> Vec<Self> {
        let failure = &route.failure;
        let told =
            |outcome| Self { record: name(record), mapping: Some(route.name.to_string()), outcome };
        let outcome = match became {
            Rehearsed::Events(events) => {
                let sent = |event| told(TrialOutcome::Sent(Box::new(TrialEvent::of(event, route))));
                return events.into_iter().map(sent).collect();
            }
            Rehearsed::NoPlace(misfit) => {
                TrialOutcome::Waits { detail: format!("{misfit}; hint: {}", Misfit::HINT) }
            }
            Rehearsed::Filtered(reason) => TrialOutcome::Filtered { reason },
            Rehearsed::Refused { reason, detail } => TrialOutcome::Refused {
                reason,
                detail,
                policy: failure.policy.as_str(),
                dead_letter_topic: failure.dead_letter_topic.clone(),
            },
            Rehearsed::Missing(missing) => {
                let why = why.unwrap_or("it is unknown");
                TrialOutcome::Waits { detail: format!("{}: {why}", missing.what) }
            }
        };
        vec![told(outcome)]
    }

    /// No mapping takes its topic.
    pub fn unmapped(record: &Record<'_>) -> Self {
        Self { record: name(record), mapping: None, outcome: TrialOutcome::Unmapped }
    }

    /// Whether it is sent, or filtered as its mapping says.
    pub fn is_well(&self) -> bool {
        matches!(self.outcome, TrialOutcome::Sent(_) | TrialOutcome::Filtered { .. })
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        let document = serde_json::to_string(self);
        plain::json(&document.expect("its maps have names"))
    }
}

fn name(record: &Record<'_>) -> String {
    format!("{}/{}/{}", record.topic, record.partition, record.offset)
}

impl TrialEvent {
    fn of(event: RehearsedEvent, route: &Route) -> Self {
        let RehearsedEvent { message, size, partition } = event;
        let content = Content::of(&message.into());
        let text = std::str::from_utf8(&content.body).ok();
        // `RawValue` keeps every digit; what is not one line of JSON is shown as text.
        let body = text.filter(|text| !text.is_empty()).map(|text| {
            match serde_json::from_str::<Box<RawValue>>(text) {
                Ok(json) if !text.contains('\n') => TrialBody::Json(json),
                _ => TrialBody::Text(text.to_owned()),
            }
        });
        Self {
            namespace: route.namespace.to_string(),
            hub: route.hub.to_string(),
            hub_partition: partition,
            partition_key: content.partition_key,
            size,
            message_id: content.message_id,
            content_type: content.content_type,
            properties: Properties(content.properties),
            body,
            body_base64: text.is_none().then(|| STANDARD.encode(&content.body)),
        }
    }
}

impl fmt::Display for TrialResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = plain::line(&self.record);
        match &self.outcome {
            TrialOutcome::Sent(sent) => {
                write!(f, "{record} → {}/{}", sent.namespace, sent.hub)?;
                if let Some(partition) = sent.hub_partition {
                    write!(f, ", partition {partition}")?;
                }
                sent.fmt(f)
            }
            TrialOutcome::Filtered { reason } => {
                let mapping = self.mapping.as_deref().unwrap_or_default();
                write!(f, "{record} is filtered by mapping {}: {reason}", plain::line(mapping))
            }
            TrialOutcome::Refused { reason, detail, policy, dead_letter_topic } => {
                write!(f, "{record} is refused, {reason}: {}", plain::line(detail))?;
                match dead_letter_topic {
                    Some(topic) => write!(f, "\n  policy: {policy}, to topic {topic}"),
                    None => write!(f, "\n  policy: {policy}"),
                }
            }
            TrialOutcome::Waits { detail } => write!(f, "{record} waits: {}", plain::line(detail)),
            TrialOutcome::Unmapped => {
                write!(f, "{record} goes nowhere: no mapping reads its topic")
            }
        }
    }
}

impl fmt::Display for TrialEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.partition_key {
            write!(f, ", key {}", plain::line(key))?;
        }
        write!(f, ", {} bytes", self.size)?;
        if let Some(content_type) = &self.content_type {
            write!(f, "\n  content-type: {}", plain::line(content_type))?;
        }
        for (name, value) in &self.properties.0 {
            write!(f, "\n  {}: {}", plain::line(name), plain::json(&value.to_string()))?;
        }
        match (&self.body, &self.body_base64) {
            (Some(TrialBody::Json(json)), _) => write!(f, "\n{}", plain::block(json.get(), "  | ")),
            (Some(TrialBody::Text(text)), _) => write!(f, "\n{}", plain::block(text, "  | ")),
            (None, Some(base64)) => write!(f, "\n  body, in base64: {base64}"),
            (None, None) => write!(f, "\n  no body"),
        }
    }
}
