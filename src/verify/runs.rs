//! Entries beyond what memory holds: sorted runs in files, and one pass over all of them in order.
//!
//! A run is whole or not there: it is written beside its name and renamed. Each entry carries a sum of its own bytes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::entry::{BYTES, SpoolEntry};

/// Runs that are merged at a time; more are merged into larger ones first.
const AT_ONCE: usize = 64;
/// Bytes that are read of a run at a time.
const BUFFER: usize = 256 * 1024;

/// A folder of runs.
#[derive(Debug)]
pub(super) struct Runs {
    folder: PathBuf,
    /// Names of the runs that count, in no order.
    names: Vec<String>,
    next: u64,
}

impl Runs {
    /// Those of `names` in `folder`; all other runs there are leftovers, and deleted.
    pub(super) fn open(folder: &Path, names: Vec<String>) -> io::Result<Self> {
        let number = |name: &str| name.strip_prefix("run-")?.parse::<u64>().ok();
        let mut next = 0;
        for file in fs::read_dir(folder)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".part").unwrap_or(&name);
            let Some(number) = number(stem) else { continue };
            next = next.max(number + 1);
            if !names.contains(&name) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(Self { folder: folder.to_owned(), names, next })
    }

    /// Names of the runs, to be kept by whoever wants to open them again.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Writes `entries` as one more run, sorted; they are gone then.
    pub(super) fn add(&mut self, entries: &mut Vec<SpoolEntry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_unstable();
        let name = self.write(entries.iter().map(|entry| Ok(*entry)))?;
        self.names.push(name);
        entries.clear();
        Ok(())
    }

    fn write(
        &mut self,
        entries: impl Iterator<Item = io::Result<SpoolEntry>>,
    ) -> io::Result<String> {
        let name = format!("run-{}", self.next);
        self.next += 1;
        let part = self.folder.join(format!("{name}.part"));
        let mut out = BufWriter::with_capacity(BUFFER, File::create(&part)?);
        let mut bytes = Vec::with_capacity(BYTES);
        for entry in entries {
            bytes.clear();
            entry?.write(&mut bytes);
            out.write_all(&bytes)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        fs::rename(&part, self.folder.join(&name))?;
        Ok(name)
    }

    /// All entries in order; what is added from here on is kept instead of them. Their files are there until [`Runs::open`].
    pub(super) fn turn(&mut self) -> io::Result<Merged> {
        let merged = self.merged()?;
        self.names.clear();
        Ok(merged)
    }

    /// All entries in order.
    pub(super) fn merged(&mut self) -> io::Result<Merged> {
        while self.names.len() > AT_ONCE {
            let some: Vec<String> = self.names.drain(..AT_ONCE).collect();
            let merged = Merged::open(&self.folder, &some)?;
            let name = self.write(merged)?;
            self.names.push(name);
            // The old ones are deleted when the folder is opened again, or goes.
        }
        Merged::open(&self.folder, &self.names)
    }
}

/// Several runs as one.
#[derive(Debug)]
pub(super) struct Merged {
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(SpoolEntry, usize)>>,
}

impl Merged {
    fn open(folder: &Path, names: &[String]) -> io::Result<Self> {
        let open =
            |name: &String| Ok(BufReader::with_capacity(BUFFER, File::open(folder.join(name))?));
        let runs = names.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let mut merged = Self { heads: BinaryHeap::with_capacity(runs.len()), runs };
        for number in 0..merged.runs.len() {
            merged.advance(number)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, number: usize) -> io::Result<()> {
        let mut bytes = [0; BYTES];
        let mut had = 0;
        while had < BYTES {
            match self.runs[number].read(&mut bytes[had..])? {
                0 if had == 0 => return Ok(()),
                0 => return Err(damaged()),
                count => had += count,
            }
        }
        let entry = SpoolEntry::read(&bytes).ok_or_else(damaged)?;
        self.heads.push(Reverse((entry, number)));
        Ok(())
    }
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a run is damaged; delete the folder and begin again",
    )
}

impl Iterator for Merged {
    type Item = io::Result<SpoolEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((entry, number)) = self.heads.pop()?;
        Some(self.advance(number).map(|()| entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::{Digests, EntryKind};
    use super::*;

    fn entry((way, offset, at): (u32, i64, i64)) -> SpoolEntry {
        let (kind, digests) = (EntryKind::Found, Digests::default());
        SpoolEntry { way, partition: 0, offset, kind, hub_partition: 0, at, digests }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_is_added_comes_out_in_order(
            runs in prop::collection::vec(prop::collection::vec((0..3u32, 0..50i64, 0..9i64), 0..40), 0..70),
            kept in 0usize..70,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorted = Runs::open(folder.path(), Vec::new()).unwrap();
            let mut all = Vec::new();
            for (number, run) in runs.into_iter().enumerate() {
                if number == kept {
                    // A second start: what was kept is there, and half a run is not.
                    fs::write(folder.path().join("run-99999.part"), b"half").unwrap();
                    sorted = Runs::open(folder.path(), sorted.names().to_vec()).unwrap();
                }
                let mut entries: Vec<SpoolEntry> = run.into_iter().map(entry).collect();
                all.extend_from_slice(&entries);
                sorted.add(&mut entries).unwrap();
                prop_assert!(entries.is_empty());
            }
            all.sort_unstable();
            let merged: Vec<SpoolEntry> = sorted.merged().unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(merged, all);
        }
    }

    #[test]
    fn a_run_that_was_cut_is_not_taken_for_one_that_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Runs::open(folder.path(), Vec::new()).unwrap();
        runs.add(&mut vec![entry((0, 1, 1)), entry((0, 2, 2))]).unwrap();
        let file = folder.path().join(&runs.names()[0]);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        let read: io::Result<Vec<SpoolEntry>> = runs.merged().and_then(Iterator::collect);
        assert!(read.unwrap_err().to_string().contains("damaged"));
    }
}
