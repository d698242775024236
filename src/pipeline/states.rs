//! How each hub partition stands, as a metric, and what lasts as a trouble. Looked at every second.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_core::{Core, HubName, LaneState, LaneStatus};

use crate::health::{ShardHealth, Trouble};
use crate::metrics::Metrics;

/// What is over sooner is told by the retry alone.
const LASTS: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct States {
    metrics: Arc<Metrics>,
    health: ShardHealth,
    shard: u32,
    /// The lanes and their states, as they were seen last.
    seen: Vec<(usize, LaneState)>,
    /// What the metric says.
    shown: HashMap<(HubName, Arc<str>), LaneState>,
    /// Of which a trouble was told.
    troubled: BTreeSet<HubName>,
}

/// The lanes of one hub, or namespace, that are in trouble.
struct Troubled<'a> {
    /// The one that is so for the longest time.
    worst: LaneStatus<'a>,
    /// Each hub partition once, whoever sends to it.
    partitions: BTreeSet<(&'a HubName, &'a Arc<str>)>,
}

impl States {
    pub(super) fn new(metrics: Arc<Metrics>, health: ShardHealth, shard: u32) -> Self {
        let (seen, shown, troubled) = (Vec::new(), HashMap::new(), BTreeSet::new());
        Self { metrics, health, shard, seen, shown, troubled }
    }

    /// Looks at all lanes. `wall` is the time of day, in milliseconds.
    pub(super) fn look(&mut self, core: &Core, now: Instant, wall: i64) {
        let (mut seen, mut troubled) = (Vec::with_capacity(self.seen.len()), Vec::new());
        for it in core.lanes(now) {
            seen.push((it.lane, it.state));
            if it.state != LaneState::Sending {
                troubled.push(it);
            }
        }
        if seen != self.seen {
            self.seen = seen;
            self.show(core, now, wall.unsigned_abs() / 1_000);
        }
        self.tell_troubles(&troubled);
        self.tell_throttles(&troubled);
    }

    /// Several lanes may lead to one hub partition; the worst counts.
    fn show(&mut self, core: &Core, now: Instant, unix_seconds: u64) {
        let mut states: HashMap<_, LaneState> = HashMap::new();
        for LaneStatus { hub, partition, state, .. } in core.lanes(now) {
            let worst = states.entry((hub.clone(), Arc::clone(partition))).or_insert(state);
            *worst = state.max(*worst);
        }
        for (place, before) in
            self.shown.extract_if(|place, state| states.get(place) != Some(state))
        {
            self.metrics.hub_partition_state((&place.0, &place.1), self.shard, before, None);
        }
        for (place, state) in states {
            if !self.shown.contains_key(&place) {
                let (at, since) = ((&place.0, &*place.1), Some(unix_seconds));
                self.metrics.hub_partition_state(at, self.shard, state, since);
                self.shown.insert(place, state);
            }
        }
    }

    /// Hubs that have not stored something for a while.
    fn tell_troubles(&mut self, lanes: &[LaneStatus<'_>]) {
        let lasts = |it: &&LaneStatus<'_>| it.state != LaneState::Throttled && it.lasts >= LASTS;
        let troubled = by(lanes.iter().filter(lasts), |it| it.hub.clone());
        let ended = self.troubled.extract_if(.., |hub| !troubled.contains_key(hub));
        ended.for_each(|hub| self.health.trouble(trouble(&hub), None));
        for (hub, Troubled { worst, partitions }) in troubled {
            let more = match partitions.len() - 1 {
                0 => String::new(),
                more => format!("; and {more} more of its partitions"),
            };
            let detail = format!("partition {} {}{more}", worst.partition, words(&worst));
            self.health.trouble(trouble(&hub), Some(&detail));
            self.troubled.insert(hub);
        }
    }

    /// Namespaces that throttle; the end is told by the core.
    fn tell_throttles(&self, lanes: &[LaneStatus<'_>]) {
        let throttled = |it: &&LaneStatus<'_>| it.state == LaneState::Throttled;
        let throttled = by(lanes.iter().filter(throttled), |it| Arc::clone(&it.hub.namespace));
        for (namespace, Troubled { worst, partitions }) in throttled {
            let (hub, partition) = (&worst.hub.hub, worst.partition);
            let detail = format!(
                "{} hub partitions take turns; partition {partition} of hub `{hub}` {}",
                partitions.len(),
                words(&worst)
            );
            self.health.trouble(Trouble::Throttled(namespace), Some(&detail));
        }
    }
}

fn by<'a, K: Ord>(
    lanes: impl Iterator<Item = &'a LaneStatus<'a>>,
    key: impl Fn(&LaneStatus<'a>) -> K,
) -> BTreeMap<K, Troubled<'a>> {
    let mut all = BTreeMap::new();
    for it in lanes {
        let begun = || Troubled { worst: *it, partitions: BTreeSet::new() };
        let troubled = all.entry(key(it)).or_insert_with(begun);
        troubled.partitions.insert((it.hub, it.partition));
        if it.lasts > troubled.worst.lasts {
            troubled.worst = *it;
        }
    }
    all
}

fn trouble(hub: &HubName) -> Trouble {
    Trouble::Delivery { namespace: Arc::clone(&hub.namespace), hub: Arc::clone(&hub.hub) }
}

/// How a lane stands, in words.
fn words(it: &LaneStatus<'_>) -> String {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let lasts = seconds(it.lasts);
    let next = it.next.map_or("is in flight".to_owned(), |next| format!("in {}", seconds(next)));
    match it.attempts {
        0 if it.lasts >= LASTS => format!("has not answered for {lasts}"),
        0 => "waits for its turn".to_owned(),
        tries => {
            let tried = if tries == 1 { "try" } else { "tries" };
            let detail = it.detail;
            format!(
                "has accepted nothing for {lasts}: {tries} {tried} failed, the next {next}: {detail}"
            )
        }
    }
}
