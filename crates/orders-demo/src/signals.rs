//! SIGINT and SIGTERM, as the wish to stop. In the screen Ctrl-C is a key; elsewhere it comes from here.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::signal::unix::{SignalKind, signal};

/// Watches on a thread of its own, to the end of the process.
pub(crate) fn watch() -> io::Result<Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let (sender, receiver) = sync_channel(4);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                // Whoever has four wishes to stop pending has been understood.
                sender.try_send(()).ok();
            }
        });
    })?;
    Ok(receiver)
}
