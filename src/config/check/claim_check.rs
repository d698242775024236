//! `[claim_check]`: where values go that are too large for their hub.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::hint::shown;
use crate::config::path::Path;
use crate::config::raw::{Kind, Word};
use crate::config::{BlobWriter, ClaimCheck, Container, Credential, Entra, Mapping, TooLarge, raw};

use super::Check;

const SCOPE: &str = "https://storage.azure.com/.default";
/// Names of blobs have 1024 characters at most, of which topic, partition, offset and hash may take some 320.
const LONGEST_PREFIX: usize = 600;

/// What there is of `[claim_check]`.
pub(super) enum ClaimChecks {
    /// No such table.
    None,
    /// One that is wrong, which is told.
    Wrong,
    /// One that can be used.
    Here(Box<ClaimCheck>),
}

impl Check<'_> {
    pub(super) fn claim_check(&mut self, given: &raw::ClaimCheck) -> ClaimChecks {
        let at = Path::top("claim_check");
        if self.layers.find(&at).is_none() {
            return ClaimChecks::None;
        }
        let key = at.key("container");
        if given.container.is_none() {
            let hint = "add `container = \"https://ACCOUNT.blob.core.windows.net/CONTAINER\"`";
            self.missing(&key, "values that are too large are put there", hint);
        }
        let url = given.container.as_ref().and_then(|url| self.container(&key, url));
        let prefix = self.prefix(&at.key("prefix"), given.prefix.as_deref().unwrap_or_default());
        let ca_file = self.tls_files(&at, [&given.ca_file, &None, &None]).ca_file;
        let is_open = url.as_ref().is_some_and(|url| url.starts_with("http://"));
        let identity = self.writer(&at, given, url.as_deref(), is_open);
        let timeout = given.timeout.as_ref();
        let usual = Duration::from_secs(60);
        let timeout = self.duration(&at.key("timeout"), timeout, usual, "1s"..="10m");
        match (url, prefix, identity) {
            (Some(url), Some(prefix), Some(mut identity)) => {
                if let BlobWriter::Entra(entra) = &mut identity {
                    entra.ca_file.clone_from(&ca_file);
                }
                let container = Container { url: url.into(), prefix: prefix.into() };
                ClaimChecks::Here(Box::new(ClaimCheck { container, identity, ca_file, timeout }))
            }
            _ => ClaimChecks::Wrong,
        }
    }

    fn container(&mut self, at: &Path, url: &str) -> Option<String> {
        let such_as = "https://ACCOUNT.blob.core.windows.net/CONTAINER";
        let why = "the address of each blob is part of its event, so it must not hold a secret";
        if url.contains(['?', '@']) {
            let hint = "put the part after the `?` into a file, and name the file in `sas_file`";
            self.wrong(at, "holds more than an address", why, hint);
            return None;
        }
        let url =
            self.url(at, url, ("a container of Azure Blob Storage", such_as, "credential"))?;
        let path = url.split('/').skip(3).collect::<Vec<_>>();
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // An emulator has the account in front of it.
        let (Some(name), 1..=2) = (path.last(), path.len()) else {
            let why = "blobs are written to a container, whose name follows the account";
            self.wrong(at, "names no container", why, format!("write `{such_as}`"));
            return None;
        };
        if !(3..=63).contains(&name.len()) || !path.iter().all(|it| it.chars().all(usable)) {
            let why = "a container has a name of 3 to 63 small letters, digits and hyphens";
            self.wrong(
                at,
                format!("ends in {}", shown(name)),
                why,
                "correct the name; folders belong into `prefix`",
            );
            return None;
        }
        Some(url)
    }

    fn prefix(&mut self, at: &Path, given: &str) -> Option<String> {
        let prefix = given.trim();
        let usable = |c: char| c.is_ascii_alphanumeric() || "-_.~/=".contains(c);
        let parts = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_whole =
            parts.is_empty() || parts.split('/').all(|it| !matches!(it, "" | "." | ".."));
        if prefix.len() > LONGEST_PREFIX || !prefix.chars().all(usable) || !is_whole {
            let why = "names of blobs begin with it, and they are part of URLs";
            let hint = "write letters, digits and `-_.~=`, with `/` between folders";
            self.wrong(at, "cannot begin the name of a blob", why, hint);
            return None;
        }
        Some(prefix.to_owned())
    }

    fn writer(
        &mut self,
        at: &Path,
        given: &raw::ClaimCheck,
        url: Option<&str>,
        is_open: bool,
    ) -> Option<BlobWriter> {
        let key = at.key("credential");
        match (&given.credential, &given.sas_file) {
            (Some(_), Some(_)) => {
                let why = "an upload authenticates in one way only";
                self.wrong(
                    &at.key("sas_file"),
                    "contradicts `credential`",
                    why,
                    "keep one of them",
                );
                None
            }
            (None, None) => {
                let why = "storage accepts no upload without a credential";
                let hint = "add `credential = { kind = \"workload_identity\" }`, or `sas_file`";
                self.missing(&key, why, hint);
                None
            }
            (Some(_), None) if is_open => {
                let why = "a token would be sent in clear text";
                let hint = "write `https://…`; an emulator without TLS accepts a `sas_file`";
                self.wrong(&at.key("container"), "begins with `http://`", why, hint);
                None
            }
            (Some(given), None) => self.who_writes(&key, given, url).map(BlobWriter::Entra),
            (None, Some(named)) => {
                self.signature_of(&at.key("sas_file"), named).map(BlobWriter::Sas)
            }
        }
    }

    fn who_writes(
        &mut self,
        at: &Path,
        given: &raw::Credential,
        url: Option<&str>,
    ) -> Option<Entra> {
        if given.kind == Some(Word(Kind::Sas)) {
            let why = "a shared access key of Event Hubs is not valid for storage";
            let hint = "write `sas_file` beside `container` instead, or another `kind`";
            self.wrong(&at.key("kind"), "is `sas`", why, hint);
            return None;
        }
        let host = url.and_then(|url| url.split('/').nth(2)).unwrap_or_default();
        match self.credential(at, given, host)? {
            Credential::Entra(entra) if given.scope.is_none() => {
                Some(Entra { scope: SCOPE.to_owned(), ..entra })
            }
            Credential::Entra(entra) => Some(entra),
            Credential::Sas(_) => None,
        }
    }

    fn signature_of(&mut self, at: &Path, named: &str) -> Option<PathBuf> {
        let (text, path) = self.file(at, named, "the signature")?;
        let is_one = |part: &str| part.starts_with("sig=") && part.len() > 4;
        if text.trim().trim_start_matches('?').split('&').any(is_one) {
            return Some(path);
        }
        let why = "it is the part after the `?` of a URL that allows writing";
        let hint =
            "write `sv=…&sr=c&sp=cw&se=…&sig=…` into it; docs/too-large.md says how to get one";
        self.wrong(at, "names a file without a shared access signature", why, hint);
        None
    }

    /// What becomes of values that are too large, as `[failure]` or a mapping of its own says.
    pub(super) fn too_large(
        &mut self,
        at: &Path,
        given: Option<raw::TooLarge>,
        base: &TooLarge,
        claims: &ClaimChecks,
    ) -> TooLarge {
        match (given, claims) {
            (None, _) => base.clone(),
            (Some(raw::TooLarge::Split), _) => TooLarge::Split,
            (Some(raw::TooLarge::Policy), _)
            | (Some(raw::TooLarge::ClaimCheck), ClaimChecks::Wrong) => TooLarge::Policy,
            (Some(raw::TooLarge::ClaimCheck), ClaimChecks::Here(claims)) => {
                TooLarge::ClaimCheck(claims.container.clone())
            }
            (Some(raw::TooLarge::ClaimCheck), ClaimChecks::None) => {
                let why = "a value that is too large needs a container to go to";
                let hint = "add `[claim_check]` with `container` and `credential`";
                self.wrong(at, "is `claim_check`, and there is no `[claim_check]`", why, hint);
                TooLarge::Policy
            }
        }
    }

    pub(super) fn claims_are_used(&mut self, claims: &ClaimChecks, mappings: &[(Path, Mapping)]) {
        let is_used = |(_, mapping): &(Path, Mapping)| {
            matches!(mapping.failure.too_large, TooLarge::ClaimCheck(_))
        };
        if matches!(claims, ClaimChecks::Here(_))
            && !mappings.is_empty()
            && !mappings.iter().any(is_used)
        {
            let why = "no mapping writes values to it";
            let hint = "write `too_large = \"claim_check\"` into `[failure]`, or remove the table";
            self.warn(&Path::top("claim_check"), "is never used", why, hint);
        }
    }
}
