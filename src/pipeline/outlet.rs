//! Where events leave: a hub as seen by mappings with the same batch settings, and its lanes once its partitions are known.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::config::{self, Partitioning};
use crate::eventhubs::encode::Layout;
use crate::route;

use super::lane::{STALLED_AFTER, Settings};

/// A mapping as it applies to one topic, and where its lanes are.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) to: route::Route,
    pub(super) outlet: usize,
    pub(super) layout: Arc<Layout>,
}

/// Lanes are shared by all routes with the same hub, batch settings and way of addressing.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) namespace: Arc<str>,
    pub(super) hub: Arc<str>,
    pub(super) batch: config::Batch,
    pub(super) gateway: bool,
    /// Index range into the lanes; `None` until the hub's partitions are known.
    pub(super) lanes: Option<Range<usize>>,
    pub(super) round_robin: route::RoundRobin,
    /// When its partitions were first asked for.
    asked: Instant,
}

impl Outlet {
    /// Whether its partitions should be known by now and are not.
    pub(super) fn stalled(&self, now: Instant) -> bool {
        self.lanes.is_none() && now.saturating_duration_since(self.asked) >= STALLED_AFTER
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            linger: self.batch.linger,
            max_bytes: self
                .batch
                .max_bytes
                .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            max_events: self.batch.max_events.map_or(usize::MAX, |events| events as usize),
        }
    }
}

/// All outlets, found by what makes them one.
#[derive(Debug, Default)]
pub(super) struct Outlets {
    pub(super) all: Vec<Outlet>,
}

impl Outlets {
    /// The outlet a route leads to, and whether it is new.
    pub(super) fn of(&mut self, route: &route::Route, now: Instant) -> (usize, bool) {
        let gateway = route.partitioning == Partitioning::Gateway;
        let same = |outlet: &Outlet| {
            outlet.hub == route.hub
                && outlet.namespace == route.namespace
                && outlet.gateway == gateway
                && outlet.batch == route.batch
        };
        if let Some(found) = self.all.iter().position(same) {
            return (found, false);
        }
        self.all.push(Outlet {
            namespace: route.namespace.clone(),
            hub: route.hub.clone(),
            batch: route.batch.clone(),
            gateway,
            lanes: None,
            round_robin: route::RoundRobin::default(),
            asked: now,
        });
        (self.all.len() - 1, true)
    }
}
