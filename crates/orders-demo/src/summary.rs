//! What the run has shown: figures, checks that hold or do not, and what to try next. Pure: facts in, text out.

use std::fmt;
use std::time::Duration;

use crate::books::{Books, Department};
use crate::broker::Offsets;
use crate::gauges::Gauges;
use crate::inbox::Faults;
use crate::order::Count;

/// All that is known at the end.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) orders: u64,
    /// Records Kafka acknowledged to the order service.
    pub(crate) produced: u64,
    pub(crate) books: Books,
    pub(crate) took: Duration,
    /// What the bridge said last about itself.
    pub(crate) gauges: Gauges,
    /// Events in the hub.
    pub(crate) stored: u64,
    pub(crate) readers: Vec<Reader>,
    pub(crate) offsets: Vec<Offsets>,
    /// The bridge's exit code, and how long after SIGTERM it came.
    pub(crate) exit: Option<(i32, Duration)>,
    /// Why the run could not go on, or a part of it failed.
    pub(crate) trouble: Vec<String>,
    /// The end of the bridge's log.
    pub(crate) log: Vec<String>,
}

/// What one department has read.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) department: Department,
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) books: Books,
    pub(crate) faults: Faults,
    /// Why its client had to be replaced.
    pub(crate) restarts: Vec<String>,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) holds: bool,
    pub(crate) detail: String,
}

impl Facts {
    /// Whether everything holds.
    pub(crate) fn good(&self) -> bool {
        self.trouble.is_empty() && self.checks().iter().all(|check| check.holds)
    }

    /// Everything that must hold.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let sum = |fault: fn(&Faults) -> u64| -> u64 {
            self.readers.iter().map(|reader| fault(&reader.faults)).sum()
        };
        let (twice, out_of_turn) = (sum(|f| f.twice), sum(|f| f.out_of_turn));
        let broken = sum(|f| f.broken);
        let all = |holds: &dyn Fn(&Reader) -> bool| {
            self.readers.len() == Department::ALL.len() && self.readers.iter().all(holds)
        };
        let everywhere = self.stored == self.produced
            && self.gauges.received == self.produced
            && self.gauges.sent == self.produced
            && all(&|reader| reader.events == self.produced);
        let (end, committed) = self.offsets.iter().fold((0, 0), |(end, committed), partition| {
            (end + partition.end, committed + partition.committed)
        });
        let check = |name, holds, detail| Check { name, holds, detail };
        vec![
            check(
                "nothing lost",
                self.produced > 0 && everywhere,
                format!("{} at every stage", Count(self.produced)),
            ),
            check(
                "nothing twice",
                twice == 0,
                format!("{} duplicates, by message-id", Count(twice)),
            ),
            check(
                "order per key",
                out_of_turn == 0 && all(&|reader| reader.orders == self.orders),
                format!(
                    "{} orders, each step after the one before; {} out of turn",
                    Count(self.orders),
                    Count(out_of_turn)
                ),
            ),
            check(
                "keys, headers",
                broken == 0,
                format!("{} events without their key or headers", Count(broken)),
            ),
            check(
                "books",
                all(&|reader| reader.books == self.books),
                "every department adds up to what was ordered".to_owned(),
            ),
            check(
                "lag 0",
                end == self.produced && self.offsets.iter().all(|p| p.end == p.committed),
                format!("committed {} of {} in Kafka", Count(committed), Count(end)),
            ),
            self.exit_check(),
        ]
    }

    fn exit_check(&self) -> Check {
        let (holds, detail) = match self.exit {
            Some((0, after)) => (true, format!("exit code 0, {} after SIGTERM", seconds(after))),
            Some((code, _)) => (false, format!("exit code {code}")),
            None => (false, "it did not stop".to_owned()),
        };
        Check { name: "clean stop", holds, detail }
    }
}

/// The facts as text, in colour or without.
pub(crate) struct Summary<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) colour: bool,
}

impl Summary<'_> {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

