//! `[registries.NAME]`: where schemas are fetched from.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::path::Path;
use crate::config::raw::{Kind, Word};
use crate::config::{Credential, Entra, Registry, headers, raw};

use super::Check;

impl Check<'_> {
    /// The registries, in the order of their names; those that are wrong have no addresses.
    pub(super) fn registries(&mut self, given: &raw::File) -> Vec<Registry> {
        let at = Path::top("registries");
        let each = given.registries.iter();
        each.map(|(name, given)| self.registry(&at.key(name), name, given)).collect()
    }

    fn registry(&mut self, at: &Path, name: &str, given: &raw::Registry) -> Registry {
        let addresses = at.key("addresses");
        if given.addresses.is_empty() {
            let hint = "add `addresses = [\"https://HOST:8081\"]`";
            self.missing(&addresses, "the bridge fetches schemas there", hint);
        }
        let what = ("a schema registry", "https://HOST:8081", "headers_file");
        let urls = given.addresses.iter().enumerate();
        let urls = urls.filter_map(|(index, url)| self.url(&addresses.index(index), url, what));
        let addresses = urls.collect();
        let headers_file = self.headers(at, given.headers_file.as_ref());
        let user = self.user(at, given);
        self.one_who_asks(at, given);
        let files = [&given.ca_file, &given.certificate_file, &given.key_file];
        let tls = self.tls_files(at, files);
        let credential = given.credential.as_ref();
        let credential = credential.and_then(|it| self.identity_of(&at.key("credential"), it));
        let credential = credential.map(|it| Entra { ca_file: tls.ca_file.clone(), ..it });
        let usual = Duration::from_secs(10);
        let timeout = &at.key("timeout");
        let timeout = self.duration(timeout, given.timeout.as_ref(), usual, "100ms"..="1m");
        Registry { name: name.to_owned(), addresses, user, credential, headers_file, tls, timeout }
    }

    /// A password, a token of Entra and a header that says who asks exclude each other. Other headers go with each.
    fn one_who_asks(&mut self, at: &Path, given: &raw::Registry) {
        let file = given.headers_file.as_ref().map(|named| self.layers.beside(named));
        let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let is_said = |(name, _): &(String, _)| name.eq_ignore_ascii_case("authorization");
        let by_header = headers(&text).is_ok_and(|all| all.iter().any(is_said));
        let ways = [
            ("username", given.username.is_some() || given.password_file.is_some()),
            ("credential", given.credential.is_some()),
            ("headers_file", by_header),
        ];
        let mut said = ways.into_iter().filter_map(|(key, is_said)| is_said.then_some(key));
        if let (Some(first), Some(second)) = (said.next(), said.next()) {
            let why = match second {
                "headers_file" => "a header `Authorization` in it also holds credentials",
                _ => "a request authenticates in one way only",
            };
            let said = format!("contradicts `{first}`");
            self.wrong(&at.key(second), said, why, "keep one of them");
        }
    }

    /// An identity of Entra ID, and what its tokens are for.
    fn identity_of(&mut self, at: &Path, given: &raw::Credential) -> Option<Entra> {
        if given.kind == Some(Word(Kind::Sas)) {
            let why = "a shared access key of Event Hubs is not valid for a registry";
            let hint = "write `username` and `password_file`, or another `kind`";
            self.wrong(&at.key("kind"), "is `sas`", why, hint);
            return None;
        }
        if given.kind.is_some() && given.scope.is_none() {
            let why = "a token needs a scope, and the registry checks it";
            self.missing(&at.key("scope"), why, "add `scope = \"api://…/.default\"`");
            return None;
        }
        match self.credential(at, given, "")? {
            Credential::Entra(entra) => Some(entra),
            Credential::Sas(_) => None,
        }
    }

    fn user(&mut self, at: &Path, given: &raw::Registry) -> Option<(String, PathBuf)> {
        let both = [("username", &given.username), ("password_file", &given.password_file)];
        if let [(missing, None), (_, Some(_))] | [(_, Some(_)), (missing, None)] = both {
            let why = "a user and a password belong together";
            self.missing(&at.key(missing), why, "add it, or remove the other one");
        }
        let why = "it is the name of a user";
        let name = self.text(&at.key("username"), given.username.as_ref(), why);
        let named = given.password_file.as_ref();
        let file = named.and_then(|it| self.file(&at.key("password_file"), it, "the password"));
        name.zip(file.map(|(_, path)| path))
    }
}
