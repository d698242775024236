//! `pause`, `resume`, `drain`, `log-level` and `reload`: what changes a running bridge.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::status::{listen, one};
use super::{CONFIGURATION, INTERNAL, REFUSED, TRY_AGAIN, USAGE, answer, say};
use crate::admin::{AdminClient, AdminReply};
use crate::status::document::{Document, Mapping};

/// Version of the JSON.
const VERSION: u32 = 1;
/// What HTTP says when a configuration is not taken.
const NOT_TAKEN: u16 = 409;
/// How often a drain is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Which bridge.
#[derive(Debug, Args)]
struct Where {
    /// The configuration file of the bridge on this machine, to read its `[admin] listen`; by default 127.0.0.1:9400
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The bridge's `[admin] listen` address; another machine needs `--token-file`
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "config")]
    address: Option<String>,
    /// A file with the token of the bridge's `admin.token_file`; by default the local socket is used
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Which mappings, of which bridge.
#[derive(Debug, Args)]
pub(super) struct MappingsArgs {
    /// The mappings: each by its number in `status`, or the name of its topic, pattern or hub
    #[arg(value_name = "MAPPING", required_unless_present = "all")]
    named: Vec<String>,
    /// Every mapping
    #[arg(long, conflicts_with = "named")]
    all: bool,
    #[command(flatten)]
    at: Where,
    /// Write JSON: `{"version": 1, "mappings": [{"mapping", "hub", "paused", "changed"}]}`
    #[arg(long)]
    json: bool,
}

/// What is to drain, and how long it may take.
#[derive(Debug, Args)]
pub(super) struct DrainArgs {
    #[command(flatten)]
    mappings: MappingsArgs,
    /// How long to wait for the delivery
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = super::time)]
    timeout: Duration,
}

/// What is to be logged.
#[derive(Debug, Args)]
pub(super) struct LevelArgs {
    /// A level such as `info` or `debug`, or a filter by module, such as `info,kafka_eventhubs_bridge=debug`
    #[arg(value_name = "LEVEL")]
    level: String,
    #[command(flatten)]
    at: Where,
}

/// Whose configuration is to be reloaded.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    at: Where,
    /// Write JSON: `{"version": 1, "changes": ["+ mapping …"]}`
    #[arg(long)]
    json: bool,
}

/// What went wrong, and the exit code.
type Failure = (String, u8);

pub(super) fn pause(mappings: &MappingsArgs) -> ExitCode {
    ended(run(async { steer(&mappings.at.client()?, mappings, true).await }), mappings.json)
}

pub(super) fn resume(mappings: &MappingsArgs) -> ExitCode {
    ended(run(async { steer(&mappings.at.client()?, mappings, false).await }), mappings.json)
}

pub(super) fn drain(drain: &DrainArgs) -> ExitCode {
    let mappings = &drain.mappings;
    let drained = run(async {
        let client = mappings.at.client()?;
        let paused = steer(&client, mappings, true).await?;
        let numbers: Vec<_> = paused.iter().map(|it| it.mapping).collect();
        wait_drained(&client, &numbers, drain.timeout).await.map(|()| paused)
    });
    ended(drained, mappings.json)
}

pub(super) fn level(level: &LevelArgs) -> ExitCode {
    let set = run(async {
        let client = level.at.client()?;
        let path = format!("/log?level={}", percent(&level.level));
        good(&client.send("POST", &path).await.map_err(unheard)?).map(drop)
    });
    match set {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure),
    }
}

pub(super) fn reload(reload: &ReloadArgs) -> ExitCode {
    let reloaded = run(async {
        let client = reload.at.client()?;
        let reply = client.send("POST", "/reload").await.map_err(unheard)?;
        if reply.status != NOT_TAKEN {
            return good(&reply);
        }
        let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let why = said["error"].as_str().unwrap_or_default();
        let problems = said["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut lines =
            vec![format!("not reloaded, the bridge keeps its previous configuration: {why}")];
        lines.extend(problems.map(str::to_owned));
        Err((lines.join("\n"), CONFIGURATION))
    });
    match reloaded {
        Err(failure) => failed(&failure),
        Ok(said) if reload.json => answer(format_args!("{said}"), ExitCode::SUCCESS),
        Ok(said) => {
            let changes =
                said["changes"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let changes = changes.collect::<Vec<_>>();
            let lines = match changes.is_empty() {
                true => "reloaded: nothing has changed".to_owned(),
                false => format!("reloaded\n{}", changes.join("\n")),
            };
            answer(format_args!("{lines}"), ExitCode::SUCCESS)
        }
    }
}

/// A mapping that was paused or resumed.
struct Steered {
    mapping: usize,
    hub: String,
    paused: bool,
    changed: bool,
}

impl Where {
    fn client(&self) -> Result<AdminClient, Failure> {
        let address = match &self.address {
            Some(address) => address.clone(),
            // What is wrong with the configuration has been said.
            None => listen(self.config.as_deref())
                .map_err(|_| (String::new(), CONFIGURATION))?
                .to_string(),
        };
        if let Some(token) = &self.token_file {
            return Ok(AdminClient::Remote(address, Some(token.clone())));
        }
        let here = |host: &str| matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        match address.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) if here(host) => Ok(AdminClient::Local(port)),
            Some((_, Ok(_))) => {
                Err((format!("`{address}` is another machine: add `--token-file`"), USAGE))
            }
            _ => Err((format!("`{address}` is not HOST:PORT"), USAGE)),
        }
    }
}

