//! What is on disk comes back as it was, less what was never whole.

use std::time::Duration;

use super::*;
use crate::envelope::{Arrival, BATCH_FORMAT};
use crate::event::Event;
use crate::log::{Log, Retention};

/// Small enough for several segments in a test.
const POLICY: Policy = Policy { segment_bytes: 4096, sync: false };

/// A delivery of events whose bodies are `size` bytes.
fn arrival(events: usize, size: u8) -> Arrival {
    let head = [0x00, 0x53, 0x75, 0xa0, size + 5, 0x00, 0x53, 0x75, 0xa0, size];
    let event = [&head[..], &vec![7; size.into()]].concat();
    Arrival::open(BATCH_FORMAT, event.repeat(events).into()).unwrap()
}

fn open(folder: &Path) -> Log {
    open_with(folder, Retention::default(), 0)
}

fn open_with(folder: &Path, retention: Retention, now_ms: i64) -> Log {
    Log::restore(retention, Store::open(folder, POLICY).unwrap(), now_ms)
}

/// Everything a client can see of the events.
fn seen(log: &Log) -> Vec<(i64, i64, i64, Vec<u8>)> {
    let batches = log.entries_from(0).into_iter().map(|entry| entry.load().unwrap());
    let events =
        batches.flat_map(|it| (0..it.len()).map(|at| it.event(at)).collect::<Vec<Event>>());
    events.map(|it| (it.sequence, it.offset, it.enqueued_ms, it.raw.to_vec())).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    files
}

#[test]
fn numbers_offsets_times_publishers_and_bytes_survive() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for (events, now) in [(3, 50), (1, 40), (200, 60)] {
        log.append(arrival(events, 10), Some("device-1".into()), now).unwrap();
    }
    log.append(arrival(2, 0), None, 70).unwrap();
    let (before, newest) = (seen(&log), log.newest());
    assert_eq!(before.len(), 206);
    drop(log);
    let mut log = open(folder.path());
    assert_eq!((seen(&log), log.newest()), (before.clone(), newest));
    assert_eq!(log.batch_at(0).unwrap().0.publisher.as_deref(), Some("device-1"));
    assert_eq!(log.batch_at(205).unwrap().0.publisher, None);
    // And they go on from there; time does not run backwards over a restart either.
    log.append(arrival(1, 10), None, 5).unwrap();
    let after = seen(&log);
    assert_eq!(after[..206], before);
    assert_eq!((after[206].0, after[206].2), (206, 70));
    assert!(after[206].1 > after[205].1);
}

#[test]
fn a_record_that_was_not_written_to_its_end_is_cut_off_wherever_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    log.append(arrival(2, 10), None, 1).unwrap();
    let path = files(folder.path(), "log").remove(0);
    let whole = fs::metadata(&path).unwrap().len() as usize;
    log.append(arrival(3, 10), None, 2).unwrap();
    drop(log);
    let bytes = fs::read(&path).unwrap();
    for end in whole..bytes.len() {
        // The rest is missing, or was never written: zeroes, as file systems leave them.
        for rest in [0, 64] {
            let torn = [&bytes[..end], &vec![0; rest][..]].concat();
            fs::write(&path, torn).unwrap();
            let mut log = open(folder.path());
            assert_eq!(log.next_sequence(), 2, "cut at {end}");
            assert_eq!(fs::metadata(&path).unwrap().len() as usize, whole);
            log.append(arrival(1, 10), None, 3).unwrap();
            drop(log);
            let sequences: Vec<i64> = seen(&open(folder.path())).iter().map(|it| it.0).collect();
            assert_eq!(sequences, [0, 1, 2], "cut at {end}");
        }
    }
    fs::write(&path, bytes).unwrap();
    assert_eq!(open(folder.path()).next_sequence(), 5);
}

#[test]
fn a_segment_that_was_only_begun_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    while files(folder.path(), "log").len() < 3 {
        log.append(arrival(10, 100), None, 1).unwrap();
    }
    drop(log);
    let last = files(folder.path(), "log").pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    for end in [0, 1, HEADER - 1] {
        fs::write(&last, &bytes[..end]).unwrap();
        let mut log = open(folder.path());
        let next = log.next_sequence();
        log.append(arrival(1, 100), None, 1).unwrap();
        assert_eq!(open(folder.path()).next_sequence(), next + 1);
        let _removed = fs::remove_file(&last).is_ok();
    }
}

