//! Values that are compressed on their way. The level is fixed, and nothing of the time or the machine is in what comes out: the same
//! value always becomes the same bytes.

use std::borrow::Cow;
use std::cell::RefCell;

use bridge_core::step::{Draft, Field};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
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

/// RFC 1952: deflated, without a name or a time, by no system in particular.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

thread_local! {
    // Their tables are larger than most values.
    static DEFLATE: RefCell<Compress> =
        RefCell::new(Compress::new(Compression::new(GZIP_LEVEL), false));
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
            Self::Gzip => DEFLATE.with_borrow_mut(|deflate| gzip(deflate, value)),
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

fn gzip(deflate: &mut Compress, value: &[u8]) -> Option<Vec<u8>> {
    deflate.reset();
    let mut out = Vec::with_capacity(value.len() / 2 + 64);
    out.extend(GZIP_HEADER);
    loop {
        let rest = &value[deflate.total_in() as usize..];
        match deflate.compress_vec(rest, &mut out, FlushCompress::Finish).ok()? {
            Status::StreamEnd => break,
            // It fills what there is.
            Status::Ok | Status::BufError => out.reserve(out.len()),
        }
    }
    let mut crc = Crc::new();
    crc.update(value);
    out.extend(crc.sum().to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    Some(out)
}
