use proptest::prelude::*;

use super::*;

const MILLI: Duration = Duration::from_millis(1);

/// A namespace, lanes that always have a batch, and time in milliseconds.
struct Rig {
    governor: Governor,
    seats: Vec<GovernedLane>,
    /// When each lane is due, or answered.
    due: Vec<Instant>,
    flying: Vec<bool>,
    weight: f64,
    /// What the namespace takes in a second, and what is left of it.
    rate: f64,
    left: f64,
    now: Instant,
    /// Who left, and in which millisecond.
    log: Vec<(u128, usize)>,
    began: Instant,
    refused: usize,
    /// Whether the governor is asked all the time.
    eager: bool,
}

impl Rig {
    fn new(lanes: usize, weight: f64, rate: f64, eager: bool) -> Self {
        let now = Instant::now();
        Self {
            governor: Governor::default(),
            seats: (0..lanes).map(|lane| GovernedLane::new(lane % 2)).collect(),
            due: (0..lanes as u32).map(|lane| now + MILLI * (lane * 7 % 40)).collect(),
            flying: vec![false; lanes],
            weight,
            rate,
            left: rate,
            now,
            log: Vec::new(),
            began: now,
            refused: 0,
            eager,
        }
    }

    fn play(&mut self, millis: u32) {
        for _ in 0..millis {
            self.now += MILLI;
            self.left = (self.left + self.rate / 1_000.0).min(self.rate);
            for lane in 0..self.seats.len() {
                if self.due[lane] <= self.now && !self.seats[lane].waits() {
                    self.turn(lane);
                }
            }
            for lane in self.governor.ends(self.now).into_iter().flatten() {
                self.seats[lane].called();
            }
            while (self.eager || self.governor.deadline().is_some_and(|at| at <= self.now))
                && let Some(lane) = self.governor.call(self.now)
            {
                self.seats[lane].called();
                self.leave(lane);
            }
        }
    }

    fn turn(&mut self, lane: usize) {
        if std::mem::take(&mut self.flying[lane]) {
            let seat = &mut self.seats[lane];
            if self.left > 0.0 {
                self.left -= self.weight;
                self.governor.taken(seat, self.weight, self.now);
            } else {
                self.refused += 1;
                self.governor.refused(seat, self.now);
                // Between four and five seconds, as good as random.
                self.due[lane] = self.now + MILLI * (4_000 + (self.refused * 617 % 1_000) as u32);
            }
        } else if self.governor.governs(&self.seats[lane]) {
            self.governor.wait(lane, &mut self.seats[lane], self.now);
        } else {
            self.leave(lane);
        }
    }

