//! Parts of records that are decoded, and the registries that are asked.

use crate::Given;

const REGISTRY: &str = "[registries.main]\naddresses = ['https://r:8081']\n";

fn with(mapping: &str, registries: &str) -> Given {
    Given::file(&format!("@kafka\n@eventhubs\n@mapping\n{mapping}\n{registries}"))
}

#[test]
fn a_mapping_without_a_decoder_has_no_step() {
    let config = with("", REGISTRY).load().unwrap();
    assert!(config.mappings[0].step.is_none());
    assert_eq!(config.registries[0].addresses, ["https://r:8081"]);
}

#[test]
fn what_is_decoded_is_the_same_step_until_something_of_it_is_different() {
    let step = |value: &str| {
        let config = with(&format!("value = {{ decode = 'confluent' {value} }}"), REGISTRY).load();
        config.unwrap().mappings[0].step.clone().expect("it is decoded")
    };
    assert_eq!(step(""), step(""));
    assert_eq!(step(""), step(", registry = 'main'"), "the only one is meant");
    for other in [", to = 'avro'", ", integers = 'text'", ", decimals = 'number'"] {
        assert_ne!(step(""), step(other), "{other}");
    }
}

#[test]
fn what_is_wrong_with_a_decoder_is_told_with_its_place() {
    let two = format!("{REGISTRY}[registries.other]\naddresses = ['http://o']\n");
    for (value, registries, said, hint) in [
        ("to = 'avro'", REGISTRY, "`mappings[0].value.to` is never used", "set `decode`"),
        ("decode = 'avro'", REGISTRY, "`mappings[0].value.decode`", "confluent"),
        (
            "decode = 'confluent'",
            "",
            "`mappings[0].value.registry` is missing",
            "[registries.main]",
        ),
        (
            "decode = 'confluent'",
            &two,
            "`mappings[0].value.registry` is missing",
            "name one of them",
        ),
        (
            "decode = 'confluent', registry = 'mian'",
            &two,
            "`mappings[0].value.registry` is `mian`, and there is no such registry",
            "did you mean `main`?",
        ),
        (
            "decode = 'confluent', registry = 'x'",
            &two,
            "is `x`, and there is no such registry",
            "add `[registries.x]`",
        ),
        (
            "decode = 'confluent', ids = 'content'",
            REGISTRY,
            "`mappings[0].value.ids` is never used",
            "write `decode = \"apicurio\"`",
        ),
        (
            "decode = 'apicurio', id_bytes = 5",
            REGISTRY,
            "`mappings[0].value.id_bytes` is 5",
            "8 or 4",
        ),
        (
            "decode = 'confluent', to = 'avro', times = 'number'",
            REGISTRY,
            "`mappings[0].value.times` is never used",
            "write `to = \"json\"`",
        ),
        (
            "decode = 'confluent', integers = 'big'",
            REGISTRY,
            "`mappings[0].value.integers`",
            "safe",
        ),
    ] {
        let problems = with(&format!("value = {{ {value} }}"), registries).load().unwrap_err();
        let told = problems.to_string();
        assert!(told.contains(said) && told.contains(hint), "{value}: {told}");
    }
}

#[test]
fn what_is_wrong_with_a_registry_is_told_with_its_place() {
    for (registry, said) in [
        ("", "`registries.main.addresses` is missing"),
        ("addresses = ['r:8081']", "`registries.main.addresses[0]` is `r:8081`, not a usable URL"),
        (
            "addresses = ['http://ok', 'http://me:hush1234@r']",
            "`registries.main.addresses[1]` holds a user or a password",
        ),
        (
            "addresses = ['http://r']\nusername = 'ada'",
            "`registries.main.password_file` is missing",
        ),
        (
            "addresses = ['http://r']\npassword_file = 'secret'",
            "`registries.main.username` is missing",
        ),
        (
            "addresses = ['http://r']\nusername = 'ada'\npassword_file = 'secret'\nheaders_file = 'headers'",
            "`registries.main.headers_file` contradicts `username`",
        ),
        (
            "addresses = ['http://r']\nusername = 'ada'\npassword_file = 'secret'\n\
             credential = { kind = 'managed_identity', scope = 'api://r/.default' }",
            "`registries.main.credential` contradicts `username`",
        ),
        (
            "addresses = ['http://r']\ncredential = { kind = 'managed_identity' }",
            "`registries.main.credential.scope` is missing",
        ),
        (
            "addresses = ['http://r']\ncredential = { kind = 'sas', key_name = 'k', key = 'x' }",
            "`registries.main.credential.kind` is `sas`",
        ),
        (
            "addresses = ['http://r']\nheaders_file = 'secret'",
            "`registries.main.headers_file` names a file whose line 1 is not a header",
        ),
        (
            "addresses = ['http://r']\nkey_file = 'key'",
            "`registries.main.certificate_file` is missing",
        ),
        (
            "addresses = ['http://r']\ntimeout = '1h'",
            "`registries.main.timeout` is `1h`, out of bounds",
        ),
        ("address = 'http://r'", "`registries.main.address`"),
    ] {
        let given = with("", &format!("[registries.main]\n{registry}"));
        let given = given.with_pem().beside("headers", "Authorization: Bearer hush1234");
        let told = given.load().unwrap_err().to_string();
        assert!(told.contains(said), "{registry}: {told}");
        assert!(!told.contains("hush1234"), "{told}");
    }
}
