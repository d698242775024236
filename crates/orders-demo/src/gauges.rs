//! What the bridge says about itself, over HTTP: `/readyz` and `/metrics`, read as Prometheus would.
//!
//! Nothing here decides whether a run was good except the counters of records and events; the rest is for the view.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use processes::http::get;

/// The numbers of one scrape.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Gauges {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) retries: u64,
    pub(crate) commits: u64,
    pub(crate) memory_bytes: u64,
    /// The next offset to commit, by Kafka partition.
    pub(crate) positions: BTreeMap<usize, u64>,
    /// From handing a batch over to its acknowledgement.
    pub(crate) acknowledgement: Histogram,
}

/// Bucket bounds in seconds with how many were at or below, as Prometheus counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// The value below which `share` of all are, by linear interpolation within a bucket; none when there are none.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.0.last()?.1;
        if total <= 0.0 {
            return None;
        }
        let rank = share * total;
        let mut below = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= rank {
                let within = (rank - below.1) / (count - below.1);
                let top = if bound.is_finite() { *bound } else { below.0 };
                return Some(Duration::from_secs_f64(below.0 + (top - below.0) * within));
            }
            below = (*bound, *count);
        }
        None
    }

    /// What came since `earlier`.
    pub(crate) fn since(&self, earlier: &Histogram) -> Histogram {
        if self.0.len() != earlier.0.len() {
            return self.clone();
        }
        let pairs = self.0.iter().zip(&earlier.0);
        Histogram(pairs.map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }
}

impl Gauges {
    /// Reads a page in Prometheus' text format.
    pub(crate) fn parse(page: &str) -> Self {
        let mut gauges = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let count = value as u64;
            match name {
                "bridge_records_received_total" => gauges.received += count,
                "bridge_events_sent_total" => gauges.sent += count,
                "bridge_send_retries_total" => gauges.retries += count,
                "bridge_commits_total" if label(labels, "outcome") == Some("ok") => {
                    gauges.commits += count;
                }
                "process_resident_memory_bytes" => gauges.memory_bytes = count,
                "bridge_position" => {
                    if let Some(Ok(partition)) = label(labels, "partition").map(str::parse) {
                        gauges.positions.insert(partition, count);
                    }
                }
                "bridge_send_duration_seconds_bucket" => {
                    if let Some(Ok(bound)) = label(labels, "le").map(str::parse) {
                        gauges.acknowledgement.0.push((bound, value));
                    }
                }
                _ => {}
            }
        }
        gauges
    }

    /// Asks the bridge.
    pub(crate) fn scrape(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::parse(&get(address, "/metrics")?.body))
    }
}

/// Why the bridge is not ready; none when it is.
pub(crate) fn unready(address: SocketAddr) -> io::Result<Option<String>> {
    #[derive(serde::Deserialize)]
    struct Answer {
        ok: bool,
        reasons: Vec<String>,
    }
    let answer: Answer = serde_json::from_str(&get(address, "/readyz")?.body)?;
    // The first is the one to wait for; it begins with the shard, of which there is one.
    let first = answer.reasons.into_iter().next().unwrap_or_else(|| "no reason given".to_owned());
    let reason = first.split_once(": ").map_or(first.as_str(), |(_, reason)| reason);
    Ok((!answer.ok).then(|| reason.to_owned()))
}

/// The value of one label; those of the bridge have neither quotes nor commas in them here.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.trim_end_matches('}').split(',').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| value.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP bridge_events_sent_total Events Event Hubs accepted.
# TYPE bridge_events_sent_total counter
bridge_commits_total{outcome=\"failed\"} 7
bridge_commits_total{outcome=\"ok\"} 3
bridge_events_sent_total{hub=\"orders\"} 1200
bridge_position{partition=\"0\",topic=\"orders\"} 400
bridge_position{partition=\"3\",topic=\"orders\"} 11
bridge_records_received_total{topic=\"orders\"} 1234
bridge_send_duration_seconds_bucket{hub=\"orders\",le=\"0.001\"} 50
bridge_send_duration_seconds_bucket{hub=\"orders\",le=\"0.002\"} 90
bridge_send_duration_seconds_bucket{hub=\"orders\",le=\"+Inf\"} 100
process_resident_memory_bytes 20971520
";

    #[test]
    fn a_page_is_read() {
        let gauges = Gauges::parse(PAGE);
        assert_eq!((gauges.received, gauges.sent, gauges.retries), (1234, 1200, 0));
        assert_eq!((gauges.commits, gauges.memory_bytes), (3, 20 << 20));
        assert_eq!(gauges.positions, BTreeMap::from([(0, 400), (3, 11)]));
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let all = Gauges::parse(PAGE).acknowledgement;
        assert_eq!(all.quantile(0.5), Some(Duration::from_millis(1)));
        assert_eq!(all.quantile(0.7), Some(Duration::from_micros(1500)));
        assert_eq!(all.quantile(0.99), Some(Duration::from_millis(2)), "no bucket has an end");
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(all.since(&all).quantile(0.5), None);
        assert_eq!(all.since(&Histogram::default()), all);
    }
}
