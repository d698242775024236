//! From the raw form to the checked one: what serde cannot see.
//!
//! Each part checks all it can and goes on with a default where a value is wrong, so that every problem of
//! a file is said at once; only a configuration without any comes out.

mod claim_check;
mod client;
mod connection;
mod connection_string;
mod credential;
mod eventhubs;
mod exclude;
mod hub;
mod kafka;
mod mappings;
mod once;
mod otlp;
mod part;
mod protocol;
mod registry;
mod routes;
mod security;
mod shared_access;
mod step;
mod tables;
pub(crate) use tables::wrong_levels;
mod token;
mod unfilled;

use std::fmt::Display;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::explain::{explain, meant};
use super::hint::shown;
use super::layers::{Layers, Strays};
use super::path::Path;
use super::problem::{Problem, Problems, Warning};
use super::raw;
use super::read::UnreadEntry;
use super::schema::purpose;
use super::settings::variable;
use super::{Config, Objection};
use claim_check::ClaimChecks;

/// No secret, certificate or connection string is longer.
const LONGEST: u64 = 64 << 10;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// Not what is needed only to reach Kafka and to be let in by either side.
    Outline,
}

/// Keys of a namespace that say how it is reached and entered.
const WAYS_IN: &[&str] = &[
    "credential",
    "connection",
    "connection_string",
    "connection_string_file",
    "secondary_connection_string",
    "secondary_connection_string_file",
];

impl Extent {
    /// Whether what is wrong at `at` matters.
    fn takes_in(self, at: &Path) -> bool {
        let top = |table: &str| at.is_within(&Path::top(table));
        let way_in = |key: &str| WAYS_IN.contains(&key);
        // `[eventhubs]` and `[eventhubs.NAME]`.
        self == Self::Whole
            || !(top("kafka") || top("eventhubs") && at.keys().skip(1).take(2).any(way_in))
    }
}

/// Checks `raw`; `strays` and `failures` are what was found wrong on the way here.
pub(super) fn check(
    raw: &raw::File,
    layers: &Layers,
    (strays, warnings): Strays,
    failures: &[UnreadEntry],
    objection: Objection,
    extent: Extent,
) -> Result<Config, Problems> {
    let mut check = Check { layers, failures, objection, extent, problems: strays, warnings };
    let told = failures.iter().filter(|failure| !check.is_unfilled(&failure.path));
    let told = told.map(|failure| explain(failure, layers)).collect::<Vec<_>>();
    check.problems.extend(told);
    check.all_is_filled_in();

    let batch = check.batch(&Path::top("batch"), &raw.batch, &super::Batch::default());
    let events = check.events(&Path::top("events"), &raw.events, &super::Events::default());
    let claims = check.claim_check(&raw.claim_check);
    let usual = super::Failure::default();
    let failure = check.failure(&Path::top("failure"), &raw.failure, &usual, &claims);
    let once = check.once(&raw.effectively_once);
    let limits = check.limits(&raw.limits);
    let admin = check.admin(&raw.admin);
    let otlp = check.otlp(&raw.otlp);
    let log = check.log(&raw.log);
    let kafka = check.kafka(&raw.kafka);
    let eventhubs = check.namespaces(raw);
    let defaults = (&batch, &events, &failure, &claims);
    let registries = check.registries(raw);
    let mappings = check.mappings(&raw.mappings, defaults, &eventhubs, &registries);

    check.batches_fit(&mappings, &limits);
    check.drain_fits(&kafka, &limits);
    check.routes(&mappings, &eventhubs, &failure);
    check.claims_are_used(&claims, &mappings);

    match Problems::new(check.problems) {
        Some(problems) => Err(problems),
        None => Ok(Config {
            kafka,
            eventhubs: eventhubs
                .into_iter()
                .map(|(name, namespace)| (name, namespace.settings))
                .collect(),
            mappings: mappings.into_iter().map(|(_, mapping)| mapping).collect(),
            batch,
            events,
            failure,
            limits,
            admin,
            otlp,
            log,
            registries,
            claim_check: match claims {
                ClaimChecks::Here(claims) => Some(*claims),
                ClaimChecks::None | ClaimChecks::Wrong => None,
            },
            once,
            replay: None,
            warnings: check.warnings,
        }),
    }
}

