//! A value that is too large for its hub: it goes to a blob, and the event carries where that is, how long, and its hash.
//!
//! All of it follows from the record alone, so one that is read again has the same blob with the same bytes, and nothing has to be
//! remembered. The name holds the hash: a topic that is made again under its name does not write over what the old one had.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::encode::{EventPlan, EventValue, Layout};
use crate::mapping::{Container, TooLarge, Type};
use crate::record::{Header, Record};
use crate::step::Reference;
use crate::typed::{WrongType, write_text};

/// The sort of a [`Reference`] to a blob; those of steps are others.
pub const CLAIM: u8 = u8::MAX;

const CONTENT_TYPE: &[u8] = b"content-type";
const CONTENT_ENCODING: &[u8] = b"content-encoding";
/// What the body of such an event is.
const JSON: &[u8] = b"application/json";

/// What is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Where, without anything secret.
    pub url: String,
    /// What it holds.
    pub bytes: Bytes,
    /// What it is, as the record says.
    pub content_type: Option<String>,
}

/// What an event says of a value that is elsewhere.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) reference: Reference,
    url: String,
    /// The value of the event.
    body: String,
    content_type: Option<String>,
}

impl Claim {
    /// The claim to the value of `record`, where such values go elsewhere and it has one.
    pub(crate) fn of(record: &Record<'_>, too_large: &TooLarge) -> Option<Self> {
        let TooLarge::ClaimCheck(Container { url, prefix }) = too_large else { return None };
        let value = record.value.filter(|value| !value.is_empty())?;
        let hash = Sha256::digest(value);
        let mut text = Vec::with_capacity(64);
        write_text(&hash, Type::Hex, &mut text);
        let hash = String::from_utf8_lossy(&text);
        let Record { topic, partition, offset, .. } = record;
        // Names of topics are fit for a URL as they are.
        let url = format!("{url}/{prefix}{topic}/{partition}/{offset}-{}", &hash[..16]);
        let said = |name: &[u8]| {
            let last = record.headers.iter().rev().find(|header| header.name == name)?;
            let text = std::str::from_utf8(last.value?).ok()?;
            let is_plain = !text.is_empty() && text.bytes().all(|it| matches!(it, b' '..=b'~'));
            is_plain.then(|| text.to_owned())
        };
        let (content_type, encoding) = (said(CONTENT_TYPE), said(CONTENT_ENCODING));
        let mut body = format!(r#"{{"url":"{url}","size":{},"sha256":"{hash}""#, value.len());
        for (name, said) in [("content_type", &content_type), ("content_encoding", &encoding)] {
            if let Some(said) = said {
                let said = said.replace('\\', r"\\").replace('"', "\\\"");
                body.extend([",\"", name, "\":\"", &said, "\""]);
            }
        }
        body.push('}');
        let content_type = content_type.filter(|_| encoding.is_none());
        Some(Self { reference: reference(&url), url, body, content_type })
    }

    /// Where the value is to be found.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is to be stored for it.
    pub(crate) fn blob(&self, value: &[u8]) -> Blob {
        let (url, content_type) = (self.url.clone(), self.content_type.clone());
        Blob { url, bytes: Bytes::copy_from_slice(value), content_type }
    }

    /// The event that carries it in place of `record`, for `with`.
    pub(crate) fn event<T>(
        &self,
        record: &Record<'_>,
        layout: &Layout,
        with: impl FnOnce(&EventPlan<'_>) -> T,
    ) -> Result<T, WrongType> {
        // They are about the value that is elsewhere.
        let stays = |header: &&Header<'_>| {
            let Header { name, .. } = header;
            *name != CONTENT_TYPE && *name != CONTENT_ENCODING && !layout.is_claim_check(name)
        };
        let mut headers: Vec<_> = record.headers.iter().filter(stays).copied().collect();
        headers.push(Header { name: CONTENT_TYPE, value: Some(JSON) });
        let value = Some(self.body.as_bytes());
        let record = Record { value, headers: &headers, ..*record };
        Ok(with(&EventPlan::of(&record, layout, EventValue::Elsewhere(&self.url))?))
    }
}

/// A blob by its URL, which has the hash of what it holds.
fn reference(url: &str) -> Reference {
    let hash = Sha256::digest(url);
    let id = hash.first_chunk().copied().unwrap_or_default();
    Reference { place: 0, sort: CLAIM, id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Events;

    fn container() -> TooLarge {
        TooLarge::ClaimCheck(Container {
            url: "https://a.blob.core.windows.net/c".into(),
            prefix: "kafka/".into(),
        })
    }

    fn record<'a>(value: &'a [u8], headers: &'a [Header<'a>]) -> Record<'a> {
        let (topic, partition, offset) = ("orders", 3, 42);
        let (timestamp, key) = (Some(5), Some(&b"k"[..]));
        Record { topic, partition, offset, timestamp, key, value: Some(value), headers }
    }

    #[test]
    fn the_claim_says_where_how_long_and_what() {
        let header = |name, value| Header { name, value: Some(value) };
        let headers = [
            header(b"content-type", br#"text/plain; a="b\c""#),
            header(b"content-encoding", b"gzip"),
            header(b"h", b"v"),
            header(b"kafka_claim_check", b"forged"),
        ];
        let record = record(b"abc", &headers);
        let claim = Claim::of(&record, &container()).unwrap();
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let url = "https://a.blob.core.windows.net/c/kafka/orders/3/42-ba7816bf8f01cfea";
        assert_eq!(claim.url(), url);
        let body = format!(
            r#"{{"url":"{url}","size":3,"sha256":"{hash}","content_type":"text/plain; a=\"b\\c\"","content_encoding":"gzip"}}"#
        );
        let blob = claim.blob(b"abc");
        assert_eq!((&blob.bytes[..], blob.content_type), (&b"abc"[..], None), "it is not text");
        // Without source properties no name is kept for us, and still there is one of it.
        for source_properties in [true, false] {
            let events = Events { source_properties, ..Events::default() };
            let event =
                claim.event(&record, &Layout::new(&events), |it| (it.message(), it.weight()));
            let (message, weight) = event.unwrap();
            assert_eq!(weight, crate::encode::section_size(message.len()));
            let is_there = |text: &[u8]| message.windows(text.len()).any(|it| it == text);
            assert!(message.ends_with(body.as_bytes()), "{message:?}");
            assert!(is_there(b"application/json") && is_there(b"orders/3/42") && is_there(b"h"));
            assert!(is_there(b"kafka_claim_check") && !is_there(b"forged"));
        }
    }

    #[test]
    fn another_value_at_the_same_place_has_another_blob_and_the_same_one_the_same() {
        let url = |value| Claim::of(&record(value, &[]), &container()).unwrap().url;
        assert_eq!(url(b"abc"), url(b"abc"));
        assert_ne!(url(b"abc"), url(b"abd"));
    }

    #[test]
    fn what_has_no_value_or_no_container_has_no_claim() {
        assert!(Claim::of(&record(b"", &[]), &container()).is_none());
        assert!(Claim::of(&record(b"abc", &[]), &TooLarge::Policy).is_none());
        let tombstone = Record { value: None, ..record(b"", &[]) };
        assert!(Claim::of(&tombstone, &container()).is_none());
    }
}
