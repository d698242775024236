//! A line a second, for pipes, logs and CI.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::snapshot::{Phase, Snapshot};
use crate::summary::latency;

pub(crate) struct Plain {
    signals: Receiver<()>,
    said: Option<u64>,
    phase: Option<Phase>,
}

impl Plain {
    pub(crate) fn new(signals: Receiver<()>) -> Self {
        Self { signals, said: None, phase: None }
    }

    pub(crate) fn show(&mut self, snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
        let second = snapshot.elapsed.as_secs();
        let new_phase = self.phase.as_ref() != Some(&snapshot.phase);
        if self.said == Some(second) && !new_phase {
            return Ok(());
        }
        self.said = Some(second);
        self.phase = Some(snapshot.phase.clone());
        writeln!(out, "{}", line(snapshot))?;
        out.flush()
    }

    pub(crate) fn wait(&self, wait: Duration) -> bool {
        match self.signals.recv_timeout(wait) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            // The thread that watches for signals lives as long as the process.
            Err(RecvTimeoutError::Disconnected) => unreachable!("signals are watched"),
        }
    }
}

/// Everything that matters, in one line.
pub(crate) fn line(snapshot: &Snapshot) -> String {
    let readers: Vec<String> = snapshot
        .readers
        .iter()
        .map(|reader| match reader.faults {
            0 => format!("{} {}", reader.department.name(), reader.events),
            faults => format!("{} {} ({faults} FAULTS)", reader.department.name(), reader.events),
        })
        .collect();
    let state = match &snapshot.phase {
        Phase::Joining(reason) => format!("  bridge: {reason}"),
        Phase::Flowing => String::new(),
        Phase::Finishing => "  finishing".to_owned(),
        Phase::Stopping => "  SIGTERM: draining".to_owned(),
    };
    let (median, high) = snapshot.acknowledgement;
    format!(
        "{:3}s  orders {}/{}  kafka {} (+{}/s)  bridge {}  hub {} (lag {})  {}  ack {}{state}",
        snapshot.elapsed.as_secs(),
        snapshot.placed,
        snapshot.orders,
        snapshot.produced(),
        snapshot.produced_rate,
        snapshot.gauges.sent,
        snapshot.stored(),
        snapshot.lag(),
        readers.join("  "),
        latency(median, high),
    )
}

#[cfg(test)]
mod tests {
    use super::super::draw::tests::moment;
    use super::*;

    #[test]
    fn a_second_is_one_line_and_a_new_phase_is_told_at_once() {
        let (_signals, receiver) = std::sync::mpsc::sync_channel(1);
        let mut plain = Plain::new(receiver);
        let mut out = Vec::new();
        let mut snapshot = moment();
        plain.show(&snapshot, &mut out).unwrap();
        snapshot.elapsed += Duration::from_millis(100);
        plain.show(&snapshot, &mut out).unwrap();
        snapshot.phase = Phase::Stopping;
        plain.show(&snapshot, &mut out).unwrap();
        snapshot.elapsed += Duration::from_secs(1);
        plain.show(&snapshot, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("  7s  orders 9300/20000  kafka 43800 (+6130/s)"), "{first}");
        assert!(first.contains("hub 43680 (lag 120)  inventory 43600"), "{first}");
        assert!(text.lines().last().unwrap().ends_with("SIGTERM: draining"), "{text}");
    }
}
