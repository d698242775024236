//! Wrong configurations and what the operator is told: what, where, why, what to do, on one screen.

use super::{ANOTHER, Given};

const UNREADABLE: &str = include_str!("wrong/unreadable.toml");
const KEYS_AND_TYPES: &str = include_str!("wrong/keys_and_types.toml");
const VALUES: &str = include_str!("wrong/values.toml");
const CREDENTIALS: &str = include_str!("wrong/credentials.toml");
const KAFKA_SECURITY: &str = include_str!("wrong/kafka_security.toml");
const TOGETHER: &str = include_str!("wrong/together.toml");

#[derive(serde::Deserialize)]
struct Cases {
    case: Vec<Case>,
}

/// A wrong file, and parts of what must be said about it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    file: String,
    what: String,
    at: String,
    why: String,
    hint: String,
}

/// Every property the bridge owns, and what its refusal must name.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "use `brokers`"),
    ("metadata.broker.list", "use `brokers`"),
    ("group.id", "use `group_id`"),
    ("group.instance.id", "use `instance_id`"),
    ("enable.auto.commit", "commits an offset itself"),
    ("enable.auto.offset.store", "commits an offset itself"),
    ("auto.commit.interval.ms", "use `commit_interval`"),
    ("auto.offset.reset", "use `start`"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("group.remote.assignor", "as the brokers decide"),
    ("enable.partition.eof", "end-of-partition"),
    ("queued.max.messages.kbytes", "use `memory`"),
    ("statistics.interval.ms", "metrics"),
    ("topic.metadata.refresh.interval.ms", "use `discovery_interval`"),
    ("acks", "a dead letter counts"),
    ("enable.idempotence", "a dead letter counts"),
    ("transactional.id", "a dead letter counts"),
    ("rebalance_cb", "only a program can set it"),
];

#[test]
fn each_mistake_is_told_on_one_screen() {
    let mut told = 0;
    for cases in [UNREADABLE, KEYS_AND_TYPES, VALUES, CREDENTIALS, KAFKA_SECURITY, TOGETHER] {
        for case in toml::from_str::<Cases>(cases).unwrap().case {
            let report = Given::file(&case.file).with_pem().report();
            assert_told(&case.name, &report, &[&case.what, &case.at, &case.why, &case.hint]);
            told += 1;
        }
    }
    assert!(told >= 20);
}

/// What editors of Windows make of a file.
#[test]
fn a_connection_string_in_a_strange_file_is_taken_or_told_how_to_mend() {
    let given = |bytes: &[u8]| {
        let given = Given::file("@kafka\n[eventhubs]\nconnection_string_file = 'cs'\n@mapping");
        std::fs::write(given.directory.path().join("cs"), bytes).unwrap();
        given
    };
    let config = given(format!("\u{feff}{ANOTHER}\r\n").as_bytes()).load().unwrap();
    assert_eq!(config.eventhubs["default"].address.host, "other");
    let wide = |order: fn(u16) -> [u8; 2], text: &str| {
        text.encode_utf16().flat_map(order).collect::<Vec<_>>()
    };
    let marked = format!("\u{feff}{ANOTHER}");
    for (bytes, why, hint) in [
        (format!("\"{ANOTHER}\"\n").into_bytes(), "it is in quotes", "remove the quotes"),
        (wide(u16::to_le_bytes, &marked), "save it as UTF-8", "readable file"),
        (wide(u16::to_be_bytes, &marked), "save it as UTF-8", "readable file"),
        (wide(u16::to_le_bytes, ANOTHER), "save it as UTF-8", "readable file"),
    ] {
        let what = "`eventhubs.connection_string_file` names";
        assert_told(why, &given(&bytes).report(), &[what, "bridge.toml", why, hint]);
    }
}

/// One problem, its four parts, 24 lines of 100 columns, and no secret.
fn assert_told(name: &str, report: &str, expected: &[&str; 4]) {
    assert_eq!(report.matches("error: ").count(), 1, "{name}: not one problem\n{report}");
    let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = ["error: ", " at: ", " why: ", " hint: "];
    let starts: Vec<_> = parts.iter().map(|part| flat.find(part).expect(part)).collect();
    for (index, expected) in expected.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(flat.len());
        let part = &flat[starts[index]..end];
        assert!(
            format!(" {part} ").contains(expected),
            "{name}: `{expected}` is not in `{part}`\n{report}"
        );
    }
    assert!(report.lines().count() <= 24, "{name}: too long\n{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 100), "{name}: too wide\n{report}");
    assert!(!report.contains("hush"), "{name}: a secret is shown\n{report}");
}

