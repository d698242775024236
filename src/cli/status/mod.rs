//! `status`: what running bridges say of themselves, in the terminal.

mod ask;
mod table;

pub(super) use table::lasted;

use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{ConfigSource, INTERNAL, REFUSED, answer, say};
use crate::config::Admin;
use crate::status::document::Document;

pub(super) use ask::one;

/// How often `--watch` looks.
const WATCH: Duration = Duration::from_secs(2);
/// Version of the JSON.
const VERSION: u32 = 1;

/// Whom to ask, and how to show it.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The `[admin] listen` address of a running bridge; may be repeated, for several members of a group
    #[arg(long = "address", value_name = "HOST:PORT", conflicts_with = "config")]
    addresses: Vec<String>,
    /// The configuration file of a bridge on this machine, to read its `[admin] listen`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Refresh every two seconds, until interrupted
    #[arg(long)]
    watch: bool,
    /// Write JSON: `{"version": 1, "members": [{"address", "status", "error"}]}`, with `status` as `GET /status`
    #[arg(long)]
    json: bool,
}

/// What one address said.
#[derive(Debug, Serialize)]
struct MemberAnswer {
    address: String,
    status: Option<Document>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct MemberAnswers {
    version: u32,
    members: Vec<MemberAnswer>,
}

pub(super) fn status(question: StatusArgs) -> ExitCode {
    let addresses = match addresses(question.addresses, question.config.as_deref()) {
        Ok(addresses) => addresses,
        Err(code) => return code,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            say(std::io::stderr(), format_args!("error: {error}"));
            return ExitCode::from(INTERNAL);
        }
    };
    loop {
        let members = runtime.block_on(ask::all(&addresses));
        if question.watch && std::io::stdout().is_terminal() && !question.json {
            // To the upper left, and nothing below.
            drop(write!(std::io::stdout(), "\x1b[H\x1b[J"));
        }
        let code = show(members, question.json);
        if !question.watch || code == ExitCode::from(super::UNWRITTEN) {
            return code;
        }
        runtime.block_on(tokio::time::sleep(WATCH));
    }
}

/// Whom to ask.
fn addresses(named: Vec<String>, config: Option<&Path>) -> Result<Vec<String>, ExitCode> {
    match (config, named.is_empty()) {
        (None, false) => Ok(named),
        (config, _) => Ok(vec![listen(config)?.to_string()]),
    }
}

/// Where the bridge of this configuration answers on this machine, or one that says nothing of it. What is wrong with the
/// configuration is said, and the exit code is the error.
pub(super) fn listen(config: Option<&Path>) -> Result<SocketAddr, ExitCode> {
    let Some(config) = config else { return Ok(Admin::default().listen) };
    let source = ConfigSource { config: config.to_owned(), overrides: Vec::new() };
    let mut listen = source.load()?.admin.listen;
    // Everywhere is also here.
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.is_ipv4() {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(listen)
}

fn show(members: Vec<MemberAnswer>, json: bool) -> ExitCode {
    let all = members.iter().all(|member| member.status.is_some());
    let code = if all { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) };
    if json {
        let members = MemberAnswers { version: VERSION, members };
        // It has no keys but text.
        let text = serde_json::to_string(&members).unwrap_or_default();
        return answer(format_args!("{text}"), code);
    }
    for MemberAnswer { address, error, .. } in &members {
        if let Some(error) = error {
            say(std::io::stderr(), format_args!("error: `{address}` does not answer: {error}"));
        }
    }
    let statuses: Vec<_> = members.into_iter().filter_map(|member| member.status).collect();
    if statuses.is_empty() {
        return code;
    }
    answer(format_args!("{}", table::StatusTable(&statuses)), code)
}
