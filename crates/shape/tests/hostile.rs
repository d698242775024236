//! Hostile records and expressions: no panic, and never more memory than a bound that follows from the record's size.
//!
//! `fuzz` plays the same for as long as you like.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;

mod play;

use play::{NAMES, Play, SECRET, express};

/// What each byte of a record may cost: the worst is a list of digits that become hashes, here twice at once.
const A_BYTE: usize = 110;
/// What an expression may hold beside, whatever the record is.
const BESIDE: usize = 4 << 20;

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is left to the system's own; what is counted has no part in it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(layout.size()));
        // What was got on another thread is below zero here, and no most.
        if HELD.get().cast_signed() > MOST.get().cast_signed() {
            MOST.set(HELD.get());
        }
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: as the caller says.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that this thread held at once for `what`, beside what it holds already.
fn most(what: impl FnOnce()) -> usize {
    let before = HELD.get();
    MOST.set(before);
    what();
    MOST.get().wrapping_sub(before)
}

#[track_caller]
fn bounded(size: usize, what: impl FnOnce()) {
    let (most, bound) = (most(what), A_BYTE * size + BESIDE);
    assert!(most <= bound, "{most} bytes for a record of {size}, where {bound} are the bound");
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\":",
    "\"h\":",
    "\"l\":[",
    "\"m\":{",
    "\"s\":[",
    "\"a\"",
    "null",
    "1",
    "-0.0e9",
    "\"\\u0000\"",
    "\"hush\"",
    "\"payload\":",
    "\"schema\":",
    "\"after\":",
    "\"before\":",
    "\"op\":\"d\"",
    "\"op\":\"c\"",
    "\"specversion\":\"1.0\"",
    "\"id\":\"1\"",
    "\"source\":\"/s\"",
    "\"type\":\"t\"",
    "\"data\":",
    "\"data_base64\":\"AA==\"",
    "application/cloudevents+json",
    "application/json",
    "text/plain",
    "hush",
    "\0\0\0\0\u{1}",
    "\0\0\0\0\u{2}",
    "\0\0\0\0\u{3}",
    "\0\0\0\0\u{4}",
    "\0\0\0\0\0\0\0\0\u{1}",
    "\u{1}",
    "\u{8}",
    "\u{2}\u{6}",
];
const WORDS: &[&str] = &[
    "value",
    "key",
    "headers",
    "topic",
    "offset",
    ".a",
    ".l",
    "['m']",
    "[0]",
    "(",
    ")",
    "[",
    "]",
    "'a'",
    "1",
    "1.5",
    "-",
    "!",
    "&&",
    "||",
    "==",
    "<",
    "+",
    "*",
    "/",
    "in",
    "has(value.a)",
    ".exists(x, x == 1)",
    ".map(x, [x, x])",
    ".filter(x, true)",
    ".all(x, x)",
    ".size()",
    ".contains('a')",
    ".matches('(a|aa)*')",
    "?",
    ":",
    ",",
    "true",
    "null",
    "string(",
    "int(",
    "x",
    "\n",
    "`",
    "{",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES).prop_map(|it| it.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn record() -> impl Strategy<Value = Play> {
    let name = prop::sample::select(NAMES).prop_map(|it| it.as_bytes().to_vec());
    let header = (name, prop::option::of(bytes()));
    let headers = prop::collection::vec(header, 0..6);
    let parts = (any::<usize>(), prop::option::of(bytes()), prop::option::of(bytes()), headers);
    parts.prop_map(|(step, key, value, headers)| Play { step, key, value, headers })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_record_meets_any_step(play in record()) {
        bounded(1024, || play.run());
    }

    #[test]
    fn any_record_meets_any_expression(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..12), play in record(),
    ) {
        bounded(1024, || express(&words.concat(), &play));
    }
}

/// As many values, as deep, and as much to write as a record of 256 KiB can ask for.
#[test]
fn the_worst_that_a_record_can_be_stays_within_the_bound() {
    let size = 256 << 10;
    let filled = |open: &str, piece: &str, end: &str| {
        format!("{open}{}{end}", piece.repeat((size - open.len() - end.len()) / piece.len()))
    };
    let worst = [
        filled("{\"s\":[1", ",1", "]}"),
        filled("{\"l\":[{}", ",{\"a\":1}", "]}"),
        filled("{\"l\":[{}", ",{\"x\":1}", "]}"),
        filled("{\"l\":[{}", ",{\"x\":1,\"a\":0}", "]}"),
        filled("{\"a\":1", ",\"a\":1", "}"),
        filled("{\"h\":\"", "\\u0000", "\",\"m\":1}"),
        filled("", "[", ""),
        filled("{\"payload\":{\"op\":\"c\",\"after\":{\"s\":[0", ",0", "]}}}"),
        filled("\0\0\0\0\u{1}\u{6}", "\u{1}", ""),
        filled("\0\0\0\0\u{2}\0", "\u{12}\0", ""),
        filled("", "\u{1}", ""),
        SECRET.repeat(size / SECRET.len()),
    ];
    let header =
        |name: &str, value: &str| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    let mut most_of_all = 0;
    for value in worst {
        for step in 0..12 {
            for content_type in ["application/json", "text/plain", "application/cloudevents+json"] {
                let headers = vec![header("type", "aab"), header("content-type", content_type)];
                let value = Some(value.clone().into_bytes());
                let play = Play { step, key: Some(vec![b'k']), value, headers };
                most_of_all = most_of_all.max(most(|| play.run()));
            }
        }
    }
    assert!(most_of_all <= A_BYTE * size + BESIDE, "{most_of_all}");
}

/// To compare each name with all others would take minutes.
#[test]
fn names_may_be_as_many_as_a_record_holds() {
    let header =
        |name: &str, value: &str| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    let members: Vec<_> = (0..60_000).map(|n| format!(",\"a{n:x}\":1")).collect();
    let members = members.concat();
    let structured =
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#);
    let required =
        [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let binary = required.iter().map(|(name, value)| header(name, value));
    let binary = binary.chain((0..60_000).map(|n| header(&format!("ce_{n:x}"), "1"))).collect();
    let headers = vec![header("content-type", "application/cloudevents+json")];
    let structured = Play { value: Some(structured.into_bytes()), headers, ..Play::default() };
    let binary = Play { headers: binary, ..Play::default() };
    for play in [structured, binary] {
        for step in 0..12 {
            Play { step, ..play.clone() }.run();
        }
    }
}
