//! Reading back: what a reader gets of a hub, from where it begins, and what it does about a peer that goes away.

use eventhubs_local::Rights;
use kafka_eventhubs_bridge::eventhubs::reader::{
    DEFAULT_GROUP, HubEvent, Property, ReadError, ReadFrom, ReadRequest, ReaderEvent,
};
use tokio::time::timeout;

use super::*;

/// Events of each partition.
const EVENTS: usize = 3_000;

fn reading(partition: u32, start: ReadFrom, until: Option<i64>) -> ReadRequest {
    let (hub, group) = ("orders".to_owned(), DEFAULT_GROUP.to_owned());
    ReadRequest { hub, group, partition: partition.to_string(), start, until }
}

fn body(partition: u32, number: usize) -> String {
    // Some are of several frames.
    let filler = if number.is_multiple_of(500) { 150_000 } else { number % 90 };
    format!("{partition}-{number}-{}", "x".repeat(filler))
}

impl World {
    fn filled(partitions: u32) -> Self {
        let world = Self::new();
        for partition in 0..partitions {
            let lane = world.lane(&partition.to_string());
            for first in (0..EVENTS).step_by(500) {
                let bodies: Vec<_> =
                    (first..first + 500).map(|number| body(partition, number)).collect();
                let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
                assert_eq!(lane.send(batch(&bodies)), Ok(()));
            }
        }
        world
    }

    /// All that a reader gives, which has to end by itself.
    fn read(&self, what: ReadRequest) -> Result<Vec<HubEvent>, ReadError> {
        self.read_by(&self.server.connection_string(), what)
    }

    fn read_by(&self, string: &str, what: ReadRequest) -> Result<Vec<HubEvent>, ReadError> {
        let mut reader = self.namespace(string).reader(what);
        let all = async {
            let mut all = Vec::new();
            loop {
                match reader.events().await {
                    Ok(events) if events.is_empty() => return Ok(all),
                    Ok(events) => all.extend(events),
                    Err(error) => return Err(error),
                }
            }
        };
        self.runtime.block_on(async { timeout(PATIENCE, all).await.expect("it ends") })
    }
}

