//! The table of what each version costs has the shape that `make bench` writes, and a row for this version.

#[path = "../../benches/bridge/record.rs"]
mod record;

use record::{HEAD, Range, Row, recorded};
use regex::Regex;

use crate::pages::Page;

fn row(version: &str) -> Row {
    let range = |least, most| Range { least, most };
    Row {
        version: version.to_owned(),
        commit: "0123456789ab".to_owned(),
        machine: "2 cores, Some Processor, 24 GB, Debian 12".to_owned(),
        cpu: range(1.58, 1.924),
        floors: range(1.29, 1.36),
        ratio: range(1.2, 1.41),
        rate: range(249_186.0, 457_000.0),
        peak: 99.4e6,
        first: 0.08,
    }
}

/// The rows of the page's table.
fn rows(page: &str) -> Vec<&str> {
    let (_, table) = page.split_once(HEAD).expect("the head that `make bench` looks for");
    table.lines().skip(2).take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn each_version_has_a_row_of_the_shape_that_is_written() {
    let page = Page::named("docs/benchmarks.md");
    let number = r"\d+\.\d\d";
    let range = format!("{number} to {number}");
    let shape = Regex::new(&format!(
        r"^\| \d+\.\d+\.\d+ \| `[0-9a-f]{{7,12}}` \| \d+ cores, .+, \d+ GB, .+ \| {range} \| {range} \| {range} \| \d+ k to \d+ k \| \d+ MB \| {number} s \|$"
    ))
    .unwrap();
    assert!(shape.is_match(&row("1.2.3").to_string()), "{}", row("1.2.3"));
    let rows = rows(&page.text);
    for row in &rows {
        assert!(shape.is_match(row), "{row}");
    }
    let own = format!("| {} |", env!("CARGO_PKG_VERSION"));
    assert!(rows.iter().any(|row| row.starts_with(&own)), "no row for {own}: {rows:?}");
}

#[test]
fn a_row_is_put_on_top_and_once() {
    let page = Page::named("docs/benchmarks.md").text;
    let before = rows(&page).len();
    let once = recorded(&page, &row("99.0.0")).expect("the table");
    assert_eq!(
        rows(&once)[0],
        "| 99.0.0 | `0123456789ab` | 2 cores, Some Processor, 24 GB, Debian 12 | 1.58 to 1.92 | 1.29 to 1.36 | 1.20 to 1.41 | 249 k to 457 k | 99 MB | 0.08 s |"
    );
    assert_eq!(rows(&once).len(), before + 1);
    let again =
        recorded(&once, &Row { commit: "ba9876543210".to_owned(), ..row("99.0.0") }).unwrap();
    assert_eq!(rows(&again).len(), before + 1);
    assert!(rows(&again)[0].contains("ba9876543210"));
    assert_eq!(rows(&again)[1..], rows(&page)[..], "the others are left as they are");
    assert!(again.ends_with(page.split("\n\n").last().unwrap()));
    assert_eq!(recorded("no table", &row("1.0.0")), None);
    assert_eq!(Range::of([]), None);
    assert_eq!(Range::of([2.0, 1.0, 3.0]), Some(Range { least: 1.0, most: 3.0 }));
}
