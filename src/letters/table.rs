//! What people read: as wide as a terminal.

use std::fmt::{self, Display};

use comfy_table::Table;

use crate::group::{empty, exact};
use crate::record::Header;

use super::counts::{KINDS, LetterCount};
use super::letter::hint;
use super::listing::TopicContent;
use super::purge::PurgedPartition;
use super::topics::quoted;
use super::{Listing, Purge, Shown, What};
use crate::plain;

/// Bytes that are shown of a body, and of a header, unless it is to be whole.
const BODY: usize = 4096;
const VALUE: usize = 256;

/// To the minute, UTC.
fn minute(time: Option<i64>) -> String {
    let time = time.and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    time.map_or_else(|| "-".to_owned(), |time| time.strftime("%F %H:%M").to_string())
}

/// The name of a hub, with its namespace where that is another than `[eventhubs]` itself.
fn hub(hub: Option<(&str, &str)>) -> String {
    match hub {
        None => "-".to_owned(),
        Some((hub, crate::config::NAMESPACE)) => plain::line(hub),
        Some((hub, namespace)) => plain::line(&format!("{namespace}/{hub}")),
    }
}

fn lent(hub: Option<&(String, String)>) -> Option<(&str, &str)> {
    hub.map(|(hub, namespace)| (hub.as_str(), namespace.as_str()))
}

impl Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table();
        if !table.is_empty() {
            writeln!(f, "{}\n", table.trim_fmt())?;
        }
        self.sum(f)
    }
}

impl Listing {
    fn table(&self) -> Table {
        match &self.what {
            What::Counts(counts) => {
                let header = ["source", "reason", "hub", "letters", "first", "last"];
                let mut table = empty(header, 3..6);
                for (sort, count) in &counts.sorts {
                    let LetterCount { letters, first, last } = *count;
                    let (source, reason) = (sort.source.clone(), sort.reason.clone());
                    let (hub, letters) = (hub(lent(sort.hub.as_ref())), letters.to_string());
                    table.add_row([source, reason, hub, letters, minute(first), minute(last)]);
                }
                table
            }
            What::Entries(entries) => {
                let mut table = empty(["letter", "time", "reason", "record"], 1..2);
                for it in entries.sorted() {
                    table.add_row([
                        format!("{}/{}", it.at, it.offset),
                        minute(it.time),
                        it.reason,
                        format!("{}/{}", it.source, it.source_offset),
                    ]);
                }
                table
            }
        }
    }

    fn sum(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicContent { letters, others, .. } = self.held();
        let topics = quoted(self.topics.keys());
        write!(f, "letters: {letters} in {topics}")?;
        match &self.what {
            What::Counts(counts) => {
                let times = counts.all.first.zip(counts.all.last);
                let times = times.and_then(|(first, last)| Some((exact(first)?, exact(last)?)));
                if let Some((first, last)) = times {
                    write!(f, "\nwritten: {first} to {last}")?;
                }
                if counts.others.letters > 0 {
                    write!(
                        f,
                        "\nnot in the table: {} letters, of more kinds than {KINDS}; add a filter",
                        counts.others.letters
                    )?;
                }
            }
            What::Entries(entries) => {
                let shown = entries.sorted().len() as u64;
                if shown < letters {
                    let more = letters - shown;
                    write!(
                        f,
                        "\nnot in the table: {more}, all of them later; `--limit` shows more"
                    )?;
                }
            }
        }
        if others > 0 {
            write!(f, "\nnot letters: {others} records, without the headers of one")?;
        }
        for topic in &self.missing {
            write!(f, "\ntopic {topic}: kafka does not have it, or this user may not see it")?;
        }
        for partition in &self.unknown {
            write!(f, "\nnot read: {partition}, because the offsets of its log cannot be read")?;
        }
        for it in &self.unread {
            let (place, from) = (&it.rest.partition, it.rest.from);
            write!(f, "\nnot read: {place} from offset {from} on: {}", plain::line(&it.why))?;
        }
        Ok(())
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.with(|record, letter| {
            writeln!(f, "letter  {}/{}/{}", record.topic, record.partition, record.offset)?;
            if let Some(time) = record.timestamp.and_then(exact) {
                writeln!(f, "time    {time}")?;
            }
            let Some(letter) = letter else {
                writeln!(
                    f,
                    "reason  it is not a dead letter: it does not have the headers of one"
                )?;
                self.record(f, record.headers, record.key, record.value)?;
                return write!(f, "\nhint: {}", hint(None));
            };
            let origin = &letter.origin;
            writeln!(f, "record  {}/{}/{}", origin.topic, origin.partition, origin.offset)?;
            writeln!(f, "hub     {}", hub(origin.hub))?;
            writeln!(f, "reason  {}", origin.reason)?;
            if let Some(detail) = origin.detail {
                writeln!(f, "detail  {}", text(detail, usize::MAX))?;
            }
            self.record(f, letter.record.headers, record.key, record.value)?;
            write!(f, "\nhint: {}", hint(Some(origin)))
        })
    }
}

