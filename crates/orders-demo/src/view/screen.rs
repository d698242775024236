//! The screen: owns the terminal while it lives. A panic anywhere gives the terminal back before it is told.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::draw::draw;
use crate::snapshot::Snapshot;

pub(crate) struct Screen {
    terminal: DefaultTerminal,
    signals: Receiver<()>,
}

impl Screen {
    pub(crate) fn open(signals: Receiver<()>) -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()?, signals })
    }

    pub(crate) fn show(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, snapshot)).map(drop)
    }

    /// True for `q`, Escape, Ctrl-C and signals.
    pub(crate) fn wait(&mut self, wait: Duration) -> io::Result<bool> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Also once nothing is left: a key that is held down must not keep the screen from being drawn.
            if event::poll(left)? && stops(&event::read()?) {
                return Ok(true);
            }
            if self.signals.try_recv().is_ok() {
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn stops(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    key.kind == KeyEventKind::Press
        && match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => true,
            KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
            _ => false,
        }
}
