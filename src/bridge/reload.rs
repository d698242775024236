//! Another configuration for a bridge that runs: asked for, read, compared, and taken whole or not at all.
//!
//! It is asked for by a signal, by a command, or because the file has changed. The file is looked at by its content, which is
//! the same however it came there: written over, renamed, or behind the links of a volume of Kubernetes. What is read twice the
//! same counts, so that a file that is being written is not read half.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admin::log::Levels;
use crate::admin::{ReloadRefusal, Reloads};
use crate::config::{Config, Difference, Effective, Problems};
use crate::metrics::{Metrics, Reloaded};
use crate::watched::Watched;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Differences that are logged, at most.
const SAID: usize = 50;

/// Reads the configuration once more, from where it came from.
pub type Load = Box<dyn Fn() -> Result<Effective, Problems> + Send>;

/// Where another configuration comes from.
pub struct Reloading {
    /// What runs, and who said it.
    pub effective: Effective,
    /// How it is read once more.
    pub load: Load,
    /// A file of which each change is a reload.
    pub watched: Option<PathBuf>,
}

impl fmt::Debug for Reloading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").field("watched", &self.watched).finish_non_exhaustive()
    }
}

/// What runs, and where the next comes from.
pub(super) struct Reload {
    runs: Config,
    from: Option<(Effective, Load)>,
    asked: Reloads,
    file: Option<WatchedFile>,
    levels: Levels,
    metrics: Arc<Metrics>,
}

impl Reload {
    pub(super) fn new(
        runs: Config,
        from: Option<Reloading>,
        asked: Reloads,
        levels: Levels,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (from, file) = from.map(|it| ((it.effective, it.load), it.watched)).unzip();
        let file = file.flatten().map(|path| WatchedFile::new(path, Instant::now()));
        Self { runs, from, asked, file, levels, metrics }
    }

    pub(super) fn config(&self) -> &Config {
        &self.runs
    }

    /// Reads the configuration if somebody wants that, and gives it to `apply` if it can be run.
    pub(super) fn look<E>(
        &mut self,
        apply: impl FnOnce(&Config) -> Result<(), E>,
    ) -> Result<(), E> {
        let changed = self.file.as_mut().is_some_and(|file| file.has_changed(Instant::now()));
        let asked = self.asked.take();
        if asked.is_none() && !changed {
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            // Who asks by hand means what it holds now.
            file.is_read();
        }
        let outcome = self.next();
        self.metrics.reload_succeeded(outcome.is_ok());
        let told = match outcome {
            Ok((next, difference)) => {
                self.take(&next, &difference);
                apply(&next.config)?;
                self.runs.clone_from(&next.config);
                if let Some((effective, _)) = &mut self.from {
                    *effective = next;
                }
                self.metrics.reloaded(Reloaded::Applied);
                Ok(difference.lines)
            }
            Err(refusal) => {
                tracing::error!(name: "reload_refused", why = refusal.why, "the configuration was not reloaded; the bridge keeps its previous configuration");
                for what in refusal.what.iter().take(SAID) {
                    tracing::error!("{}", what.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                self.metrics.reloaded(Reloaded::Refused);
                Err(refusal)
            }
        };
        for reply in asked.into_iter().flatten() {
            // Who asked may have left.
            drop(reply.send(told.clone()));
        }
        Ok(())
    }

    /// The configuration as it stands there now, and how it differs.
    fn next(&self) -> Result<(Effective, Difference), ReloadRefusal> {
        let Some((runs, load)) = &self.from else {
            let why = "a run that ends by itself cannot reload its configuration".to_owned();
            return Err(ReloadRefusal { why, what: Vec::new() });
        };
        let next = load().map_err(|problems| {
            let what: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let why = match what.len() {
                1 => "the configuration is invalid".to_owned(),
                many => format!("the configuration has {many} problems"),
            };
            ReloadRefusal { why, what }
        })?;
        let difference = runs.difference(&next);
        if difference.restart.is_empty() {
            return Ok((next, difference));
        }
        let why = format!("a restart is needed for {}", difference.restart.join(", "));
        Err(ReloadRefusal { why, what: Vec::new() })
    }

    /// What the log says of it, at its new level.
    fn take(&self, next: &Effective, difference: &Difference) {
        let (before, level) = (&self.runs.log.level, &next.config.log.level);
        if before != level
            && let Err(error) = self.levels.set(level)
        {
            tracing::warn!(%error, "the level of the log cannot be changed");
        }
        for warning in &next.config.warnings {
            tracing::warn!("{}", warning.line());
        }
        let changes = difference.lines.len();
        tracing::info!(name: "reloaded", changes, "the configuration was reloaded");
        for line in difference.lines.iter().take(SAID) {
            tracing::info!("{line}");
        }
    }
}

/// A file, by what it holds: `None` when it cannot be read, which is a content, too.
struct WatchedFile {
    path: PathBuf,
    hasher: RandomState,
    content: Watched<Option<u64>>,
    looked: Instant,
}

impl WatchedFile {
    fn new(path: PathBuf, now: Instant) -> Self {
        let (hasher, content) = (RandomState::new(), Watched::new(None));
        let mut file = Self { path, hasher, content, looked: now };
        file.is_read();
        file
    }

    /// What it holds now is read.
    fn is_read(&mut self) {
        self.content = Watched::new(self.content());
    }

    fn content(&self) -> Option<u64> {
        std::fs::read(&self.path).ok().map(|content| self.hasher.hash_one(content))
    }

    /// Whether it holds something else than when it was read, for two looks.
    fn has_changed(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.looked) < LOOK {
            return false;
        }
        self.looked = now;
        self.content.look(Some(self.content()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_changed_once_it_holds_the_same_for_two_looks() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bridge.toml");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("one");
        let mut now = Instant::now();
        let mut watched = WatchedFile::new(file.clone(), now);
        let mut look = || {
            now += LOOK;
            watched.has_changed(now)
        };
        assert!(!look());
        write("tw");
        assert!(!look(), "it may be half");
        write("two");
        assert!(!look(), "it was");
        assert!(look());
        assert!(!look(), "told once");
        std::fs::remove_file(&file).unwrap();
        assert!(!look());
        assert!(look(), "a file that is gone is another one");
        write("two");
        assert!(!look());
        assert!(look());
        // As kubelet does it.
        let links = directory.path();
        std::fs::remove_file(&file).unwrap();
        for (version, text) in [("1", "two"), ("2", "three")] {
            std::fs::create_dir(links.join(version)).unwrap();
            std::fs::write(links.join(version).join("bridge.toml"), text).unwrap();
        }
        std::os::unix::fs::symlink("1", links.join("data")).unwrap();
        std::os::unix::fs::symlink("data/bridge.toml", &file).unwrap();
        assert!(!look() && !look(), "it holds the same as before");
        std::os::unix::fs::symlink("2", links.join("next")).unwrap();
        std::fs::rename(links.join("next"), links.join("data")).unwrap();
        assert!(!look());
        assert!(look());
    }
}