impl MappingsArgs {
    /// Those that are meant, of what the bridge has.
    fn of(&self, status: &Document) -> Result<Vec<Mapping>, Failure> {
        let mut chosen = Vec::new();
        for named in &self.named {
            let before = chosen.len();
            let is = |it: &&Mapping| {
                let topics = it.topics.iter().flatten().chain(&it.topic_pattern);
                is_meant(named, it.mapping, &it.hub, topics)
            };
            chosen.extend(status.mappings.iter().filter(is).cloned());
            if chosen.len() == before {
                let all = status.mappings.iter().map(|it| format!("{} ({})", it.mapping, it.hub));
                let all = all.take(20).collect::<Vec<_>>().join(", ");
                return Err((
                    format!("no mapping has the name `{named}`; the mappings are {all}"),
                    USAGE,
                ));
            }
        }
        if self.all {
            chosen.extend(status.mappings.iter().cloned());
        }
        chosen.sort_by_key(|it| it.mapping);
        chosen.dedup_by_key(|it| it.mapping);
        Ok(chosen)
    }
}

/// Whether a mapping is meant: by its place in the configuration, its hub, one of its topics or its pattern.
pub(super) fn is_meant<T: AsRef<str>>(
    named: &str,
    place: usize,
    hub: &str,
    topics: impl IntoIterator<Item = T>,
) -> bool {
    named.parse() == Ok(place)
        || hub == named
        || topics.into_iter().any(|topic| topic.as_ref() == named)
}

async fn steer(
    client: &AdminClient,
    mappings: &MappingsArgs,
    paused: bool,
) -> Result<Vec<Steered>, Failure> {
    let status = one(client).await.map_err(unheard)?;
    let what = if paused { "pause" } else { "resume" };
    let mut steered = Vec::new();
    for Mapping { mapping, hub, .. } in mappings.of(&status)? {
        let path = format!("/mappings/{mapping}/{what}");
        let said = good(&client.send("POST", &path).await.map_err(unheard)?)?;
        let changed = said["changed"] == true;
        steered.push(Steered { mapping, hub, paused, changed });
    }
    Ok(steered)
}

/// Waits until nothing of these mappings is under way.
async fn wait_drained(
    client: &AdminClient,
    numbers: &[usize],
    limit: Duration,
) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let status = one(client).await.map_err(unheard)?;
        let left = status.mappings.iter().filter(|it| numbers.contains(&it.mapping));
        let left: u64 = left.map(|it| it.in_flight_records).sum();
        // Who does not answer may have some.
        let known = status.shards.iter().all(|shard| shard.answers);
        if left == 0 && known {
            return Ok(());
        }
        if began.elapsed() >= limit {
            let limit = limit.as_secs_f64();
            let why = format!(
                "{left} records are not delivered after {limit} s; the mappings stay paused"
            );
            return Err((why, TRY_AGAIN));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a good answer says.
fn good(reply: &AdminReply) -> Result<Value, Failure> {
    let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if reply.status == 200 {
        return Ok(said);
    }
    let plain = String::from_utf8_lossy(&reply.body);
    let why = said["error"].as_str().unwrap_or(&plain);
    let code = if reply.status == 400 { USAGE } else { REFUSED };
    Err((format!("the bridge refused: {why}"), code))
}

fn unheard(why: String) -> Failure {
    (
        format!(
            "the bridge does not answer: {why}; hint: check that it runs on this machine as the same user, and that this is the port of its `[admin] listen`"
        ),
        REFUSED,
    )
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn run<T>(what: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| (error.to_string(), INTERNAL))?.block_on(what)
}

fn ended(result: Result<Vec<Steered>, Failure>, as_json: bool) -> ExitCode {
    let steered = match result {
        Ok(steered) => steered,
        Err(failure) => return failed(&failure),
    };
    if as_json {
        let mappings = steered.iter().map(|it| {
            json!({ "mapping": it.mapping, "hub": it.hub, "paused": it.paused, "changed": it.changed })
        });
        let all = json!({ "version": VERSION, "mappings": mappings.collect::<Vec<_>>() });
        return answer(format_args!("{all}"), ExitCode::SUCCESS);
    }
    let lines = steered.iter().map(|Steered { mapping, hub, paused, changed }| {
        let state = if *paused { "paused" } else { "resumed" };
        let before = if *changed { "" } else { " already" };
        format!("mapping {mapping} ({hub}) is{before} {state}")
    });
    let mut lines = lines.collect::<Vec<_>>();
    if steered.iter().any(|it| it.paused && it.changed) {
        lines.push(
            "a pause ends when the mapping is resumed or the process ends; `paused = true` in the configuration lasts longer"
                .to_owned(),
        );
    }
    answer(format_args!("{}", lines.join("\n")), ExitCode::SUCCESS)
}

fn failed((why, code): &Failure) -> ExitCode {
    if !why.is_empty() {
        say(std::io::stderr(), format_args!("error: {why}"));
    }
    ExitCode::from(*code)
}
