//! A value that is too large for its hub, cut into parts: each is an event of its own, which says which part it holds and of how
//! many.
//!
//! How it is cut follows from the record and from what the link takes, and from nothing else. So a record that is read again is
//! cut alike, unless the link takes another size by then: that is why each part says how many there are.

use crate::encode::{EventPlan, EventValue, Layout, envelope_size};
use crate::record::{Header, Record};
use crate::typed::WrongType;

/// Parts that a value may have. Its events are placed in one go, and readers hold all of them until the last has come.
pub const MOST: usize = 64;
/// Bytes of the value that an event has room for at least; it is mostly headers otherwise.
const LEAST: usize = 1024;

/// The longest value that is sent in parts by links that take `limit` bytes, where a whole event takes `beside` besides.
pub fn longest(beside: usize, layout: &Layout, limit: usize) -> usize {
    MOST * limit.saturating_sub(beside + layout.part_size())
}

/// Which part of its value an event holds: from 1 on, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartNumber {
    pub(crate) number: u32,
    pub(crate) of: u32,
}

/// How a value is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// Bytes of each part but the last, which may have fewer.
    size: usize,
    count: usize,
}

impl Cut {
    /// Of a value of `length` bytes, where an event has room for fewer, which are `room`: into as few parts as that takes, and
    /// parts as equal as they can be. In words, why not.
    fn of(length: usize, room: usize) -> Result<Self, String> {
        if room < LEAST {
            return Err(format!(
                "it is not split, since key and headers leave {room} bytes for a part of its value, less than {LEAST}"
            ));
        }
        let count = length.div_ceil(room);
        if count > MOST {
            return Err(format!(
                "it is not split, since its value of {length} bytes needs {count} parts of {room}, more than {MOST}"
            ));
        }
        Ok(Self { size: length.div_ceil(count), count })
    }
}

/// A record whose value is sent in parts.
#[derive(Debug)]
pub(crate) struct Split {
    cut: Cut,
    /// Bytes that its largest event takes in a batch, and those of the batch besides.
    weight: usize,
    overhead: usize,
}

impl Split {
    /// Of `record`, whose event does not fit into a batch of `limit` bytes, be it that the service places that `by_key`. In words,
    /// why not.
    pub(crate) fn of(
        record: &Record<'_>,
        layout: &Layout,
        by_key: bool,
        limit: usize,
    ) -> Result<Self, String> {
        if by_key && record.key.is_none() {
            let why =
                "it is not split, since it has no key, and each part could be in another partition";
            return Err(why.to_owned());
        }
        let value = record.value.unwrap_or_default();
        // From here on a byte of the value is a byte of the event.
        let part = &value[..value.len().min(LEAST)];
        let one = PartNumber { number: 1, of: 1 };
        let measured = event(record, layout, (one, part), |event| {
            (event.weight(), envelope_size(event.partition_key().filter(|_| by_key)))
        });
        let (weight, overhead) = measured.map_err(|wrong| wrong.to_string())?;
        let beside = weight - part.len();
        let cut = Cut::of(value.len(), limit.saturating_sub(overhead + beside))?;
        Ok(Self { cut, weight: beside + cut.size, overhead })
    }

    /// How many events it becomes, and the bytes that the largest of them takes in a batch.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.cut.count, self.weight)
    }

    /// Bytes of such a batch besides.
    pub(crate) fn overhead(&self) -> usize {
        self.overhead
    }

    /// Hands the events of `record` to `with`, in order.
    pub(crate) fn events(
        &self,
        record: &Record<'_>,
        layout: &Layout,
        mut with: impl FnMut(&EventPlan<'_>),
    ) -> Result<(), WrongType> {
        let parts = record.value.unwrap_or_default().chunks(self.cut.size);
        debug_assert_eq!(parts.len(), self.cut.count, "no part is empty");
        let of = self.cut.count as u32;
        (1..).zip(parts).try_for_each(|(number, part)| {
            event(record, layout, (PartNumber { number, of }, part), &mut with)
        })
    }
}

/// The event of one part of `record`, for `with`.
fn event<T>(
    record: &Record<'_>,
    layout: &Layout,
    (part, value): (PartNumber, &[u8]),
    with: impl FnOnce(&EventPlan<'_>) -> T,
) -> Result<T, WrongType> {
    let stays = |header: &&Header<'_>| !layout.is_part(header.name);
    let headers: Vec<_> = record.headers.iter().filter(stays).copied().collect();
    let record = Record { value: Some(value), headers: &headers, ..*record };
    Ok(with(&EventPlan::of(&record, layout, EventValue::Part(part))?))
}

#[cfg(test)]
mod tests;
