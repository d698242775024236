//! A segment: one file of records behind a header that carries the numbers on, whatever was before it and is gone.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::index::{self, Line};
use super::record::{self, long, number};
use crate::log::{Batch, Extent, Newest};

const MAGIC: &[u8; 8] = b"ehlocal1";
/// Magic, four numbers, a checksum.
pub(super) const HEADER: usize = 44;

/// Where the numbers of a segment begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: i64,
    pub(super) offset: i64,
    /// The newest event before it.
    pub(super) newest: Option<Newest>,
}

impl Head {
    pub(super) fn first() -> Self {
        Self { sequence: 0, offset: 0, newest: None }
    }

    /// What follows on that batch.
    pub(super) fn after(extent: &Extent) -> Self {
        Self {
            sequence: extent.next_sequence(),
            offset: extent.next_offset(),
            newest: Some(extent.newest()),
        }
    }

    fn encode(self) -> Vec<u8> {
        let (offset, time) = self.newest.map_or((-1, 0), |it| (it.offset, it.enqueued_ms));
        let mut out = MAGIC.to_vec();
        for number in [self.sequence, self.offset, offset, time] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, crc) = bytes.get(..HEADER)?.split_at(HEADER - 4);
        if !head.starts_with(MAGIC) || number(crc, 0)? != crc32fast::hash(head) {
            return None;
        }
        let (sequence, offset) = (long(head, 8)?, long(head, 16)?);
        let (newest, enqueued_ms) = (long(head, 24)?, long(head, 32)?);
        let newest =
            (newest >= 0).then_some(Newest { sequence: sequence - 1, offset: newest, enqueued_ms });
        Some(Self { sequence, offset, newest })
    }
}

#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    pub(super) path: PathBuf,
    pub(super) first_sequence: i64,
}

/// What a segment holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) head: Head,
    pub(super) lines: Vec<Line>,
    /// Where what is right ends, and the file.
    pub(super) end: u64,
    pub(super) len: u64,
}

impl Content {
    /// Where the next segment begins.
    pub(super) fn next(&self) -> Head {
        self.lines.last().map_or(self.head, |line| Head::after(&line.extent))
    }
}

impl Segment {
    /// A new file. What is left of an attempt that failed is overwritten.
    pub(super) fn create(folder: &Path, head: Head, sync: bool) -> io::Result<Self> {
        let path = folder.join(format!("{:020}.log", head.sequence));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path)?;
        let segment = Self { file, path, first_sequence: head.sequence };
        let written = segment.write(&head.encode(), 0).and_then(|()| {
            if sync {
                segment.sync()?;
                // The name has to be on the disk as well.
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        });
        match written {
            Ok(()) => Ok(segment),
            Err(error) => {
                // A header that is not whole means nothing to a start either.
                let _removed = std::fs::remove_file(&segment.path).is_ok();
                Err(error)
            }
        }
    }

    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, path: path.to_owned(), first_sequence: 0 })
    }

    pub(super) fn beginning_at(self, first_sequence: i64) -> Self {
        Self { first_sequence, ..self }
    }

    pub(super) fn index_path(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// What a sealed segment holds, by its index; `None` when there is none that fits.
    pub(super) fn indexed(&self) -> io::Result<Option<Content>> {
        let len = self.len()?;
        if len < HEADER as u64 {
            return Ok(None);
        }
        let head = Head::decode(&self.read(0, HEADER)?);
        let lines = index::read(&self.index_path(), len);
        Ok(head.zip(lines).map(|(head, lines)| Content { head, lines, end: len, len }))
    }

    /// What is in the file, record by record up to the first that is not right; `None` without a right header.
    pub(super) fn scan(&self) -> io::Result<Option<Content>> {
        let len = self.len()?;
        let bytes = self.read(0, len as usize)?;
        let Some(head) = Head::decode(&bytes) else { return Ok(None) };
        let mut content = Content { head, lines: Vec::new(), end: HEADER as u64, len };
        while let Some((batch, size)) = record::decode(&bytes.slice(content.end as usize..)) {
            let extent = batch.extent();
            let next = content.next();
            if (extent.first_sequence, extent.base_offset) != (next.sequence, next.offset) {
                break;
            }
            content.lines.push(Line { position: content.end, size: size as u32, extent });
            content.end += size as u64;
        }
        Ok(Some(content))
    }

    pub(super) fn cut(&self, end: u64) -> io::Result<()> {
        self.file.set_len(end)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    #[cfg(unix)]
    pub(super) fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, at)
    }

    #[cfg(unix)]
    fn read(&self, at: u64, len: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; len];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, at)?;
        Ok(bytes.into())
    }

    #[cfg(not(unix))]
    pub(super) fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        use std::io::{Seek, Write};
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    #[cfg(not(unix))]
    fn read(&self, at: u64, len: usize) -> io::Result<Bytes> {
        use std::io::{Read, Seek};
        // A handle of its own: the other's position belongs to whoever writes.
        let mut file = File::open(&self.path)?;
        file.seek(io::SeekFrom::Start(at))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Where a batch is on disk. The file stays readable for whoever holds this, even when retention removes its name.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(super) segment: Arc<Segment>,
    pub(super) position: u64,
    pub(super) size: u32,
}

impl Place {
    /// Reads the batch back, if it is the one expected.
    pub(crate) fn load(&self, expected: &Extent) -> Option<Batch> {
        let read = self.segment.read(self.position, self.size as usize);
        let path = self.segment.path.display();
        match read.map(|bytes| record::decode(&bytes)) {
            Ok(Some((batch, _))) if batch.extent() == *expected => return Some(batch),
            Ok(_) => {
                let position = self.position;
                tracing::error!(%path, position, "a record is damaged, and skipped");
            }
            Err(error) => {
                tracing::error!(%path, %error, "a record cannot be read, and is skipped");
            }
        }
        None
    }
}
