//! Made-up histories of a client and a server, with everything that can happen between them.
//!
//! A seed is a history: what is asked for, how the bytes are cut, what the server refuses, forgets and ends. After each the
//! books are compared: what was taken for stored is, once and in order; what was told not to have left is not; and
//! everything that was asked for has ended with one event.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::faults::{Faults, Plan};

const PARTITIONS: u32 = 4;
const HISTORIES: u64 = 4_000;

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.roll(from.len() as u64) as usize])
    }
}

/// What became of a message, as far as the client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Open,
    Answered(Answer),
    Unsettled { sent: bool },
    Withdrawn,
}

#[derive(Default)]
struct Books {
    sessions: Vec<SessionId>,
    attaching: BTreeSet<LinkId>,
    links: BTreeSet<LinkId>,
    /// By the order in which they were asked for.
    names: BTreeMap<LinkId, usize>,
    messages: BTreeMap<DeliveryId, (LinkId, String, Fate)>,
    ended: BTreeSet<LinkId>,
    closed: bool,
}

impl Books {
    fn hear(&mut self, event: Event) {
        assert!(!self.closed, "{event:?} after the end");
        match event {
            Event::Opened => {}
            Event::Begun(session) => self.sessions.push(session),
            Event::Attached { link, .. } => {
                assert!(self.attaching.remove(&link));
                self.links.insert(link);
            }
            Event::Settled { link, delivery, answer } => {
                self.over(link, delivery, Fate::Answered(answer));
            }
            Event::Unsettled { link, delivery, sent } => {
                self.over(link, delivery, Fate::Unsettled { sent });
            }
            Event::Received { .. } => panic!("nobody sends"),
            Event::Detached { link, .. } => {
                assert!(self.attaching.remove(&link) || self.links.remove(&link));
                assert!(self.ended.insert(link));
                let open =
                    |(of, _, fate): &&(LinkId, String, Fate)| *of == link && *fate == Fate::Open;
                assert_eq!(self.messages.values().find(open), None, "open on an ended link");
            }
            Event::Ended { session, .. } => {
                self.sessions.retain(|known| *known != session);
                assert!(self.links.iter().all(|link| link.session() != session));
            }
            Event::Closed(_) => self.closed = true,
        }
    }

    fn over(&mut self, link: LinkId, delivery: DeliveryId, fate: Fate) {
        let known = self.messages.get_mut(&delivery).expect("a message that was sent");
        assert_eq!((known.0, &known.2), (link, &Fate::Open), "told twice: {fate:?}");
        known.2 = fate;
    }

    /// What was told, beside what the hub holds.
    fn audit(&self, namespace: &Namespace) {
        let mut stored = BTreeMap::new();
        for partition in 0..PARTITIONS {
            let mut last = BTreeMap::new();
            for id in ids(namespace, partition) {
                let (link, number) = id.split_once('/').unwrap();
                let number: u64 = number.parse().unwrap();
                let before = last.insert(link.to_owned(), number);
                assert!(before < Some(number), "{id} is stored after {before:?}");
                *stored.entry(id).or_insert(0) += 1;
            }
        }
        for (_, id, fate) in self.messages.values() {
            let copies = stored.get(id).copied().unwrap_or(0);
            match fate {
                Fate::Open => panic!("{id} never ended"),
                Fate::Answered(Answer::Accepted) => assert_eq!(copies, 1, "{id} was accepted"),
                Fate::Unsettled { sent: true } => assert!(copies <= 1, "{id}"),
                other => assert_eq!(copies, 0, "{id}: {other:?}"),
            }
        }
    }
}

fn fault(dice: &mut Dice, plan: Plan<'_>) {
    let plan = plan.partition(dice.roll(PARTITIONS.into()) as u32).times(1 + dice.roll(3));
    match dice.roll(11) {
        0 => plan.released(),
        1 => plan.modified(),
        2 => plan.server_busy(),
        3 => plan.rejected_without_reason(),
        4 => plan.forget_ack(),
        5 => plan.corrupt_ack(),
        6 => plan.drop_before_store(),
        7 => plan.drop_after_store(),
        8 => plan.refuse_attach("amqp:not-found"),
        9 => plan.detach("amqp:link:detach-forced"),
        _ => plan.delay_ack(Duration::from_millis(dice.roll(300))),
    };
}

