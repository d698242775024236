//! A list that seldom changes and is read all the time: each change makes a new version, and those who read an older one
//! keep what they read for as long as the list lives. So a reader needs no lock, and gets a plain slice.

use std::ops::Deref;
use std::sync::{Mutex, OnceLock};

use crate::hub::lock;

#[derive(Debug)]
struct Version<T> {
    items: Vec<T>,
    next: OnceLock<Box<Version<T>>>,
}

/// The list. What it derefs to is its newest version.
#[derive(Debug)]
pub(crate) struct Versions<T> {
    first: Version<T>,
    /// Held while a version is made from the one before.
    change: Mutex<()>,
}

impl<T> Versions<T> {
    fn newest(&self) -> &Version<T> {
        let mut version = &self.first;
        while let Some(next) = version.next.get() {
            version = next;
        }
        version
    }

    /// Makes the next version of the newest; none when that fails.
    pub(crate) fn change<E>(
        &self,
        change: impl FnOnce(&[T]) -> Result<Vec<T>, E>,
    ) -> Result<(), E> {
        let _alone = lock(&self.change);
        let newest = self.newest();
        let items = change(&newest.items)?;
        // Only who holds the lock sets it, and the newest has none.
        newest.next.get_or_init(|| Box::new(Version { items, next: OnceLock::new() }));
        Ok(())
    }
}

impl<T> From<Vec<T>> for Versions<T> {
    fn from(items: Vec<T>) -> Self {
        let first = Version { items, next: OnceLock::new() };
        Self { first, change: Mutex::default() }
    }
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> Deref for Versions<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.newest().items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_keeps_what_was_there_and_the_next_reader_sees_the_change() {
        let list = Versions::from(vec![1, 2]);
        let before = &*list;
        let more = |items: &[i32]| Ok::<_, ()>(items.iter().copied().chain([3]).collect());
        list.change(more).unwrap();
        assert_eq!((before, &*list), (&[1, 2][..], &[1, 2, 3][..]));
        assert_eq!(list.change(|_| Err("no")), Err("no"));
        list.change(|_| Ok::<_, ()>(vec![])).unwrap();
        assert!(list.is_empty());
    }
}
