//! Headers, as an event carries them: under which names, and which of several of one name.

use std::borrow::Cow;

use crate::record::{Header, Record};

use super::Layout;

/// Headers that become properties of their own, and where in the list of them: the first field is 0.
pub(super) const NAMED: [(&[u8], usize); 2] = [(b"content-type", 6), (b"content-encoding", 7)];

/// Which of many headers have another of their name behind them; of few nothing, since to look each time is cheaper. Without it
/// somebody who writes a hundred thousand of them holds the bridge up for seconds.
pub(super) fn repeated(headers: &[Header<'_>]) -> Vec<bool> {
    if headers.len() <= 64 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..headers.len()).collect();
    order.sort_unstable_by_key(|index| (headers[*index].name, *index));
    let mut repeated = vec![false; headers.len()];
    for pair in order.windows(2) {
        repeated[pair[0]] = headers[pair[0]].name == headers[pair[1]].name;
    }
    repeated
}

/// The last header of each of those names, where it can be the property of that name: a symbol, which is ASCII.
pub(super) fn named(record: &Record<'_>, layout: &Layout) -> [Option<usize>; 2] {
    let mut found = [None; 2];
    if !layout.has_headers() {
        return found;
    }
    for (index, header) in record.headers.iter().enumerate() {
        // Nearly all have another length, and that is asked first.
        let is_it = |(name, _): &(&[u8], usize)| header.name == *name;
        if let Some(place) = NAMED.iter().position(is_it) {
            found[place] = Some(index);
        }
    }
    let fits = |value: &[u8]| value.is_ascii() && !value.is_empty();
    found.map(|index| index.filter(|index| record.headers[*index].value.is_some_and(fits)))
}

/// A header's name as text: bytes that are not UTF-8 are percent-encoded, and so, then, is `%` itself.
pub(super) fn name_of(name: &[u8]) -> Cow<'_, [u8]> {
    const BYTES: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%');
    if name.is_ascii() || std::str::from_utf8(name).is_ok() {
        return name.into();
    }
    percent_encoding::percent_encode(name, BYTES).to_string().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;
    use crate::mapping::Events;

    /// Some more than are looked at one by one, and as many as a record can hold: to compare each with all behind it would take minutes.
    #[test]
    fn of_many_headers_the_last_of_each_name_is_carried() {
        for (count, different) in [(65, 60), (65, 65), (200, 1), (200_000, 150_000)] {
            let written: Vec<_> = (0..count).map(|n| (format!("{:x}", n % different), n)).collect();
            let of = |it: &[(String, usize)]| {
                let value = |n: &usize| format!("{n:06}").into_bytes();
                it.iter().map(|(name, n)| (name.clone().into_bytes(), value(n))).collect::<Vec<_>>()
            };
            let (all, last) = (of(&written), of(&written[count - different..]));
            let encoded = |given: &[(Vec<u8>, Vec<u8>)]| {
                let headers = given.iter().map(|(name, value)| Header { name, value: Some(value) });
                let headers: Vec<_> = headers.collect();
                let record = Record {
                    topic: "orders",
                    partition: 3,
                    offset: 42,
                    timestamp: None,
                    key: None,
                    value: Some(b"v"),
                    headers: &headers,
                };
                encode(&record, &Layout::new(&Events::default())).unwrap()
            };
            assert!(encoded(&all) == encoded(&last), "{different} names in {count} headers");
        }
    }
}
