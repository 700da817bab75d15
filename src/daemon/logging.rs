//! Where log lines go and which.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the level of a running log.
pub struct LevelHandle(reload::Handle<EnvFilter, Registry>);

impl LevelHandle {
    /// From now on, `level` and above.
    pub fn set(&self, level: tracing::Level) {
        if let Err(error) = self.0.reload(filter(level)) {
            tracing::warn!(event = "log.level", "the log level stays as it was: {error}");
        }
    }
}

/// Sends log lines of `level` and above to standard error. A second call in one process changes nothing,
/// so that tests may share one.
pub fn start(level: tracing::Level, format: Format) -> LevelHandle {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        // systemd writes the time itself.
        Format::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            lines.without_time().with_ansi(false).boxed()
        }
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let _only_the_first = tracing_subscriber::registry().with(filter).with(lines).try_init();
    LevelHandle(handle)
}

/// Ours at `level`; of the libraries only what went wrong.
fn filter(level: tracing::Level) -> EnvFilter {
    EnvFilter::new(format!("warn,doorward={}", level.as_str().to_ascii_lowercase()))
}
