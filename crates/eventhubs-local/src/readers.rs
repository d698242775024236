//! Who may read a partition: the epoch rules between the receivers of one consumer group.

use std::collections::HashMap;
use std::sync::Arc;

use crate::condition::Condition;
use crate::hub::Hub;
use crate::registry::{Command, ConnectionHandle};

/// How many receivers without an epoch may read one partition for one group.
const MAX_WITHOUT_EPOCH: usize = 5;

/// A receiver as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) id: u64,
    /// What the client calls itself; the texts of the service name it.
    pub(crate) name: String,
    pub(crate) epoch: Option<i64>,
    pub(crate) connection: Arc<ConnectionHandle>,
}

/// The receivers of one partition, by lower-case group.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    groups: HashMap<String, Vec<Reader>>,
}

impl Readers {
    /// Lets `reader` in, after disconnecting those it outranks; or says why not.
    fn admit(&mut self, group: &str, reader: Reader) -> Result<(), Condition> {
        let others = self.groups.entry(group.to_owned()).or_default();
        let current = others.iter().filter_map(|other| other.epoch).max();
        match (reader.epoch, current) {
            (Some(new), Some(current)) if new < current => {
                return Err(Condition::new(
                    "amqp:link:stolen",
                    format!(
                        "Receiver '{}' with a higher epoch '{current}' already exists. Receiver '{}' with epoch {new} \
                         cannot be created. Make sure you are creating receiver with increasing epoch value to ensure \
                         connectivity, or ensure all old epoch receivers are closed or disconnected.",
                        others.first().map_or("nil", |other| &other.name),
                        reader.name,
                    ),
                ));
            }
            (None, Some(current)) => {
                return Err(Condition::new(
                    "amqp:link:stolen",
                    format!(
                        "At least one receiver for the endpoint is created with epoch of '{current}', and so non-epoch \
                         receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch \
                         receivers are closed or disconnected."
                    ),
                ));
            }
            (None, None) if others.len() >= MAX_WITHOUT_EPOCH => {
                return Err(Condition::new(
                    "amqp:resource-limit-exceeded",
                    format!(
                        "Exceeded the maximum number of allowed receivers per partition in a consumer group which is \
                         {MAX_WITHOUT_EPOCH}."
                    ),
                ));
            }
            (None, None) => {}
            (Some(new), _) => {
                for loser in others.drain(..) {
                    let condition = stolen(&reader, new, &loser);
                    let reader = loser.id;
                    loser.connection.send(Command::DetachReader { reader, condition });
                }
            }
        }
        others.push(reader);
        Ok(())
    }

    fn leave(&mut self, group: &str, id: u64) {
        if let Some(readers) = self.groups.get_mut(group) {
            readers.retain(|reader| reader.id != id);
            if readers.is_empty() {
                self.groups.remove(group);
            }
        }
    }
}

fn stolen(winner: &Reader, epoch: i64, loser: &Reader) -> Condition {
    let old = loser.epoch.map_or("nil".to_owned(), |epoch| epoch.to_string());
    Condition::new(
        "amqp:link:stolen",
        format!(
            "New receiver '{}' with higher epoch of '{epoch}' is created hence current receiver '{}' with epoch '{old}' \
             is getting disconnected. If you are recreating the receiver, make sure a higher epoch is used.",
            winner.name, loser.name,
        ),
    )
}

/// A place among the readers of a partition, given up on drop.
#[derive(Debug)]
pub(crate) struct Seat {
    hub: Arc<Hub>,
    partition: u32,
    group: String,
    pub(crate) id: u64,
}

impl Seat {
    pub(crate) fn take(
        hub: &Arc<Hub>,
        partition: u32,
        group: &str,
        reader: Reader,
    ) -> Result<Self, Condition> {
        let group = group.to_lowercase();
        let id = reader.id;
        hub.partition(partition).readers().admit(&group, reader)?;
        Ok(Self { hub: Arc::clone(hub), partition, group, id })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.partition(self.partition).readers().leave(&self.group, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    struct Room {
        readers: Readers,
        registry: Registry,
        next: u64,
    }

    impl Room {
        fn new() -> Self {
            Self { readers: Readers::default(), registry: Registry::default(), next: 0 }
        }

        /// Enters; gives the connection on which a later disconnection shows.
        fn enter(&mut self, epoch: Option<i64>) -> Result<Arc<ConnectionHandle>, String> {
            self.next += 1;
            let connection = self.registry.open("test".into());
            let reader = Reader {
                id: self.next,
                name: "nil".into(),
                epoch,
                connection: Arc::clone(&connection),
            };
            let admitted = self.readers.admit("$default", reader);
            admitted.map(|()| connection).map_err(|condition| condition.name().to_owned())
        }
    }

    fn was_stolen(connection: &ConnectionHandle) -> bool {
        connection.take_commands().iter().any(|command| {
            matches!(command, Command::DetachReader { condition, .. } if condition.name() == "amqp:link:stolen")
        })
    }

    #[test]
    fn a_higher_or_equal_epoch_disconnects_all_others() {
        let mut room = Room::new();
        let plain = [room.enter(None).unwrap(), room.enter(None).unwrap()];
        let first = room.enter(Some(1)).unwrap();
        assert!(plain.iter().all(|connection| was_stolen(connection)));
        let second = room.enter(Some(1)).unwrap();
        assert!(was_stolen(&first));
        room.enter(Some(7)).unwrap();
        assert!(was_stolen(&second));
    }

    #[test]
    fn a_lower_epoch_and_none_at_all_are_refused_while_an_epoch_reads() {
        let mut room = Room::new();
        let owner = room.enter(Some(3)).unwrap();
        assert_eq!(room.enter(Some(2)).unwrap_err(), "amqp:link:stolen");
        assert_eq!(room.enter(None).unwrap_err(), "amqp:link:stolen");
        assert!(!was_stolen(&owner));
        room.readers.leave("$default", 1);
        assert!(room.enter(None).is_ok());
    }

    #[test]
    fn the_sixth_reader_without_an_epoch_is_one_too_many() {
        let mut room = Room::new();
        let all: Vec<_> = (0..5).map(|_| room.enter(None)).collect();
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(room.enter(None).unwrap_err(), "amqp:resource-limit-exceeded");
    }
}
