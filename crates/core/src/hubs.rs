//! Where events leave: namespaces, hubs, the outlets through which mappings with the same batch settings share their lanes, and the lanes.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::encode::Layout;
use crate::governor::{GovernedLane, Governor};
use crate::lane::{Lane, Settings};
use crate::mapping::{self, Partitioning};
use crate::offsets::Assignment;
use crate::route;
use crate::scale::{HubNumber, Scale};
use crate::state::SendFailure;

/// Where the service chooses the partition.
const GATEWAY: &str = "gateway";

/// A hub by its namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HubName {
    /// Namespace by its name in the configuration.
    pub namespace: Arc<str>,
    /// The hub.
    pub hub: Arc<str>,
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.hub)
    }
}

/// A mapping as it applies to one topic, and where its lanes are.
#[derive(Debug, Clone)]
pub(crate) struct LaneRoute {
    pub(crate) to: route::Route,
    pub(crate) outlet: usize,
    pub(crate) hub: HubNumber,
    pub(crate) layout: Arc<Layout>,
}

/// A hub that some assigned partition feeds, or has fed.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) name: HubName,
    /// Number of its namespace.
    pub(crate) namespace: usize,
    /// Whether somebody asks for its partitions.
    pub(crate) watched: bool,
    /// Its partitions in the service's order; `None` until they are known.
    pub(crate) ids: Option<Arc<[Arc<str>]>>,
    /// Its partitions from the moment on at which all its lanes are empty.
    pub(crate) next_ids: Option<Arc<[Arc<str>]>>,
    /// Why its partitions are not known.
    pub(crate) trouble: Option<Arc<str>>,
    /// The limit of its links, once one was attached.
    pub(crate) link_bytes: Option<usize>,
    /// Partitions that wait for room in its share.
    pub(crate) for_share: Vec<Assignment>,
    /// Partitions that wait to be told where they may go.
    pub(crate) for_place: Vec<Assignment>,
}

impl Hub {
    /// Whether it was asked for its partitions, and nothing stands against an answer.
    pub(crate) fn is_awaited(&self) -> bool {
        self.ids.is_none() && self.trouble.is_none()
    }
}

/// Lanes are shared by all routes with the same hub, batch settings, way of addressing and delivery.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) hub: HubNumber,
    batch: mapping::Batch,
    pub(crate) gateway: bool,
    /// Whether an event may stand in the hub only once.
    pub(crate) once: bool,
    /// Number of the lane of each hub partition, in the service's order.
    pub(crate) lanes: Vec<usize>,
    pub(crate) round_robin: route::RoundRobin,
}

impl Outlet {
    /// `room` is added to each event on its way out, where events are to stand once.
    pub(crate) fn settings(&self, room: usize) -> Settings {
        let max_bytes = self.batch.max_bytes;
        Settings {
            linger: self.batch.linger,
            max_bytes: max_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            max_events: self.batch.max_events.map_or(usize::MAX, |events| events as usize),
            room: if self.once && !self.gateway { room } else { 0 },
        }
    }
}

/// A lane with what the core knows of it.
#[derive(Debug)]
pub(crate) struct Berth {
    pub(crate) lane: Lane,
    pub(crate) outlet: usize,
    pub(crate) hub: HubNumber,
    /// Whether an event may stand in the hub only once.
    pub(crate) once: bool,
    /// The hub partition.
    pub(crate) id: Arc<str>,
    /// What it is to people.
    pub(crate) name: Arc<str>,
    /// Why its first batch was not stored, when it was tried last.
    pub(crate) failure: Option<SendFailure>,
    /// What the governor of its namespace knows of it.
    pub(crate) seat: GovernedLane,
    /// What it weighs on the scale.
    pub(crate) weighed: usize,
    /// Partitions that wait for room in it.
    pub(crate) waiting: Vec<Assignment>,
}

impl Berth {
    pub(crate) fn new(
        outlet: usize,
        of: &Outlet,
        room: usize,
        hub: &Hub,
        id: &Arc<str>,
        now: Instant,
    ) -> Self {
        Self {
            lane: Lane::new(of.settings(room), hub.link_bytes, now),
            outlet,
            hub: of.hub,
            once: of.once,
            id: Arc::clone(id),
            name: if of.gateway { GATEWAY.into() } else { Arc::clone(id) },
            failure: None,
            seat: GovernedLane::new(of.hub),
            weighed: 0,
            waiting: Vec::new(),
        }
    }
}

/// A namespace, by its name in the configuration.
#[derive(Debug)]
pub(crate) struct GovernedNamespace {
    pub(crate) name: Arc<str>,
    pub(crate) governor: Governor,
}

/// All namespaces, hubs and outlets, found by what makes them one.
#[derive(Debug, Default)]
pub(crate) struct Hubs {
    pub(crate) namespaces: Vec<GovernedNamespace>,
    pub(crate) all: Vec<Hub>,
    pub(crate) outlets: Vec<Outlet>,
}

impl Hubs {
    /// The hub of this name.
    pub(crate) fn find(&self, namespace: &str, hub: &str) -> Option<HubNumber> {
        let is = |it: &Hub| *it.name.hub == *hub && *it.name.namespace == *namespace;
        self.all.iter().position(is)
    }

    /// The outlet of a route.
    pub(crate) fn of(&mut self, route: &route::Route, scale: &mut Scale) -> usize {
        let hub = self.find(&route.namespace, &route.hub).unwrap_or_else(|| {
            let name = HubName { namespace: route.namespace.clone(), hub: route.hub.clone() };
            let namespace = self.namespace(&name.namespace);
            self.all.push(Hub {
                name,
                namespace,
                watched: false,
                ids: None,
                next_ids: None,
                trouble: None,
                link_bytes: None,
                for_share: Vec::new(),
                for_place: Vec::new(),
            });
            scale.add_hub()
        });
        let gateway = route.partitioning == Partitioning::Gateway;
        let same = |it: &Outlet| {
            (it.hub, it.gateway, it.once) == (hub, gateway, route.is_once())
                && it.batch == route.batch
        };
        self.outlets.iter().position(same).unwrap_or_else(|| {
            let (batch, round_robin) = (route.batch.clone(), route::RoundRobin::default());
            let once = route.is_once();
            self.outlets.push(Outlet { hub, batch, gateway, once, lanes: Vec::new(), round_robin });
            self.outlets.len() - 1
        })
    }

    /// The governor of the namespace of a lane.
    pub(crate) fn governor_of(&mut self, berth: &Berth) -> &mut Governor {
        &mut self.namespaces[self.all[berth.hub].namespace].governor
    }

    /// The number of a namespace.
    fn namespace(&mut self, name: &Arc<str>) -> usize {
        let known = self.namespaces.iter().position(|it| it.name == *name);
        known.unwrap_or_else(|| {
            self.namespaces
                .push(GovernedNamespace { name: name.clone(), governor: Governor::default() });
            self.namespaces.len() - 1
        })
    }
}
