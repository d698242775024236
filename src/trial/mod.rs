//! `try`: what the mappings make of records, before anything is sent.
//!
//! ```text
//! input    a record as a line of JSON
//! latest   the last records of a topic, read beside every group
//! schemas  those that records were written with, fetched as they are needed
//! told     what became of a record, as text and as JSON
//! ```
//! The invariant: nothing is sent, committed or joined. What is told is what the core would do with the record, since the core is asked.

mod input;
mod latest;
mod schemas;
mod told;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bridge_core::rehearse::{Rehearsed, rehearse};
use bridge_core::step::FetchedValues;

use crate::config::{Config, Mapping, Topics};
use crate::record::{OwnedRecord, Record};
use crate::route::{RoundRobin, Route, Router};

use schemas::Schemas;

pub use latest::latest;
pub use told::TrialResult;

/// What hubs are taken to be.
#[derive(Debug, Clone, Copy)]
pub struct AssumedHub {
    /// How many partitions they have, if that is known.
    pub partitions: Option<usize>,
    /// What their links take, in bytes.
    pub limit: usize,
}

/// Mappings that are tried.
#[derive(Debug)]
pub struct Trial {
    mappings: Vec<Mapping>,
    wanted: BTreeSet<usize>,
    router: Router,
    hub: AssumedHub,
    hubs: HashMap<(String, String), AssumedHub>,
    /// The ways of each topic that has come.
    routes: HashMap<String, Arc<[Route]>>,
    turns: RoundRobin,
    known: FetchedValues,
    schemas: Schemas,
}

impl Trial {
    /// Of the `wanted` mappings of `config`, or of all where none is named.
    pub fn new(config: &Config, wanted: BTreeSet<usize>, hub: AssumedHub) -> Self {
        let mappings = config.mappings.clone();
        let wanted = if wanted.is_empty() { (0..mappings.len()).collect() } else { wanted };
        let router = Router::new(&mappings);
        Self {
            mappings,
            wanted,
            router,
            hub,
            hubs: HashMap::new(),
            routes: HashMap::new(),
            turns: RoundRobin::default(),
            known: FetchedValues::default(),
            schemas: Schemas::of(config),
        }
    }

    /// The only topic that the mappings name, where there is one.
    pub fn topic(&self) -> Option<&str> {
        let mut names = BTreeSet::new();
        for place in &self.wanted {
            match &self.mappings[*place].topics {
                Topics::Named(all) => names.extend(all.iter().map(String::as_str)),
                Topics::Pattern(_) => return None,
            }
        }
        if names.len() == 1 { names.pop_first() } else { None }
    }

    /// Reads the record of a line; `number` counts from 0.
    pub fn read(&self, line: &str, number: i64) -> Result<OwnedRecord, String> {
        input::read(line, number, self.topic())
    }

    /// Hubs that are what they really are, by namespace and name, and not what all are taken to be.
    pub fn know(&mut self, namespace: &str, hub: &str, is: AssumedHub) {
        self.hubs.insert((namespace.to_owned(), hub.to_owned()), is);
    }

    /// What becomes of `record`, by each mapping that takes it; or that none does. A schema that is needed is fetched.
    pub fn told(&mut self, record: &Record<'_>) -> Vec<TrialResult> {
        let mut told = Vec::new();
        self.rehearse(record, |route, became, why| {
            told.extend(TrialResult::of(record, route, became, why));
        });
        if told.is_empty() {
            told.push(TrialResult::unmapped(record));
        }
        told
    }

    /// Tells of each mapping that takes `record` what becomes of it, and, where something that it needs is missing, why. A schema that is
    /// needed is fetched.
    pub fn rehearse(
        &mut self,
        record: &Record<'_>,
        mut each: impl FnMut(&Route, Rehearsed, Option<&str>),
    ) {
        let routes = self.routes(record.topic);
        for ways in routes.chunk_by(|one, other| one.mapping == other.mapping) {
            if !self.wanted.contains(&ways[0].mapping) {
                continue;
            }
            let mut why = None;
            let (mut route, mut became) = self.once(ways, record);
            // A key and a value, each with its own.
            while let Rehearsed::Missing(missing) = &became {
                match self.schemas.fetch(&missing.reference) {
                    Ok(thing) => self.known.put(missing.reference, thing),
                    Err(failure) => {
                        why = Some(failure);
                        break;
                    }
                }
                (route, became) = self.once(ways, record);
            }
            each(route, became, why.as_deref());
        }
    }

    fn routes(&mut self, topic: &str) -> Arc<[Route]> {
        if let Some(routes) = self.routes.get(topic) {
            return Arc::clone(routes);
        }
        let routes: Arc<[Route]> = self.router.routes(topic).into();
        self.routes.insert(topic.to_owned(), Arc::clone(&routes));
        routes
    }

    /// What becomes of it with the schemas that are known.
    fn once<'w>(&mut self, ways: &'w [Route], record: &Record<'_>) -> (&'w Route, Rehearsed) {
        let mut at = self.hub_of(&ways[0]);
        if ways.len() > 1 {
            // It chooses its hub first, and that may be another than the first one.
            let any = (None, at.limit);
            let (chosen, _) = rehearse(ways, record, any, &mut self.turns, &self.known);
            at = self.hub_of(chosen);
        }
        rehearse(ways, record, (at.partitions, at.limit), &mut self.turns, &self.known)
    }

    fn hub_of(&self, route: &Route) -> AssumedHub {
        if self.hubs.is_empty() {
            return self.hub;
        }
        let name = (route.namespace.to_string(), route.hub.to_string());
        self.hubs.get(&name).copied().unwrap_or(self.hub)
    }
}
