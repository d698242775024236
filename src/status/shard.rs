//! What one shard says of itself when it is asked. Nothing is kept for it: a bridge that nobody looks at pays nothing.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::{Core, Governed, HubName, LaneState, PartitionStatus};
use tokio::sync::oneshot;

use crate::record::TopicPartition;
use crate::route::Router;

/// How long a shard may take to answer. It goes round many times a second.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a shard stands.
#[derive(Debug)]
pub struct View {
    /// When it was asked.
    pub(super) now: Instant,
    pub(super) partitions: Vec<PartitionStatus>,
    /// Why a partition is held, in words.
    pub(super) details: HashMap<TopicPartition, String>,
    pub(super) lanes: Vec<LaneView>,
    pub(super) hubs: Vec<(HubName, Option<usize>)>,
    pub(super) governed: Vec<Governed>,
    /// Bytes held.
    pub(super) bytes: usize,
}

/// A hub partition as a shard sends to it.
#[derive(Debug)]
pub(super) struct LaneView {
    pub(super) hub: HubName,
    pub(super) partition: Arc<str>,
    pub(super) state: LaneState,
    pub(super) lasts: Duration,
    pub(super) attempts: u32,
    pub(super) next: Option<Duration>,
    pub(super) detail: String,
}

impl View {
    /// How `core` stands at this time of day, in milliseconds.
    pub fn of(core: &mut Core, now: Instant, wall: i64) -> Self {
        let partitions = core.standings(now, wall);
        let lanes = core.lanes(now).map(|it| LaneView {
            hub: it.hub.clone(),
            partition: Arc::clone(it.partition),
            state: it.state,
            lasts: it.lasts,
            attempts: it.attempts,
            next: it.next,
            detail: it.detail.to_owned(),
        });
        Self {
            now,
            partitions,
            details: core.held(now).into_iter().collect(),
            lanes: lanes.collect(),
            hubs: core.hubs().map(|(name, count)| (name.clone(), count)).collect(),
            governed: core.governed().collect(),
            bytes: core.bytes(),
        }
    }
}

/// What a shard is told at its desk.
#[derive(Debug)]
pub enum ShardCommand {
    /// Somebody wants to know how it stands.
    View(oneshot::Sender<View>),
    /// From now on exactly these mappings are paused.
    Pause(BTreeSet<usize>),
    /// From now on there are other mappings, of which exactly these are paused.
    Reroute(Arc<Router>, BTreeSet<usize>),
}

type Tell = Box<dyn Fn(ShardCommand) + Send>;

/// Where a shard is asked and told, while it runs.
#[derive(Clone, Default)]
pub struct ShardDesk(Arc<Mutex<Within>>);

#[derive(Default)]
struct Within {
    tell: Option<Tell>,
    paused: BTreeSet<usize>,
}

impl fmt::Debug for ShardDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl ShardDesk {
    fn within(&self) -> MutexGuard<'_, Within> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mappings that are paused.
    pub fn paused(&self) -> BTreeSet<usize> {
        self.within().paused.clone()
    }

    /// From now on `tell` brings words to the shard.
    pub fn open(&self, tell: impl Fn(ShardCommand) + Send + 'static) {
        let mut within = self.within();
        tell(ShardCommand::Pause(within.paused.clone()));
        within.tell = Some(Box::new(tell));
    }

    /// The shard has ended.
    pub fn close(&self) {
        self.within().tell = None;
    }

    /// Exactly these mappings are paused, also when the shard is started again.
    pub(super) fn pause(&self, mappings: &BTreeSet<usize>) {
        let mut within = self.within();
        within.paused.clone_from(mappings);
        if let Some(tell) = &within.tell {
            tell(ShardCommand::Pause(mappings.clone()));
        }
    }

    /// There are other mappings, of which exactly these are paused. A shard that is started again knows them.
    pub(super) fn reroute(&self, router: &Arc<Router>, paused: &BTreeSet<usize>) {
        let mut within = self.within();
        within.paused.clone_from(paused);
        if let Some(tell) = &within.tell {
            tell(ShardCommand::Reroute(Arc::clone(router), paused.clone()));
        }
    }

    /// Asks the shard how it stands.
    pub(super) fn question(&self) -> PendingView {
        let (reply, answer) = oneshot::channel();
        if let Some(tell) = &self.within().tell {
            tell(ShardCommand::View(reply));
        }
        PendingView(answer)
    }
}

/// A shard was asked.
pub(super) struct PendingView(oneshot::Receiver<View>);

impl PendingView {
    /// How the shard stands; `None` when it does not say so in time, or is not there.
    pub(super) async fn answer(self) -> Option<View> {
        tokio::time::timeout(PATIENCE, self.0).await.ok()?.ok()
    }
}
