//! What is to be written: frames that were made here, and slices of messages between them that nobody copies.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

#[derive(Debug)]
enum Part {
    /// So many of the bytes in `made`.
    Made(usize),
    Slice(Bytes),
}

#[derive(Debug, Default)]
pub(super) struct Output {
    made: Vec<u8>,
    /// Bytes of `made` that were written.
    taken: usize,
    parts: VecDeque<Part>,
    left: usize,
    /// Bytes written so far, of all.
    written: u64,
    /// The last frame is there: nothing may follow it.
    sealed: bool,
}

impl Output {
    /// Bytes that are not written yet.
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// Where in the stream the next byte will stand.
    pub(super) fn end(&self) -> u64 {
        self.written + self.left as u64
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Appends what `write` makes, unless it is sealed.
    pub(super) fn make(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.sealed {
            return;
        }
        let before = self.made.len();
        write(&mut self.made);
        let count = self.made.len() - before;
        self.left += count;
        match self.parts.back_mut() {
            Some(Part::Made(last)) => *last += count,
            _ => self.parts.push_back(Part::Made(count)),
        }
    }

    pub(super) fn slice(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.left += bytes.len();
            self.parts.push_back(Part::Slice(bytes));
        }
    }

    /// Nothing is appended any more.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    /// As much as `slices` take. Gives how many were filled.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut made = &self.made[self.taken..];
        let mut filled = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            let bytes = match part {
                Part::Made(count) => made.split_off(..*count).unwrap_or_default(),
                Part::Slice(bytes) => bytes,
            };
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// `count` bytes were written.
    pub(super) fn advance(&mut self, mut count: usize) {
        debug_assert!(count <= self.left, "more was written than there was");
        self.left -= count;
        self.written += count as u64;
        while count > 0
            && let Some(part) = self.parts.front_mut()
        {
            let step = match part {
                Part::Made(left) => {
                    let step = count.min(*left);
                    self.taken += step;
                    *left -= step;
                    (step, *left == 0)
                }
                Part::Slice(bytes) => {
                    let step = count.min(bytes.len());
                    bytes.advance(step);
                    (step, bytes.is_empty())
                }
            };
            count -= step.0;
            if step.1 {
                self.parts.pop_front();
            }
        }
        // What was written is dropped once it is most of the buffer.
        if self.taken * 2 > self.made.len() {
            self.made.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// Nothing more is to be written.
    pub(super) fn clear(&mut self) {
        self.made.clear();
        self.parts.clear();
        (self.taken, self.left) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(
            parts in vec((any::<bool>(), vec(any::<u8>(), 0..40)), 0..20), steps in vec((1usize..60, 1usize..5), 1..200),
        ) {
            let (mut output, mut expected, mut got) = (Output::default(), Vec::new(), Vec::new());
            let mut parts = parts.into_iter();
            for (take, slots) in steps {
                if let Some((made, bytes)) = parts.next() {
                    expected.extend_from_slice(&bytes);
                    match made {
                        true => output.make(|out| out.extend_from_slice(&bytes)),
                        false => output.slice(Bytes::from(bytes)),
                    }
                }
                let mut slices = vec![IoSlice::new(&[]); slots];
                let filled = output.slices(&mut slices);
                let there: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                let take = take.min(there.len());
                got.extend_from_slice(&there[..take]);
                output.advance(take);
                prop_assert_eq!(output.written(), got.len() as u64);
                prop_assert_eq!(output.end(), expected.len() as u64);
                prop_assert!(expected.starts_with(&got));
            }
        }
    }
}
