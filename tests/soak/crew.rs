//! The members of the group: how each is configured, and which are running, frozen, leaving or gone.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use stage::{Bridge, PATIENCE, Settings, wait_for};

/// How long the group waits for a word of a member.
pub(crate) const SESSION: Duration = Duration::from_secs(6);
/// Lines of a log that tell why something was, or may be, sent twice.
const REASONS: [&str; 6] = [
    "partition released before all its events were acknowledged",
    "partitions lost",
    "the last commit of revoked partitions failed",
    "records in flight may be delivered twice",
    "a record arrived on an unexpected queue",
    "the partition is read again from its committed position, with the new mappings",
];
/// Each time, whatever a member had in flight may come twice.
const CUTS: [&str; 3] =
    ["connection to event hubs lost", "a batch was not stored", "cannot connect to event hubs"];

/// How a member is configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kit {
    lines: Vec<String>,
    /// A static member, with the first name that is free.
    fixed: bool,
}

impl Kit {
    pub(crate) fn new(rng: &mut StdRng) -> Self {
        let mut pick = |choices: &[&str]| choices[rng.random_range(0..choices.len())].to_owned();
        let fixed = pick(&["no", "no", "no", "yes"]) == "yes";
        let commit = pick(&["50ms", "100ms", "1s", "5s"]);
        let silence = pick(&["2s", "5s"]);
        let lines = [
            // Memory only just enough, or plenty.
            pick(&[
                "",
                "limits.memory = '16MiB'",
                "limits.shards = 2\nlimits.memory = '32MiB'",
                "limits.shards = 3",
            ]),
            pick(&["", "limits.drain_timeout = '2s'", "limits.drain_timeout = '5s'"]),
            pick(&["", "batch.linger = '1ms'", "batch.linger = '100ms'", "batch.linger = '500ms'"]),
            pick(&["", "", "batch.max_events = 20", "batch.max_events = 150"]),
            pick(&["", "", "batch.max_bytes = '8KiB'"]),
            pick(&["", "kafka.client.'reconnect.backoff.max.ms' = 500"]),
            format!("kafka.commit_interval = '{commit}'"),
            format!("eventhubs.send_timeout = '{silence}'"),
        ];
        Self { lines: lines.into_iter().filter(|line| !line.is_empty()).collect(), fixed }
    }

    /// The same of a static member.
    pub(crate) fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }
}

impl fmt::Display for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = if self.fixed { "static, " } else { "" };
        write!(f, "{fixed}{}", self.lines.join(", ").replace('\n', ", "))
    }
}

/// What the file of a member says after a reload.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Other settings, or none; `None` is a file that is wrong.
    more: Option<String>,
    /// A hub that nothing goes to any more; others of the group read its topics.
    without: Option<&'static str>,
    /// As Kubernetes exchanges it.
    swapped: bool,
}

