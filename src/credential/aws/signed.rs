//! The URL that is the token.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::causes;
use crate::config::Secret;
use crate::credential::{Token, TokenError};

/// Brokers take no token that is good for longer.
const LIFE: Duration = Duration::from_mins(15);
/// What a signed URL encodes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The token of `credentials` for the clusters of `region`.
pub(super) fn token(
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<Token, TokenError> {
    let unsigned = |error: &dyn std::error::Error| TokenError::Refused(causes::whole(error));
    let mut url = format!("https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFE);
    let identity = credentials.clone().into();
    let signer = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("kafka-cluster")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| unsigned(&error))?
        .into();
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|error| unsigned(&error))?;
    let (instructions, _) = sign(request, &signer).map_err(|error| unsigned(&error))?.into_parts();
    for (name, value) in instructions.params() {
        url.extend(["&", name, "="]);
        url.extend(utf8_percent_encode(value, ENCODED));
    }
    // Not signed: who looks through the logs of the brokers.
    url += "&User-Agent=kafka-eventhubs-bridge";
    let text = Secret::new(URL_SAFE_NO_PAD.encode(url));
    let expires = credentials.expiry().map_or(now + LIFE, |end| end.min(now + LIFE));
    if expires <= now {
        return Err(TokenError::later("the credentials of AWS have expired".to_owned()));
    }
    Ok(Token { text, expires })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::UNIX_EPOCH;

    use hmac::{Hmac, KeyInit, Mac};
    use percent_encoding::percent_decode_str;
    use sha2::{Digest, Sha256};

    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    fn mac(key: &[u8], text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// What a broker does: signs what it was shown, by the rules of AWS, and compares.
    fn signature(query: &str, region: &str, day: &str, time: &str) -> String {
        let mut signed = query.split('&').collect::<Vec<_>>();
        signed.retain(|it| !it.starts_with("X-Amz-Signature=") && !it.starts_with("User-Agent="));
        signed.sort_unstable();
        let empty = hex(&Sha256::digest(b""));
        let request = format!(
            "GET\n/\n{}\nhost:kafka.{region}.amazonaws.com\n\nhost\n{empty}",
            signed.join("&")
        );
        let scope = format!("{day}/{region}/kafka-cluster/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(request)));
        let key = [day, region, "kafka-cluster", "aws4_request"]
            .iter()
            .fold(format!("AWS4{KEY}").into_bytes(), |key, part| mac(&key, part));
        hex(&mac(&key, &text))
    }

    fn made(session: Option<&str>, ends: Option<SystemTime>) -> Result<Token, TokenError> {
        let session = session.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", KEY, session, ends, "test");
        token(&credentials, "eu-west-1", UNIX_EPOCH + Duration::from_secs(1_700_000_000))
    }

    #[test]
    fn the_token_is_a_url_that_says_who_connects_where_and_until_when() {
        let token = made(Some("session/+="), None).unwrap();
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token.text.expose()).unwrap()).unwrap();
        let query = url.strip_prefix("https://kafka.eu-west-1.amazonaws.com/?").expect(&url);
        let said = query.split('&').map(|it| {
            let (name, value) = it.split_once('=').unwrap();
            (name, percent_decode_str(value).decode_utf8().unwrap().into_owned())
        });
        let said = said.collect::<BTreeMap<_, _>>();
        for (name, value) in [
            ("Action", "kafka-cluster:Connect"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIDEXAMPLE/20231114/eu-west-1/kafka-cluster/aws4_request"),
            ("X-Amz-Date", "20231114T221320Z"),
            ("X-Amz-Expires", "900"),
            ("X-Amz-SignedHeaders", "host"),
            ("X-Amz-Security-Token", "session/+="),
            ("User-Agent", "kafka-eventhubs-bridge"),
        ] {
            assert_eq!(said.get(name).map(String::as_str), Some(value), "{name} in {url}");
        }
        let signature = signature(query, "eu-west-1", "20231114", "20231114T221320Z");
        assert_eq!(said["X-Amz-Signature"], signature, "{url}");
        assert_eq!(token.expires, UNIX_EPOCH + Duration::from_secs(1_700_000_900));
    }

    #[test]
    fn a_token_ends_with_the_credentials_that_signed_it() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(Some(made(None, at(1_700_000_060)).unwrap().expires), at(1_700_000_060));
        assert_eq!(Some(made(None, at(1_700_009_000)).unwrap().expires), at(1_700_000_900));
        let ended = made(None, at(1_699_999_999)).unwrap_err();
        assert!(!ended.is_for_good() && ended.to_string().contains("have ended"), "{ended}");
    }

    #[test]
    fn nothing_shows_the_secret() {
        let shown = format!("{:?}", made(Some("session"), None).unwrap());
        assert!(shown.contains("Secret(***)") && !shown.contains(KEY), "{shown}");
    }
}