const GREEN: &str = "1;32";
const RED: &str = "1;31";
const BOLD: &str = "1";

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.facts;
        let headline = if facts.good() {
            self.paint(GREEN, "every order arrived, once and in order")
        } else {
            self.paint(RED, "a check has failed")
        };
        writeln!(f, "\n{} {headline}\n", self.paint(BOLD, "orders-demo:"))?;
        figures(f, facts)?;
        writeln!(f)?;
        for Check { name, holds, detail } in facts.checks() {
            let mark = if holds { self.paint(GREEN, "✓") } else { self.paint(RED, "✗") };
            writeln!(f, "  {mark} {name:<14} {detail}")?;
        }
        if facts.good() {
            return writeln!(f, "\n{}\n{NEXT}", self.paint(BOLD, "What to try next"));
        }
        self.troubles(f)
    }
}

impl Summary<'_> {
    fn troubles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for trouble in &self.facts.trouble {
            writeln!(f, "  {} {trouble}", self.paint(RED, "error:"))?;
        }
        for reader in &self.facts.readers {
            for fault in &reader.faults.told {
                writeln!(f, "  {}: {fault}", reader.department.name())?;
            }
            for restart in &reader.restarts {
                writeln!(f, "  {}: {restart}", reader.department.name())?;
            }
        }
        writeln!(f, "\n{}", self.paint(BOLD, "The end of the bridge's log"))?;
        self.facts.log.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

fn figures(f: &mut fmt::Formatter<'_>, facts: &Facts) -> fmt::Result {
    let rate = facts.produced as f64 / facts.took.as_secs_f64().max(0.001);
    let gauges = &facts.gauges;
    writeln!(
        f,
        "  order service  {} orders, {} records in {} ({}/s)",
        Count(facts.orders),
        Count(facts.produced),
        seconds(facts.took),
        Count(rate as u64)
    )?;
    writeln!(
        f,
        "  bridge         {} records in, {} events out, {} retries, acknowledged in {}",
        Count(gauges.received),
        Count(gauges.sent),
        Count(gauges.retries),
        latency(gauges.acknowledgement.quantile(0.5), gauges.acknowledgement.quantile(0.99)),
    )?;
    writeln!(f, "  Event Hubs     {} events in hub `{}`", Count(facts.stored), crate::HUB)?;
    for reader in &facts.readers {
        let [(first, of), (second, and)] = reader.books.figures(reader.department);
        write!(
            f,
            "  {:<14} {} events, {first} {of}, {second} {and}",
            reader.department.name(),
            Count(reader.events)
        )?;
        match reader.restarts.len() {
            0 => writeln!(f)?,
            times => writeln!(f, " (its client was replaced {times} times)")?,
        }
    }
    Ok(())
}

/// Seconds with one digit, from a tenth.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Median and 99th percentile in milliseconds.
pub(crate) fn latency(median: Option<Duration>, high: Option<Duration>) -> String {
    let text = |at: Option<Duration>| match at {
        Some(at) => format!("{:.1} ms", at.as_secs_f64() * 1000.0),
        None => "–".to_owned(),
    };
    format!("{} (p99 {})", text(median), text(high))
}

/// Shown when all is well. The configuration in it is tried by a test.
const NEXT: &str = r#"
  make test                        every promise as a test, on a real Kafka

  Your own broker and namespace: save this as bridge.toml

    [kafka]
    brokers = "my-broker:9092"
    group_id = "my-bridge"

    [eventhubs]
    connection_string = "Endpoint=sb://…"

    [[mappings]]
    topic = "my-topic"
    hub = "my-hub"

  then
    target/debug/kafka-eventhubs-bridge check --config bridge.toml
    target/debug/kafka-eventhubs-bridge run --config bridge.toml
    curl http://127.0.0.1:9400/metrics

  An Event Hubs to develop against, for any client that speaks AMQP
    target/debug/eventhubs-local --hub orders:8

  The same again, with other numbers
    target/debug/orders-demo --orders 100000 --rate 3000"#;

#[cfg(test)]
mod tests;
