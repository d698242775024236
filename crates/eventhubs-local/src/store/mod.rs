//! The log of one partition on disk: segments of checked records, appended to and removed from the front.
//!
//! A batch is written before it is accepted. A write that fails leaves the file as it was; a record that was being
//! written when the process died is cut off at the next start. Numbers live in the segments' headers, so that they go
//! on even when every event has gone.

mod directory;
mod index;
mod record;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use directory::{Directory, DirectoryError, HubFolder};
use index::Line;
pub(crate) use segment::Place;
use segment::{Content, HEADER, Head, Segment};

use crate::condition::Condition;
use crate::log::{Batch, Entry, Newest};

/// The largest segment; less retention makes smaller ones.
const MAX_SEGMENT: u64 = 64 << 20;
const MIN_SEGMENT: u64 = 64 << 10;

/// How a store is to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) segment_bytes: u64,
    /// Whether an append waits for the disk, not only for the system.
    pub(crate) sync: bool,
}

impl Policy {
    /// Four segments or more within what is kept, so that disk use stays near it.
    pub(crate) fn new(retained_bytes: usize, sync: bool) -> Self {
        let segment_bytes = (retained_bytes as u64 / 4).clamp(MIN_SEGMENT, MAX_SEGMENT);
        Self { segment_bytes, sync }
    }
}

/// Why stored events cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("`{}` is damaged at byte {at}: restore it, or move the directory of the partition away", path.display())]
    Damaged { path: PathBuf, at: u64 },
    #[error("the segment before `{}` is missing: restore it, or move the directory of the partition away", path.display())]
    Gap { path: PathBuf },
}

/// What a client is told of events that could not be written.
pub(crate) fn refusal(error: &io::Error) -> Condition {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Condition::new(
                "amqp:resource-limit-exceeded",
                "The storage quota of the namespace has been exceeded; the events were not stored.",
            )
        }
        _ => Condition::internal_error(),
    }
}

/// A store and what is in it.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) store: Store,
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) next_sequence: i64,
    pub(crate) next_offset: i64,
    pub(crate) newest: Option<Newest>,
}

#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    policy: Policy,
    /// The segments before the active one, oldest first.
    sealed: VecDeque<Arc<Segment>>,
    active: Arc<Segment>,
    /// The records of the active segment, and where the next goes.
    lines: Vec<Line>,
    end: u64,
    buffer: Vec<u8>,
    /// Whether the last write failed: said once, not for each.
    failing: bool,
}

impl Store {
    /// Opens the partition in `folder`, or begins it.
    pub(crate) fn open(folder: &Path, policy: Policy) -> Result<Restored, StoreError> {
        fs::create_dir_all(folder)?;
        let mut paths = segments_in(folder)?;
        let mut restored = VecDeque::new();
        let mut sealed = VecDeque::new();
        let mut active = None;
        while let Some(path) = paths.pop_front() {
            let segment = Segment::open(&path)?;
            let content = if paths.is_empty() { last(&segment)? } else { Some(full(&segment)?) };
            let Some(content) = content else {
                tracing::warn!(path = %path.display(), "removing an incomplete segment");
                fs::remove_file(&path)?;
                continue;
            };
            let segment = Arc::new(segment.beginning_at(content.head.sequence));
            let expected: Option<Head> =
                active.as_ref().map(|(_, before): &(_, Content)| before.next());
            if expected.is_some_and(|it| it.sequence != content.head.sequence) {
                return Err(StoreError::Gap { path });
            }
            for Line { position, size, extent } in &content.lines {
                let place =
                    Place { segment: Arc::clone(&segment), position: *position, size: *size };
                restored.push_back(Entry::on_disk(*extent, place));
            }
            sealed.extend(active.replace((segment, content)).map(|(segment, _)| segment));
        }
        let (active, content) = match active {
            Some(active) => active,
            None => begin(folder, policy)?,
        };
        let Head { sequence, offset, newest } = content.next();
        let store = Self {
            folder: folder.to_owned(),
            policy,
            sealed,
            active,
            lines: content.lines,
            end: content.end,
            buffer: Vec::new(),
            failing: false,
        };
        Ok(Restored {
            store,
            entries: restored,
            next_sequence: sequence,
            next_offset: offset,
            newest,
        })
    }

