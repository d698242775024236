//! Shared access signatures, and when to renew them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use crate::config::Secret;

/// Everything but letters, digits and `-_.~`, as the service's own clients encode.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A token for one audience.
#[derive(Debug, Clone)]
pub(super) struct CbsToken {
    pub(super) text: Secret,
    pub(super) kind: TokenType,
    pub(super) expires: SystemTime,
    /// Which of two keys it was made with.
    pub(super) second: bool,
}

/// What kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    /// Of shared access.
    Sas,
    /// Of Entra ID.
    Jwt,
}

impl TokenType {
    /// As `$cbs` wants it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sas => "servicebus.windows.net:sastoken",
            Self::Jwt => "jwt",
        }
    }
}

/// Signs for `audience`, an entity's address; good for `validity` from `now`.
pub(super) fn sign(
    audience: &str,
    key_name: &str,
    key: &Secret,
    validity: Duration,
    now: SystemTime,
) -> CbsToken {
    let expires = now + validity;
    let expiry = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let resource = utf8_percent_encode(audience, ENCODED).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = utf8_percent_encode(&signature, ENCODED);
    let key_name = utf8_percent_encode(key_name, ENCODED);
    let text =
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={key_name}");
    CbsToken { text: Secret::new(text), kind: TokenType::Sas, expires, second: false }
}

/// A signature that somebody else made; the text says itself when it ends.
pub(super) fn ready_made(text: &Secret) -> Option<CbsToken> {
    let fields = text.expose().strip_prefix("SharedAccessSignature ")?;
    let expiry = fields.split('&').find_map(|field| field.trim().strip_prefix("se="))?;
    let expires = UNIX_EPOCH.checked_add(Duration::from_secs(expiry.parse().ok()?))?;
    Some(CbsToken { text: text.clone(), kind: TokenType::Sas, expires, second: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_service_checks() {
        // Computed with Python: hmac.new(b"key", b"sb%3A%2F%2Fns%2Forders\n1700003600", sha256).
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let token =
            sign("sb://ns/orders", "send", &Secret::new("key"), Duration::from_secs(3600), now);
        assert_eq!(token.text.expose(), EXPECTED);
        assert!(!format!("{token:?}").contains("sig="), "a token is a secret");
    }

    #[test]
    fn reads_the_end_of_a_signature_that_is_ready_made() {
        let token = ready_made(&Secret::new(EXPECTED)).unwrap();
        assert_eq!(token.expires, UNIX_EPOCH + Duration::from_secs(1_700_003_600));
        assert!(ready_made(&Secret::new("SharedAccessSignature sr=a&sig=b&se=soon")).is_none());
    }

    const EXPECTED: &str = "SharedAccessSignature sr=sb%3A%2F%2Fns%2Forders&sig=JV4vWtSW0qaO8095A3wRbd%2Bj4bvAcSIUK3HN34mPouA%3D&se=1700003600&skn=send";
}
