//! `kind = "sas"`: keys, signatures, and secrets that are given here or in a file of their own.

use crate::config::credential::LIFETIME;
use crate::config::path::Path;
use crate::config::raw;
use crate::config::{Flaw, Given, Sas, Secret, SharedAccess, connection_string, held, instead};

use super::Check;

impl Check<'_> {
    /// A key, two keys, or a signature.
    pub(super) fn sas(&mut self, at: &Path, given: &raw::Credential) -> Option<Sas> {
        let lifetime_at = at.key("token_lifetime");
        let lifetime =
            self.duration(&lifetime_at, given.token_lifetime.as_ref(), LIFETIME, "5s"..="24h");
        if given.signature.is_some() || given.signature_file.is_some() {
            let keys = ["key_name", "key", "key_file", "secondary_key", "secondary_key_file"];
            if let Some(key) = given.given().into_iter().find(|key| keys.contains(key)) {
                self.wrong(
                    &at.key(key),
                    "contradicts `signature`",
                    "a signature already holds the name of its key, and was made with it",
                    "keep either the key or the signature",
                );
                return None;
            }
            let found = self.either(
                at,
                "signature",
                given.signature.as_ref(),
                given.signature_file.as_ref(),
            )?;
            if let Given::Inline(text) = &found
                && let Err(Flaw { why, hint }) = connection_string::signature(text.expose())
            {
                self.wrong(&at.key("signature"), "is not a signature", why, hint);
                return None;
            }
            return Some(Sas { first: SharedAccess::Signature(found), second: None, lifetime });
        }
        let name = self.key_name(at, given);
        let key = self.unbroken(at, "key", given.key.as_ref(), given.key_file.as_ref());
        let has_second = given.secondary_key.is_some() || given.secondary_key_file.is_some();
        let second = has_second.then(|| {
            self.unbroken(
                at,
                "secondary_key",
                given.secondary_key.as_ref(),
                given.secondary_key_file.as_ref(),
            )
        });
        let (name, key) = (name?, key?);
        let second = match second {
            Some(second) => Some(SharedAccess::Key { name: name.clone(), key: second? }),
            None => None,
        };
        Some(Sas { first: SharedAccess::Key { name, key }, second, lifetime })
    }

    fn key_name(&mut self, at: &Path, given: &raw::Credential) -> Option<String> {
        let at = at.key("key_name");
        let why = "a signature names the key it is made with";
        if given.key_name.is_none() {
            self.missing(&at, why, "add `key_name = \"…\"`");
        }
        self.text(&at, given.key_name.as_ref(), why)
    }

    /// As [`Self::either`], for secrets of Azure: nothing in them can be a space or a line break.
    pub(super) fn unbroken(
        &mut self,
        at: &Path,
        key: &str,
        inline: Option<&String>,
        file: Option<&String>,
    ) -> Option<Given> {
        let (given, at, text) = self.secret(at, key, inline, file)?;
        if let Some(Flaw { why, hint }) = instead::reference(&text) {
            self.wrong(&at, "holds no key of Azure", why, hint);
            return None;
        }
        if let Some(why) = held::misshapen(&text) {
            self.wrong(&at, "holds no key of Azure", why, held::ONE_LINE);
            return None;
        }
        Some(given)
    }

    /// `key` or `key_file`.
    pub(super) fn either(
        &mut self,
        at: &Path,
        key: &str,
        inline: Option<&String>,
        file: Option<&String>,
    ) -> Option<Given> {
        self.secret(at, key, inline, file).map(|(given, ..)| given)
    }

    /// The same, with where it stands and what it says.
    fn secret(
        &mut self,
        at: &Path,
        key: &str,
        inline: Option<&String>,
        file: Option<&String>,
    ) -> Option<(Given, Path, String)> {
        let (inline, file) = self.one_of(at, key, inline, file)?;
        let (inline_at, file_at) = (at.key(key), at.key(&format!("{key}_file")));
        if let Some(file) = file {
            let (text, path) = self.file(&file_at, file, "that secret")?;
            return Some((Given::File(path), file_at, text));
        }
        if inline.is_none() && !self.failed(&file_at) {
            let why = "the bridge must know how to log in";
            self.missing(&inline_at, why, &format!("add `{key}_file = \"…\"` or `{key}`"));
        }
        let text = self.text(&inline_at, inline, "the bridge must know how to log in")?;
        Some((Given::Inline(Secret::new(text.as_str())), inline_at, text))
    }

    /// Of `key` and `key_file` the one that holds: the later layer wins over the earlier.
    pub(super) fn one_of<'a>(
        &mut self,
        at: &Path,
        key: &str,
        mut inline: Option<&'a String>,
        mut file: Option<&'a String>,
    ) -> Option<(Option<&'a String>, Option<&'a String>)> {
        let (inline_at, file_at) = (at.key(key), at.key(&format!("{key}_file")));
        if inline.is_some() && file.is_some() {
            let (inline_rank, file_rank) =
                (self.layers.rank(&inline_at), self.layers.rank(&file_at));
            if inline_rank == file_rank {
                let why = "it is given twice";
                self.wrong(&file_at, format!("contradicts `{key}`"), why, "keep one of the two");
                return None;
            }
            if inline_rank > file_rank { file = None } else { inline = None }
        }
        Some((inline, file))
    }
}
