//! What changes a running bridge: `POST` only. From this machine, by the same user, over the local socket; over `[admin] listen` only with
//! the token.

use std::path::PathBuf;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, StatusCode, Uri, header};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::admin::ReloadRefusal;
use crate::admin::response::{Response, parameter, refused, told, with};
use crate::config::Admin;

use super::Views;

/// Version of the answers' format.
const VERSION: u32 = 1;
/// How long a reload is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// A longer file is none of a token.
const LONGEST: usize = 4096;

/// What a path asks for.
#[derive(Debug)]
pub(super) enum Order<'a> {
    /// `POST /mappings/N/pause`, and `/resume`.
    Pause { mapping: &'a str, paused: bool },
    /// `POST /log?level=FILTER`
    Level,
    /// `POST /reload`
    Reload,
}

impl<'a> Order<'a> {
    /// Of the path that asks for it.
    pub(super) fn at(path: &'a str) -> Option<Self> {
        Some(match path.split('/').collect::<Vec<_>>()[..] {
            ["", "mappings", mapping, "pause"] => Self::Pause { mapping, paused: true },
            ["", "mappings", mapping, "resume"] => Self::Pause { mapping, paused: false },
            ["", "log"] => Self::Level,
            ["", "reload"] => Self::Reload,
            _ => return None,
        })
    }

    pub(super) async fn obey(self, views: &Views, uri: &Uri) -> Response {
        match self {
            Self::Pause { mapping, paused } => pause(views, mapping, paused),
            Self::Level => level(views, uri),
            Self::Reload => reload(views).await,
        }
    }
}

fn pause(views: &Views, mapping: &str, paused: bool) -> Response {
    let Ok(mapping) = mapping.parse() else {
        return refused(StatusCode::BAD_REQUEST, "a mapping is named by its number");
    };
    let Some(changed) = views.status.pause(mapping, paused) else {
        return refused(StatusCode::NOT_FOUND, &format!("there is no mapping {mapping}"));
    };
    done(&json!({ "version": VERSION, "mapping": mapping, "paused": paused, "changed": changed }))
}

fn level(views: &Views, uri: &Uri) -> Response {
    let Some(level) = parameter(uri, "level") else {
        return refused(StatusCode::BAD_REQUEST, "`level` is missing: `/log?level=FILTER`");
    };
    match views.levels.set(&level) {
        Ok(()) => done(&json!({ "version": VERSION, "level": level })),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Responses once it is known whether the configuration runs; the drain of what has changed goes on behind it.
async fn reload(views: &Views) -> Response {
    match tokio::time::timeout(PATIENCE, views.reloads.question()).await {
        Ok(Ok(Ok(changes))) => done(&json!({ "version": VERSION, "changes": changes })),
        Ok(Ok(Err(ReloadRefusal { why, what }))) => {
            let refusal = json!({ "error": why, "problems": what });
            told(StatusCode::CONFLICT, refusal.to_string())
        }
        Ok(Err(_)) => refused(StatusCode::SERVICE_UNAVAILABLE, "the bridge stops"),
        Err(_) => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "the bridge is not ready yet, and reloads once it is",
        ),
    }
}

fn done(answer: &Value) -> Response {
    told(StatusCode::OK, answer.to_string())
}

/// Who may change something.
#[derive(Debug)]
pub(super) enum Guard {
    /// All who come in.
    None,
    /// Those who show what the file holds; nobody without a file.
    Token(Option<PathBuf>),
}

impl Guard {
    /// The refusal of a request that must not change anything.
    pub(super) async fn refuses(&self, request: &Request<Incoming>) -> Option<Response> {
        let file = match self {
            Self::None => return None,
            Self::Token(Some(file)) => file.clone(),
            Self::Token(None) => {
                let why = "changes are accepted on the local socket; over this address with `admin.token_file`";
                return Some(refused(StatusCode::FORBIDDEN, why));
            }
        };
        let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
        let Ok(Ok(token)) = read else {
            return Some(refused(StatusCode::FORBIDDEN, "`admin.token_file` cannot be read"));
        };
        let token = token.trim_ascii();
        if !(Admin::SHORTEST..LONGEST).contains(&token.len()) {
            return Some(refused(StatusCode::FORBIDDEN, "`admin.token_file` has no usable token"));
        }
        let shown = request.headers().get(header::AUTHORIZATION);
        let shown = shown.and_then(|it| it.as_bytes().strip_prefix(b"Bearer "));
        // As long, whatever of it is right.
        if shown.is_some_and(|shown| bool::from(shown.ct_eq(token))) {
            return None;
        }
        tracing::warn!(name: "change_refused", path = request.uri().path(), "a change was refused: the token is missing or wrong");
        let refusal = refused(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
        Some(with(refusal, header::WWW_AUTHENTICATE, "Bearer"))
    }
}
