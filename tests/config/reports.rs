//! What users met: strings broken by a mail, variables of somebody else, a stream of Fabric.

use kafka_eventhubs_bridge::config::{LeftOut, Protocol, Topics, Type};

use super::{Given, NAMED};

const KEYED: &str =
    "Endpoint=sb://h.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=hush";

fn named(string: &str) -> String {
    format!("{}@mapping", NAMED.replace("'@another'", &format!("\"{string}\"")))
}

fn flat(report: &str) -> String {
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_that_a_mail_broke_in_two_is_told_before_anything_is_connected_to() {
    for (string, expected) in [
        (format!("{KEYED}\\n1234"), "its `SharedAccessKey` holds a line break at its character 5"),
        (format!("{KEYED} 1234"), "its `SharedAccessKey` holds a space at its character 5"),
        ("${HUSH}".to_owned(), "it holds a variable that nothing has expanded"),
        (
            "@Microsoft.KeyVault(SecretUri=https://hush.vault.azure.net/secrets/hush)".to_owned(),
            "it is a reference to Key Vault that nothing has resolved",
        ),
        (
            "https://hush.westeurope-1.eventgrid.azure.net/api/events".to_owned(),
            "it belongs to Event Grid, not to an Event Hubs namespace",
        ),
    ] {
        let report = flat(&Given::file(&named(&string)).report());
        assert!(report.contains(expected), "{report}");
        assert!(report.contains("bridge.toml:5") && !report.contains("hush"), "{report}");
    }
    let sas = "@kafka\n[eventhubs]\nnamespace = 'h.servicebus.windows.net'\n[eventhubs.credential]\n\
               kind = 'sas'\nkey_name = 'n'\nkey_file = 'key'\n@mapping";
    let report = flat(&Given::file(sas).beside("key", "hush\n1234\n").report());
    assert!(report.contains("`eventhubs.credential.key_file` holds no key of Azure"), "{report}");
    assert!(
        report.contains("a line break at its character 5") && !report.contains("hush"),
        "{report}"
    );
}

#[test]
fn a_connection_string_that_asks_for_websocket_gets_it() {
    let string = format!("{KEYED};TransportType=AmqpWebSockets");
    let config = Given::file(&named(&string)).load().unwrap();
    assert_eq!(config.eventhubs["default"].way.protocol, Protocol::WebSocket);

    let contradicted = format!("{}\n[eventhubs.connection]\ntransport = 'amqp'", named(&string));
    let report = flat(&Given::file(&contradicted).report());
    let said = "`eventhubs.connection.transport` contradicts the `TransportType`";
    assert!(report.contains(said), "{report}");
}

#[test]
fn a_part_that_means_nothing_here_is_named_and_taken() {
    let string = format!("{KEYED};OperationTimeout=00:01:00");
    let config = Given::file(&named(&string)).load().unwrap();
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    let line = warning.line();
    assert!(line.contains("`OperationTimeout`") && line.contains("`send_timeout`"), "{line}");
    assert!(warning.to_string().starts_with("warning: `eventhubs.connection_string`"), "{warning}");
}

#[test]
fn a_stream_of_fabric_needs_its_hub_typed_once() {
    let stream = format!("{KEYED};EntityPath=es_0a1b");
    let file = named(&stream).replace("@mapping", "[[mappings]]\ntopic = 'orders'");
    let config = Given::file(&file).load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.mappings[0].hub, "es_0a1b");

    // Of the namespace the mapping names, not of another.
    let two = format!(
        "@kafka\n@eventhubs\n@mapping\n[[mappings]]\ntopics = ['a', 'b']\nnamespace = 'fabric'\n\
         [eventhubs.fabric]\nconnection_string = '{stream}'"
    );
    let config = Given::file(&two).load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        (config.mappings[0].hub.as_str(), config.mappings[1].hub.as_str()),
        ("orders", "es_0a1b")
    );
    assert!(matches!(&config.mappings[1].topics, Topics::Named(names) if names.len() == 2));

    let report = flat(&Given::file(&named(&stream)).report());
    assert!(report.contains("write `hub = \"es_0a1b\"`, or leave `hub` out"), "{report}");

    // A string that is wrong may have said it: one mistake, told once.
    let broken = file.replace(";EntityPath", " ;EntityPath").replace("=hush", "=hu sh");
    let report = Given::file(&broken).report();
    assert!(report.ends_with("1 problem; nothing was started"), "{report}");
}

