//! Values that are too large for their hub: in a real storage, Azurite, which is Azure's own for developers; or in parts, which
//! Microsoft's clients read.

mod azurite;
mod parts;
mod put;
mod readers;
mod stored;

use std::sync::OnceLock;

use stage::installed::skipped;

use azurite::Azurite;

/// The storage that tests share that do not kill it; `None` where it cannot be had.
fn shared() -> Option<&'static Azurite> {
    static SHARED: OnceLock<Option<Azurite>> = OnceLock::new();
    let start = || {
        let mut azurite = own()?;
        azurite.start();
        azurite.create_container();
        Some(azurite)
    };
    SHARED.get_or_init(start).as_ref()
}

/// A storage of a test's own, which does not run yet; `None` where it cannot be had.
fn own() -> Option<Azurite> {
    Azurite::new().inspect_err(|reason| skipped("Azurite", reason)).ok()
}

/// Runs what talks to it.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}
