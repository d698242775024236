//! Asks the bridge how it is, again and again, on a thread of its own: however slow the answer, the view goes on.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::gauges::{self, Gauges, Histogram};
use crate::lock;

const EVERY: Duration = Duration::from_millis(250);
/// Acknowledgements are looked at over so many of them.
const WINDOW: usize = 8;

/// What the bridge last said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) gauges: Gauges,
    /// Why it is not ready; nothing when it is.
    pub(crate) unready: Option<String>,
    /// The acknowledgements of the last moments.
    pub(crate) recent: Histogram,
}

/// The thread that asks. It ends when this is dropped, at the latest after the answer it waits for.
pub(crate) struct Probe {
    said: Arc<Mutex<Said>>,
    _stop: SyncSender<()>,
}

impl Probe {
    /// Asks at `address` from now on.
    pub(crate) fn start(address: SocketAddr) -> io::Result<Self> {
        let unready = Some("it has not answered yet".to_owned());
        let said = Arc::new(Mutex::new(Said { unready, ..Said::default() }));
        let (stop, stopped) = sync_channel::<()>(1);
        let shared = Arc::clone(&said);
        std::thread::Builder::new().name("probe".into()).spawn(move || {
            let mut earlier: VecDeque<Histogram> = VecDeque::new();
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let Ok(now) = Gauges::scrape(address) else { continue };
                earlier.push_back(now.acknowledgement.clone());
                let recent = now.acknowledgement.since(&earlier[0]);
                earlier.drain(..earlier.len().saturating_sub(WINDOW));
                let unready = match gauges::unready(address) {
                    Ok(unready) => unready,
                    Err(error) => Some(error.to_string()),
                };
                *lock(&shared) = Said { gauges: now, unready, recent };
            }
        })?;
        Ok(Self { said, _stop: stop })
    }

    pub(crate) fn said(&self) -> Said {
        lock(&self.said).clone()
    }
}
