//! Where values go that are too large, and who puts them there.

use std::time::Duration;

use kafka_eventhubs_bridge::config::{BlobWriter, Config, TooLarge};

use crate::Given;

const FAILURE: &str = "[failure]\ntoo_large = 'claim_check'";
const ENTRA: &str = "credential = { kind = 'managed_identity' }";

fn with(table: &str, rest: &str) -> Given {
    Given::file(&format!("@kafka\n@eventhubs\n@mapping\n{rest}\n[claim_check]\n{table}"))
}

fn account(more: &str) -> String {
    format!("container = 'https://a.blob.core.windows.net/large/'\n{more}")
}

/// Where the values of each mapping go.
fn urls(config: &Config) -> Vec<Option<&str>> {
    config
        .mappings
        .iter()
        .map(|mapping| match &mapping.failure.too_large {
            TooLarge::ClaimCheck(container) => Some(&*container.url),
            TooLarge::Policy | TooLarge::Split => None,
        })
        .collect()
}

#[test]
fn it_holds_for_all_mappings_or_for_one() {
    let url = Some("https://a.blob.core.windows.net/large");
    let config = with(&account(ENTRA), FAILURE).load().unwrap();
    assert_eq!(urls(&config), [url]);
    let claims = config.claim_check.unwrap();
    assert_eq!((&*claims.container.prefix, claims.timeout), ("", Duration::from_secs(60)));
    let BlobWriter::Entra(entra) = claims.identity else { panic!("an identity of Entra ID") };
    assert_eq!(entra.scope, "https://storage.azure.com/.default");
    let own = "failure.too_large = 'claim_check'\n[[mappings]]\ntopic = 'b'\nhub = 'b'";
    assert_eq!(urls(&with(&account(ENTRA), own).load().unwrap()), [url, None]);
    let but =
        format!("failure.too_large = 'policy'\n[[mappings]]\ntopic = 'b'\nhub = 'b'\n{FAILURE}");
    assert_eq!(urls(&with(&account(ENTRA), &but).load().unwrap()), [None, url]);
    let china = account(ENTRA).replace("core.windows.net", "core.chinacloudapi.cn");
    let secret = "credential = { kind = 'client_secret', tenant_id = 't', client_id = 'c', client_secret = 's' }";
    let BlobWriter::Entra(entra) =
        with(&china.replace(ENTRA, secret), FAILURE).load().unwrap().claim_check.unwrap().identity
    else {
        panic!("an identity of Entra ID")
    };
    assert_eq!(entra.authority, "https://login.partner.microsoftonline.cn");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_without_a_secret() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush").unwrap();
    let sas = format!("sas_file = '{}'", file.path().display());
    for (table, rest, said, hint) in [
        (ENTRA.to_owned(), FAILURE, "`claim_check.container` is missing", "https://ACCOUNT"),
        (account(""), FAILURE, "`claim_check.credential` is missing", "sas_file"),
        (
            account(&format!("{ENTRA}\n{sas}")),
            FAILURE,
            "`claim_check.sas_file` contradicts `credential`",
            "keep one",
        ),
        (account(&sas), FAILURE, "names a file without a shared access signature", "sig=…"),
        (
            format!("container = 'http://127.0.0.1:10000/a/large'\n{ENTRA}"),
            FAILURE,
            "`claim_check.container` begins with `http://`",
            "sas_file",
        ),
        (
            format!("container = 'https://a.blob.core.windows.net/large?sv=1&sig=hush'\n{ENTRA}"),
            FAILURE,
            "`claim_check.container` holds more than an address",
            "sas_file",
        ),
        (
            format!("container = 'https://a.blob.core.windows.net'\n{ENTRA}"),
            FAILURE,
            "`claim_check.container` names no container",
            "/CONTAINER",
        ),
        (
            format!("container = 'https://a.blob.core.windows.net/Large'\n{ENTRA}"),
            FAILURE,
            "`claim_check.container` ends in `Large`",
            "prefix",
        ),
        (
            format!("container = 'https://a.blob.core.windows.net/large/a/b'\n{ENTRA}"),
            FAILURE,
            "`claim_check.container` names no container",
            "/CONTAINER",
        ),
        (format!("container = 'a/c'\n{ENTRA}"), FAILURE, "not a usable URL", "credential"),
        (
            account(&format!("{ENTRA}\nprefix = '/x'")),
            FAILURE,
            "`claim_check.prefix`",
            "between folders",
        ),
        (
            account(&format!("{ENTRA}\nprefix = 'a/../b'")),
            FAILURE,
            "`claim_check.prefix`",
            "between folders",
        ),
        (
            account("credential = { kind = 'sas', key = 'hush' }"),
            FAILURE,
            "`claim_check.credential.kind` is `sas`",
            "sas_file",
        ),
        (account(&format!("{ENTRA}\ntimeout = '1ms'")), FAILURE, "`claim_check.timeout`", "1s"),
    ] {
        let told = with(&table, rest).load().unwrap_err().to_string();
        assert!(told.contains(said) && told.contains(hint), "{table}: {told}");
        assert!(!told.contains("hush"), "{told}");
    }
    let warned = &with(&account(ENTRA), "").load().unwrap().warnings[0].to_string();
    assert!(warned.contains("`claim_check` is never used"), "{warned}");
    let told = Given::file(&format!("@kafka\n@eventhubs\n@mapping\n{FAILURE}")).load().unwrap_err();
    let told = told.to_string();
    let said = "`failure.too_large` is `claim_check`, and there is no `[claim_check]`";
    assert!(told.contains(said) && told.contains("add `[claim_check]`"), "{told}");
}

#[test]
fn a_value_may_be_split_with_no_table_beside() {
    let fates = |rest: &str| {
        let config = Given::file(&format!("@kafka\n@eventhubs\n@mapping\n{rest}")).load().unwrap();
        let fates = config.mappings.iter().map(|mapping| mapping.failure.too_large.clone());
        (fates.collect::<Vec<_>>(), config.warnings.len())
    };
    let other = "[[mappings]]\ntopic = 'b'\nhub = 'b'";
    let all = "[failure]\ntoo_large = 'split'";
    let own = format!("failure.too_large = 'split'\n{other}");
    assert_eq!(fates(&own), (vec![TooLarge::Split, TooLarge::Policy], 0));
    assert_eq!(fates(&format!("{other}\n{all}")), (vec![TooLarge::Split; 2], 0));
    let but = format!("failure.too_large = 'policy'\n{other}\n{all}");
    assert_eq!(fates(&but), (vec![TooLarge::Policy, TooLarge::Split], 0));
    // The table is of no use then.
    let warned = &with(&account(ENTRA), all).load().unwrap().warnings[0].to_string();
    assert!(warned.contains("`claim_check` is never used"), "{warned}");
}
