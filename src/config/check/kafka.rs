//! `[kafka]`, and what of it the time limits of the bridge depend on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::defaults::{COMMIT_INTERVAL, DISCOVERY_INTERVAL};
use crate::config::hint::{nearest, shown};
use crate::config::path::Path;
use crate::config::raw::{self, Word};
use crate::config::{ClientValue, Kafka, Limits, OutOfRange, Start};

use super::Check;
use super::client::owner;

/// librdkafka's own.
const MAX_POLL_INTERVAL: i64 = 300_000;
const SESSION_TIMEOUT: i64 = 45_000;

impl Check<'_> {
    pub(super) fn kafka(&mut self, given: &raw::Kafka) -> Kafka {
        let at = Path::top("kafka");
        self.protocols_agree(given);
        self.led_by_broker(given);
        let interval = |name| at.key(name);
        Kafka {
            brokers: self.brokers(given.brokers.as_ref()),
            group_id: self.group_id(given.group_id.as_ref()),
            instance_id: self.instance_id(given.instance_id.as_ref()),
            start: self.start(given.start.as_ref()),
            out_of_range: given.out_of_range.map_or(OutOfRange::Earliest, |Word(it)| it),
            commit_interval: self.duration(
                &interval("commit_interval"),
                given.commit_interval.as_ref(),
                COMMIT_INTERVAL,
                "50ms"..="5m",
            ),
            discovery_interval: self.duration(
                &interval("discovery_interval"),
                given.discovery_interval.as_ref(),
                DISCOVERY_INTERVAL,
                "100ms"..="1h",
            ),
            security: self.security(given),
            client: self.client(&given.client),
        }
    }

    /// What a member may not say where the brokers lead its group.
    fn led_by_broker(&mut self, given: &raw::Kafka) {
        let Some(ClientValue::Text(protocol)) = given.client.get("group.protocol") else { return };
        let at = Path::top("kafka");
        match protocol.expose() {
            "classic" => return,
            "consumer" => {}
            other => {
                return self.wrong(
                    &at.key("client").key("group.protocol"),
                    format!("is {}", shown(other)),
                    "a group is led by one of its members (`classic`) or by the brokers (`consumer`)",
                    "write `\"group.protocol\" = \"consumer\"` for Kafka 4, or leave it out",
                );
            }
        }
        if given.instance_id.is_some() {
            self.wrong(
                &at.key("instance_id"),
                "cannot be used with `\"group.protocol\" = \"consumer\"`",
                "after a crash the brokers refuse a static member until its old session has timed out, and librdkafka gives up at once",
                "remove one of the two; in the chart, remove `staticMembership`",
            );
        }
        if given.client.contains_key("heartbeat.interval.ms") {
            self.wrong(
                &at.key("client").key("heartbeat.interval.ms"),
                "cannot be used with `\"group.protocol\" = \"consumer\"`",
                "the brokers set the interval, by `group.consumer.heartbeat.interval.ms`",
                "remove it",
            );
        }
    }

    fn brokers(&mut self, given: Option<&String>) -> String {
        let at = Path::top("kafka").key("brokers");
        if given.is_none() {
            let why = "the bridge must know where Kafka is";
            self.missing(&at, why, "add `brokers = \"host:9092\"` under `[kafka]`");
        }
        let text = self.text(&at, given, "the bridge must know where Kafka is").unwrap_or_default();
        for broker in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
            if let Some(why) = wrong_broker(broker) {
                let said = format!("holds {}, not a broker", shown(broker));
                self.wrong(&at, said, why, "write `host:9092`, several with commas between");
            }
        }
        text
    }

    fn group_id(&mut self, given: Option<&String>) -> String {
        let at = Path::top("kafka").key("group_id");
        if given.is_none() {
            let why = "positions are committed under the name of the group";
            self.missing(&at, why, "add `group_id = \"my-bridge\"` under `[kafka]`");
        }
        self.text(&at, given, "positions are committed under the name of the group")
            .unwrap_or_default()
    }

    fn instance_id(&mut self, given: Option<&String>) -> Option<String> {
        let at = Path::top("kafka").key("instance_id");
        let id = self.text(&at, given, "static membership needs a name")?;
        if id.len() > 240 || !id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            self.wrong(
                &at,
                format!("is {}, which Kafka refuses", shown(&id)),
                "an instance id is up to 240 letters, digits, `.`, `_` and `-`",
                "use the name of the host or pod",
            );
        }
        Some(id)
    }

    fn start(&mut self, given: Option<&raw::Start>) -> Start {
        let Some(raw::Start(text)) = given else { return Start::Earliest };
        if let Some(start) = Start::of(text.trim()) {
            return start;
        }
        let hint = match nearest(text, ["earliest", "latest"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a time with its zone, such as `2026-01-31T08:00:00Z`".to_owned(),
        };
        self.wrong(
            &Path::top("kafka").key("start"),
            format!("is {}", shown(text)),
            "a group without committed offsets begins at `earliest`, `latest` or an RFC 3339 time",
            hint,
        );
        Start::Earliest
    }

    /// Refuses what the bridge must own, and what librdkafka itself has something against.
    fn client(&mut self, given: &BTreeMap<String, ClientValue>) -> BTreeMap<String, ClientValue> {
        let at = Path::top("kafka").key("client");
        let timeouts = ["max.poll.interval.ms", "session.timeout.ms"];
        for (property, value) in given {
            let place = at.key(property);
            if let Some((why, hint)) = owner(property) {
                self.wrong(&place, "is reserved for the bridge", why, hint);
            } else if timeouts.contains(&property.as_str()) {
                // Looked at below.
            } else if let Some(objection) = (self.objection)(property, value) {
                let why = "it is passed to librdkafka, whose CONFIGURATION.md lists what it knows";
                self.wrong(&place, objection, why, "correct it, or remove it");
            }
        }
        let poll = self.milliseconds(given, "max.poll.interval.ms", 86_400_000, MAX_POLL_INTERVAL);
        let session = self.milliseconds(given, "session.timeout.ms", 3_600_000, SESSION_TIMEOUT);
        if session > poll {
            let given_one = ["session.timeout.ms", "max.poll.interval.ms"]
                .into_iter()
                .find(|property| given.contains_key(*property));
            self.wrong(
                &at.key(given_one.unwrap_or("session.timeout.ms")),
                format!(
                    "makes the session ({session} ms) longer than the poll interval ({poll} ms)"
                ),
                "librdkafka refuses a `session.timeout.ms` above `max.poll.interval.ms`",
                "lower the one or raise the other",
            );
        }
        given.clone()
    }

    /// The value of `property`, or `default` if it is not given or wrong.
    fn milliseconds(
        &mut self,
        client: &BTreeMap<String, ClientValue>,
        property: &str,
        most: i64,
        default: i64,
    ) -> i64 {
        let Some(value) = client.get(property) else { return default };
        match number(value) {
            Some(value) if (1..=most).contains(&value) => value,
            _ => {
                self.wrong(
                    &Path::top("kafka").key("client").key(property),
                    "is not a number of milliseconds that librdkafka accepts",
                    format!("it is a whole number between 1 and {most}"),
                    format!("write `\"{property}\" = {default}`, its default, or leave it out"),
                );
                default
            }
        }
    }

    /// A member that drains for longer than the poll interval is taken for dead, and its partitions go to
    /// another one while it still sends.
    pub(super) fn drain_fits(&mut self, kafka: &Kafka, limits: &Limits) {
        let poll = kafka.client.get("max.poll.interval.ms").and_then(number);
        let poll = poll.filter(|value| *value > 0).unwrap_or(MAX_POLL_INTERVAL);
        if limits.drain_timeout < Duration::from_millis(poll.unsigned_abs()) {
            return;
        }
        let why = "Kafka reassigns the partitions of a member that takes longer, and records would be sent twice";
        let hint = "lower `drain_timeout` under `[limits]`, or raise `\"max.poll.interval.ms\"` under \
                    `[kafka.client]`";
        let drain = Path::top("limits").key("drain_timeout");
        if self.layers.find(&drain).is_some() {
            let said = format!("is not below `max.poll.interval.ms`, {poll} ms");
            self.wrong(&drain, said, why, hint);
        } else {
            let said =
                format!("is not above `drain_timeout`, {} ms", limits.drain_timeout.as_millis());
            let at = Path::top("kafka").key("client").key("max.poll.interval.ms");
            self.wrong(&at, said, why, hint);
        }
    }
}

