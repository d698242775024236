//! What a person sees while it runs: a screen in a terminal, a line a second elsewhere.

mod draw;
mod parts;
mod plain;
mod screen;

use std::io::{self, IsTerminal};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::snapshot::Snapshot;
use plain::Plain;
use screen::Screen;

/// Either of the two views. The terminal is as it was once this is dropped.
pub(crate) enum View {
    Screen(Screen),
    Plain(Plain),
}

impl View {
    /// A screen where there is one, unless `plain` is asked for. Signals count as the wish to stop.
    pub(crate) fn open(plain: bool, signals: Receiver<()>) -> io::Result<Self> {
        let terminal = io::stdout().is_terminal()
            && io::stdin().is_terminal()
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        if terminal && !plain {
            Ok(View::Screen(Screen::open(signals)?))
        } else {
            Ok(View::Plain(Plain::new(signals)))
        }
    }

    /// Shows this moment.
    pub(crate) fn show(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        match self {
            View::Screen(screen) => screen.show(snapshot),
            View::Plain(plain) => plain.show(snapshot, &mut io::stdout()),
        }
    }

    /// Waits that long; true when the person wishes to stop.
    pub(crate) fn wait(&mut self, wait: Duration) -> io::Result<bool> {
        match self {
            View::Screen(screen) => screen.wait(wait),
            View::Plain(plain) => Ok(plain.wait(wait)),
        }
    }
}