impl Change {
    pub(crate) fn new(rng: &mut StdRng) -> Self {
        let mut pick = |choices: &[&str]| choices[rng.random_range(0..choices.len())].to_owned();
        let linger = pick(&["", "batch.linger = '1ms'", "batch.linger = '30ms'"]);
        let events = pick(&["", "batch.max_events = 20", "batch.max_events = 300"]);
        let more = rng.random_bool(0.85).then(|| format!("{linger}\n{events}"));
        let without = [None, None, Some("robin"), Some("mirror"), Some("shop")];
        let without = without[rng.random_range(0..without.len())];
        Self { more, without, swapped: rng.random_bool(0.5) }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(more) = &self.more else { return f.write_str("a wrong file") };
        let without = self.without.map(|hub| format!("without `{hub}`"));
        let parts = more.lines().chain(without.as_deref()).filter(|it| !it.is_empty());
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Running,
    Frozen(Instant),
    Leaving(Instant),
    Gone,
}

#[derive(Debug)]
struct Member {
    bridge: Bridge,
    settings: Settings,
    name: Option<usize>,
    state: State,
}

/// All members there ever were, by their number.
#[derive(Debug)]
pub(crate) struct Crew {
    settings: Settings,
    members: Vec<Member>,
    kills: u64,
    thaws: u64,
}

impl Crew {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, members: Vec::new(), kills: 0, thaws: 0 }
    }

    pub(crate) fn start(&mut self, kit: &Kit) -> usize {
        let taken = |name| {
            let has = |it: &Member| it.name == Some(name) && it.state != State::Gone;
            self.members.iter().any(has)
        };
        let mut names = 0..=self.members.len();
        let free = names.find(|name| !taken(*name)).expect("there are more names than members");
        let name = kit.fixed.then_some(free);
        let mut settings = self.settings.clone().with(&kit.lines.join("\n"));
        if let Some(name) = name {
            settings = settings.with(&format!("kafka.instance_id = 'pod-{name}'"));
        }
        let (bridge, state) = (settings.start(), State::Running);
        self.members.push(Member { bridge, settings, name, state });
        self.members.len() - 1
    }

    /// Asks it to leave; [`Crew::look`] and [`Crew::wait_gone`] see to it.
    pub(crate) fn stop(&mut self, member: usize) {
        self.members[member].bridge.terminate();
        self.members[member].state = State::Leaving(Instant::now());
    }

    pub(crate) fn kill(&mut self, member: usize) {
        self.kills += 1;
        self.members[member].bridge.kill();
        self.members[member].state = State::Gone;
    }

    pub(crate) fn reload(&mut self, member: usize, change: &Change) {
        let Member { bridge, settings, .. } = &self.members[member];
        // It has read its own file by then, and watches for signals.
        bridge.wait_log(&["probes and metrics are served"]);
        match &change.more {
            None => bridge.write("[[mappings]]\nhub = 'nowhere'"),
            Some(more) => {
                let left = |hub: &str| change.without != Some(hub);
                let settings = settings.clone().with(more).only_hubs(left);
                match change.swapped {
                    true => bridge.swap(&settings),
                    false => bridge.rewrite(&settings),
                }
            }
        }
        bridge.signal(libc::SIGHUP);
    }

    pub(crate) fn freeze(&mut self, member: usize) {
        self.members[member].bridge.signal(libc::SIGSTOP);
        self.members[member].state = State::Frozen(Instant::now());
    }

    pub(crate) fn thaw(&mut self, member: usize) {
        self.thaws += 1;
        self.members[member].bridge.signal(libc::SIGCONT);
        self.members[member].state = State::Running;
    }

    pub(crate) fn thaw_all(&mut self) {
        for member in 0..self.members.len() {
            if matches!(self.members[member].state, State::Frozen(_)) {
                self.thaw(member);
            }
        }
    }

    pub(crate) fn running(&self) -> Vec<usize> {
        let all = 0..self.members.len();
        all.filter(|member| self.members[*member].state == State::Running).collect()
    }

    /// Whether a frozen member's session with the group is over, by the group's clock and some more.
    pub(crate) fn is_outlasted(&self, member: usize) -> bool {
        let frozen = |since: Instant| since.elapsed() > SESSION + SESSION / 4;
        matches!(self.members[member].state, State::Frozen(since) if frozen(since))
    }

    /// Who runs has not ended, and who was asked to leave does so, in time and well.
    #[track_caller]
    pub(crate) fn look(&mut self) {
        for (number, member) in self.members.iter_mut().enumerate() {
            match member.state {
                State::Running => {
                    let code = member.bridge.exit_code();
                    assert_eq!(code, None, "member {number} has ended by itself");
                }
                State::Leaving(since) => {
                    let code = member.bridge.exit_code();
                    let late = code.is_none() && since.elapsed() > PATIENCE;
                    assert!(!late, "member {number} does not leave");
                    assert!(code.is_none_or(|code| code == 0), "member {number} ended: {code:?}");
                    if code.is_some() {
                        member.state = State::Gone;
                    }
                }
                State::Frozen(_) | State::Gone => {}
            }
        }
    }

    /// Waits until everybody who was asked to leave has left.
    #[track_caller]
    pub(crate) fn wait_gone(&mut self) {
        wait_for("members leave", 2 * PATIENCE, || {
            self.look();
            let leaving = |member: &Member| matches!(member.state, State::Leaving(_));
            (!self.members.iter().any(leaving)).then_some(())
        });
    }

    /// How often something happened after which whatever is in flight may come twice; 0 if nothing did.
    pub(crate) fn interruptions(&self) -> u64 {
        let lines = REASONS.iter().chain(&CUTS);
        self.kills + self.thaws + lines.map(|line| self.logged(line)).sum::<u64>()
    }

    /// How often a member died by SIGKILL.
    pub(crate) fn kills(&self) -> u64 {
        self.kills
    }

    /// What members said themselves that explains a duplicate, without a cut connection.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        REASONS.into_iter().filter(|reason| self.logged(reason) > 0).collect()
    }

    /// How often a member would not go on with a partition.
    pub(crate) fn halts(&self) -> u64 {
        self.logged("partition halted")
    }

    fn logged(&self, line: &str) -> u64 {
        self.members.iter().map(|member| member.bridge.logged(line) as u64).sum()
    }

    /// Writes what every member said to a file of its own.
    pub(crate) fn write_logs(&self, to: &Path) {
        for (number, member) in self.members.iter().enumerate() {
            let file = to.join(format!("member-{number}.log"));
            fs::write(file, member.bridge.log()).expect("a writable directory");
        }
    }
}
