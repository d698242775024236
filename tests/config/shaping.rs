//! What a mapping selects, and what becomes of keys, fields and headers.

use crate::Given;

fn with(mapping: &str) -> Given {
    Given::file(&format!("@kafka\n@eventhubs\n@mapping\n{mapping}"))
        .beside("hash-key", "hush5678hush5678\n")
        .beside("short-key", "hush5678\n")
        .variable("ZONE", "north")
}

/// The table of the mapping, what is told, and what is to be done about it.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "select = { header = { type = '(' } }",
        "`mappings[0].select.header.type` is not a regular",
        "order.*",
    ),
    (
        "select = { key = '[z-a]' }",
        "`mappings[0].select.key` is not a regular expression",
        "order.*",
    ),
    ("select = { key = '(?!x)' }", "look-around", "order.*"),
    ("select = { tombstones = 'none' }", "`mappings[0].select.tombstones`", "keep"),
    (
        "select = { field = { 'a..b' = 'x' } }",
        "is not a path in a value: expected the name",
        "customer.iban",
    ),
    ("select = { field = { 'a[*].b' = 'x' } }", "names more than one field", "`exists`"),
    ("select = { field = { a = '*' } }", "is not a regular expression", "order.*"),
    (
        "select = { expression = 'value.total >' }",
        "`mappings[0].select.expression` is not a condition",
        "docs/shaping.md",
    ),
    (
        "select = { expression = 'true && nope' }",
        "there is no `nope`, only `value`",
        "docs/shaping.md",
    ),
    ("select = { expression = 'true && nope' }", "line 1, column 9", "docs/shaping.md"),
    ("select = { expression = 'now() > 1' }", "there is no function `now`", "docs/shaping.md"),
    ("select = { expression = '1 + 1' }", "not true or false", "docs/shaping.md"),
    ("select = { headers = {} }", "`mappings[0].select.headers`", "header"),
    ("key = { unwrap = 'debezium' }", "`mappings[0].key.unwrap` is `debezium`", "connect"),
    ("key = { deletes = 'drop' }", "`mappings[0].key.deletes` is never used", "remove the key"),
    ("key = { compress = 'gzip' }", "`mappings[0].key.compress` is never used", "remove the key"),
    ("value = { compress = 'lz4' }", "`mappings[0].value.compress`", "zstd"),
    (
        "value = { compress = 'gzip' }\nevents = { headers = false }",
        "`mappings[0].value.compress` makes events that no consumer can read",
        "remove one",
    ),
    ("key = { from = '{header}' }", "there is no `{header}`", "{header:NAME}"),
    ("key = { from = '{topic' }", "a brace is not closed", "{topic}"),
    ("key = { from = '' }", "`mappings[0].key.from` is empty", "{topic}"),
    ("key = { from = '{env:NOWHERE}' }", "the environment has no `NOWHERE`", "set the variable"),
    ("key = { from = '{field:a[*]}' }", "names more than one field", "{field:PATH}"),
    ("key = { hash = true }", "`mappings[0].fields.hash_key_file` is missing", "16 bytes"),
    ("value = { from = '{topic}' }", "`mappings[0].value.from` is never used", "[mappings.key]"),
    ("value = { hash = true }", "`mappings[0].value.hash` is never used", "[mappings.fields]"),
    ("value = { unwrap = 'avro' }", "`mappings[0].value.unwrap`", "debezium"),
    (
        "value = { unwrap = 'connect', deletes = 'drop' }",
        "`mappings[0].value.deletes` is never used",
        "debezium",
    ),
    (
        "value = { decode = 'confluent', registry = 'nope' }",
        "there is no such registry",
        "[registries.nope]",
    ),
    (
        "fields = { remove = ['a b'] }",
        "`mappings[0].fields.remove[0]` is not a path",
        "customer.iban",
    ),
    ("fields = { remove = ['a[0]'] }", "names elements of a list", "mask them"),
    (
        "fields = { remove = ['a'], mask = ['a.b'] }",
        "is inside `a`, which is also listed",
        "keep one",
    ),
    (
        "fields = { mask = ['a'], hash = ['a'], hash_key_file = 'hash-key' }",
        "is inside `a`",
        "keep one",
    ),
    ("fields = { hash = ['a'] }", "`mappings[0].fields.hash_key_file` is missing", "16 bytes"),
    ("fields = { hash_key_file = 'hash-key' }", "is never used", "`hash`"),
    (
        "fields = { hash = ['a'], hash_key_file = 'nowhere' }",
        "which cannot be used",
        "readable file",
    ),
    (
        "fields = { hash = ['a'], hash_key_file = 'short-key' }",
        "fewer than 16 bytes",
        "openssl rand",
    ),
    (
        "fields = { remove = ['a'] }\nkey = { from = '{field:a.b}' }",
        "reads `a.b`, which is removed",
        "mask or hash",
    ),
    (
        "headers = { keep = ['a'], drop = ['b'] }",
        "`mappings[0].headers.drop` contradicts `keep`",
        "keep one",
    ),
    ("headers = { keep = [] }", "`mappings[0].headers.keep` is empty", "remove the key"),
    ("headers = { drop = ['('] }", "`mappings[0].headers.drop[0]` is not a regular", "order.*"),
    ("headers = { rename = { a = '' } }", "gives a header no name", "write one"),
    ("headers = { add = { a = '{nope}' } }", "there is no `{nope}`", "{topic}"),
    ("cloudevents = { source = '/s' }", "`mappings[0].cloudevents.type` is missing", "write both"),
    (
        "cloudevents = { id = '{offset}' }",
        "`mappings[0].cloudevents.source` is missing",
        "write both",
    ),
    ("cloudevents = { mode = 'batch' }", "`mappings[0].cloudevents.mode`", "structured"),
    (
        "cloudevents = { source = '/s', type = '' }",
        "`mappings[0].cloudevents.type` is empty",
        "{topic}",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_do() {
    for (mapping, said, hint) in WRONG {
        let report = with(mapping).report();
        let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(said) && flat.contains(hint), "{mapping}: {flat}");
        assert!(flat.contains("bridge.toml:") && !flat.contains("hush"), "{mapping}: {flat}");
    }
}