fn numbers(events: &[HubEvent]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

fn is(event: &HubEvent, partition: u32, number: usize) {
    assert_eq!(event.sequence, number as i64, "each once, in order");
    assert_eq!(event.body.bytes(), Some(body(partition, number).as_bytes()));
}

#[test]
fn many_partitions_are_read_whole_though_the_connection_is_cut() {
    let world = World::filled(3);
    let namespace = world.namespace(&world.server.connection_string());
    let last = Some(EVENTS as i64 - 1);
    let what = (0..3).map(|partition| reading(partition, ReadFrom::Earliest, last)).collect();
    let mut seen = [0usize; 3];
    let mut ended = 0;
    let mut cuts = 0;
    let all = async {
        let mut many = namespace.read_all(what, 2);
        while let Some((partition, told)) = many.next().await {
            match told {
                ReaderEvent::Events(events) => {
                    for event in &events {
                        is(event, partition as u32, seen[partition]);
                        seen[partition] += 1;
                    }
                }
                ReaderEvent::Ended => ended += 1,
                ReaderEvent::Failed(error) => panic!("partition {partition}: {error}"),
            }
            if seen.iter().sum::<usize>() > (cuts + 1) * EVENTS / 2 && cuts < 4 {
                cuts += 1;
                let faults = world.server.faults();
                if cuts % 2 == 0 {
                    faults.hub("orders").detach_links("amqp:link:detach-forced");
                } else {
                    faults.drop_connections();
                }
            }
        }
    };
    world.runtime.block_on(async { timeout(PATIENCE * 3, all).await.expect("it ends") });
    assert_eq!((seen, ended, cuts), ([EVENTS; 3], 3, 4));
}

#[test]
fn an_event_is_read_with_all_that_its_sender_wrote() {
    let world = World::new();
    assert_eq!(world.lane("2").send(batch(&["a", "b"])), Ok(()));
    let stored = world.server.hub("orders").partition(2).events();
    let events = world.read(reading(2, ReadFrom::Earliest, Some(1))).unwrap();
    assert_eq!(numbers(&events), [0, 1]);
    for (event, stored) in events.iter().zip(&stored) {
        assert_eq!(event.offset, stored.offset());
        assert_eq!(event.enqueued_ms, stored.enqueued_ms());
        assert_eq!(event.key.as_deref(), Some("k1"));
        assert_eq!(event.message_id.as_deref(), Some("orders/1/7"));
        assert_eq!(event.property("kafka_offset"), Some(&Property::Number(7)));
        assert_eq!(event.property("kafka_timestamp"), Some(&Property::Time(1_700_000_000_000)));
        assert_eq!(event.body.bytes(), stored.body().as_deref());
    }
}

#[test]
fn reading_begins_at_a_number_or_a_time_and_ends_where_it_is_to() {
    let world = World::filled(1);
    let from = |start, until| world.read(reading(0, start, Some(until))).unwrap();
    assert_eq!(
        numbers(&from(ReadFrom::Sequence(2_990), 2_999)),
        (2_990..3_000).collect::<Vec<_>>()
    );
    assert_eq!(numbers(&from(ReadFrom::Sequence(7), 9)), [7, 8, 9]);
    assert_eq!(numbers(&from(ReadFrom::Sequence(7), 6)), [0; 0], "nothing is to be read");
    let stored = world.server.hub("orders").partition(0).events();
    let middle = stored[1_700].enqueued_ms();
    let expected: Vec<i64> = stored
        .iter()
        .filter(|event| event.enqueued_ms() >= middle)
        .map(eventhubs_local::Event::sequence)
        .collect();
    assert_eq!(numbers(&from(ReadFrom::Enqueued(middle), 2_999)), expected);
    let late = stored[2_999].enqueued_ms() + 1;
    assert_eq!(numbers(&from(ReadFrom::Enqueued(late), 2_999)), [0; 0], "none is as late");
}

#[test]
fn how_far_a_partition_reaches_is_told() {
    let world = World::new();
    assert_eq!(world.lane("1").send(batch(&["a", "b", "c"])), Ok(()));
    let namespace = world.namespace(&world.server.connection_string());
    let ask = |partition: &str| world.runtime.block_on(namespace.partition("orders", partition));
    let full = ask("1").unwrap();
    let stored = &world.server.hub("orders").partition(1).events()[2];
    assert_eq!((full.first_sequence, full.last_sequence, full.is_empty), (0, 2, false));
    assert_eq!(full.last_offset, stored.offset());
    assert_eq!(full.last_enqueued_ms, stored.enqueued_ms());
    let empty = ask("0").unwrap();
    assert!(empty.is_empty);
    assert_eq!(empty.last_sequence, -1);
    assert!(ask("9").is_err());
    let nothing = world.read(reading(0, ReadFrom::Earliest, Some(5))).unwrap();
    assert!(nothing.is_empty(), "an empty partition ends at once");
}

#[test]
fn a_reader_without_an_end_gets_what_is_stored_later() {
    let world = World::new();
    let lane = world.lane("0");
    assert_eq!(lane.send(batch(&["a"])), Ok(()));
    let namespace = world.namespace(&world.server.connection_string());
    let mut reader = namespace.reader(reading(0, ReadFrom::Earliest, None));
    let mut next = || {
        let events = world.runtime.block_on(async { timeout(PATIENCE, reader.events()).await });
        numbers(&events.expect("in time").unwrap())
    };
    assert_eq!(next(), [0]);
    assert_eq!(lane.send(batch(&["b", "c"])), Ok(()));
    let mut seen = next();
    if seen.len() < 2 {
        seen.extend(next());
    }
    assert_eq!(seen, [1, 2]);
    world.server.stop();
    world.server.restart().unwrap();
    lane.send_until_accepted(batch(&["d"]));
    assert_eq!(next(), [3], "after the last one that was read");
}

#[test]
fn what_cannot_be_read_is_told_by_what_is_to_be_done() {
    let server = Server::builder()
        .hub("orders", 2)
        .consumer_group("orders", "known")
        .key("RootManageSharedAccessKey", "right")
        .limited_key(None, "sender", "key", Rights::SEND)
        .start()
        .unwrap();
    let world = World::with(server);
    assert_eq!(world.lane("0").send(batch(&["a"])), Ok(()));
    let read = |what| world.read(what).unwrap_err();
    let all = || reading(0, ReadFrom::Earliest, Some(0));
    let missing = read(ReadRequest { hub: "nowhere".to_owned(), ..all() });
    assert!(matches!(missing, ReadError::NotFound(_)), "{missing}");
    let missing = read(ReadRequest { group: "nobody".to_owned(), ..all() });
    assert!(matches!(missing, ReadError::NotFound(_)), "{missing}");
    let sender = world.server.connection_string();
    let sender = sender.replace("RootManageSharedAccessKey", "sender").replace("right", "key");
    let refused = world.read_by(&sender, all()).unwrap_err();
    let ReadError::Unauthorized(why) = refused else { panic!("{refused}") };
    assert!(why.contains("give the key `sender` the `Listen` right on"), "{why}");
    world.server.faults().everywhere().times(1).refuse_attach("amqp:link:stolen");
    let occupied = read(all());
    assert!(matches!(occupied, ReadError::Occupied(_)), "{occupied}");
    assert_eq!(numbers(&world.read(all()).unwrap()), [0], "and then it is let in");
}
