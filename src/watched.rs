//! Something that stands in a file and counts once it has stood there twice.

/// What counts, and what may count next time.
#[derive(Debug)]
pub struct Watched<T> {
    held: T,
    seen: Option<T>,
}

impl<T: PartialEq> Watched<T> {
    /// `held` counts.
    pub fn new(held: T) -> Self {
        Self { held, seen: None }
    }

    /// Takes a look; `None` is nothing usable. Whether another value counts from now on.
    pub fn look(&mut self, now: Option<T>) -> bool {
        let last = std::mem::replace(&mut self.seen, now);
        if self.seen.is_none() || self.seen != last || self.seen.as_ref() == Some(&self.held) {
            return false;
        }
        if let Some(settled) = self.seen.take() {
            self.held = settled;
        }
        true
    }

    /// What counts.
    pub fn held(&self) -> &T {
        &self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_was_seen_twice_in_a_row() {
        let mut watched = Watched::new("old");
        let looks = [
            (Some("old"), false),
            (Some("n"), false),
            (Some("new"), false),
            (None, false),
            (Some("new"), false),
            (Some("old"), false),
            (Some("new"), false),
            (Some("new"), true),
            (Some("new"), false),
            (Some("new"), false),
            (Some("old"), false),
            (Some("old"), true),
        ];
        for (number, (now, changed)) in looks.into_iter().enumerate() {
            assert_eq!(watched.look(now), changed, "look {number}");
        }
        assert_eq!(*watched.held(), "old");
    }
}
