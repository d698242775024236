//! Where another configuration is asked for, by a signal or a command.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Why a configuration is not taken; the one of before runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadRefusal {
    /// In one line.
    pub why: String,
    /// What is wrong with it, each thing in a paragraph.
    pub what: Vec<String>,
}

/// What came of a reload: the differences, or why not.
pub type ReloadOutcome = Result<Vec<String>, ReloadRefusal>;

/// Where a reload is asked for. Copies share one state.
#[derive(Debug, Clone, Default)]
pub struct Reloads(Arc<Mutex<ReloadRequests>>);

#[derive(Debug, Default)]
struct ReloadRequests {
    wanted: bool,
    replies: Vec<oneshot::Sender<ReloadOutcome>>,
}

impl Reloads {
    /// Asks for one.
    pub fn ask(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wanted = true;
    }

    /// Asks for one, and to be told what came of it.
    pub fn question(&self) -> oneshot::Receiver<ReloadOutcome> {
        let (reply, answer) = oneshot::channel();
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.wanted = true;
        asked.replies.push(reply);
        answer
    }

    /// Who is to be told, if somebody has asked since this was last asked.
    pub fn take(&self) -> Option<Vec<oneshot::Sender<ReloadOutcome>>> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut asked.wanted).then(|| std::mem::take(&mut asked.replies))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_told_once() {
        let reloads = Reloads::default();
        assert!(reloads.take().is_none());
        reloads.ask();
        let mut answer = reloads.question();
        let [reply] = reloads.take().unwrap().try_into().unwrap();
        reply.send(Ok(vec!["+ mapping".to_owned()])).unwrap();
        assert_eq!(answer.try_recv(), Ok(Ok(vec!["+ mapping".to_owned()])));
        assert!(reloads.take().is_none());
    }
}
