//! Where log lines go and which.

use std::io::IsTerminal;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
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
    pub fn set(&self, level: Level) {
        if let Err(error) = self.0.reload(filter(level)) {
            tracing::warn!(event = "log.level", "the log level stays as it was: {error}");
        }
    }
}

/// Sends log lines of `level` and above to standard error. A second call in one process changes nothing,
/// so that tests may share one.
pub fn start(level: Level, format: Format) -> LevelHandle {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        Format::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            lines.with_ansi(false).event_format(Urgent).boxed()
        }
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let _only_the_first = tracing_subscriber::registry().with(filter).with(lines).try_init();
    LevelHandle(handle)
}

/// For the journal: it writes the time itself, and takes how urgent a line is from its beginning
/// (sd-daemon(3)), so that `journalctl -p warning` shows what somebody must look at.
struct Urgent;

impl<S, N> FormatEvent<S, N> for Urgent
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let urgency = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(line, "<{urgency}>")?;
        fmt::format().without_time().with_target(false).format_event(context, line, event)
    }
}

/// Ours at `level`; of the libraries only what went wrong.
fn filter(level: Level) -> EnvFilter {
    EnvFilter::new(format!("warn,doorward={}", level.as_str().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_journal_is_told_how_urgent_a_line_is() {
        let paper = Paper::default();
        let writer = paper.clone();
        let lines = fmt::layer().with_ansi(false).with_writer(move || writer.clone()).event_format(Urgent);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::error!(event = "store.failing", "no room");
            tracing::info!("ready");
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("<3>ERROR ") && lines[0].contains("no room"), "{text}");
        assert!(lines[1].starts_with("<6> INFO "), "{text}");
    }
}