fn act(dice: &mut Dice, line: &mut Line, books: &mut Books) {
    let links: Vec<LinkId> = books.links.iter().copied().collect();
    match dice.roll(40) {
        0 => drop(line.client.begin()),
        1..=4 => {
            let Some(session) = dice.pick(&books.sessions) else { return };
            let partition = dice.roll(u64::from(PARTITIONS)) as u32;
            let (name, address) =
                (books.names.len().to_string(), format!("orders/Partitions/{partition}"));
            let attach = Attach { name: &name, address: &address, own: "", receives: None };
            if let Some(link) = line.client.attach(session, &attach) {
                books.attaching.insert(link);
                books.names.insert(link, books.names.len());
            }
        }
        5..=30 => {
            let Some(link) = dice.pick(&links) else { return };
            let id = format!("{}/{}", books.names[&link], books.messages.len());
            let size = [3, 200, 3_000][dice.roll(3) as usize];
            if let Some(delivery) = line.client.send(link, payload(&id, size), 0) {
                books.messages.insert(delivery, (link, id, Fate::Open));
            }
        }
        31 => {
            let open = books.messages.iter().filter(|(_, (_, _, fate))| *fate == Fate::Open);
            let open: Vec<_> = open.map(|(delivery, (link, ..))| (*delivery, *link)).collect();
            let Some((delivery, link)) = dice.pick(&open) else { return };
            if line.client.withdraw(link, delivery) {
                books.over(link, delivery, Fate::Withdrawn);
            }
        }
        32 => {
            if let Some(link) = dice.pick(&links) {
                line.client.detach(link);
            }
        }
        33 if dice.roll(4) == 0 => {
            if let Some(session) = dice.pick(&books.sessions) {
                line.client.end(session);
            }
        }
        34 if dice.roll(3) == 0 => {
            line.server.detach_where(|_| Some(crate::Condition::detach_forced()));
        }
        35 | 36 => {
            let book = Arc::clone(&line.namespace.faults);
            let (registry, namespace) = (&line.namespace.registry, "default");
            fault(dice, Faults { book: &book, registry, namespace }.hub("orders"));
        }
        _ => line.settle(),
    }
}

/// Plays a history. Gives how many messages were accepted.
fn play(seed: u64, harm: impl Fn(&mut Dice, &mut Line)) -> (Line, Books) {
    let mut dice = Dice(seed);
    let namespace = namespace(|_, settings| {
        settings.channel_max = [0, 1, 9][dice.roll(3) as usize];
        settings.handle_max = [0, 2, 40][dice.roll(3) as usize];
    });
    let mut settings = Line::settings();
    settings.max_frame = [512, 1_000, 65_536][dice.roll(3) as usize];
    let mut line = Line::new(&namespace, settings);
    let mut books = Books::default();
    if dice.roll(8) > 0 {
        line.settle();
        line.client.begin();
    }
    for _ in 0..60 + dice.roll(100) {
        match dice.roll(8) {
            0..=2 => act(&mut dice, &mut line, &mut books),
            3 => drop(line.write(1 + dice.roll(4_000) as usize)),
            4 => drop(line.reach(1 + dice.roll(4_000) as usize)),
            5 => drop(line.come(1 + dice.roll(400) as usize)),
            6 => line.wait(Duration::from_millis(dice.roll(200))),
            _ => line.settle(),
        }
        harm(&mut dice, &mut line);
        line.take().into_iter().for_each(|event| books.hear(event));
        if line.server.fate() != super::super::super::Fate::Running {
            break;
        }
    }
    (line, books)
}

#[test]
fn every_history_keeps_the_books() {
    let mut accepted = 0;
    for seed in 0..HISTORIES {
        let (mut line, mut books) = play(seed, |_, _| {});
        // Half of them end well, the others where they are.
        if seed % 2 == 0 && line.server.fate() == super::super::super::Fate::Running {
            line.settle();
            line.wait(Duration::from_secs(1));
            line.client.close();
            line.settle();
        }
        line.client.lost("the wire was cut");
        line.hear();
        line.take().into_iter().for_each(|event| books.hear(event));
        assert!(books.closed && books.links.is_empty() && books.attaching.is_empty(), "{seed}");
        // What is on its way may still arrive.
        line.reach(usize::MAX);
        books.audit(&line.namespace);
        let good =
            |(_, _, fate): &&(LinkId, String, Fate)| *fate == Fate::Answered(Answer::Accepted);
        accepted += books.messages.values().filter(good).count();
    }
    assert!(accepted as u64 > 5 * HISTORIES, "only {accepted} messages were accepted");
}

#[test]
fn a_peer_whose_bytes_are_wrong_harms_nobody() {
    for seed in 0..HISTORIES {
        let (mut line, _) = play(seed, |dice, line| {
            let length = line.down.len() as u64;
            if length == 0 || dice.roll(12) > 0 {
                return;
            }
            let (at, with) = (dice.roll(length) as usize, dice.roll(256) as u8);
            match dice.roll(3) {
                0 => line.down[at] = with,
                1 => line.down.truncate(at),
                _ => line.down.rotate_left(at),
            }
        });
        line.client.lost("cut");
        assert!(line.client.is_over(), "{seed}");
        assert!(line.client.deadline().is_none());
    }
}
