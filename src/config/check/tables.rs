//! The tables of plain values: `[batch]`, `[events]`, `[failure]`, `[limits]`, `[admin]`, `[log]`.
//!
//! The first three also stand in a mapping, laid over the others' values.

use std::path::PathBuf;

use crate::config::hint::{nearest, shown};
use crate::config::path::Path;
use crate::config::raw::{self, Word};
use crate::config::{Admin, Batch, Events, Failure, Limits, Log};

use super::Check;
use super::claim_check::ClaimChecks;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Check<'_> {
    pub(super) fn batch(&mut self, at: &Path, given: &raw::Batch, base: &Batch) -> Batch {
        let max_bytes = at.key("max_bytes");
        let max_events = given.max_events.or(base.max_events);
        if given.max_events == Some(0) {
            self.wrong(
                &at.key("max_events"),
                "is 0",
                "a batch without events is never sent",
                "give at least 1, or leave the key out for as many as fit",
            );
        }
        Batch {
            linger: self.duration(
                &at.key("linger"),
                given.linger.as_ref(),
                base.linger,
                "0s"..="60s",
            ),
            max_bytes: self
                .size(&max_bytes, given.max_bytes.as_ref(), "1KiB"..="20MiB")
                .or(base.max_bytes),
            max_events,
        }
    }

    pub(super) fn events(&mut self, at: &Path, given: &raw::Events, base: &Events) -> Events {
        let mut header_types = base.header_types.clone();
        let own = given.header_types.iter();
        header_types.extend(own.map(|(name, typed)| (name.clone(), typed.0)));
        let events = Events {
            replayed: false,
            source_properties: given.source_properties.unwrap_or(base.source_properties),
            prefix: given.prefix.clone().unwrap_or_else(|| base.prefix.clone()),
            headers: given.headers.unwrap_or(base.headers),
            key_type: given.key_type.map_or(base.key_type, |Word(it)| it),
            header_type: given.header_type.map_or(base.header_type, |Word(it)| it),
            header_types,
        };
        self.header_types_are_used(at, given, &events);
        let prefix = at.key("prefix");
        let inherited = given.prefix.is_none() && given.source_properties.is_none();
        if inherited {
            return events;
        }
        if events.prefix.is_empty() && events.source_properties {
            self.wrong(
                &prefix,
                "is empty",
                "without a prefix, `topic` or `offset` of the record would hide headers of the same name",
                "give a prefix such as `kafka_`, or set `source_properties = false`",
            );
        } else if events.prefix.len() > 64
            || !events.prefix.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        {
            self.wrong(
                &prefix,
                format!("is {}, which is not usable in a name", shown(&events.prefix)),
                "consumers must be able to name the properties it begins",
                "use up to 64 letters, digits, `_`, `-` and `.`",
            );
        }
        events
    }

    fn header_types_are_used(&mut self, at: &Path, given: &raw::Events, events: &Events) {
        let said = [
            ("header_type", given.header_type.is_some()),
            ("header_types", !given.header_types.is_empty()),
        ];
        for (key, _) in said.into_iter().filter(|(_, said)| *said && !events.headers) {
            self.wrong(
                &at.key(key),
                "is never used",
                "`headers = false` leaves all headers out",
                "remove one of the two",
            );
        }
    }

    /// Whether a dead letter has somewhere to go is only known of a mapping: [`Check::routes`].
    pub(super) fn failure(
        &mut self,
        at: &Path,
        given: &raw::Failure,
        base: &Failure,
        claims: &ClaimChecks,
    ) -> Failure {
        let too_large =
            self.too_large(&at.key("too_large"), given.too_large, &base.too_large, claims);
        let at = at.key("dead_letter_topic");
        let topic = given.dead_letter_topic.as_ref().filter(|topic| self.topic(&at, topic));
        Failure {
            policy: given.policy.map_or(base.policy, |Word(it)| it),
            dead_letter_topic: topic.cloned().or_else(|| base.dead_letter_topic.clone()),
            dead_letter_holds: given
                .dead_letter_holds
                .map_or(base.dead_letter_holds, |Word(it)| it),
            too_large,
        }
    }

    pub(super) fn limits(&mut self, given: &raw::Limits) -> Limits {
        let at = Path::top("limits");
        let default = Limits::default();
        let shards = given.shards.unwrap_or(default.shards);
        if !(1..=64).contains(&shards) {
            self.wrong(
                &at.key("shards"),
                format!("is {shards}, out of bounds"),
                "a process runs between 1 and 64 consumers",
                "start with 1; a second one helps above about 400 000 records a second",
            );
        }
        let memory = self
            .size(&at.key("memory"), given.memory.as_ref(), "16MiB"..="1TiB")
            .unwrap_or(default.memory);
        if (2..=64).contains(&shards) && memory / u64::from(shards) < 16 << 20 {
            self.wrong(
                &at.key("memory"),
                format!("is too small for {shards} shards"),
                "each shard needs 16MiB for its prefetch and its batches",
                format!("give at least `{}MiB`, or fewer shards", shards * 16),
            );
        }
        let drain_timeout = self.duration(
            &at.key("drain_timeout"),
            given.drain_timeout.as_ref(),
            default.drain_timeout,
            "100ms"..="1h",
        );
        Limits { memory, shards, drain_timeout }
    }

    pub(super) fn admin(&mut self, given: &raw::Admin) -> Admin {
        let at = Path::top("admin");
        let token_file = given.token_file.as_ref().and_then(|named| self.admin_token(&at, named));
        let default = Admin { token_file, ..Admin::default() };
        let Some(text) = &given.listen else { return default };
        let Ok(listen) = text.trim().parse() else {
            self.wrong(
                &at.key("listen"),
                format!("is {}, not an address", shown(text)),
                "it is an IP address and a port, names are not looked up",
                "give `127.0.0.1:9400` for this machine alone, `0.0.0.0:9400` for all",
            );
            return default;
        };
        Admin { listen, ..default }
    }

    /// The file, when what it holds now is a token.
    fn admin_token(&mut self, at: &Path, named: &str) -> Option<PathBuf> {
        let at = at.key("token_file");
        let (token, path) = self.file(&at, named, "the token")?;
        if token.len() < Admin::SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.wrong(
                &at,
                "names a file without a usable token",
                "anybody who guesses the token can pause the bridge",
                format!(
                    "write {} or more letters and digits into it, such as those of `openssl rand -hex 32`",
                    Admin::SHORTEST
                ),
            );
            return None;
        }
        Some(path)
    }

    pub(super) fn log(&mut self, given: &raw::Log) -> Log {
        let default = Log::default();
        let level = given.level.clone().unwrap_or(default.level);
        for (what, hint) in wrong_levels(&level) {
            let why = "a level is `off`, `error`, `warn`, `info`, `debug` or `trace`";
            self.wrong(&Path::top("log").key("level"), what, why, hint);
        }
        Log { format: given.format.map_or(default.format, |Word(it)| it), level }
    }
}

/// What of a filter is no level, and a hint: `tracing` takes a misspelt one for the name of a module and then logs nothing.
pub(crate) fn wrong_levels(filter: &str) -> Vec<(String, String)> {
    let levels = filter
        .split(',')
        .map(|directive| directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim());
    let wrong = levels.filter(|level| !LEVELS.contains(&level.to_ascii_lowercase().as_str()));
    let told = wrong.map(|level| {
        let hint = match nearest(level, LEVELS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write `info`, or with a module `info,kafka_eventhubs_bridge=debug`".to_owned(),
        };
        (format!("holds {}, not a level", shown(level)), hint)
    });
    told.collect()
}
