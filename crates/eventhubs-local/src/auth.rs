//! Who may do what: shared keys, SAS tokens, and what a connection has been granted.
//!
//! Without keys any token passes. With keys a token's signature, expiry and scope are checked for real.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

use crate::address;

/// How many audiences a connection may hold tokens for.
const MAX_GRANTS: usize = 4096;

/// Shared access keys by name.
#[derive(Clone, Default)]
pub(crate) struct Keys(Vec<(String, String)>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What a token says once it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The path it covers, lower case; empty covers all.
    path: String,
    expires_ms: Option<i64>,
}

impl Keys {
    pub(crate) fn add(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn first(&self) -> Option<(&str, &str)> {
        self.0.first().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether user and password of SASL PLAIN are a key's name and value.
    pub(crate) fn admits(&self, name: &str, value: &str) -> bool {
        self.is_empty() || self.get(name) == Some(value)
    }

    /// Believes a token, or says why not.
    pub(crate) fn check(&self, kind: &str, token: &str, now_ms: i64) -> Result<Scope, String> {
        let Some(sas) = Sas::parse(token) else {
            if self.is_empty() {
                return Ok(Scope { path: String::new(), expires_ms: None });
            }
            return Err(format!("InvalidToken: a token of type '{kind}' cannot be read."));
        };
        let expires_ms = sas.expires.saturating_mul(1000);
        let scope = Scope {
            path: address::path(&sas.resource).to_lowercase(),
            expires_ms: Some(expires_ms),
        };
        if self.is_empty() {
            return Ok(scope);
        }
        let key = self.get(&sas.key_name).ok_or("InvalidSignature: the key is not known.")?;
        if !sas.signed_by(key) {
            return Err("InvalidSignature: The token has an invalid signature.".into());
        }
        if expires_ms <= now_ms {
            return Err("ExpiredToken: The token is expired.".into());
        }
        Ok(scope)
    }
}

/// A shared access signature, taken apart.
struct Sas<'a> {
    /// As received: the signature is over this text, however it is escaped.
    encoded_resource: &'a str,
    resource: String,
    signature: String,
    expiry: &'a str,
    expires: i64,
    key_name: String,
}

impl<'a> Sas<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let fields = token.strip_prefix("SharedAccessSignature ")?;
        let field = |name: &str| {
            fields.split('&').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (encoded_resource, expiry) = (field("sr")?, field("se")?);
        Some(Self {
            encoded_resource,
            resource: decoded(encoded_resource),
            signature: decoded(field("sig")?),
            expiry,
            expires: expiry.parse().ok()?,
            key_name: decoded(field("skn")?),
        })
    }

    fn signed_by(&self, key: &str) -> bool {
        let Ok(signature) = STANDARD.decode(&self.signature) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return false };
        mac.update(self.encoded_resource.as_bytes());
        mac.update(b"\n");
        mac.update(self.expiry.as_bytes());
        mac.verify_slice(&signature).is_ok()
    }
}

/// What one connection has been granted.
#[derive(Debug)]
pub(crate) struct Grants {
    /// Whether links need a grant at all.
    required: bool,
    /// Whether expired grants count.
    expire: bool,
    everything: bool,
    granted: Vec<Scope>,
}

impl Grants {
    pub(crate) fn new(required: bool, expire: bool) -> Self {
        Self { required, expire, everything: false, granted: Vec::new() }
    }

    pub(crate) fn everything(&mut self) {
        self.everything = true;
    }

    /// Takes `audience` into the grants if `scope` covers it.
    pub(crate) fn put(&mut self, audience: &str, scope: &Scope) -> Result<(), &'static str> {
        let path = address::path(audience).to_lowercase();
        if !covers(&scope.path, &path) {
            return Err("InvalidAudience: The token does not cover the audience.");
        }
        self.granted.retain(|old| old.path != path);
        if self.granted.len() >= MAX_GRANTS {
            return Err("Too many audiences on one connection.");
        }
        self.granted.push(Scope { path, expires_ms: scope.expires_ms });
        Ok(())
    }

    /// Whether the entity at `path` may be used now.
    pub(crate) fn allow(&self, path: &str, now_ms: i64) -> bool {
        let path = path.to_lowercase();
        !self.required
            || self.everything
            || self.granted.iter().any(|scope| {
                let valid = !self.expire || scope.expires_ms.is_none_or(|end| end > now_ms);
                valid && covers(&scope.path, &path)
            })
    }

    /// When the next grant ends, if that matters.
    pub(crate) fn next_expiry(&self, now_ms: i64) -> Option<i64> {
        let ends = self.granted.iter().filter_map(|scope| scope.expires_ms);
        ends.filter(|end| self.expire && *end > now_ms).min()
    }

    /// Forgets all grants; from now on links need one.
    pub(crate) fn revoke(&mut self) {
        self.required = true;
        self.everything = false;
        self.granted.clear();
    }
}

fn covers(scope: &str, path: &str) -> bool {
    match path.strip_prefix(scope) {
        Some(rest) => scope.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let mut keys = Keys::default();
        keys.add("root".into(), "c2VjcmV0".into());
        keys
    }

    fn token(key: &str, resource: &str, expiry: i64) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{resource}\n{expiry}").as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes()).replace('+', "%2B");
        let signature = signature.replace('/', "%2F").replace('=', "%3D");
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=root")
    }

    #[test]
    fn a_token_signed_with_the_key_grants_what_it_covers() {
        let token = token("c2VjcmV0", "amqps%3a%2f%2fns%2forders", 2_000_000_000);
        let scope = keys().check("servicebus.windows.net:sastoken", &token, 0).unwrap();
        let mut grants = Grants::new(true, true);
        assert!(!grants.allow("orders/Partitions/1", 0));
        grants.put("amqps://ns/orders/Partitions/1", &scope).unwrap();
        assert!(grants.allow("orders/partitions/1", 0));
        assert!(!grants.allow("orders/partitions/10", 0));
        assert!(grants.put("amqps://ns/payments", &scope).is_err());
        assert!(!grants.allow("orders/partitions/1", 2_000_000_000_000));
    }

    #[test]
    fn a_wrong_key_an_old_token_and_an_unknown_name_are_refused() {
        let refusal = |token: &str, now| keys().check("t", token, now).unwrap_err();
        let wrong = token("another", "sb%3a%2f%2fns%2forders", 2_000_000_000);
        assert!(refusal(&wrong, 0).starts_with("InvalidSignature"));
        let good = token("c2VjcmV0", "sb%3a%2f%2fns%2forders", 2_000_000_000);
        assert!(refusal(&good, 2_000_000_000_000).starts_with("ExpiredToken"));
        assert!(refusal(&good.replace("skn=root", "skn=guest"), 0).contains("not known"));
        assert!(refusal(&good.replace("orders", "others"), 0).starts_with("InvalidSignature"));
        assert!(refusal("a.b.c", 0).starts_with("InvalidToken"));
    }

    #[test]
    fn without_keys_any_token_passes() {
        assert!(Keys::default().check("jwt", "a.b.c", 0).is_ok());
        let old = token("whatever", "sb%3a%2f%2fns%2forders", 1);
        assert!(Keys::default().check("t", &old, 5_000).is_ok());
    }

    #[test]
    fn keys_do_not_show_their_values() {
        assert_eq!(format!("{:?}", keys()), r#"["root"]"#);
    }
}