impl Shown<'_> {
    fn record(
        &self,
        f: &mut fmt::Formatter<'_>,
        headers: &[Header<'_>],
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> fmt::Result {
        let longest = |bytes| if self.whole { usize::MAX } else { bytes };
        writeln!(f, "\nheaders: {}", headers.len())?;
        for Header { name, value } in headers {
            let value = value.map_or_else(|| "null".to_owned(), |it| text(it, longest(VALUE)));
            writeln!(f, "  {}: {value}", text(name, longest(VALUE)))?;
        }
        body(f, "key", key, longest(BODY))?;
        body(f, "value", value, longest(BODY))
    }
}

/// What is shown of `bytes`: as text, if it is one.
fn beginning(bytes: &[u8], longest: usize) -> (&[u8], Option<&str>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (&bytes[..bytes.len().min(longest)], None);
    };
    let end = text.floor_char_boundary(longest);
    (&bytes[..end], Some(&text[..end]))
}

/// On one line.
fn text(bytes: &[u8], longest: usize) -> String {
    let (shown, text) = beginning(bytes, longest);
    let said = match text {
        Some(text) => plain::line(text),
        None => format!("0x{}", plain::hex(shown)),
    };
    match bytes.len() - shown.len() {
        0 => said,
        more => format!("{said}… ({more} bytes more)"),
    }
}

fn body(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    bytes: Option<&[u8]>,
    longest: usize,
) -> fmt::Result {
    let Some(bytes) = bytes else { return writeln!(f, "{name}: null") };
    let (shown, text) = beginning(bytes, longest);
    let form = if text.is_some() { "text" } else { "hexadecimal" };
    write!(f, "{name}: {} bytes, {form}", bytes.len())?;
    match bytes.len() - shown.len() {
        0 => writeln!(f)?,
        _ => writeln!(f, "; the first {} (`--whole` shows all)", shown.len())?,
    }
    match text {
        _ if shown.is_empty() => Ok(()),
        Some(text) => writeln!(f, "{}", plain::block(text, "  ")),
        None => {
            let lines = shown.chunks(32).map(plain::hex).collect::<Vec<_>>();
            writeln!(f, "{}", plain::block(&lines.join("\n"), "  "))
        }
    }
}

impl Display for Purge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = empty(["partition", "begin", "after", "end", "goes", "stays"], 1..6);
        for part in self.parts.iter().filter(|part| part.log.0 < part.log.1) {
            let PurgedPartition { partition, log: (first, end), after } = part;
            let numbers = [*first, *after, *end, part.goes(), part.stays()];
            let name = partition.to_string();
            table.add_row([name].into_iter().chain(numbers.map(|number| number.to_string())));
        }
        if !table.is_empty() {
            writeln!(f, "{}\n", table.trim_fmt())?;
        }
        for topic in &self.missing {
            writeln!(f, "topic {topic}: kafka does not have it, or this user may not see it")?;
        }
        let (goes, stays) = (self.goes(), self.stays());
        write!(f, "letters to delete: {goes}, to keep: {stays} (at most)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_shown_to_a_whole_character() {
        assert_eq!(text("Zoë".as_bytes(), 3), "Zo… (2 bytes more)");
        assert_eq!(text(&[0xff, 0x00, 0x01], 2), "0xff00… (1 bytes more)");
        assert_eq!(text(b"a\x1b[2J", usize::MAX), "a\\u{1b}[2J");
        assert_eq!(minute(Some(1_700_000_000_000)), "2023-11-14 22:13");
        assert_eq!(minute(Some(i64::MAX)), "-");
    }
}
