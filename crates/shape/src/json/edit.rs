//! Changes of the text of a document: only the bytes that are asked for change.
//!
//! A hostile document asks for as many changes as it has bytes, nearly. So they are kept in few bytes each, and what is written
//! in place of a value is made when its turn comes.

use std::ops::Range;

use super::{Document, Value};

/// What is written in place of a value.
pub(crate) trait Instead: Copy {
    /// How many bytes it takes.
    fn room(self) -> usize;
    /// Appends what stands for `value`.
    fn write(self, value: Value<'_>, out: &mut Vec<u8>);
}

/// Changes to be, by the places of values.
#[derive(Debug)]
pub(crate) struct Edits<W> {
    /// An object, and the name of a member that is taken out of it.
    removed: Vec<(u32, u32)>,
    replaced: Vec<(u32, W)>,
}

struct Change<W> {
    start: u32,
    end: u32,
    /// Nothing is written where something is cut out.
    instead: Option<(u32, W)>,
}

impl<W: Instead> Edits<W> {
    pub(crate) fn new() -> Self {
        Self { removed: Vec::new(), replaced: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.replaced.is_empty()
    }

    /// The member of `of` whose name is that one, at its place, is taken out.
    pub(crate) fn remove(&mut self, of: Value<'_>, name: Value<'_>) {
        self.removed.push((of.at as u32, name.at as u32));
    }

    pub(crate) fn replace(&mut self, value: Value<'_>, instead: W) {
        self.replaced.push((value.at as u32, instead));
    }

    /// The text of `document` with all of them; of two, one inside the other, the outer.
    pub(crate) fn apply(self, document: &Document<'_>) -> Vec<u8> {
        let text = document.text.as_bytes();
        let room = text.len() + self.replaced.iter().map(|it| it.1.room()).sum::<usize>();
        let value = |at: u32| Value { at: at as usize, ..document.root() };
        let (mut out, mut from) = (Vec::with_capacity(room), 0);
        for Change { start, end, instead } in self.changes(document) {
            let (start, end) = (start as usize, end as usize);
            if start < from {
                continue;
            }
            out.extend(&text[from..start]);
            if let Some((at, instead)) = instead {
                instead.write(value(at), &mut out);
            }
            from = end;
        }
        out.extend(&text[from..]);
        out
    }

    /// In the order of the text, the outer of two first.
    fn changes(mut self, document: &Document<'_>) -> Vec<Change<W>> {
        let value = |at: u32| Value { at: at as usize, ..document.root() };
        let change = |range: Range<usize>, instead| {
            // The text of a document is shorter than 4 GiB.
            Change { start: range.start as u32, end: range.end as u32, instead }
        };
        let mut changes = Vec::with_capacity(self.removed.len() + self.replaced.len());
        for (at, instead) in self.replaced {
            changes.push(change(value(at).range(), Some((at, instead))));
        }
        self.removed.sort_unstable();
        for names in self.removed.chunk_by(|one, other| one.0 == other.0) {
            let cuts = cuts(value(names[0].0), names);
            changes.extend(cuts.into_iter().map(|range| change(range, None)));
        }
        changes.sort_unstable_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
        changes
    }
}

/// What is cut out of an object so that members go, each with one comma; they are sorted by their names' places.
fn cuts(object: Value<'_>, names: &[(u32, u32)]) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    // Where the last member ended, and where those began that go from the front on.
    let (mut last, mut front) = (None, None);
    for member in object.members() {
        let (start, end) = (member.name.range().start, member.value.range().end);
        let goes = names.binary_search_by_key(&(member.name.at as u32), |it| it.1).is_ok();
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
