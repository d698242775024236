//! Changes of the text of a document: only the bytes that are asked for change.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Document, Value};

/// A change.
#[derive(Debug)]
pub(crate) enum Edit<'d> {
    /// The member of `of` whose name is that one is taken out.
    Remove {
        /// The object.
        of: Value<'d>,
        /// The name, at its place.
        name: Value<'d>,
    },
    /// Other text is written in place of a value.
    Replace(Value<'d>, Vec<u8>),
}

/// The text of `document` with all `edits`; of two, one inside the other, the outer.
pub(crate) fn apply(document: &Document<'_>, edits: Vec<Edit<'_>>) -> Vec<u8> {
    let mut removed: BTreeMap<usize, (Value<'_>, BTreeSet<usize>)> = BTreeMap::new();
    let mut changes: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
    for edit in edits {
        match edit {
            Edit::Replace(value, text) => changes.push((value.range(), text)),
            Edit::Remove { of, name } => {
                removed.entry(of.at).or_insert((of, BTreeSet::new())).1.insert(name.at);
            }
        }
    }
    for (object, names) in removed.into_values() {
        changes.extend(cuts(object, &names).into_iter().map(|range| (range, Vec::new())));
    }
    changes.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let text = document.text.as_bytes();
    let (mut out, mut from) = (Vec::with_capacity(text.len() + 64), 0);
    for (range, instead) in changes {
        if range.start < from {
            continue;
        }
        out.extend(&text[from..range.start]);
        out.extend(instead);
        from = range.end;
    }
    out.extend(&text[from..]);
    out
}

/// What is cut out of an object so that members go, each with one comma.
fn cuts(object: Value<'_>, names: &BTreeSet<usize>) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    // Where the last member ended, and where those began that go from the front on.
    let (mut last, mut front) = (None, None);
    for member in object.members() {
        let (start, end) = (member.name.range().start, member.value.range().end);
        let goes = names.contains(&member.name.at);
        match (goes, front, last) {
            // The first one, and those right after it: their end is not known yet.
            (true, None, None) => front = Some(start),
            (true, None, Some(last)) => cuts.push(last..end),
            (false, Some(from), _) => {
                cuts.push(from..start);
                front = None;
            }
            (true, Some(_), _) | (false, None, _) => {}
        }
        last = Some(end);
    }
    if let (Some(from), Some(last)) = (front, last) {
        cuts.push(from..last);
    }
    cuts
}
