//! What stands between the bridge and a registry, and does not always answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use stage::authority::Authority;
use stage::{PATIENCE, https, wait_for};

/// What becomes of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    Refused(StatusCode),
    /// The answer comes when nobody waits for it any more.
    Slow,
}

/// See the module.
pub(crate) struct Front {
    address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    way: Way,
    /// What was asked for since the way is this one, and not given, with what was said instead.
    denied: BTreeSet<(String, u16)>,
}

impl Front {
    /// Before the registry that listens at `registry`, with the limit of those who ask.
    pub(crate) fn new(registry: String, limit: Duration) -> Self {
        let state = State { way: Way::Open, denied: BTreeSet::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let router = Router::new().fallback(move |request: Request| {
            let (registry, state) = (registry.clone(), Arc::clone(&shared));
            async move { answer(&registry, &state, request.uri().to_string(), limit).await }
        });
        let (_, plain) = https::serve(router, &Authority::generate().sign(&["127.0.0.1"]));
        Self { address: format!("http://{plain}"), state }
    }

    /// The configuration of it as registry `main`.
    pub(crate) fn settings(&self, limit: Duration) -> String {
        let address = format!("{}/apis/ccompat/v7", self.address);
        let limit = limit.as_millis();
        format!("[registries.main]\naddresses = ['{address}']\ntimeout = '{limit}ms'\n")
    }

    pub(crate) fn turn(&self, way: Way) {
        *lock(&self.state) = State { way, denied: BTreeSet::new() };
    }

    /// Waits until so many things were asked for in vain, and answered like this.
    pub(crate) fn wait_denied(&self, count: usize, status: StatusCode) {
        let denied = |state: &State| state.denied.iter().filter(|it| it.1 == status).count();
        wait_for(&format!("{status} to {count} questions"), PATIENCE, || {
            (denied(&lock(&self.state)) >= count).then_some(())
        });
    }
}

async fn answer(registry: &str, state: &Mutex<State>, path: String, limit: Duration) -> Response {
    let way = lock(state).way;
    let (status, body) = match way {
        Way::Open => passed(registry, &path).await,
        Way::Refused(status) => (status, String::new()),
        Way::Slow => {
            let answer = passed(registry, &path).await;
            lock(state).denied.insert((path.clone(), StatusCode::REQUEST_TIMEOUT.as_u16()));
            tokio::time::sleep(2 * limit).await;
            answer
        }
    };
    let mut state = lock(state);
    if state.way == way && !status.is_success() {
        state.denied.insert((path, status.as_u16()));
    }
    (status, body).into_response()
}

/// What the registry says; without one, what a gateway would.
async fn passed(registry: &str, path: &str) -> (StatusCode, String) {
    let asked = async {
        let answer = reqwest::get(format!("{registry}{path}")).await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
    };
    asked.await.unwrap_or((StatusCode::BAD_GATEWAY, String::new()))
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