fn number(value: &ClientValue) -> Option<i64> {
    match value {
        ClientValue::Integer(value) => Some(*value),
        ClientValue::Text(text) => text.expose().trim().parse().ok(),
        ClientValue::Boolean(_) => None,
    }
}

/// Why `broker` is none: librdkafka would go on without it, and say so only in its log.
fn wrong_broker(broker: &str) -> Option<&'static str> {
    let address = match broker.split_once("://") {
        Some((protocol, address)) => {
            let protocol = protocol.to_ascii_lowercase();
            if !["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"].contains(&protocol.as_str()) {
                return Some("TLS and authentication are configured under `[kafka.security]`");
            }
            address
        }
        None => broker,
    };
    let bare_ipv6 = address.matches(':').count() > 1 && !address.contains('[');
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !bare_ipv6 && !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/;=".contains(c)) {
        return Some("it has no usable host name");
    }
    if bare_ipv6 {
        return Some("an IPv6 address needs brackets, `[::1]:9092`");
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => None,
        Some(_) => Some("a port is a number between 1 and 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_broker_from_what_is_none() {
        for broker in ["a:9092", "a", "10.0.0.1:1", "[::1]:9092", "[::1]", "SASL_SSL://a.b-c:9093"]
        {
            assert_eq!(wrong_broker(broker), None, "{broker}");
        }
        for broker in [
            "",
            ":9092",
            "a:",
            "a:0",
            "a:70000",
            "a b:1",
            "kafka://a:1",
            "a:1/x",
            "::1:9092",
            "a;b",
        ] {
            assert!(wrong_broker(broker).is_some(), "{broker}");
        }
    }
}
