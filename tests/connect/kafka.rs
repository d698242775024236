//! What a real Kafka refuses, or cannot give.

use stage::{Kafka, Out, Settings, unique};

use crate::scene::{HUB, check, scene, server};

#[test]
fn a_topic_that_is_not_there_is_named_and_the_others_are_checked() {
    let server = server();
    let (settings, topic) = scene(&server, 1);
    let absent = unique("absent");
    let settings = settings
        .mapping(&absent, HUB)
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{absent}.dead'"));
    let checked = check(&settings);
    let words = ["no such topic", "create the topic", &absent];
    checked.found(("topic", &absent, "exists"), "refused", &words);
    checked.found(("topic", &absent, "read"), "skipped", &[]);
    checked.found(
        ("topic", &format!("{absent}.dead"), "dead letters"),
        "refused",
        &["no such topic"],
    );
    checked.found(("topic", &topic, "read"), "ok", &[]);
}

#[test]
fn the_wrong_protocol_is_found_out_at_its_step() {
    let server = server();
    let broker = Kafka::shared().bootstrap();
    let with = |protocol: &str, more: &str| {
        let (settings, _) = scene(&server, 1);
        check(
            &settings.with(&format!("[kafka.client]\n'security.protocol' = '{protocol}'\n{more}")),
        )
    };
    let checked = with("ssl", "");
    // Whether the broker hangs up or its answer is seen to be no TLS is up to the moment.
    checked.found(("broker", broker, "tls"), "failed", &["listener", "TLS"]);
    checked.found(("broker", broker, "log in"), "skipped", &[]);
    let login = "'sasl.mechanism' = 'PLAIN'\n'sasl.username' = 'u'\n'sasl.password' = 'aHVzaC1odXNoLWh1c2g='";
    let checked = with("sasl_plaintext", login);
    checked.found(("broker", broker, "log in"), "refused", &["mechanism handshake failed"]);
}

/// A client is sent to the addresses the brokers advertise, whatever address it came by: here, to that of a broker that is
/// gone. With half of the controllers gone too, nobody takes it off the list.
#[test]
fn a_broker_that_cannot_be_reached_where_it_says_is_found() {
    let kafka = Kafka::start(2);
    let topic = unique("advertised");
    kafka.create_topic(&topic, 2);
    let (first, second) = kafka.bootstrap().split_once(',').unwrap();
    let server = server();
    let settings = Settings::new(&kafka, &unique("g"), &server).mapping(&topic, HUB);
    let settings = settings.with(&format!("[kafka]\nbrokers = '{first}'"));
    kafka.kill(2);
    let checked = check(&settings);
    checked.found(("broker", first, "log in"), "ok", &["brokers: 2"]);
    let words = ["broker 2", second, "refused", "advertised.listeners"];
    checked.found(("cluster", "kafka", "advertised"), "failed", &words);
    checked.found(("hub", "default/orders", "send"), "ok", &[]);
}

/// Where the group stands is laid beside what there is, before anything is read.
#[test]
fn a_position_that_is_gone_is_told_with_what_follows() {
    let server = server();
    let (settings, topic) = scene(&server, 3);
    let (kafka, group) = (Kafka::shared(), unique("g"));
    kafka.produce(&topic, (0..60).map(|n| Out::value(format!("{n}")).to(n % 3)));
    kafka.delete_records(&topic, 0, 12);
    for (partition, position) in [(0, 5), (1, 1000), (2, 20)] {
        kafka.commit(&group, &topic, partition, position);
    }
    let with = |policy: &str| {
        let kafka = format!("[kafka]\ngroup_id = '{group}'\nout_of_range = '{policy}'");
        check(&settings.clone().with(&kafka))
    };
    let step = ("group", group.as_str(), "positions");
    let places = [
        "3 of 3".to_owned(),
        format!("{topic}/0 at 5, which holds 12 to 20"),
        format!("{topic}/1 at 1000, which holds 0 to 20"),
        "`kafka.out_of_range`".to_owned(),
    ];
    for (policy, follows) in [
        ("earliest", "at most 7 records are lost, and 20 are sent again"),
        ("latest", "at most 7 records are lost, and 28 skipped"),
        ("halt", "paused (held) until a position is set"),
    ] {
        let checked = with(policy);
        let words = places.iter().map(String::as_str).chain([follows]).collect::<Vec<_>>();
        checked.found(step, "warning", &words);
        assert_eq!(checked.code, 0, "it runs");
    }
}
