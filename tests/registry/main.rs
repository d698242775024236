//! Records that were written with schemas of a real registry, and `CloudEvents`, as their readers get them.

mod apicurio;
mod asked;
mod checked;
mod cloud_events;
mod decoded;
mod fetched;
mod front;
mod orders;
mod readers;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use stage::installed::skipped;

use apicurio::Apicurio;

/// The registry that tests share that do not kill it; `None` where it cannot be had.
fn shared() -> Option<MutexGuard<'static, Apicurio>> {
    static SHARED: OnceLock<Option<Mutex<Apicurio>>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let mut apicurio = own()?;
        apicurio.start();
        Some(Mutex::new(apicurio))
    });
    shared.as_ref().map(|shared| shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// One of a test's own, which does not run yet.
fn own() -> Option<Apicurio> {
    let own = Apicurio::new();
    own.inspect_err(|reason| skipped("the registry", reason)).ok()
}

/// Runs what talks to a registry.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}
