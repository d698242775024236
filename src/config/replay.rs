//! The configuration of a replay: what a bridge has, in a group of its own, of some of its topics and mappings.

use std::collections::BTreeSet;

use super::{ClientValue, Config, Delivery, Mapping, OutOfRange, Policy, Replay, Start, Topics};

/// The session of a replay, in milliseconds, where nobody says another: whoever goes on after a crash waits for its end.
const SESSION: i64 = 10_000;

impl Config {
    /// The same for a replay in the group `group`.
    ///
    /// Its positions are committed before it begins. Where one is not in the log any more, what is left is sent: to pass over it, or to
    /// wait, is for who has to keep up.
    #[must_use]
    pub fn for_replay(mut self, group: &str, replay: Replay) -> Self {
        group.clone_into(&mut self.kafka.group_id);
        self.kafka.instance_id = None;
        self.kafka.start = Start::Earliest;
        self.kafka.out_of_range = OutOfRange::Earliest;
        if !self.kafka.is_led_by_broker() {
            let session = ClientValue::Integer(SESSION);
            self.kafka.client.entry("session.timeout.ms".to_owned()).or_insert(session);
        }
        for mapping in &mut self.mappings {
            mapping.paused = false;
            // It is asked for because it was sent before.
            mapping.delivery = Delivery::AtLeastOnce;
            mapping.events.replayed = true;
        }
        self.replay = Some(replay);
        self
    }

    /// Only of these topics, by those of the mappings that are `chosen`, by their places.
    #[must_use]
    pub fn narrowed(mut self, chosen: &BTreeSet<usize>, topics: &BTreeSet<String>) -> Self {
        let mappings = self.mappings.into_iter().enumerate();
        let narrowed = mappings.filter(|(place, _)| chosen.contains(place));
        let narrowed = narrowed.filter_map(|(_, mut mapping)| {
            let taken = topics.iter().filter(|topic| mapping.topics.takes(topic)).cloned();
            let taken = taken.collect::<Vec<_>>();
            let some = !taken.is_empty();
            mapping.topics = Topics::Named(taken);
            some.then_some(mapping)
        });
        self.mappings = narrowed.collect();
        self
    }

    /// Only of these dead-letter topics, and by those of the mappings that are `chosen` and write to them: of each, one for each topic that
    /// it takes, be it named or one of those that are `read`.
    #[must_use]
    pub fn for_letters(
        mut self,
        chosen: &BTreeSet<usize>,
        dead: &BTreeSet<String>,
        read: &BTreeSet<String>,
    ) -> Self {
        let (mut mappings, mut letters) = (Vec::new(), Vec::new());
        for (_, it) in self.mappings.iter().enumerate().filter(|(place, _)| chosen.contains(place))
        {
            let Some(own) = it.failure.dead_letter_topic.as_ref() else { continue };
            if !dead.contains(own) {
                continue;
            }
            let taken = match &it.topics {
                Topics::Named(names) => names.clone(),
                Topics::Pattern(_) => {
                    read.iter().filter(|topic| it.topics.takes(topic)).cloned().collect()
                }
            };
            for topic in taken {
                let mut mapping = it.clone();
                mapping.hub = Mapping::expand(&it.hub, &topic);
                if let Some(choice) = &mut mapping.choice {
                    choice.hubs.iter_mut().for_each(|hub| *hub = Mapping::expand(hub, &topic));
                }
                mapping.topics = Topics::Named(vec![own.clone()]);
                mappings.push(mapping);
                letters.push(topic);
            }
        }
        self.mappings = mappings;
        if let Some(replay) = &mut self.replay {
            replay.letters = Some(letters);
        }
        self
    }

    /// The topics that mappings write dead letters to, of those that are `chosen`.
    pub fn dead_letter_topics(&self, chosen: &BTreeSet<usize>) -> BTreeSet<String> {
        let chosen = chosen.iter().filter_map(|place| self.mappings.get(*place));
        let writes = chosen.filter(|it| it.failure.policy == Policy::DeadLetter);
        writes.filter_map(|it| it.failure.dead_letter_topic.clone()).collect()
    }

    /// The same, as if these topics were what is copied: for looking at them.
    #[must_use]
    pub fn of_topics(mut self, topics: &BTreeSet<String>) -> Self {
        self.mappings.truncate(1);
        for mapping in &mut self.mappings {
            mapping.topics = Topics::Named(topics.iter().cloned().collect());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Pattern;

    use super::*;

    #[test]
    fn a_replay_is_what_the_bridge_is_but_for_its_group_and_what_it_reads() {
        let config = super::super::sample(|config| {
            config.kafka.instance_id = Some("pod".to_owned());
            config.kafka.out_of_range = OutOfRange::Latest;
            let mut second = config.mappings[0].clone();
            second.topics = Topics::Pattern(Pattern::new("orders|payments").unwrap());
            second.paused = true;
            let mut third = second.clone();
            third.topics = Topics::Named(vec!["other".to_owned()]);
            config.mappings.extend([second, third]);
        });
        let topics = BTreeSet::from(["payments".to_owned()]);
        let all = BTreeSet::from([0, 1, 2]);
        let whole = config.for_replay("g.replay.1", Replay::default());
        let replay = whole.clone().narrowed(&all, &topics);
        assert_eq!(
            (replay.kafka.group_id.as_str(), &replay.kafka.instance_id),
            ("g.replay.1", &None)
        );
        assert_eq!(replay.kafka.out_of_range, OutOfRange::Earliest);
        assert_eq!(replay.mappings.len(), 1);
        let mapping = &replay.mappings[0];
        assert!(matches!(&mapping.topics, Topics::Named(names) if *names == ["payments"]));
        assert!(mapping.events.replayed && !mapping.paused);
        assert_eq!(replay.kafka.client["session.timeout.ms"], ClientValue::Integer(SESSION));
        assert!(whole.narrowed(&BTreeSet::from([0]), &topics).mappings.is_empty());
    }
}
