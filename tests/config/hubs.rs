//! Hubs that each record chooses: `hub` with a place for what it says, and `hubs`.

use kafka_eventhubs_bridge::config::{Config, LeftOut};

use crate::{ANOTHER, Given};

/// `mapping` for topic `orders`, unless it says which topics it takes.
fn with(mapping: &str) -> Given {
    let topic = if mapping.starts_with("topic") { "" } else { "topic = 'orders'\n" };
    Given::file(&format!("@kafka\n@eventhubs\n[[mappings]]\n{topic}{mapping}"))
        .variable("STAGE", "prod")
}

fn load(mapping: &str) -> Config {
    with(mapping).load().unwrap_or_else(|problems| panic!("{mapping}\n{problems}"))
}

/// A hundred hubs, as they are written, and `more`.
fn hundred(more: &str) -> String {
    let all = (0..100).map(|it| format!("'t{it}'")).collect::<Vec<_>>();
    format!("hub = 't{{key}}'\nhubs = [{}{more}]", all.join(", "))
}

/// The mapping, what is told, and what is to be done about it.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "hub = 'tenant-{header:tenant}'",
        "`mappings[0].hub` is `tenant-{header:tenant}`, but `hubs` is missing",
        "add `hubs = [",
    ),
    ("hub = 'a'\nhubs = ['a', 'b']", "`mappings[0].hubs` is never used", "`{header:NAME}`"),
    ("hub = '{topic}'\nhubs = ['orders']", "`mappings[0].hubs` is never used", "remove the key"),
    ("hubs = ['a']", "`mappings[0].hub` is missing", "add `hub ="),
    ("hub = '{key}'\nhubs = []", "`mappings[0].hubs` is empty", "list every hub"),
    ("hub = '{key}'\nhubs = 'a'", "`mappings[0].hubs`", "hubs"),
    (
        "hub = '{key}'\nhubs = ['a', '_b']",
        "`mappings[0].hubs[1]` is `_b`, not a valid name",
        "write the name itself",
    ),
    (
        "hub = '{key}'\nhubs = ['{key}']",
        "`mappings[0].hubs[0]` is `{key}`, not a valid name",
        "{topic}",
    ),
    ("hub = '{key}'\nhubs = ['a', 'b', 'A']", "`mappings[0].hubs[2]` names `A` a second", "remove"),
    (
        "hub = '{key}'\nhubs = ['orders', '{topic}']",
        "`mappings[0].hubs[1]` names `{topic}` a second time",
        "remove it",
    ),
    (
        "hub = 'tenant-{header:tenant}'\nhubs = ['tenant-a', 'tenants-b']",
        "`mappings[0].hubs[1]` is `tenants-b`, which `hub` never gives",
        "write the name as `hub` gives it",
    ),
    (
        "hub = '{topic}-{key}'\nhubs = ['returns-a']",
        "`mappings[0].hubs[0]` is `returns-a`, which `hub` never gives",
        "remove it",
    ),
    ("hub = 'a-{offset}'\nhubs = ['a-1']", "`mappings[0].hub` uses `{offset}`", "`{topic}`"),
    ("hub = 'a-{timestamp}'\nhubs = ['a-1']", "uses `{timestamp}`", "`{topic}`"),
    ("hub = '{header}'\nhubs = ['a']", "there is no `{header}`", "`{topic}`"),
    ("hub = '{key'\nhubs = ['a']", "a brace is not closed", "`{topic}`"),
    ("hub = '{{topic}}'", "`mappings[0].hub` is `{{topic}}`, not a valid name", "name of the hub"),
    ("hub = '{field:a[*]}'\nhubs = ['a']", "names more than one field", "`{topic}`"),
    ("hub = 'a-{env:NOWHERE}'", "the environment has no `NOWHERE`", "set the variable `NOWHERE`"),
    (
        "hub = '{field:tenant.id}'\nhubs = ['a']\nfields = { remove = ['tenant'] }",
        "`mappings[0].hub` reads `tenant.id`, which is removed",
        "mask or hash",
    ),
    (
        "hub = '{header:tenant}'\nhubs = ['a']\nheaders = { drop = ['ten.*'] }",
        "`mappings[0].hub` reads the header `tenant`, which is removed before",
        "keep the header",
    ),
    (
        "hub = '{header:tenant}'\nhubs = ['a']\nheaders = { rename = { tenant = 'owner' } }",
        "reads the header `tenant`, which is removed",
        "keep the header",
    ),
    (
        "topics = ['a', '_b']\nhub = '{topic}.{key}'\nhubs = ['a.1', '{topic}.2']",
        "`mappings[0].hubs[1]` gives `_b.2`, not a valid name of a hub",
        "a mapping of its own",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_do() {
    let too_many = hundred(", 't100'");
    let bound = (&*too_many, "`mappings[0].hubs` names 101 hubs", "several mappings");
    for (mapping, said, hint) in WRONG.iter().chain([&bound]) {
        let report = with(mapping).report();
        let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(said) && flat.contains(hint), "{mapping}: {flat}");
        assert!(flat.contains("bridge.toml:") && !flat.contains("2 problems"), "{mapping}: {flat}");
    }
}