    fn leave(&mut self, lane: usize) {
        self.governor.left(&mut self.seats[lane], self.weight, self.now);
        self.flying[lane] = true;
        self.due[lane] = self.now + 9 * MILLI;
        self.log.push((self.now.duration_since(self.began).as_millis(), lane));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(usize),
    Leave(usize),
    Call,
    Refused(usize),
    Taken(usize),
    Time(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let lane = || 0..9usize;
    prop_oneof![
        4 => lane().prop_map(Step::Wait), 1 => lane().prop_map(Step::Leave), 4 => Just(Step::Call),
        2 => lane().prop_map(Step::Refused), 2 => lane().prop_map(Step::Taken), 3 => (1..3_000u32).prop_map(Step::Time),
    ]
}

proptest! {
    #[test]
    fn the_line_is_a_list(steps in prop::collection::vec(step(), 1..300)) {
        let (mut governor, mut list, mut now) = (Governor::default(), Vec::<Turn>::new(), Instant::now());
        let lanes = |list: &[Turn]| list.iter().map(|(_, _, lane)| *lane).collect::<Vec<_>>();
        let mut seats: Vec<_> = (0..9).map(|lane| GovernedLane::new(lane / 4)).collect();
        for step in steps {
            match step {
                Step::Wait(lane) => {
                    if governor.governs(&seats[lane]) && !seats[lane].waits() {
                        let refused = governor.refusal(&seats[lane]).filter(|_| !seats[lane].taken);
                        let probing = governor.standing().is_some_and(|(rate, _)| rate == 0);
                        let since = refused.map_or(now, |refused| refused.at);
                        list.push((!probing || refused.is_some(), since, lane));
                        list.sort();
                        governor.wait(lane, &mut seats[lane], now);
                    }
                }
                Step::Leave(lane) => {
                    governor.leave_line(&mut seats[lane]);
                    list.retain(|it| it.2 != lane);
                }
                Step::Call => {
                    let due = governor.deadline();
                    prop_assert_eq!(due.is_some(), !list.is_empty());
                    let called = governor.call(now);
                    prop_assert!(called.is_none() || due.is_some_and(|at| at <= now), "not before it is due");
                    if let Some(lane) = called {
                        seats[lane].called();
                        prop_assert_eq!(lane, list.remove(0).2);
                        governor.left(&mut seats[lane], 1e5, now);
                    }
                }
                Step::Refused(lane) => if !seats[lane].waits() {
                    governor.refused(&mut seats[lane], now);
                    prop_assert!(governor.governs(&seats[lane]));
                },
                Step::Taken(lane) => if !seats[lane].waits() {
                    governor.taken(&mut seats[lane], 1e5, now);
                },
                Step::Time(millis) => {
                    now += MILLI * millis;
                    if let Some(free) = governor.ends(now) {
                        prop_assert_eq!(&free, &lanes(&list));
                        list.clear();
                        for lane in free {
                            seats[lane].called();
                        }
                        prop_assert!(seats.iter().all(|seat| !governor.governs(seat)), "all are free");
                    }
                }
            }
            prop_assert_eq!(&governor.line(), &lanes(&list));
        }
    }

    #[test]
    fn who_asks_when_it_is_due_sees_what_one_sees_who_asks_all_the_time(
        lanes in 1..20usize, weight in 2_000.0..300_000.0f64, rate in 20_000.0..2e6f64,
    ) {
        let [eager, lazy] = [true, false].map(|eager| {
            let mut rig = Rig::new(lanes, weight, rate, eager);
            rig.play(20_000);
            rig.log
        });
        prop_assert_eq!(eager, lazy);
    }

    #[test]
    fn five_seconds_after_the_trouble_everybody_has_left(
        lanes in 1..100usize, weight in 2_000.0..1e6f64, rate in 1.0..5e6f64, millis in 0..40_000u32,
        outage in 0..10_000u32,
    ) {
        let mut rig = Rig::new(lanes, weight, rate, false);
        rig.play(millis);
        (rig.rate, rig.left) = (0.0, 0.0);
        rig.play(outage);
        (rig.rate, rig.left) = (1e18, 1e18);
        let (before, end) = (rig.log.len(), rig.now);
        rig.play(5_000);
        for lane in 0..lanes {
            let left = rig.log[before..].iter().any(|(_, it)| *it == lane);
            prop_assert!(left, "lane {lane} still waits after {:?}", rig.now - end);
        }
    }

    #[test]
    fn lanes_share_what_there_is(lanes in 8..40usize, weight in 5_000.0..50_000.0f64, rate in 5e5..3e6f64) {
        let mut rig = Rig::new(lanes, weight, rate, false);
        rig.play(15_000);
        let (begin, refused) = (rig.log.len(), rig.refused);
        rig.play(60_000);
        let (sent, refused) = (rig.log.len() - begin, rig.refused - refused);
        let share = (sent - refused) as f64 * weight / (60.0 * rate);
        prop_assert!(share > 0.85, "{share} of what the namespace takes");
        prop_assert!(refused * 5 < sent, "{refused} of {sent} are refused");
        let mut each = vec![0; lanes];
        rig.log[begin..].iter().for_each(|(_, lane)| each[*lane] += 1);
        let (least, most) = (each.iter().min().unwrap(), each.iter().max().unwrap());
        // Who is refused waits for four seconds, which may be one more often than another.
        prop_assert!(*most <= 3 * *least, "{each:?}");
    }
}

#[test]
fn one_that_was_never_refused_is_free_and_so_is_everybody_in_the_end() {
    let (mut governor, now) = (Governor::default(), Instant::now());
    let mut seats = [GovernedLane::new(0), GovernedLane::new(1)];
    for seat in &mut seats {
        governor.left(seat, 1.0, now);
    }
    assert!(governor.refused(&mut seats[0], now), "it begins");
    assert!(!governor.refused(&mut seats[0], now + MILLI), "once");
    assert!(governor.governs(&seats[0]) && !governor.governs(&seats[1]));
    assert_eq!(governor.deadline(), None, "nobody waits");
    assert_eq!(QUIET, Duration::from_secs(20), "as `delivery.md` says");
    governor.wait(0, &mut seats[0], now + MILLI);
    assert_eq!(governor.ends(now + QUIET), None);
    assert_eq!(governor.ends(now + MILLI + QUIET), Some(vec![0]));
    assert!(!governor.governs(&seats[0]));
    assert_eq!(governor.standing(), None);
    assert!(governor.refused(&mut seats[1], now + 2 * QUIET), "and it begins anew");
    assert!(!governor.governs(&seats[0]), "without those of the last time");
}

#[test]
fn what_was_taken_long_ago_is_no_rate() {
    let (mut governor, mut seat, now) = (Governor::default(), GovernedLane::new(0), Instant::now());
    governor.taken(&mut seat, 1e6, now);
    assert!(governor.refused(&mut seat, now + Duration::from_hours(1)));
    assert_eq!(governor.standing(), Some((0, 0)), "so it is tried");
    let second = Duration::from_secs(1);
    let mut other = Governor::default();
    other.taken(&mut seat, 1e6, now);
    other.refused(&mut seat, now + second);
    assert_eq!(other.standing(), Some((425_000, 0)), "in two seconds, less 15 %");
}

#[test]
fn while_everything_is_refused_one_tries_at_a_time() {
    let mut rig = Rig::new(60, 20_000.0, 1e18, false);
    rig.play(1_000);
    (rig.rate, rig.left) = (0.0, 0.0);
    // Everybody runs into it once, and some once more.
    rig.play(10_000);
    let before = rig.log.len();
    rig.play(60_000);
    let tries = rig.log.len() - before;
    assert!((50..=61).contains(&tries), "{tries} tries in a minute");
}

#[test]
fn a_lane_that_is_always_refused_does_not_slow_the_others() {
    let mut rig = Rig::new(8, 20_000.0, 1e6, false);
    rig.play(20_000);
    // From now on there is no limit but for the first four.
    let rate_of_others = |rig: &mut Rig| {
        let begin = rig.log.len();
        for _ in 0..10_000 {
            rig.rate = 1e18;
            rig.left = 1e18;
            for lane in 0..4 {
                if rig.flying[lane] && rig.due[lane] <= rig.now + MILLI {
                    rig.flying[lane] = false;
                    rig.governor.refused(&mut rig.seats[lane], rig.now + MILLI);
                    rig.due[lane] = rig.now + 4_500 * MILLI;
                }
            }
            rig.play(1);
        }
        rig.log[begin..].iter().filter(|(_, lane)| *lane >= 4).count()
    };
    rate_of_others(&mut rig);
    rate_of_others(&mut rig);
    let sent = rate_of_others(&mut rig);
    assert!(sent > 4 * 900, "{sent} instead of one every ten milliseconds each");
}
