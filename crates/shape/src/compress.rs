//! Values that are compressed on their way. The level is fixed, and nothing of the time or the machine is in what comes out: the same
//! value always becomes the same bytes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write as _;

use bridge_core::step::{Draft, Field};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use zstd::bulk::Compressor;

const CONTENT_ENCODING: &[u8] = b"content-encoding";
/// What the command of each codec does unless it is told otherwise.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// How values are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

thread_local! {
    /// Its tables are larger than most values.
    static ZSTD: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

impl Codec {
    /// What readers know it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses the value of `draft`, and says so in a header. One that is compressed already, as its header says, stays as it is,
    /// and so does one that is empty.
    pub(crate) fn compress(self, draft: &mut Draft<'_>) {
        let Some(value) = draft.value.as_ref().filter(|value| !value.is_empty()) else { return };
        let said = draft.header(CONTENT_ENCODING).and_then(|header| header.value.as_ref());
        if said.is_some_and(|said| !said.is_empty() && !said.eq_ignore_ascii_case(b"identity")) {
            return;
        }
        let Some(compressed) = self.compressed(value) else { return };
        draft.value = Some(Cow::Owned(compressed));
        draft.headers.retain(|header| *header.name != *CONTENT_ENCODING);
        let value = Some(Cow::Borrowed(self.as_str().as_bytes()));
        draft.headers.push(Field { name: Cow::Borrowed(CONTENT_ENCODING), value });
    }

    /// `None` only where there is no memory for it.
    fn compressed(self, value: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Gzip => {
                let out = Vec::with_capacity(value.len() / 2 + 32);
                let mut encoder: GzEncoder<_> =
                    GzBuilder::new().write(out, Compression::new(GZIP_LEVEL));
                encoder.write_all(value).ok()?;
                encoder.finish().ok()
            }
            Self::Zstd => ZSTD.with_borrow_mut(|kept| {
                let compressor = match kept {
                    Some(compressor) => compressor,
                    None => kept.insert(Compressor::new(ZSTD_LEVEL).ok()?),
                };
                compressor.compress(value).ok()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use proptest::prelude::*;

    fn undone(codec: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            b"gzip" => drop(flate2::read::GzDecoder::new(value).read_to_end(&mut out).unwrap()),
            b"zstd" => out = zstd::decode_all(value).unwrap(),
            other => panic!("{}", other.escape_ascii()),
        }
        out
    }

    fn draft<'a>(value: Option<&'a [u8]>, encoding: Option<&'a [u8]>) -> Draft<'a> {
        let name = Cow::Borrowed(CONTENT_ENCODING);
        let field = |value| Field { name: name.clone(), value: Some(Cow::Borrowed(value)) };
        let headers = encoding.map(field).into_iter().collect();
        Draft { key: None, value: value.map(Cow::Borrowed), headers }
    }

    proptest! {
        #[test]
        fn what_is_compressed_can_be_had_back_and_is_the_same_each_time(
            value in prop::collection::vec(any::<u8>(), 1..2_000), times in 1..50_usize, gzip in any::<bool>(),
        ) {
            let value = value.repeat(times);
            let codec = if gzip { Codec::Gzip } else { Codec::Zstd };
            let mut first = draft(Some(&value), Some(b"identity"));
            codec.compress(&mut first);
            let [header] = &first.headers[..] else { panic!("{:?}", first.headers) };
            let encoding = header.value.as_ref().unwrap();
            prop_assert_eq!(undone(encoding, first.value.as_ref().unwrap()), &value[..]);
            let mut second = draft(Some(&value), None);
            codec.compress(&mut second);
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn what_is_compressed_or_has_nothing_to_compress_stays_as_it_is() {
        for codec in [Codec::Gzip, Codec::Zstd] {
            for (value, encoding) in
                [(None, None), (Some(&b""[..]), None), (Some(&b"value"[..]), Some(&b"br"[..]))]
            {
                let mut it = draft(value, encoding);
                codec.compress(&mut it);
                assert_eq!(it, draft(value, encoding), "{codec:?}");
            }
        }
    }
}
