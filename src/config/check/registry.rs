//! `[registries.NAME]`: where schemas are fetched from.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::path::Path;
use crate::config::{Registry, raw};

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
            self.missing(&addresses, "a registry is asked for schemas there", hint);
        }
        let what = ("a schema registry", "https://HOST:8081");
        let urls = given.addresses.iter().enumerate();
        let urls = urls.filter_map(|(index, url)| self.url(&addresses.index(index), url, what));
        let addresses = urls.collect();
        let headers_file = self.headers(at, given.headers_file.as_ref());
        let user = self.user(at, given);
        if user.is_some() && headers_file.is_some() {
            let why = "`username` says who asks, and so may a header";
            self.wrong(&at.key("headers_file"), "contradicts `username`", why, "keep one of them");
        }
        let files = [&given.ca_file, &given.certificate_file, &given.key_file];
        let tls = self.tls_files(at, files);
        let usual = Duration::from_secs(10);
        let timeout = &at.key("timeout");
        let timeout = self.duration(timeout, given.timeout.as_ref(), usual, "100ms"..="1m");
        Registry { name: name.to_owned(), addresses, user, headers_file, tls, timeout }
    }

    fn user(&mut self, at: &Path, given: &raw::Registry) -> Option<(String, PathBuf)> {
        let both = [("username", &given.username), ("password_file", &given.password_file)];
        if let [(missing, None), (_, Some(_))] | [(_, Some(_)), (missing, None)] = both {
            let why = "a user has a password";
            self.missing(&at.key(missing), why, "add it, or remove the other one");
        }
        let why = "it is the name of a user";
        let name = self.text(&at.key("username"), given.username.as_ref(), why);
        let named = given.password_file.as_ref();
        let file = named.and_then(|it| self.file(&at.key("password_file"), it, "the password"));
        name.zip(file.map(|(_, path)| path))
    }
}