#[test]
fn each_owned_property_is_refused_with_its_reason() {
    for (property, expected) in OWNED {
        let toml = format!("@kafka\n[kafka.client]\n'{property}' = 'hush'\n@eventhubs\n@mapping");
        let report = Given::file(&toml).report();
        let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
        let quoted =
            if property.contains('.') { format!("\"{property}\"") } else { (*property).to_owned() };
        assert!(
            flat.contains(&format!("`kafka.client.{quoted}` is reserved for the bridge")),
            "{report}"
        );
        assert!(flat.contains(expected), "{property}: `{expected}` is not in\n{report}");
        assert!(report.contains("bridge.toml:5") && !report.contains("hush"), "{report}");
    }
}

#[test]
fn properties_the_bridge_does_not_own_may_be_set() {
    for (property, value) in [
        ("max.poll.interval.ms", "60000"),
        ("isolation.level", "read_uncommitted"),
        ("client.rack", "west"),
        ("debug", "broker"),
    ] {
        let toml =
            format!("@kafka\n[kafka.client]\n'{property}' = '{value}'\n@eventhubs\n@mapping");
        let config = Given::file(&toml).load().unwrap_or_else(|problems| panic!("{problems}"));
        assert!(config.kafka.client.contains_key(property));
    }
}

#[test]
fn everything_wrong_is_told_at_once_from_the_top() {
    let report = Given::file(
        "[kafka]\nbrokers = 9092\nstart = 'soon'\nfoo = 1\n\n[eventhubs]\nconnection_string = 'hush'\n\n\
         [[mappings]]\ntopic = 'orders'\nhub = 'a b'\n[[mappings]]\ntopics = 'orders'\nhub = 'orders'\n\
         [batch]\nlinger = '1y'\nmax_event = 1\n[failure]\npolicy = 'retry'",
    )
    .variable("BRIDGE_LIMITS__SHARDS", "many")
    .flag("log.level", "loud")
    .report();
    let expected = [
        ("`kafka.group_id` is missing", "bridge.toml:1"),
        ("`kafka.brokers` is a whole number", "bridge.toml:2"),
        ("`kafka.start` is `soon`", "bridge.toml:3"),
        ("`kafka.foo` is not a known key", "bridge.toml:4"),
        ("`eventhubs.connection_string` is no connection string", "bridge.toml:7"),
        ("`mappings[0].hub` is `a b`", "bridge.toml:11"),
        ("`mappings[1].topics` is text, not a list", "bridge.toml:13"),
        ("`batch.linger` is `1y`", "bridge.toml:16"),
        ("`batch.max_event` is not a known key", "bridge.toml:17"),
        ("`failure.policy` is `retry`", "bridge.toml:19"),
        (
            "`limits.shards` is text, not a positive whole number",
            "environment variable `BRIDGE_LIMITS__SHARDS`",
        ),
        ("`log.level` holds `loud`", "flag `--set log.level`"),
    ];
    let mut from = 0;
    for (what, place) in expected {
        let at = report[from..]
            .find(what)
            .unwrap_or_else(|| panic!("`{what}` is not next in\n{report}"));
        let place_at = report[from + at..].find(place);
        assert!(
            place_at.is_some_and(|distance| distance < 200),
            "`{place}` is not at `{what}`\n{report}"
        );
        from += at;
    }
    assert!(report.contains(&format!("\n{} problems", expected.len())), "{report}");
    assert!(!report.contains("hush"), "{report}");
}