    /// Writes one batch. After an error nothing of it is there.
    pub(crate) fn append(&mut self, batch: &Batch) -> io::Result<Place> {
        let written = self.write(batch);
        match &written {
            Ok(_) if self.failing => {
                tracing::info!(folder = %self.folder.display(), "events can be written again");
            }
            Err(error) if !self.failing => {
                tracing::error!(folder = %self.folder.display(), %error, "events cannot be written, and are refused");
            }
            _ => {}
        }
        self.failing = written.is_err();
        written
    }

    fn write(&mut self, batch: &Batch) -> io::Result<Place> {
        self.buffer.clear();
        record::encode(&mut self.buffer, batch);
        let size = self.buffer.len() as u64;
        if self.end > HEADER as u64 && self.end + size > self.policy.segment_bytes {
            self.roll(Head {
                sequence: batch.first_sequence,
                offset: batch.base_offset,
                newest: self.lines.last().map(|line| line.extent.newest()),
            })?;
        }
        let written = self
            .active
            .write(&self.buffer, self.end)
            .and_then(|()| if self.policy.sync { self.active.sync() } else { Ok(()) });
        if let Err(error) = written {
            // Whatever cannot be cut now is overwritten by the next record, or cut at the next start.
            if let Err(error) = self.active.cut(self.end) {
                tracing::warn!(path = %self.active.path.display(), %error, "cannot cut off a failed write");
            }
            return Err(error);
        }
        let place =
            Place { segment: Arc::clone(&self.active), position: self.end, size: size as u32 };
        self.lines.push(Line { position: self.end, size: size as u32, extent: batch.extent() });
        self.end += size;
        Ok(place)
    }

    /// Seals the active segment and begins the next.
    fn roll(&mut self, head: Head) -> io::Result<()> {
        // What a failed write may have left must not be taken for damage.
        self.active.cut(self.end)?;
        let next = Arc::new(Segment::create(&self.folder, head, self.policy.sync)?);
        if let Err(error) = index::write(&self.active.index_path(), self.end, &self.lines) {
            tracing::debug!(path = %self.active.path.display(), %error, "cannot write the index; the next start reads the segment");
        }
        self.sealed.push_back(std::mem::replace(&mut self.active, next));
        self.lines.clear();
        self.end = HEADER as u64;
        Ok(())
    }

    /// Removes the segments that hold only events before `sequence`. The active one stays: it carries the numbers.
    pub(crate) fn forget_before(&mut self, sequence: i64) {
        while let Some(oldest) = self.sealed.front() {
            let next = self.sealed.get(1).unwrap_or(&self.active);
            if next.first_sequence > sequence {
                return;
            }
            for path in [oldest.index_path(), oldest.path.clone()] {
                if let Err(error) = fs::remove_file(&path)
                    && error.kind() != ErrorKind::NotFound
                {
                    tracing::warn!(path = %path.display(), %error, "cannot remove an expired segment");
                }
            }
            self.sealed.pop_front();
        }
    }
}

fn begin(folder: &Path, policy: Policy) -> io::Result<(Arc<Segment>, Content)> {
    let head = Head::first();
    let segment = Arc::new(Segment::create(folder, head, policy.sync)?);
    let end = HEADER as u64;
    Ok((segment, Content { head, lines: Vec::new(), end, len: end }))
}

/// The segments by name, which is by number.
fn segments_in(folder: &Path) -> io::Result<VecDeque<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "log") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into())
}

/// A segment that is followed by another is whole, or damaged.
fn full(segment: &Segment) -> Result<Content, StoreError> {
    if let Some(content) = segment.indexed()? {
        return Ok(content);
    }
    let damaged = |at| StoreError::Damaged { path: segment.path.clone(), at };
    let content = segment.scan()?.ok_or_else(|| damaged(0))?;
    if content.end < content.len {
        return Err(damaged(content.end));
    }
    if let Err(error) = index::write(&segment.index_path(), content.len, &content.lines) {
        tracing::debug!(path = %segment.path.display(), %error, "cannot write the index");
    }
    Ok(content)
}

/// The last segment ends where its last whole record does; `None` when not even its header was written.
fn last(segment: &Segment) -> Result<Option<Content>, StoreError> {
    let Some(content) = segment.scan()? else {
        let begun = segment.len()? < HEADER as u64;
        let path = segment.path.clone();
        return if begun { Ok(None) } else { Err(StoreError::Damaged { path, at: 0 }) };
    };
    if content.end < content.len {
        tracing::warn!(
            path = %segment.path.display(), bytes = content.len - content.end,
            "removing an incomplete record at the end of the log; it was not acknowledged"
        );
        segment.cut(content.end)?;
    }
    Ok(Some(content))
}
