//! The whole run: start the parts, watch them until every order has arrived, stop the bridge, look at what is left.
//!
//! Bounded everywhere: whatever stands still for [`STALL`] ends the run, and says where it stood still. The bridge is
//! started and kept on this thread, which lives to the end.

use std::io;
use std::time::{Duration, Instant};

use eventhubs_local::Server;
use rdkafka::error::KafkaError;

use crate::books::Department;
use crate::bridge::{self, Bridge, GROUP};
use crate::broker::Broker;
use crate::consumer::Consumer;
use crate::inbox::Inbox;
use crate::probe::{Probe, Said};
use crate::service::{self, Demand, Produced, Service};
use crate::snapshot::Phase;
use crate::summary::{Facts, Reader};
use crate::view::View;
use crate::watch::Watch;
use crate::{HUB, HUB_PARTITIONS};

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long nothing at all may happen.
const STALL: Duration = Duration::from_secs(30);
/// How long the bridge may take to say the last numbers.
const LAST_WORD: Duration = Duration::from_secs(3);
/// How long the bridge may take to stop: its own limit for that is 20 s.
const STOP: Duration = Duration::from_secs(30);

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the embedded Kafka cannot start: {0}")]
    Kafka(#[from] KafkaError),
    #[error("the embedded Event Hubs cannot start: {0}")]
    EventHubs(#[from] eventhubs_local::StartError),
    #[error(transparent)]
    Bridge(#[from] bridge::StartError),
    #[error("the order service cannot start: {0}")]
    Service(#[from] service::StartError),
    #[error("the terminal, a thread or a socket: {0}")]
    System(#[from] io::Error),
}

/// All parts, in the order they must go: the bridge before what it talks to.
pub(crate) struct System {
    pub(crate) bridge: Bridge,
    pub(crate) probe: Option<Probe>,
    pub(crate) service: Service,
    pub(crate) readers: Vec<Consumer>,
    pub(crate) server: Server,
    broker: Broker,
}

impl System {
    fn start(demand: Demand) -> Result<Self, Error> {
        let broker = Broker::start()?;
        let mut builder = Server::builder()
            .hub(HUB, HUB_PARTITIONS)
            // With a key, signatures are checked.
            .key("RootManageSharedAccessKey", "b3JkZXJzLWRlbW8=");
        for department in Department::ALL {
            builder = builder.consumer_group(HUB, department.name());
        }
        let server = builder.start()?;
        let bridge = Bridge::start(&broker.bootstrap(), &server.connection_string())?;
        let readers = Department::ALL
            .into_iter()
            .map(|department| Consumer::start(department, &server))
            .collect::<Result<_, _>>()?;
        let service = Service::start(&broker.bootstrap(), demand, server.hub(HUB))?;
        Ok(Self { bridge, probe: None, service, readers, server, broker })
    }

    /// What the bridge last said; nothing before it has a door to ask at.
    pub(crate) fn said(&mut self) -> io::Result<Said> {
        match (&self.probe, self.bridge.admin()) {
            (Some(probe), _) => Ok(probe.said()),
            (None, Some(address)) => {
                self.probe = Some(Probe::start(address)?);
                Ok(starting())
            }
            (None, None) => Ok(starting()),
        }
    }

    /// A part that has ended and should not have.
    fn dead(&self, produced: &Produced) -> Option<String> {
        if let Some(failure) = &produced.failure {
            return Some(format!("the order service: {failure}"));
        }
        if self.service.died() {
            return Some("the order service ended too early".to_owned());
        }
        let dead = self.readers.iter().find(|reader| reader.died())?;
        Some(format!("{} ended too early", dead.department.name()))
    }
}

fn starting() -> Said {
    Said { unready: Some("it is starting".to_owned()), ..Said::default() }
}

/// What is being waited for.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Every order in the hub and read by everybody.
    Flow,
    /// The bridge's counters to say so, too.
    LastWord(Instant),
    /// The bridge to exit.
    Stop(Instant),
    /// Everybody to have read what came while it stopped.
    Rest,
}

/// Runs the system to its end, and says what has come of it.
pub(crate) fn run(demand: Demand, view: &mut View) -> Result<Facts, Error> {
    let mut system = System::start(demand)?;
    let mut run = Run {
        watch: Watch::new(demand.orders),
        stage: Stage::Flow,
        wishes: 0,
        moved: (Instant::now(), 0),
        said: starting(),
        took: None,
        exit: None,
        trouble: Vec::new(),
    };
    while !run.over(&mut system)? {
        view.show(&run.watch.snapshot(&system, &run.said, run.phase()))?;
        if view.wait(TICK)? {
            run.wishes += 1;
            system.service.close();
        }
    }
    Ok(run.facts(&mut system))
}

struct Run {
    watch: Watch,
    stage: Stage,
    /// How often somebody wished it to stop.
    wishes: u32,
    /// When anything last changed, and what was counted then.
    moved: (Instant, u64),
    said: Said,
    took: Option<Duration>,
    exit: Option<(i32, Duration)>,
    trouble: Vec<String>,
}

impl Run {
    fn phase(&self) -> Phase {
        match (self.stage, &self.said.unready) {
            (Stage::Stop(_) | Stage::Rest, _) => Phase::Stopping,
            (Stage::Flow, Some(reason)) => Phase::Joining(reason.clone()),
            (Stage::Flow, None) if self.wishes == 0 => Phase::Flowing,
            (Stage::Flow | Stage::LastWord(_), _) => Phase::Finishing,
        }
    }

    /// Takes the next step; true when there is none.
    fn over(&mut self, system: &mut System) -> io::Result<bool> {
        let now = Instant::now();
        let exited = system.bridge.exited();
        if exited.is_none() {
            self.said = system.said()?;
        }
        let produced = system.service.produced();
        let stored = system.server.hub(HUB).total();
        let read: Vec<u64> = system.readers.iter().map(|reader| reader.look(Inbox::read)).collect();
        let caught_up = produced.done
            && stored >= produced.total()
            && read.iter().all(|events| *events >= stored);
        match self.stage {
            Stage::Flow if caught_up => {
                self.took = Some(self.watch.elapsed());
                self.stage = Stage::LastWord(now);
            }
            Stage::LastWord(since) => {
                let gauges = &self.said.gauges;
                let told = gauges.received.min(gauges.sent) >= produced.total();
                if told || now.duration_since(since) > LAST_WORD {
                    system.bridge.terminate();
                    self.stage = Stage::Stop(now);
                }
            }
            Stage::Stop(since) => match exited {
                Some(status) => {
                    // Ended by a signal, it has no code; what a shell would say of it.
                    let code = status.code().unwrap_or(128);
                    self.exit = Some((code, now.duration_since(since)));
                    self.stage = Stage::Rest;
                }
                None if now.duration_since(since) > STOP => {
                    self.trouble.push(format!("the bridge did not stop within {STOP:?}"));
                }
                None => {}
            },
            Stage::Rest if caught_up => return Ok(true),
            Stage::Flow | Stage::Rest => {}
        }
        self.watch_over(system, &produced, stored, &read, now);
        if let (Stage::Flow | Stage::LastWord(_), Some(status)) = (self.stage, exited) {
            self.trouble.push(format!("the bridge ended unexpectedly: {status}"));
        }
        Ok(!self.trouble.is_empty())
    }

    /// Notes what makes going on pointless.
    fn watch_over(
        &mut self,
        system: &System,
        produced: &Produced,
        stored: u64,
        read: &[u64],
        now: Instant,
    ) {
        self.trouble.extend(system.dead(produced));
        if self.wishes > 1 {
            self.trouble.push("stopped before the last orders had arrived".to_owned());
        }
        let count = produced.total() + stored + read.iter().sum::<u64>();
        if count != self.moved.1 {
            self.moved = (now, count);
        } else if now.duration_since(self.moved.0) > STALL {
            let (records, stage) = (produced.total(), self.stage);
            self.trouble.push(format!(
                "no progress for {STALL:?}: {records} records in Kafka, {stored} events in the hub, \
                 {read:?} read ({stage:?})"
            ));
        }
    }

    fn facts(self, system: &mut System) -> Facts {
        let mut trouble = self.trouble;
        let offsets = system.broker.offsets(GROUP).unwrap_or_else(|error| {
            trouble.push(format!("the committed offsets: {error}"));
            Vec::new()
        });
        let produced = system.service.produced();
        let reader = |consumer: &Consumer| {
            consumer.look(|inbox| Reader {
                department: consumer.department,
                events: inbox.read(),
                orders: inbox.orders(),
                books: inbox.books(),
                faults: inbox.faults().clone(),
                restarts: inbox.restarts().to_vec(),
            })
        };
        Facts {
            orders: produced.placed,
            produced: produced.total(),
            books: produced.books,
            took: self.took.unwrap_or_else(|| self.watch.elapsed()),
            gauges: self.said.gauges,
            stored: system.server.hub(HUB).total(),
            readers: system.readers.iter().map(reader).collect(),
            offsets,
            exit: self.exit,
            trouble,
            log: system.bridge.log(),
        }
    }
}