#[test]
fn what_is_right_is_a_choice_among_what_is_named() {
    let config = load("hub = 'tenant-{header:tenant}'\nhubs = ['tenant-a', 'tenant-b']");
    let mapping = &config.mappings[0];
    assert_eq!(mapping.name(), "orders → default/tenant-{header:tenant}");
    assert_eq!(mapping.hubs(), ["tenant-a", "tenant-b"]);
    assert!(mapping.step.is_none(), "nothing happens to its records");
    assert_eq!(load(&hundred("")).mappings[0].hubs().len(), 100);
    for mapping in [
        // A mapping that renames, or sets, what is read.
        "hub = '{header:t}'\nhubs = ['a']\nheaders = { rename = { tenant = 't' } }",
        "hub = '{header:t}'\nhubs = ['a']\nheaders = { keep = ['x'], add = { t = '{key}' } }",
        "hub = '{header:cloudEvents:type}'\nhubs = ['a']\nheaders = { drop = ['cl.*'] }\ncloudevents = {}",
        "hub = '{field:a}'\nhubs = ['a']\nfields = { remove = ['b'] }",
        "topic_pattern = 'o.+'\nhub = '{topic}.{key}'\nhubs = ['{topic}.a', 'orders.b']",
    ] {
        load(mapping);
    }
}

#[test]
fn a_variable_in_the_name_of_a_hub_is_filled_in_once() {
    let config = load("hub = 'orders-{env:STAGE}'");
    assert_eq!(
        (config.mappings[0].hub.as_str(), config.mappings[0].choice.is_none()),
        ("orders-prod", true)
    );
    let config = load("hub = '{topic}-{env:STAGE}'");
    assert_eq!(config.mappings[0].hub, "{topic}-prod");
    load("hub = '{env:STAGE}-{key}'\nhubs = ['prod-a']");
}

#[test]
fn a_hub_that_two_mappings_of_a_topic_reach_is_told() {
    let two = "hub = '{key}'\nhubs = ['a', 'B']\n[[mappings]]\ntopic = 'orders'\nhub = 'b'";
    let report = with(two).report();
    assert!(
        report.contains("`mappings[1]` sends `orders` to a hub it already goes to"),
        "{report}"
    );
    load("hub = '{key}'\nhubs = ['a', 'b']\n[[mappings]]\ntopic = 'orders'\nhub = 'c'");
    let pattern = "topic_pattern = 'o.+'\nhub = '{topic}.{key}'\nhubs = ['{topic}.a']\n\
                   [[mappings]]\ntopic_pattern = 'o.+'\nhub = '{topic}.a'";
    assert!(with(pattern).report().contains("the topics of its pattern"));
}

#[test]
fn the_one_hub_of_a_connection_string_is_the_only_one_that_can_be_chosen() {
    let file = format!(
        "@kafka\n[eventhubs]\nconnection_string = '{ANOTHER};EntityPath=a'\n[[mappings]]\ntopic = 'orders'\n"
    );
    let given = |rest: &str| Given::file(&format!("{file}{rest}"));
    let report = given("hub = '{key}'\nhubs = ['a', 'b']").report();
    assert!(report.contains("`mappings[0].hubs[1]` is `b`, but the connection string"), "{report}");
    assert!(given("hub = '{key}'\nhubs = ['a']").load().is_ok());
    assert!(given("hubs = ['a']").report().contains("`mappings[0].hubs` is never used"));
}

#[test]
fn a_topic_for_which_one_of_its_hubs_cannot_be_is_left_out() {
    let config = load("topic_pattern = '.+'\nhub = '{topic}.{key}'\nhubs = ['all.a', '{topic}.b']");
    let left_out = LeftOut::of(&config);
    assert_eq!(left_out.impossible_hub("_schemas").as_deref(), Some("_schemas.b"));
    assert_eq!(left_out.impossible_hub("orders"), None);
}