/// What is being checked, and what was found so far.
struct Check<'a> {
    layers: &'a Layers,
    failures: &'a [UnreadEntry],
    objection: Objection,
    extent: Extent,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Check<'_> {
    /// `at` is wrong: "`at` `said`".
    fn wrong(
        &mut self,
        at: &Path,
        said: impl Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) {
        // What is not filled in yet is told by itself.
        if self.extent.takes_in(at) && !self.is_unfilled(at) {
            self.problems.push(self.problem(at, said, why, hint));
        }
    }

    /// `at` is taken, and hardly was meant so: "`at` `said`".
    fn warn(
        &mut self,
        at: &Path,
        said: impl Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.extent.takes_in(at) {
            let warning = Warning(self.problem(at, said, why, hint));
            self.warnings.push(warning);
        }
    }

    fn problem(
        &self,
        at: &Path,
        said: impl Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        let place = self.layers.place(at);
        Problem { place, what: format!("`{at}` {said}"), why: why.into(), hint: hint.into() }
    }

    /// `at` is not there. Says nothing if it is there in some other, already reported form.
    fn missing(&mut self, at: &Path, why: &str, hint: &str) {
        let misspelt = self.failures.iter().any(|failure| meant(failure).as_ref() == Some(at));
        if misspelt || self.failed(at) {
            return;
        }
        let hint = if at.to_string().starts_with("mappings") {
            hint.to_owned()
        } else {
            format!("{hint}, or set `{}`", variable(&at.to_string()))
        };
        self.wrong(at, "is missing", why, hint);
    }

    /// Whether `at`, or a table around it, could not be read at all.
    fn failed(&self, at: &Path) -> bool {
        self.failures.iter().any(|failure| at.is_within(&failure.path))
    }

    /// Text that may not be empty. `None` if it is not given or wrong.
    fn text(&mut self, at: &Path, given: Option<&String>, why: &str) -> Option<String> {
        let text = given?.trim();
        if text.is_empty() {
            self.wrong(at, "is empty", why, "give it a value, or leave the key out");
            return None;
        }
        Some(text.to_owned())
    }

    /// What the file `named` at `at` holds, and its path. `held` is what it should hold.
    fn file(&mut self, at: &Path, named: &str, held: &str) -> Option<(String, PathBuf)> {
        let path = self.layers.beside(named);
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        let why = match (read, str::from_utf8(&bytes).map(str::trim)) {
            (Err(error), _) => error.to_string(),
            (Ok(_), _) if bytes.len() as u64 > LONGEST => format!("it is too long for {held}"),
            // PowerShell writes it so; read as anything else, every other byte of it is zero.
            (Ok(_), _) if bytes.contains(&0) || bytes.starts_with(&[0xff, 0xfe]) => {
                "it is UTF-16, or no text at all: save it as UTF-8".to_owned()
            }
            (Ok(_), Err(_)) => "it is not UTF-8 text: save it as UTF-8".to_owned(),
            (Ok(_), Ok("")) => "it is empty".to_owned(),
            (Ok(_), Ok(text)) => return Some((text.to_owned(), path)),
        };
        // A key pasted here instead of a path ends in `=`.
        let said = if named.contains(['=', ';']) {
            "names a file that cannot be used".to_owned()
        } else {
            format!("names `{}`, which cannot be used", path.display())
        };
        let hint = format!(
            "name a readable file that holds only {held}; a relative path begins at the directory of the \
             configuration file"
        );
        self.wrong(at, said, why, hint);
        None
    }

    fn duration(
        &mut self,
        at: &Path,
        given: Option<&raw::Duration>,
        default: Duration,
        bounds: RangeInclusive<&str>,
    ) -> Duration {
        let Some(raw::Duration(text)) = given else { return default };
        let parse = |text: &str| {
            jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text.trim()).ok()
        };
        let between = format!("between `{}` and `{}`", bounds.start(), bounds.end());
        let Some(duration) = parse(text) else {
            let why = "a duration is a number with its unit, `ms`, `s`, `m` or `h`";
            self.wrong(
                at,
                format!("is {}, not a duration", shown(text)),
                why,
                format!("give one {between}"),
            );
            return default;
        };
        let outside = parse(bounds.start()).is_some_and(|least| duration < least)
            || parse(bounds.end()).is_some_and(|most| duration > most);
        if outside {
            let said = format!("is {}, out of bounds", shown(text));
            let why = purpose(at).unwrap_or_default();
            self.wrong(at, said, why, format!("choose one {between}"));
            return default;
        }
        duration
    }

    /// `None` if it is not given or wrong.
    fn size(
        &mut self,
        at: &Path,
        given: Option<&raw::Size>,
        bounds: RangeInclusive<&str>,
    ) -> Option<u64> {
        let raw::Size(text) = given?;
        let parse =
            |text: &str| text.trim().parse::<bytesize::ByteSize>().map(|size| size.as_u64()).ok();
        let between = format!("between `{}` and `{}`", bounds.start(), bounds.end());
        let Some(size) = parse(text) else {
            let why = "a size is a number with its unit, `KiB`, `MiB` or `GiB`";
            self.wrong(
                at,
                format!("is {}, not a size", shown(text)),
                why,
                format!("give one {between}"),
            );
            return None;
        };
        let outside = parse(bounds.start()).is_some_and(|least| size < least)
            || parse(bounds.end()).is_some_and(|most| size > most);
        if outside {
            let said = format!("is {}, out of bounds", shown(text));
            let why = purpose(at).unwrap_or_default();
            self.wrong(at, said, why, format!("choose one {between}"));
            return None;
        }
        Some(size)
    }
}
