//! What changes a running bridge: `POST` only. From this machine, by the same user, over the local socket; over `[admin] listen` only with
//! the token.

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::admin::log::Levels;
use crate::admin::{Refusal, Reloads};
use crate::config::Admin;
use crate::status::Status;

use super::Views;

/// Version of the answers' format.
const VERSION: u32 = 1;
/// How long a reload is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// A longer file is none of a token.
const LONGEST: usize = 4096;

/// What can be changed.
#[derive(Debug, Clone)]
struct Changeable {
    status: Status,
    levels: Levels,
    reloads: Reloads,
}

/// For who has come in by the local socket.
pub(super) fn free(views: &Views) -> Router {
    let Views { status, levels, reloads, .. } = views.clone();
    Router::new()
        .route("/mappings/{mapping}/pause", post(pause))
        .route("/mappings/{mapping}/resume", post(resume))
        .route("/log", post(level))
        .route("/reload", post(reload))
        .with_state(Changeable { status, levels, reloads })
}

/// For who shows the token, if there is one.
pub(super) fn guarded(views: &Views, token_file: Option<PathBuf>) -> Router {
    free(views).route_layer(from_fn_with_state(token_file, guard))
}

async fn pause(state: State<Changeable>, mapping: Path<usize>) -> Response {
    steer(&state, mapping.0, true)
}

async fn resume(state: State<Changeable>, mapping: Path<usize>) -> Response {
    steer(&state, mapping.0, false)
}

fn steer(state: &Changeable, mapping: usize, paused: bool) -> Response {
    let Some(changed) = state.status.pause(mapping, paused) else {
        return refused(StatusCode::NOT_FOUND, &format!("there is no mapping {mapping}"));
    };
    done(&json!({ "version": VERSION, "mapping": mapping, "paused": paused, "changed": changed }))
}

/// `POST /log?level=FILTER`
#[derive(Deserialize)]
struct Level {
    level: String,
}

async fn level(state: State<Changeable>, Query(Level { level }): Query<Level>) -> Response {
    match state.levels.set(&level) {
        Ok(()) => done(&json!({ "version": VERSION, "level": level })),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Answers once it is known whether the configuration runs; the drain of what has changed goes on behind it.
async fn reload(state: State<Changeable>) -> Response {
    match tokio::time::timeout(PATIENCE, state.reloads.question()).await {
        Ok(Ok(Ok(changes))) => done(&json!({ "version": VERSION, "changes": changes })),
        Ok(Ok(Err(Refusal { why, what }))) => {
            let refusal = json!({ "error": why, "problems": what });
            (StatusCode::CONFLICT, super::told(refusal.to_string())).into_response()
        }
        Ok(Err(_)) => refused(StatusCode::SERVICE_UNAVAILABLE, "the bridge stops"),
        Err(_) => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "the bridge is not ready to reload yet, and will once it is",
        ),
    }
}

/// Lets in who shows what the file holds now.
async fn guard(State(file): State<Option<PathBuf>>, request: Request, next: Next) -> Response {
    let Some(file) = file else {
        let why =
            "changes are accepted on the local socket; over this address with `admin.token_file`";
        return refused(StatusCode::FORBIDDEN, why);
    };
    let shown = request.headers().get(header::AUTHORIZATION);
    let shown = shown.and_then(|it| it.as_bytes().strip_prefix(b"Bearer ")).map(<[u8]>::to_vec);
    let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
    let Ok(Ok(token)) = read else {
        return refused(StatusCode::FORBIDDEN, "`admin.token_file` cannot be read");
    };
    let token = token.trim_ascii();
    if !(Admin::SHORTEST..LONGEST).contains(&token.len()) {
        return refused(StatusCode::FORBIDDEN, "`admin.token_file` holds no good token");
    }
    match shown {
        // As long, whatever of it is right.
        Some(shown) if bool::from(shown.ct_eq(token)) => next.run(request).await,
        _ => {
            tracing::warn!(name: "change_refused", path = request.uri().path(), "a change was refused: the token is missing or wrong");
            let refusal = refused(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
            ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
        }
    }
}

fn done(answer: &Value) -> Response {
    super::told(answer.to_string())
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, super::told(json!({ "error": why }).to_string())).into_response()
}
