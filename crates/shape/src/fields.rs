//! Fields of the value that are removed, masked or hashed: personal data.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::json::{Document, Edits, Instead, Value};
use crate::path::Path;

/// What stands for a value that is masked.
const MASK: &[u8] = b"\"***\"";
/// Digits of a hash.
const HASH: usize = 64;

/// What becomes of fields. A field that is not there is nothing to do.
#[derive(Debug, Default)]
pub struct Fields {
    /// They go.
    pub remove: Vec<Path>,
    /// Their values become `***`; `null` stays.
    pub mask: Vec<Path>,
    /// Their values become an HMAC-SHA-256 with the secret, in hexadecimal; `null` stays.
    pub hash: Option<(HashKey, Vec<Path>)>,
}

/// The secret of hashes.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// A secret, of any length.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The hash of `bytes`, in hexadecimal.
    pub fn hash(&self, bytes: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(bytes);
        hexadecimal(&mac.finalize().into_bytes())
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tells one secret from another, and is of no use for anything else.
        let mark = Sha256::digest(self.hash(b"which secret this is"));
        write!(f, "HashKey({})", &hexadecimal(&mark)[..16])
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from(b"0123456789abcdef"[usize::from(it)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl Fields {
    /// Whether nothing is asked for.
    pub(crate) fn is_none(&self) -> bool {
        self.remove.is_empty() && self.mask.is_empty() && self.hash.is_none()
    }

    /// The text of `document` as it is asked for; `None` when it is that already.
    pub(crate) fn change(&self, document: &Document<'_>) -> Option<Vec<u8>> {
        let root = document.root();
        let mut edits = Edits::new();
        for path in &self.remove {
            path.remove(root, &mut edits);
        }
        let mask = self.mask.iter().map(|path| (path, With::Mask));
        let hash = self.hash.iter();
        let hash = hash.flat_map(|(key, paths)| paths.iter().map(|path| (path, With::Hash(key))));
        for (path, with) in mask.chain(hash) {
            path.all(root, &mut |value| {
                if !value.is_null() {
                    edits.replace(value, with);
                }
            });
        }
        (!edits.is_empty()).then(|| edits.apply(document))
    }
}

/// What stands for a value.
#[derive(Debug, Clone, Copy)]
enum With<'f> {
    Mask,
    Hash(&'f HashKey),
}

impl Instead for With<'_> {
    fn room(self) -> usize {
        match self {
            Self::Mask => MASK.len(),
            // In quotes.
            Self::Hash(_) => HASH + 2,
        }
    }

    fn write(self, value: Value<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Mask => out.extend(MASK),
            Self::Hash(key) => {
                // A list or an object as it is written.
                let plain = value.plain().unwrap_or(value.raw().into());
                out.push(b'"');
                out.extend(key.hash(plain.as_bytes()).as_bytes());
                out.push(b'"');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(all: &[&str]) -> Vec<Path> {
        all.iter().map(|it| Path::parse(it).unwrap()).collect()
    }

    fn changed(fields: &Fields, text: &str) -> Option<String> {
        let document = Document::parse(text.as_bytes()).unwrap();
        fields.change(&document).map(|out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn nothing_else_changes() {
        let fields = Fields { remove: paths(&["b", "c[*].d"]), ..Fields::default() };
        let text = r#"{ "n" : 12345678901234567890.123, "b": {"x": 1}, "c":[{"d":1,"e":1e2},{"d":2}] , "z": "\u00e9", "b": 2 }"#;
        let expected = r#"{ "n" : 12345678901234567890.123, "c":[{"e":1e2},{}] , "z": "\u00e9" }"#;
        assert_eq!(changed(&fields, text).unwrap(), expected);
        assert_eq!(changed(&fields, r#"{"n": 1}"#), None);
        assert_eq!(changed(&fields, "[1]"), None);
    }

    #[test]
    fn a_name_that_is_written_otherwise_is_the_same_name() {
        let fields = Fields { remove: paths(&["iban"]), ..Fields::default() };
        let text = r#"{"\u0069ban": "SE1", "a": 1, "iban": "SE2"}"#;
        assert_eq!(changed(&fields, text).unwrap(), r#"{"a": 1}"#);
    }

    #[test]
    fn values_are_masked_and_hashed() {
        let fields = Fields {
            mask: paths(&["phone", "all"]),
            hash: Some((HashKey::new(b"Jefe"), paths(&["email", "id", "none", "all[*].email"]))),
            ..Fields::default()
        };
        let text = r#"{"phone": "1", "all": [1, {"email": "x"}], "email": "what do ya want for nothing?", "id": 7, "none": null}"#;
        // The first is of RFC 4231.
        let email = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let id = HashKey::new(b"Jefe").hash(b"7");
        let expected = format!(
            r#"{{"phone": "***", "all": "***", "email": "{email}", "id": "{id}", "none": null}}"#
        );
        assert_eq!(changed(&fields, text).unwrap(), expected);
    }

    #[test]
    fn what_is_removed_is_not_masked_too() {
        let (remove, mask) = (paths(&["a", "b"]), paths(&["a.x", "b"]));
        let fields = Fields { remove, mask, hash: None };
        assert_eq!(changed(&fields, r#"{"a": {"x": 1}, "b": 2, "c": 3}"#).unwrap(), r#"{"c": 3}"#);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let (one, other) = (HashKey::new(b"hush"), HashKey::new(b"hush2"));
        let shown = format!("{one:?}");
        assert!(!shown.contains("hush") && shown != format!("{other:?}"), "{shown}");
        assert!(!shown.contains(&one.hash(b"which secret this is")[..16]), "{shown}");
    }
}