#[test]
fn a_variable_that_a_base_image_sets_ends_nothing() {
    let good = || Given::file("@kafka\n@eventhubs\n@mapping");
    let config = good().variable("BRIDGE_VERSION", "1.2.3").load().unwrap();
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(warning.line().contains("environment variable `BRIDGE_VERSION`"), "{}", warning.line());
    assert!(!warning.line().contains("1.2.3"), "{}", warning.line());
    for (name, value, hint) in [
        ("BRIDGE_LOG_LEVEL", "info", "did you mean `BRIDGE_LOG__LEVEL`?"),
        ("BRIDGE_BROKERS", "k:1", "did you mean `BRIDGE_KAFKA__BROKERS`?"),
        (
            "BRIDGE_EVENTHUBS__WEST__SEND_TIMEOUTS",
            "5s",
            "did you mean `BRIDGE_EVENTHUBS__WEST__SEND_TIMEOUT`?",
        ),
        ("BRIDGE_LIMITS__SHARDS", "'2'", "set it as in `BRIDGE_LIMITS__SHARDS=1`"),
        ("BRIDGE_EVENTS__HEADERS", "yes", "set it as in `BRIDGE_EVENTS__HEADERS=true`"),
        ("BRIDGE_LOG", "debug", "`BRIDGE_LOG__KEY` sets a key of that table"),
    ] {
        let report = flat(&good().variable(name, value).report());
        assert!(report.contains(hint), "{name}: {report}");
    }
}

#[test]
fn a_broker_copied_from_advertised_listeners_is_told_before_it_never_answers() {
    let with = |scheme: &str, rest: &str| {
        Given::file(&format!(
            "[kafka]\nbrokers = '{scheme}://k-0:9093, {scheme}://k-1:9093'\ngroup_id = 'g'\n{rest}\n@eventhubs\n@mapping"
        ))
        .with_pem()
    };
    let plain = "[kafka.security]\nmechanism = 'plain'\nusername = 'u'\npassword_file = 'secret'";
    for (scheme, rest, spoken, hint) in [
        (
            "SASL_SSL",
            "",
            "plaintext",
            "add `mechanism` and its credentials under `[kafka.security]`",
        ),
        ("SSL", plain, "sasl_ssl", "without a `mechanism`"),
        ("PLAINTEXT", "[kafka.security]\ntls = true", "ssl", "leave `[kafka.security]` out"),
        ("SASL_SSL", "[kafka.client]\n'security.protocol' = 'SSL'", "ssl", "add `mechanism`"),
    ] {
        let report = flat(&with(scheme, rest).report());
        let said = format!(
            "`kafka.brokers` has `{scheme}` for `k-0:9093`, but the bridge uses `{spoken}`"
        );
        assert!(report.contains(&said) && report.contains(hint), "{report}");
        assert!(report.ends_with("1 problem; nothing was started"), "{report}");
    }
    for (scheme, rest) in [
        ("PLAINTEXT", ""),
        ("SASL_SSL", plain),
        ("ssl", "[kafka.security]"),
        ("SASL_SSL", "[kafka.client]\n'security.protocol' = 'sasl_ssl'"),
    ] {
        with(scheme, rest).load().unwrap_or_else(|problems| panic!("{scheme} {rest}\n{problems}"));
    }
}

#[test]
fn a_password_that_is_never_shown_to_a_broker_is_warned_of() {
    let with = |more: &str| {
        let file = format!(
            "@kafka\n[kafka.client]\n'sasl.password' = 'hush'\n{more}\n@eventhubs\n@mapping"
        );
        Given::file(&file).load().unwrap().warnings
    };
    let [warning] = &with("")[..] else { panic!("one warning") };
    let line = warning.line();
    assert!(line.contains("sasl.password") && line.contains("`plaintext`"), "{line}");
    assert!(!line.contains("hush"), "{line}");
    assert_eq!(with("'security.protocol' = 'sasl_plaintext'"), []);
}

