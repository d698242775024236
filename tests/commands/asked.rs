//! `offsets set` on a terminal: it shows what changes, and asks.

use stage::{Kafka, Out, unique};

use crate::lag::settings;
use crate::terminal::answered;

#[test]
fn only_yes_is_yes() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("asked"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, (0..5).map(|_| Out::value("x")));
    kafka.commit(&group, &topic, 0, 5);
    let settings = settings(kafka, &group).mapping(&topic, "orders");
    for (answer, position, says) in [
        ("y\n", 5, "nothing was changed"),
        ("\u{4}", 5, "nothing was changed"),
        ("yes\n", 2, "read back to be sure: 1"),
    ] {
        let (status, said, asked) = answered(&["offsets", "set", "--to", "2"], &settings, answer);
        assert!(status.success() && asked.contains("`yes`"), "{answer:?}: {asked}");
        assert!(said.contains("moves") && said.contains(says), "{answer:?}: {said}");
        assert_eq!(kafka.committed(&group, &topic, 0), Some(position), "{answer:?}");
    }
}
