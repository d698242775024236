//! Whose tokens are believed: shared access keys, of the namespace or of one hub, and an issuer of JWTs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::jwt::Issuer;
use super::sas::Sas;
use super::{Disbelief, Rights, Scope};
use crate::address;

/// A shared access key.
#[derive(Clone)]
struct Key {
    name: String,
    value: String,
    /// The hub it is of, lower case; `None`: the namespace.
    hub: Option<String>,
    rights: Rights,
    /// Shared by all clones: what is revoked is revoked for good.
    revoked: Arc<AtomicBool>,
}

/// The keys, and who issues JWTs.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    keys: Vec<Key>,
    issuer: Option<Issuer>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.name)).finish()
    }
}

impl Keys {
    /// Adds a key of the namespace with every right.
    pub(crate) fn add(&mut self, name: String, value: String) {
        self.add_limited(None, name, value, Rights::ALL);
    }

    /// Adds a key of the namespace, or of one hub.
    pub(crate) fn add_limited(
        &mut self,
        hub: Option<String>,
        name: String,
        value: String,
        rights: Rights,
    ) {
        let hub = hub.map(|hub| hub.to_lowercase());
        self.keys.push(Key { name, value, hub, rights, revoked: Arc::default() });
    }

    pub(crate) fn trust(&mut self, issuer: Issuer) {
        self.issuer = Some(issuer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.issuer.is_none()
    }

    /// The first key, to be shown to its owner.
    pub(crate) fn first(&self) -> Option<(&str, &str)> {
        self.keys.first().map(|key| (key.name.as_str(), key.value.as_str()))
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| key.name == name && !key.revoked.load(Ordering::Relaxed))
    }

    /// From now on that key opens nothing.
    pub(crate) fn revoke(&self, name: &str, value: &str) {
        for key in self.named(name).filter(|key| key.value == value) {
            key.revoked.store(true, Ordering::Relaxed);
        }
    }

    /// What user and password of SASL PLAIN, a key's name and value, open.
    pub(crate) fn admits(&self, name: &str, value: &str) -> Option<Scope> {
        if self.is_empty() {
            return Some(Scope { path: String::new(), rights: Rights::ALL, expires_ms: None });
        }
        let key = self.named(name).find(|key| key.value == value)?;
        let path = key.hub.clone().unwrap_or_default();
        Some(Scope { path, rights: key.rights, expires_ms: None })
    }

    /// Believes a token, or says why not.
    pub(crate) fn check(&self, token: &str, now_ms: i64) -> Result<Scope, Disbelief> {
        if let Some(sas) = Sas::parse(token) {
            return self.check_sas(&sas, now_ms);
        }
        match &self.issuer {
            Some(issuer) => issuer.check(token),
            None if self.is_empty() => {
                Ok(Scope { path: String::new(), rights: Rights::ALL, expires_ms: None })
            }
            None => Err(Disbelief::Malformed),
        }
    }

    fn check_sas(&self, sas: &Sas<'_>, now_ms: i64) -> Result<Scope, Disbelief> {
        let expires_ms = sas.expires.saturating_mul(1000);
        let path = address::path(&sas.resource).to_lowercase();
        let mut scope = Scope { path, rights: Rights::ALL, expires_ms: Some(expires_ms) };
        if self.is_empty() {
            return Ok(scope);
        }
        let of_hub = scope.path.split('/').next().unwrap_or_default();
        let key = self
            .named(&sas.key_name)
            .filter(|key| key.hub.as_deref().is_none_or(|hub| hub == of_hub))
            .find(|key| sas.signed_by(&key.value))
            .ok_or(Disbelief::Signature)?;
        if expires_ms <= now_ms {
            return Err(Disbelief::Expired { at_ms: expires_ms });
        }
        scope.rights = key.rights;
        Ok(scope)
    }
}