#[test]
fn types_are_laid_over_name_by_name_and_what_is_never_used_is_told() {
    let with = |events: &str, mapping: &str| {
        Given::file(&format!(
            "@kafka\n@eventhubs\n[events]\n{events}\n[[mappings]]\ntopic = 'a'\nhub = 'a'\n\
             [mappings.events]\n{mapping}"
        ))
    };
    let given = with(
        "key_type = 'int64'\nheader_type = 'hex'\nheader_types = { 'Trace.Id' = 'uuid', tries = 'int32' }",
        "key_type = 'binary'\nheader_types = { 'tries' = 'int16', 'X-a' = 'text' }",
    );
    let config = given.load().unwrap_or_else(|problems| panic!("{problems}"));
    let events = &config.mappings[0].events;
    assert_eq!((events.key_type, events.header_type), (Type::Binary, Type::Hex));
    let types = [("Trace.Id", Type::Uuid), ("X-a", Type::Text), ("tries", Type::Int16)];
    assert_eq!(events.header_types, types.map(|(name, typed)| (name.to_owned(), typed)).into());
    assert_eq!(config.events.key_type, Type::Int64);
    for (events, what, hint) in [
        ("key_type = 'long'", "`events.key_type` is `long`", "it can be `text`, `binary`"),
        ("header_types = { a = 'in32' }", "`events.header_types.a` is `in32`", "`int32`"),
        ("headers = false\nheader_types = { a = 'hex' }", "is never used", "remove one of the two"),
    ] {
        let report = flat(&with(events, "").report());
        assert!(report.contains(what) && report.contains(hint), "{report}");
    }
}

#[test]
fn topics_of_a_pattern_can_be_left_out() {
    let with = |mapping: &str| {
        Given::file(&format!("@kafka\n@eventhubs\n[[mappings]]\nhub = 'all'\n{mapping}"))
    };
    let config =
        with("topic_pattern = '.*'\ntopic_exclude = ['_schemas', '__.*', '.*\\.internal', 'a.b']");
    let config = config.load().unwrap_or_else(|problems| panic!("{problems}"));
    let left_out = LeftOut::of(&config);
    for topic in ["_schemas", "__transaction_state", "mm2.internal", "a.b"] {
        assert!(left_out.is_unwanted(topic), "{topic}");
    }
    for topic in ["orders", "_schemas2", "a-b", "internal"] {
        assert!(!left_out.is_unwanted(topic), "{topic}");
    }
    let other = "topic_pattern = '.*'\ntopic_exclude = ['a', 'b']\n[[mappings]]\ntopic = 'a'\nhub = 'other'";
    let left_out = LeftOut::of(&with(other).load().unwrap_or_else(|problems| panic!("{problems}")));
    assert!(left_out.is_unwanted("b") && !left_out.is_unwanted("a"), "another mapping takes it");
    for (mapping, what, hint) in [
        ("topic = 'a'\ntopic_exclude = ['b']", "leaves nothing out", "use `topic_pattern`"),
        (
            "topic_pattern = '.*'\ntopic_exclude = ['*.internal']",
            "file name's pattern",
            r"write `.*\.internal`",
        ),
        ("topic_pattern = '.*'\ntopic_exclude = ['__*']", "file name's pattern", "write `__.*`"),
        ("topic_pattern = '.*'\ntopic_exclude = ['(']", "neither a name nor", "single quotes"),
    ] {
        let report = flat(&with(mapping).report());
        assert!(report.contains(what) && report.contains(hint), "{report}");
    }
}

#[test]
fn topics_that_would_meet_in_one_hub_are_told() {
    let file = "@kafka\n@eventhubs\n[[mappings]]\nhub = '{topic}'\ntopics = ['Orders', 'orders']";
    let config = Given::file(file).load().unwrap();
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(
        warning.line().contains("sends `Orders` and `orders` to the same hub"),
        "{}",
        warning.line()
    );
}

#[test]
fn a_named_topic_that_a_pattern_would_send_nowhere_is_told() {
    let file = "@kafka\n@eventhubs\n[[mappings]]\nhub = '{topic}'\ntopic_pattern = '.*'\n\
                [[mappings]]\ntopic = '_schemas'\nhub = 'schemas'";
    let report = flat(&Given::file(file).report());
    assert!(
        report.contains("`mappings[0].hub` gives `_schemas`, not a valid name of a hub"),
        "{report}"
    );
}

#[test]
fn a_pattern_written_as_for_file_names_is_warned_of() {
    let file = "@kafka\n@eventhubs\n[[mappings]]\nhub = 'all'\ntopic_pattern = 'orders-*'";
    let config = Given::file(file).load().unwrap();
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(warning.line().contains("did you mean `orders-.*`"), "{}", warning.line());
}
