use super::*;
use crate::config::sample;

const LINGER: Duration = Duration::from_millis(10);
const WAIT: Duration = Duration::from_millis(9);
const SIZE: u64 = 512 << 10;
const PARTITION: u64 = 256 << 10;
const GATHERS: FetchOrders = FetchOrders { wait: WAIT, bytes: PARTITION / 2 };

/// Gathering, and a clock.
struct Rig {
    gathering: Arc<Gathering>,
    steering: Steering,
    now: Instant,
}

impl Rig {
    fn new(linger: Duration) -> Self {
        Self::with(linger, &[])
    }

    fn with(linger: Duration, client: &[(&str, i64)]) -> Self {
        let mut kafka = sample(|_| {}).kafka;
        for (key, value) in client {
            kafka.client.insert((*key).to_owned(), ClientValue::Integer(*value));
        }
        let gathering = Arc::new(Gathering::new(&kafka, linger));
        let steering = Steering::new(Arc::clone(&gathering), &kafka, PARTITION);
        let mut rig = Self { gathering, steering, now: Instant::now() };
        assert_eq!(rig.look(0, 1), None);
        rig
    }

    /// After a tenth of a second in which answers have come.
    fn look(&mut self, arrivals: u64, brokers: u64) -> Option<FetchOrders> {
        self.now += Duration::from_millis(100);
        (0..arrivals).for_each(|_| self.gathering.arrived());
        self.steering.look(self.now, SIZE, brokers)
    }

    /// After that many seconds with so many answers each.
    fn last(&mut self, seconds: usize, per_second: u64) -> Option<FetchOrders> {
        (0..seconds * 10).filter_map(|_| self.look(per_second / 10, 1)).last()
    }
}

#[test]
fn brokers_gather_while_answers_come_fast_and_no_longer() {
    let mut rig = Rig::new(LINGER);
    assert_eq!(rig.look(100, 1), Some(GATHERS));
    assert_eq!(rig.last(10, 120), None, "these are answers that were gathered");
    assert_eq!(rig.last(1, 0), Some(ALONE), "the first record after a pause comes at once");
    assert_eq!(rig.last(10, 0), None);
    assert_eq!(rig.look(100, 1), Some(GATHERS));
}

#[test]
fn what_comes_seldom_is_not_gathered() {
    let mut rig = Rig::new(LINGER);
    assert_eq!(rig.last(10, 100), None, "there would be 111 fetches a second");
    assert_eq!(rig.last(1, 200), Some(GATHERS));
    assert_eq!(rig.last(10, 90), None);
    assert_eq!(rig.last(3, 50), Some(ALONE));
}

#[test]
fn each_broker_answers_by_itself() {
    let mut rig = Rig::new(LINGER);
    assert_eq!(rig.look(50, 4), None);
    assert_eq!(rig.look(100, 4), Some(GATHERS));
    assert_eq!(rig.look(40, 4), None);
    assert_eq!(rig.gathering.gathered(), WAIT);
}

#[test]
fn linger_is_shared_by_broker_and_lane() {
    let mut rig = Rig::new(LINGER);
    assert_eq!(rig.gathering.gathered(), Duration::ZERO);
    rig.look(100, 1);
    assert_eq!(rig.gathering.gathered(), Duration::from_millis(1), "they were not gathered yet");
    rig.look(11, 1);
    assert_eq!(rig.gathering.gathered(), WAIT);
    rig.look(50, 1);
    assert_eq!(rig.gathering.gathered(), Duration::from_millis(2), "brokers have enough sooner");
    rig.last(2, 0);
    assert_eq!(rig.gathering.gathered(), Duration::ZERO);
}

#[test]
fn who_does_not_linger_waits_for_nobody() {
    for millis in [0, 1, 2] {
        assert_eq!(Rig::new(Duration::from_millis(millis)).last(10, 1000), None);
    }
    let long = Rig::new(Duration::from_secs(10)).last(1, 1000);
    assert_eq!(long, Some(FetchOrders { wait: MOST, ..GATHERS }));
}

#[test]
fn the_word_of_the_operator_counts() {
    for key in KEYS {
        assert_eq!(Rig::with(LINGER, &[(key, 1)]).last(10, 1000), None);
    }
    let mut small = Rig::with(LINGER, &[("max.partition.fetch.bytes", 5000)]);
    assert_eq!(small.look(100, 1), Some(FetchOrders { wait: WAIT, bytes: 2500 }));
}

#[test]
fn what_waits_in_a_broker_already_is_never_held_back() {
    let mut rig = Rig::new(LINGER);
    rig.look(100, 1);
    rig.now += Duration::from_millis(100);
    let told = rig.steering.look(rig.now, 4096, 1);
    assert_eq!(
        told,
        Some(FetchOrders { wait: WAIT, bytes: 2048 }),
        "an answer that is full is enough"
    );
}