#[test]
fn an_index_saves_reading_the_segment_and_is_made_anew_when_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for _ in 0..40 {
        log.append(arrival(5, 100), None, 1).unwrap();
    }
    let before = seen(&log);
    drop(log);
    let index = files(folder.path(), "idx").remove(0);
    let right = fs::read(&index).unwrap();
    let flipped: Vec<u8> =
        right.iter().enumerate().map(|(at, it)| it ^ u8::from(at == 30)).collect();
    for wrong in [vec![], right[..right.len() - 1].to_vec(), flipped] {
        fs::write(&index, wrong).unwrap();
        assert_eq!(seen(&open(folder.path())), before);
        assert_eq!(fs::read(&index).unwrap(), right);
    }
    // With its index a damaged segment opens; the record is passed over when it is read.
    let segment = files(folder.path(), "log").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[HEADER + 100] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let log = open(folder.path());
    assert_eq!(log.batch_at(0).map(|(batch, index)| (batch.first_sequence, index)), Some((5, 0)));
    drop(log);
    // Without it, the damage is said.
    fs::remove_file(&index).unwrap();
    let error = Store::open(folder.path(), POLICY).unwrap_err().to_string();
    assert!(error.contains(&format!("is damaged at byte {HEADER}")), "{error}");
}

#[test]
fn a_segment_in_the_middle_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    while files(folder.path(), "log").len() < 3 {
        log.append(arrival(10, 100), None, 1).unwrap();
    }
    drop(log);
    let segments = files(folder.path(), "log");
    fs::remove_file(&segments[1]).unwrap();
    let error = Store::open(folder.path(), POLICY).unwrap_err();
    assert!(matches!(&error, StoreError::Gap { path } if *path == segments[2]), "{error}");
}

#[test]
fn retention_removes_files_and_numbers_go_on_when_all_events_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let small =
        Retention { bytes: 10_000, age: Some(Duration::from_secs(1)), ..Retention::default() };
    let mut log = open_with(folder.path(), small, 0);
    for _ in 0..100 {
        log.append(arrival(5, 100), None, 1).unwrap();
    }
    let on_disk: u64 =
        files(folder.path(), "log").iter().map(|it| fs::metadata(it).unwrap().len()).sum();
    assert!(on_disk < 10_000 + 2 * POLICY.segment_bytes, "{on_disk}");
    let (before, newest) = (seen(&log), log.newest());
    assert!(before[0].0 > 0);
    drop(log);
    assert_eq!(seen(&open_with(folder.path(), small, 1)), before);

    let mut log = open_with(folder.path(), small, 2_000);
    assert_eq!((seen(&log), log.newest(), log.next_sequence()), (vec![], newest, 500));
    assert_eq!(files(folder.path(), "log").len(), 1);
    log.append(arrival(1, 100), None, 3_000).unwrap();
    drop(log);
    assert_eq!(seen(&open_with(folder.path(), small, 3_001))[0].0, 500);
}

#[test]
fn what_has_left_memory_is_read_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::new(1 << 30, false);
    let mut log =
        Log::restore(Retention::default(), Store::open(folder.path(), policy).unwrap(), 0);
    // 24 MiB: more than stays in memory.
    let delivery = arrival(5_000, 200);
    let size = delivery.payload.len();
    for now in 0..(24 << 20) / size as i64 {
        log.append(delivery.clone(), None, now).unwrap();
    }
    let (batch, index) = log.batch_at(7).unwrap();
    assert_eq!((batch.first_sequence, index, batch.payload.len()), (0, 7, size));
    let middle = log.next_sequence() / 2;
    let offset = batch_offset(&log, middle);
    let start = crate::filter::Start::Offset { value: offset, inclusive: true };
    assert_eq!(log.resolve(start), middle);
    assert_eq!(log.entries_from(0).iter().filter(|it| it.load().is_none()).count(), 0);
}

fn batch_offset(log: &Log, sequence: i64) -> i64 {
    let (batch, index) = log.batch_at(sequence).unwrap();
    batch.bytes(index).1
}

#[test]
fn a_directory_has_one_user_and_never_loses_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let first = Directory::open(folder.path(), POLICY).unwrap();
    let second = Directory::open(folder.path(), POLICY).unwrap_err();
    assert!(matches!(second, DirectoryError::InUse { .. }), "{second}");
    let created = first.hub("default", "Orders", 4, 11).unwrap().created_ms;
    drop(first);
    let again = Directory::open(folder.path(), POLICY).unwrap();
    assert_eq!(again.hub("DEFAULT", "orders", 8, 99).unwrap().created_ms, created);
    let fewer = again.hub("default", "orders", 2, 99).unwrap_err().to_string();
    assert!(fewer.contains("has 8 partitions") && fewer.contains("not 2"), "{fewer}");
    // A name cannot lead out of the directory.
    again.hub("..", "../x", 1, 0).unwrap();
    assert!(folder.path().join("%2E.").join("%2E.%2Fx").join("hub.json").exists());
}