#[test]
fn mistakes_outside_the_file_name_the_variable_or_flag() {
    let good = || Given::file("@kafka\n@eventhubs\n@mapping");
    let cases = [
        (
            good().variable("BRIDGE_KAFKA_BROKERS", "k:1"),
            [
                "is not a known key",
                "variable `BRIDGE_KAFKA_BROKERS`",
                "knows",
                "did you mean `BRIDGE_KAFKA__BROKERS`?",
            ],
        ),
        (
            good().variable("BRIDGE_KAFKA__BROKER", "k:1"),
            [
                "`kafka.broker`",
                "variable `BRIDGE_KAFKA__BROKER`",
                "knows",
                "did you mean `BRIDGE_KAFKA__BROKERS`?",
            ],
        ),
        (
            good().variable("BRIDGE_EVENTHUBS__CONNECTION_STRING", "hush"),
            [
                "is no connection string",
                "variable `BRIDGE_EVENTHUBS__CONNECTION_STRING`",
                "part 1 has no `=`",
                "copy",
            ],
        ),
        (
            good().variable("BRIDGE_EVENTHUBS__CONNECTION_STRING", ""),
            [
                "is empty",
                "variable `BRIDGE_EVENTHUBS__CONNECTION_STRING`",
                "log in",
                "leave the key out",
            ],
        ),
        (
            good().variable("BRIDGE_EVENTHUBS__WEST__CONNECTION_STRING", ANOTHER),
            [
                "`eventhubs.west` is used by no mapping",
                "BRIDGE_EVENTHUBS__WEST__CONNECTION_STRING",
                "no events",
                "remove",
            ],
        ),
        (
            good().variable("BRIDGE_MAPPINGS__0__HUB", "x"),
            [
                "`mappings` can only be written in the file",
                "BRIDGE_MAPPINGS__0__HUB",
                "a list",
                "`[[mappings]]`",
            ],
        ),
        (
            good().flag("mappings[0].hub", "x"),
            [
                "`mappings` can only be written in the file",
                "--set mappings[0].hub",
                "a list",
                "`[[mappings]]`",
            ],
        ),
        (
            good().flag("limits.drain_timeout", "10m"),
            [
                "`limits.drain_timeout` is not below",
                "flag `--set limits.drain_timeout`",
                "sent twice",
                "lower",
            ],
        ),
        (
            good().flag("batch.lingr", "1s"),
            [
                "`batch.lingr` is not a known key",
                "flag `--set batch.lingr`",
                "knows",
                "did you mean `linger`?",
            ],
        ),
    ];
    for (given, expected) in cases {
        assert_told(expected[1], &given.report(), &expected);
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let given = Given::file("");
    std::fs::remove_file(given.directory.path().join("bridge.toml")).unwrap();
    let expected = ["cannot be read", "bridge.toml", "No such file", "`--config`"];
    assert_told("no file", &given.report(), &expected);
}

/// A secret in every place that may hold one, broken in every way that comes to mind.
#[test]
fn no_report_shows_a_secret() {
    let string = "Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=hush+/==";
    let files = [
        // Broken TOML on the line of the secret.
        format!("@kafka\n[eventhubs]\nconnection_string = \"{string}\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_string = {string}\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_string \"{string}\"\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_string = \"{string}\" hush\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_string = \"\\hush {string}\"\n@mapping"),
        "@kafka\n[kafka.client]\n'sasl.password' = hush\n@eventhubs\n@mapping".to_owned(),
        // The wrong type or place.
        format!("@kafka\n[eventhubs]\nconnection_string = [\"{string}\"]\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_string = {{ value = \"{string}\" }}\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_strng = \"{string}\"\n@mapping"),
        format!("@kafka\n[eventhubs]\nconnection_string_file = \"{string}\"\n@mapping"),
        "@kafka\n[eventhubs]\nconnection_string_file = 'hush+/=='\n@mapping".to_owned(),
        format!("@kafka\n[eventhubs]\nsend_timeout = \"{string}\"\n@mapping"),
        format!("@kafka\nstart = \"{string}\"\n@eventhubs\n@mapping"),
        format!("[kafka]\nbrokers = \"{string}\"\ngroup_id = 'g'\n@eventhubs\n@mapping"),
        format!("@kafka\n@eventhubs\n@mapping\nnamespace = \"{string}\""),
        format!("@kafka\n@eventhubs\n[[mappings]]\ntopic = 'a'\nhub = \"{string}\""),
        "@kafka\n[kafka.client]\n'sasl.password' = ['hush']\n@eventhubs\n@mapping".to_owned(),
        "@kafka\n[kafka.client]\n'max.poll.interval.ms' = 'hush'\n@eventhubs\n@mapping".to_owned(),
        // Not a connection string.
        "@kafka\n[eventhubs]\nconnection_string = 'hush'\n@mapping".to_owned(),
        "@kafka\n[eventhubs]\nconnection_string = 'SharedAccessKey=hush;hush'\n@mapping".to_owned(),
        "@kafka\n[eventhubs]\nconnection_string = 'hush=1;hush=2'\n@mapping".to_owned(),
        "@kafka\n[eventhubs]\nconnection_string = 'Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=a;hush=='\n\
         @mapping\n[limits]\nshards = 0"
            .to_owned(),
        "@kafka\n[eventhubs]\nconnection_string_file = 'secret.txt'\n@mapping".to_owned(),
    ];
    for file in files {
        let report = Given::file(&file).beside("secret.txt", "hush\n").report();
        assert!(!report.contains("hush"), "{file}\n---\n{report}");
        assert!(report.contains("bridge.toml"), "{report}");
    }
}

#[test]
fn an_export_that_cannot_be() {
    let with = |otlp: &str| {
        let file = Given::file(&format!("@kafka\n@eventhubs\n@mapping\n[otlp]\n{otlp}"));
        file.with_pem().beside("headers", "authorization: hush1234\n").beside("none", "hush1234\n")
    };
    for (otlp, said) in [
        ("endpoint = 'collector:4318'", "`otlp.endpoint` is `collector:4318`, not a usable URL"),
        ("endpoint = 'http://me:hush1234@c'", "`otlp.endpoint` holds a user or a password"),
        ("endpoint = 'http://c:x'", "not a usable URL"),
        ("endpoint = 'http://c'\nheaders_file = 'none'", "whose line 1 is not a header"),
        ("headers_file = 'headers'", "`otlp.headers_file` is never used"),
        ("endpoint = 'http://c'\nkey_file = 'key'", "`otlp.certificate_file` is missing"),
        ("endpoint = 'http://c'\nresource_attributes = 'a'", "holds `a`, not an attribute"),
        ("endpoint = 'http://c'\nresource_attributes = 'service.name=x'", "`otlp.service_name`"),
        ("endpoint = 'http://c'\ntrace_ratio = 2", "`otlp.trace_ratio` is 2, out of bounds"),
        ("endpoint = 'http://c'\ntrace_ratio = 'x'", "`otlp.trace_ratio` is text"),
        ("endpoint = 'http://c'\nmetrics_interval = '0s'", "`otlp.metrics_interval` is `0s`"),
    ] {
        let report = with(otlp).report();
        assert!(report.contains(said) && !report.contains("hush"), "{otlp}: {report}");
    }
    let otlp = "endpoint = 'https://c/otlp/'\nheaders_file = 'headers'\nca_file = 'crt'\n\
                resource_attributes = 'team=a%2Cb, x=y'\nmetrics = false";
    let otlp = with(otlp).load().unwrap().otlp.unwrap();
    assert_eq!(otlp.endpoint, "https://c/otlp");
    assert_eq!((otlp.metrics, otlp.traces), (None, Some(1.0)));
    assert_eq!(otlp.timeout, std::time::Duration::from_secs(10));
    let ratio = with("endpoint = 'http://c'").variable("BRIDGE_OTLP__TRACE_RATIO", "0.25");
    assert_eq!(ratio.load().unwrap().otlp.unwrap().traces, Some(0.25));
    let off = with("endpoint = 'http://c'\nmetrics = false\ntraces = false").load().unwrap();
    assert!(off.otlp.is_none(), "nothing is exported");
    let said = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let service = said("service.name", "kafka-eventhubs-bridge");
    assert_eq!(otlp.resource, [service, said("team", "a,b"), said("x", "y")]);
    let grpc = with("endpoint = 'http://c:4317'").load().unwrap();
    assert!(grpc.warnings.iter().any(|it| it.line().contains("gRPC")), "{:?}", grpc.warnings);
    assert!(with("").load().unwrap().otlp.is_none(), "off unless it is wanted");
}
