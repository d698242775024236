//! A shared access signature: its fields, and whether a key has signed them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

/// A shared access signature, taken apart.
pub(super) struct Sas<'a> {
    /// As received: the signature is over this text, however it is escaped.
    encoded_resource: &'a str,
    pub(super) resource: String,
    signature: String,
    expiry: &'a str,
    pub(super) expires: i64,
    pub(super) key_name: String,
}

impl<'a> Sas<'a> {
    pub(super) fn parse(token: &'a str) -> Option<Self> {
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

    pub(super) fn signed_by(&self, key: &str) -> bool {
        let Ok(signature) = STANDARD.decode(&self.signature) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return false };
        mac.update(self.encoded_resource.as_bytes());
        mac.update(b"\n");
        mac.update(self.expiry.as_bytes());
        mac.verify_slice(&signature).is_ok()
    }
}
