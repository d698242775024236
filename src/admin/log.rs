//! Logging: one line an event, to standard error, for people or for machines.
//!
//! A line that cannot be written is lost; logging never stops the bridge.

use std::fmt;
use std::io::IsTerminal;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::{Log, LogFormat, wrong_levels};

use super::Changes;

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Correct `log.level`.
    #[error("`log.level` is not a filter: {0}")]
    Level(#[from] ParseError),
    /// Something else of this process logs already.
    #[error("logging has already begun: {0}")]
    Begun(#[from] tracing_subscriber::util::TryInitError),
}

/// What the libraries say that the bridge itself says better, or that is no news: a consumer that is closed before it is dropped, a certificate that is no good, at every attempt; an answer that refuses a token. `log.level` can
/// ask for it.
const QUIET: &str = "rdkafka::consumer::base_consumer=off,rustls_platform_verifier=off,\
    typespec_client_core=warn";

/// Libraries that show whole frames and answers, and so the tokens and credentials in them.
const TALKATIVE: [&str; 2] = ["tungstenite", "aws_"];

/// Whether anybody may see what is said at this place.
fn harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    *metadata.level() != Level::TRACE || !TALKATIVE.iter().any(|it| target.starts_with(it))
}

/// What is logged at that level. No level asks for what is not [`harmless`].
fn filter<S: Subscriber>(level: &str) -> Result<impl Filter<S> + use<S>, ParseError> {
    let wanted = EnvFilter::try_new(format!("{QUIET},{level}"))?;
    // Without the hint, everything would be made first and then thrown away.
    Ok(wanted.and(filter_fn(harmless).with_max_level_hint(LevelFilter::TRACE)))
}

type Wanted = Box<dyn Filter<Registry> + Send + Sync>;

/// What is logged, and may be changed while the process runs.
#[derive(Clone)]
pub struct Levels(Option<reload::Handle<Wanted, Registry>>);

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Levels").finish_non_exhaustive()
    }
}

/// Why what is logged cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// Correct it.
    #[error("the level {0}; hint: {1}")]
    Wrong(String, String),
    /// Correct it.
    #[error("the level is not a filter: {0}")]
    Filter(#[from] ParseError),
    /// Nothing logs.
    #[error("this process writes no log")]
    None,
}

impl Levels {
    /// Of a process that does not log.
    pub const NONE: Self = Self(None);

    /// From now on this is logged, until the process ends.
    pub fn set(&self, level: &str) -> Result<(), LevelError> {
        if let Some((what, hint)) = wrong_levels(level).into_iter().next() {
            return Err(LevelError::Wrong(what, hint));
        }
        let wanted: Wanted = Box::new(filter(level)?);
        let handle = self.0.as_ref().ok_or(LevelError::None)?;
        handle.reload(wanted).map_err(|_| LevelError::None)?;
        // At this level it is in every log but one that is off.
        tracing::info!(name: "log_level_changed", level, "the log level was changed");
        Ok(())
    }
}

/// Begins logging by `writer`, which ends at standard error, for the whole process and until its end; `changes` hears what has
/// changed. What the `log` crate is told is logged too.
pub fn init<W>(log: &Log, changes: &Changes, writer: W) -> Result<Levels, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = layer(log.format, writer, std::io::stderr().is_terminal());
    let wanted: Wanted = Box::new(filter(&log.level)?);
    let (wanted, handle) = reload::Layer::new(wanted);
    Registry::default().with(layer.with_filter(wanted)).with(changes.layer()).try_init()?;
    Ok(Levels(Some(handle)))
}

/// Logs a panic before the process ends: half a bridge is worse than a restart.
pub fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(place, text, "panic: a defect of the bridge; the process ends");
        print(panic);
        std::process::abort();
    }));
}

fn layer<W>(format: LogFormat, writer: W, colour: bool) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // What cannot be written is not worth a panic in `eprintln!`.
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    match (format, colour) {
        (LogFormat::Json, _) => {
            layer.json().flatten_event(true).with_span_list(false).with_ansi(false).boxed()
        }
        // The layer asks `NO_COLOR` itself.
        (LogFormat::Text, true) => layer.boxed(),
        (LogFormat::Text, false) => layer.with_ansi(false).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let layer = layer(format, move || writer.clone(), false);
        let subscriber = Registry::default().with(layer.with_filter(filter(level).unwrap()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(topic = "orders", partition = 3, "partition \"assigned\"\nto us");
            tracing::debug!("a detail");
            tracing::debug!(target: "tungstenite::protocol", "a peer");
            tracing::trace!(target: "tungstenite::protocol", "a frame");
            tracing::trace!(target: "aws_smithy_runtime::client", "an answer");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_level_shows_the_frames_of_a_library() {
        let own = ["tungstenite=trace", "aws_smithy_runtime=trace"];
        for level in ["trace", &own.join(","), "tungstenite::protocol=trace"] {
            let page = logged(LogFormat::Text, level);
            assert!(!page.contains("a frame") && !page.contains("an answer"), "{level}: {page}");
            assert!(page.contains("a peer"), "{level}: {page}");
        }
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let page = logged(LogFormat::Json, "info");
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 1, "{page}");
        let line: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(line["message"], "partition \"assigned\"\nto us");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["topic"], "orders");
        assert_eq!(line["partition"], 3);
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn text_has_no_colour_codes_when_nobody_sees_them() {
        let page = logged(LogFormat::Text, "info");
        assert!(page.contains("INFO") && page.contains("topic=\"orders\""), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
    }

    #[test]
    fn the_level_filters() {
        assert!(logged(LogFormat::Text, "debug").contains("a detail"));
        assert_eq!(logged(LogFormat::Text, "info,kafka_eventhubs_bridge=error"), "");
    }

    #[test]
    fn a_wrong_level_is_named() {
        let log = Log { format: LogFormat::Text, level: "info,=nonsense=".into() };
        let error = init(&log, &Changes::default(), std::io::stderr).unwrap_err().to_string();
        assert!(error.starts_with("`log.level` is not a filter: "), "{error}");
    }
}
