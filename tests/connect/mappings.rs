//! What a topic and its hub are to each other.

use stage::{Kafka, Settings, unique};

use crate::scene::{HUB, check, scene, server, table};

#[test]
fn a_topic_that_takes_more_than_its_hub_is_a_warning_with_both_numbers() {
    let server = server();
    let (kafka, topic) = (Kafka::shared(), unique("large"));
    kafka.create_topic_with(&topic, 1, &[("max.message.bytes", "2097152")]);
    let settings = Settings::new(kafka, &unique("g"), &server).mapping(&topic, HUB);
    let settings = settings.with("[failure]\npolicy = 'drop'");
    let checked = check(&settings);
    assert_eq!(checked.code, 0, "it runs, until such a record comes");
    let mapping = checked.mapping();
    assert_eq!(mapping["outcome"], "warning", "{mapping:#}");
    assert_eq!(
        (&mapping["max_message_bytes"], &mapping["event_limit"]),
        (&2_097_152.into(), &1_048_576.into())
    );
    assert!(mapping["largest_event"].as_u64().unwrap() > 2_097_152);
    let detail = mapping["detail"].as_str().unwrap();
    for words in ["2097152", "1048576", "dropped and counted (`drop`)"] {
        assert!(detail.contains(words), "`{words}` is not in {detail}");
    }
    let (_, text) = table(&settings);
    assert!(
        text.contains(&format!("warning: mapping {topic} → default/orders: the topic accepts")),
        "{text}"
    );
}

/// What nobody has set is no news, and what somebody has set for all is one.
#[test]
fn many_mappings_of_one_kind_have_one_remark() {
    let server = server();
    let kafka = Kafka::shared();
    let topics = [unique("one"), unique("two"), unique("three")];
    let mut settings = Settings::new(kafka, &unique("g"), &server);
    for topic in &topics {
        kafka.create_topic(topic, 1);
        settings = settings.mapping(topic, HUB);
    }
    let remarks = |text: &str| text.lines().filter(|line| line.contains(": mapping ")).count();
    let (_, text) = table(&settings);
    assert_eq!((remarks(&text), text.contains("note")), (0, false), "{text}");
    for topic in &topics {
        kafka.set_topic(topic, "max.message.bytes", "2097152");
    }
    let (_, text) = table(&settings);
    assert_eq!(remarks(&text), 1, "{text}");
    let one =
        format!("warning: mapping {} → default/orders and 2 more: the topic accepts", topics[0]);
    assert!(text.contains(&one), "{text}");
}

#[test]
fn a_dead_letter_topic_that_takes_less_than_its_source_is_a_warning_with_both_numbers() {
    let server = server();
    let (settings, topic) = scene(&server, 1);
    let dead = format!("{topic}.dead");
    let kafka = Kafka::shared();
    kafka.create_topic(&dead, 1);
    let settings =
        settings.with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{dead}'"));
    let at = ("topic", dead.as_str(), "size");
    check(&settings).found(at, "ok", &["1048588 (kafka's default)"]);
    kafka.set_topic(&topic, "max.message.bytes", "10485760");
    let checked = check(&settings);
    assert_eq!(checked.code, 0, "it runs, until such a record is refused");
    let words = [&*topic, "10485760", "1048588", "halts", &format!("of `{dead}` to 10485760")];
    checked.found(at, "warning", &words);
    kafka.set_topic(&dead, "max.message.bytes", "10485760");
    check(&settings).found(at, "ok", &["10485760"]);
}

#[test]
fn a_mirror_without_room_is_refused_before_the_bridge_refuses_it() {
    let server = server();
    let (settings, topic) = scene(&server, 5);
    let mirror = format!("[[mappings]]\ntopic = '{topic}'\nhub = '{HUB}'\npartitioning = 'mirror'");
    let checked = check(&settings.without("mappings").with(&mirror));
    assert_eq!(checked.code, 69);
    let mapping = checked.mapping();
    assert_eq!(mapping["outcome"], "refused", "{mapping:#}");
    assert!(
        mapping["detail"].as_str().unwrap().contains("kafka partition 4 has no mirror"),
        "{mapping:#}"
    );
}

#[test]
fn a_pattern_is_followed_to_the_topics_of_today() {
    let server = server();
    let (settings, _) = scene(&server, 1);
    let prefix = unique("pattern");
    let pattern = format!("[[mappings]]\ntopic_pattern = '{prefix}\\..*'\nhub = '{HUB}'");
    let settings = settings.without("mappings").with(&pattern);
    let checked = check(&settings);
    assert_eq!(checked.code, 0);
    assert_eq!(checked.mapping()["outcome"], "note");
    assert_eq!(checked.mapping()["detail"], "no topic matches yet");

    let topic = format!("{prefix}.one");
    Kafka::shared().create_topic(&topic, 2);
    let checked = check(&settings);
    assert_eq!(checked.mapping()["topic"], topic.as_str());
    checked.found(("topic", &topic, "read"), "ok", &[]);
}

#[test]
fn a_topic_that_no_hub_could_be_named_after_is_told_and_left_out() {
    let server = server();
    let (settings, _) = scene(&server, 1);
    let prefix = unique("_schemas");
    let pattern = format!("[[mappings]]\ntopic_pattern = '{prefix}.*'\nhub = '{{topic}}'");
    let settings = settings.without("mappings").with(&pattern);
    Kafka::shared().create_topic(&prefix, 1);
    let checked = check(&settings);
    let hub = format!("`{prefix}` is not a valid name of its hub");
    checked.found(("topic", &prefix, "hub"), "warning", &["left out", &hub]);
    assert_eq!(checked.code, 0);
}
