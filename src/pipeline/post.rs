//! Dead letters that are sent again: each is read in its topic, and goes as the record that it was to the hub that was to have it.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use bridge_core::{Admitted, Core};

use crate::config::{Config, Holds};
use crate::kafka::Opened;
use crate::record::{Read, Record};
use crate::repeats::Repeats;

/// A letter that was sent again and refused again lies in one of ours: so often, at most, it is looked for what it was first.
const DEPTH: usize = 64;
/// More kinds of letters that go nowhere are not told apart.
const KINDS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Post {
    /// The ways of the records of a topic.
    ways: HashMap<String, Vec<LetterRoute>>,
    /// The topics that letters lie in.
    own: BTreeSet<String>,
    said: Repeats<String, KINDS>,
}

#[derive(Debug)]
struct LetterRoute {
    /// The mapping, by its place in the configuration.
    mapping: usize,
    /// As the mapping says it, which is what a letter names that chose none, and by their names.
    hubs: BTreeSet<String>,
    namespace: String,
}

/// What a letter was, and by which mappings it goes.
struct Sorted<'a> {
    record: Record<'a>,
    by: Vec<usize>,
}

impl Post {
    /// Of a configuration that sends letters again.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let letters = config.replay.as_ref()?.letters.as_ref()?;
        let mut ways: HashMap<String, Vec<LetterRoute>> = HashMap::new();
        for (mapping, (it, topic)) in config.mappings.iter().zip(letters).enumerate() {
            let hubs = it.hubs().iter().chain([&it.hub]).cloned().collect();
            let way = LetterRoute { mapping, hubs, namespace: it.namespace.clone() };
            ways.entry(topic.clone()).or_default().push(way);
        }
        let own = crate::route::named_topics(&config.mappings).map(str::to_owned).collect();
        Some(Self { ways, own, said: Repeats::default() })
    }

    /// Hands a letter on. One that has no way is passed over, and stays where it lies.
    pub(super) fn hand_on(
        &mut self,
        core: &mut Core,
        letter: &Record<'_>,
        now: Instant,
    ) -> Admitted {
        match self.sort(letter) {
            Ok(Sorted { record, by }) => {
                let at = Read { by: Some(&by), ..Read::of(letter) };
                core.admit_read(&at, &record, now)
            }
            Err(why) => {
                let at = Read { by: Some(&[]), ..Read::of(letter) };
                let admitted = core.admit_read(&at, letter, now);
                if admitted == Admitted::Taken
                    && let Some(repeated) = self.said.may_say(&why, now)
                {
                    let (topic, partition, offset) = (at.topic, at.partition, at.offset);
                    let repeated = (repeated > 0).then_some(repeated);
                    tracing::warn!(
                        topic,
                        partition,
                        offset,
                        repeated,
                        "a dead letter is skipped: {why}"
                    );
                }
                admitted
            }
        }
    }

    fn sort<'a>(&self, letter: &Record<'a>) -> Result<Sorted<'a>, String> {
        let Some(first) = Opened::of(letter) else {
            return Err("it is not a dead letter of a bridge".to_owned());
        };
        // The first bridges did not name the hub, those that sent it again did.
        let (mut opened, mut hub) = (first, first.origin.hub);
        for _ in 0..DEPTH {
            if !self.own.contains(opened.origin.topic) {
                break;
            }
            let Some(inner) = Opened::of(&opened.record) else { break };
            opened = inner;
            hub = hub.or(inner.origin.hub);
        }
        let topic = opened.origin.topic;
        if opened.origin.holds == Holds::Place {
            return Err(format!(
                "it holds no record, only its place: send it by `replay` of topic `{topic}` from there"
            ));
        }
        let meant = |way: &&LetterRoute| {
            hub.is_none_or(|(hub, namespace)| way.hubs.contains(hub) && way.namespace == namespace)
        };
        let ways = self.ways.get(topic).into_iter().flatten().filter(meant);
        let by = ways.map(|way| way.mapping).collect::<Vec<_>>();
        if by.is_empty() {
            return Err(match hub {
                Some((hub, _)) => {
                    format!("no selected mapping sends topic `{topic}` to hub `{hub}`")
                }
                None => format!("no selected mapping reads topic `{topic}`"),
            });
        }
        Ok(Sorted { record: opened.record, by })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bridge_core::fork::{Choice, Choose, NoHub};

    use super::*;
    use crate::config::{self, Topics};
    use crate::record::Header;

    fn post() -> Post {
        let config = config::sample(|config| {
            let named = |name: &str| Topics::Named(vec![name.to_owned()]);
            let mut other = config.mappings[0].clone();
            config.mappings[0].topics = named("dead");
            config.mappings[0].hub = "one".to_owned();
            other.topics = named("dead");
            other.hub = "two".to_owned();
            config.mappings.push(other);
            let letters = Some(vec!["orders".to_owned(), "orders".to_owned()]);
            config.replay = Some(config::Replay { letters, ..config::Replay::default() });
        });
        Post::of(&config).unwrap()
    }

    fn with<T>(headers: &[(&str, &str)], look: impl FnOnce(&Record<'_>) -> T) -> T {
        let headers = headers
            .iter()
            .map(|(name, value)| Header { name: name.as_bytes(), value: Some(value.as_bytes()) });
        let headers = headers.collect::<Vec<_>>();
        look(&Record {
            topic: "dead",
            partition: 0,
            offset: 7,
            timestamp: None,
            key: None,
            value: None,
            headers: &headers,
        })
    }

    const LETTER: [(&str, &str); 4] = [
        ("bridge_reason", "refused"),
        ("bridge_topic", "orders"),
        ("bridge_partition", "3"),
        ("bridge_offset", "17"),
    ];

    #[derive(Debug)]
    struct Unasked;

    impl Choose for Unasked {
        fn hub(&self, _: &Record<'_>) -> Result<Vec<u8>, NoHub> {
            panic!("the core asks")
        }
    }

    /// Of a mapping that chooses, a letter names a hub that was chosen, or how it was to be.
    #[test]
    fn a_letter_of_a_mapping_that_chooses_goes_by_it_again() {
        let config = config::sample(|config| {
            let mapping = &mut config.mappings[0];
            mapping.hub = "tenant-{key}".to_owned();
            mapping.choice = Some(Choice {
                written: "key".into(),
                by: Arc::new(Unasked),
                hubs: vec!["tenant-a".to_owned(), "tenant-b".to_owned()],
            });
            let letters = Some(vec!["orders".to_owned()]);
            config.replay = Some(config::Replay { letters, ..config::Replay::default() });
        });
        let post = Post::of(&config).unwrap();
        let goes = |hub: &str| {
            let letter = [&LETTER[..], &[("bridge_hub", hub), ("bridge_namespace", "default")]];
            with(&letter.concat(), |letter| post.sort(letter).map(|it| it.by))
        };
        for hub in ["tenant-{key}", "tenant-a", "tenant-b"] {
            assert_eq!(goes(hub), Ok(vec![0]), "{hub}");
        }
        assert!(goes("tenant-c").is_err() && goes("tenant-{topic}").is_err());
    }

    #[test]
    fn a_letter_goes_to_the_hub_that_was_to_have_it_however_often_it_came_back() {
        let post = post();
        let sorted = |headers: &[(&str, &str)]| {
            with(headers, |letter| {
                let Sorted { record, by } = post.sort(letter)?;
                Ok::<_, String>((
                    record.topic.to_owned(),
                    record.partition,
                    record.offset,
                    record.headers.len(),
                    by,
                ))
            })
        };
        let of = |own: usize, by: &[usize]| Ok(("orders".to_owned(), 3, 17, own, by.to_vec()));
        let hub = [("bridge_hub", "two"), ("bridge_namespace", "default")];
        assert_eq!(sorted(&LETTER), of(0, &[0, 1]), "of a bridge that did not say the hub");
        let letter = [&[("own", "1")][..], &LETTER, &hub].concat();
        assert_eq!(sorted(&letter), of(1, &[1]));
        let mut again = LETTER;
        (again[1].1, again[2].1, again[3].1) = ("dead", "0", "5");
        assert_eq!(sorted(&[&letter[..], &again, &hub].concat()), of(1, &[1]));
        assert_eq!(sorted(&[&LETTER[..], &again, &hub].concat()), of(0, &[1]));
        let mut other = LETTER;
        other[1].1 = "invoices";
        for (letter, why) in [
            (vec![("own", "1")], "not a dead letter"),
            ([&LETTER[..], &hub, &[("bridge_holds", "place")]].concat(), "only its place"),
            (other.to_vec(), "reads topic `invoices`"),
            ([&LETTER[..], &[("bridge_hub", "gone"), hub[1]]].concat(), "to hub `gone`"),
        ] {
            let said = sorted(&letter).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