#[test]
fn a_step_is_the_same_until_something_of_it_is_different() {
    let step = |mapping: &str, given: fn(Given) -> Given| {
        let config = given(with(mapping)).load().unwrap_or_else(|problems| panic!("{problems}"));
        config.mappings[0].step.clone()
    };
    let as_it_is: fn(Given) -> Given = |given| given;
    assert!(step("select = {}\nfields = {}\nheaders = {}", as_it_is).is_none());
    for mapping in [
        "select = { key = 'a' }",
        "select = { tombstones = 'drop' }",
        "select = { expression = 'offset > 1' }",
        "fields = { mask = ['a'] }",
        "headers = { add = { a = '{env:ZONE}' } }",
        "cloudevents = {}",
        "key = { from = '{topic}' }",
    ] {
        let one = step(mapping, as_it_is).expect("it is asked for");
        assert_eq!(Some(&one), step(mapping, as_it_is).as_ref(), "{mapping}");
        assert_ne!(Some(one), step("value = { unwrap = 'connect' }", as_it_is), "{mapping}");
    }
    // What is filled in, and the secret, are parts of it; the secret is not shown.
    let zone: fn(Given) -> Given = |given| given.variable("ZONE", "south");
    let named = "headers = { add = { a = '{env:ZONE}' } }";
    assert_ne!(step(named, as_it_is), step(named, zone));
    let secret: fn(Given) -> Given = |given| given.beside("hash-key", "hush9999hush9999\n");
    let hashed = "fields = { hash = ['a'], hash_key_file = 'hash-key' }";
    assert_ne!(step(hashed, as_it_is), step(hashed, secret));
    assert!(!format!("{:?}", step(hashed, as_it_is)).contains("hush"));
}
