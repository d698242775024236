//! What is done with one bridge: a load, nothing, a trickle, a crash of the server, and a stop at load. Each step has a
//! deadline; one that fails is written down, and the next is tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stage::{Subject, rest};

use crate::estate::Estate;
use crate::run::{Case, Measured};

/// How often counters are read.
const PACE: Duration = Duration::from_millis(10);
/// How long the first event may take, and each of the later steps.
const PATIENCE: Duration = Duration::from_secs(60);
/// A load may take that long, and as much more as this rate needs.
const SLOWEST: f64 = 20_000.0;
/// A load that has not moved for so long is stuck.
const STUCK: Duration = Duration::from_secs(20);
/// After a load, before doing nothing is measured.
const SETTLE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(10);
/// Ten browsers ask every two seconds each, one after the other.
const BROWSERS: Duration = Duration::from_millis(200);
/// Records a second of a trickle, how long it lasts, and how often some are written.
const TRICKLE: usize = 200;
const TRICKLE_SECONDS: usize = 10;
const TRICKLE_PACE: Duration = Duration::from_millis(50);
/// Records for each lane that wait for the server's return.
const BURST: usize = 4;

/// A bridge that runs, and what is known of it.
pub(crate) struct Steps<'a> {
    case: Case<'a>,
    /// Only gone between a crash and the restart.
    estate: Option<Estate>,
    bridge: Subject,
    /// Records written so far that the server has to hold.
    written: u64,
    pub(crate) measured: Measured,
    pub(crate) failed: Vec<String>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(case: Case<'a>, estate: Estate, bridge: Subject) -> Self {
        let written = case.plan.records as u64;
        let (measured, failed) = (Measured::default(), Vec::new());
        Self { case, estate: Some(estate), bridge, written, measured, failed }
    }

    pub(crate) fn all(&mut self, started: Instant) {
        self.step("first event", |steps| steps.first(started));
        self.step("load", Self::load);
        self.step("idle", Self::idle);
        self.step("watched", Self::watched);
        self.step("trickle", Self::trickle);
        self.step("count", Self::count);
        self.step("server back", Self::back);
        self.step("stop at load", Self::stop);
    }

    fn step(&mut self, name: &str, step: impl FnOnce(&mut Self) -> Result<(), String>) {
        if let Err(why) = step(self) {
            self.failed.push(format!("{name}: {why}"));
        }
    }

    fn estate(&mut self) -> &mut Estate {
        self.estate.as_mut().expect("it is only gone while it restarts")
    }

    fn alive(&mut self) -> Result<(), String> {
        match self.bridge.process.ended() {
            Some(status) => Err(format!("the bridge ended by itself, {status}")),
            None => Ok(()),
        }
    }

    /// Waits until that many events are stored, or none comes for too long; gives when that was.
    fn until(&mut self, events: u64, limit: Duration) -> Result<Instant, String> {
        let deadline = Instant::now() + limit;
        let mut last = (0, Instant::now());
        loop {
            let (stored, now) = (self.estate().stored(), Instant::now());
            if stored >= events {
                return Ok(now);
            }
            if stored > last.0 {
                last = (stored, now);
            }
            self.alive()?;
            if now > deadline {
                return Err(format!("{stored} of {events} events after {limit:.0?}"));
            }
            if now - last.1 > STUCK.min(limit) {
                return Err(format!("{stored} of {events} events, and none for {STUCK:.0?}"));
            }
            rest(PACE);
        }
    }

    fn first(&mut self, started: Instant) -> Result<(), String> {
        let first = self.until(1, PATIENCE);
        let joined = self.bridge.joined().ok_or("it does not join its group")?;
        self.measured.joining = Some((joined - started).as_secs_f64());
        self.measured.first = Some((first? - joined).as_secs_f64());
        Ok(())
    }

    fn load(&mut self) -> Result<(), String> {
        let records = self.written;
        let limit = PATIENCE + Duration::from_secs_f64(records as f64 / SLOWEST);
        self.until(records / 10, limit)?;
        let (low, begin, cpu) = (self.estate().stored(), Instant::now(), self.bridge.process.cpu());
        let done = self.until(records, limit);
        // Also when it got stuck: what it cost for those that came.
        self.alive()?;
        let (high, used) = (self.estate().stored(), self.bridge.process.cpu() - cpu);
        self.measured.cpu = Some(used.as_secs_f64() * 1e6 / (high - low).max(1) as f64);
        self.measured.rate =
            done.as_ref().ok().map(|end| (high - low) as f64 / (*end - begin).as_secs_f64());
        let (links, connections) = self.estate().links();
        self.measured.links = Some(links);
        self.measured.connections = Some(connections);
        self.measured.peak = self.bridge.process.peak_memory().map(|bytes| bytes as f64);
        done.map(drop)
    }

    fn idle(&mut self) -> Result<(), String> {
        rest(SETTLE);
        self.alive()?;
        let (begin, cpu) = (Instant::now(), self.bridge.process.cpu());
        rest(IDLE);
        self.alive()?;
        let used = self.bridge.process.cpu() - cpu;
        self.measured.idle = Some(used.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0);
        Ok(())
    }

    fn watched(&mut self) -> Result<(), String> {
        let (begin, cpu) = (Instant::now(), self.bridge.process.cpu());
        while begin.elapsed() < IDLE {
            self.bridge.page("/status").map_err(|error| format!("no status: {error}"))?;
            rest(BROWSERS);
        }
        let used = self.bridge.process.cpu() - cpu;
        self.measured.watched = Some(used.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0);
        Ok(())
    }

    fn trickle(&mut self) -> Result<(), String> {
        self.alive()?;
        let (shape, records) = (self.case.shape, TRICKLE * TRICKLE_SECONDS);
        let names: Vec<_> = (0..shape.hubs).map(|number| shape.topic(number)).collect();
        let mut writer = self.case.kafka.writer(&[]);
        let (before, cpu) = (self.estate().stored(), self.bridge.process.cpu());
        let begin = Instant::now();
        for number in 0..records {
            let due = Duration::from_secs_f64(number as f64 / TRICKLE as f64);
            while begin.elapsed() < due {
                rest(TRICKLE_PACE.min(due.saturating_sub(begin.elapsed())));
            }
            let (topic, record) = shape.trickle(number);
            writer.write(&names[topic], &record);
        }
        writer.finish();
        self.written += records as u64;
        let done = self.until(before + records as u64, PATIENCE);
        self.alive()?;
        let came = self.estate().stored() - before;
        let used = self.bridge.process.cpu() - cpu;
        self.measured.trickle = Some(used.as_secs_f64() * 1e6 / came.max(1) as f64);
        done.map(drop)
    }

    /// Everything is stored, and nothing twice.
    fn count(&mut self) -> Result<(), String> {
        let written = self.written;
        let (stored, different) = self.estate().audit();
        self.measured.missing = Some(written as i64 - different as i64);
        self.measured.twice = Some(stored - different);
        match (different == written, stored - different) {
            (true, 0) => Ok(()),
            (_, twice) => {
                Err(format!("{different} of {written} records are stored, {twice} twice"))
            }
        }
    }

    /// The server is killed and comes back with nothing stored; meanwhile records for every lane have been written.
    fn back(&mut self) -> Result<(), String> {
        self.alive()?;
        let (case, shape) = (self.case, self.case.shape);
        let records = shape.all_lanes() * BURST;
        // Other numbers than those of the load, so that the keys come in another order.
        let burst = || case.produce((0..records).map(|number| shape.load(number + 1_000_003)));
        self.estate = self.estate.take().map(|estate| estate.crash(burst));
        let begin = Instant::now();
        self.until(records as u64, PATIENCE)?;
        loop {
            // What was on its way may have come twice: different ones count.
            let (_, different) = self.estate().audit();
            if different >= records as u64 {
                break;
            }
            self.alive()?;
            if begin.elapsed() > PATIENCE {
                return Err(format!("{different} of {records} events after {PATIENCE:.0?}"));
            }
            rest(PACE);
        }
        self.measured.back = Some(begin.elapsed().as_secs_f64());
        Ok(())
    }

    /// SIGTERM while records flow.
    fn stop(&mut self) -> Result<(), String> {
        self.alive()?;
        let (case, enough) = (self.case, AtomicBool::new(false));
        let before = self.estate().stored();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let more = (0..case.plan.records).take_while(|_| !enough.load(Ordering::Relaxed));
                case.produce(more.map(|number| case.shape.load(number)));
            });
            let flows = self.until(before + (case.plan.records / 20) as u64, PATIENCE);
            let begin = Instant::now();
            self.bridge.process.terminate();
            let ended = loop {
                match self.bridge.process.ended() {
                    Some(status) if status.success() => break Ok(begin.elapsed()),
                    Some(status) => break Err(format!("it ended with {status}")),
                    None if begin.elapsed() > PATIENCE => {
                        break Err(format!("it has not ended after {PATIENCE:.0?}"));
                    }
                    None => rest(PACE),
                }
            };
            enough.store(true, Ordering::Relaxed);
            self.measured.stop = Some(ended?.as_secs_f64());
            flows.map(drop)
        })
    }
}
