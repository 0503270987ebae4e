//! Lines of libraries that log without `tracing`: as lines of ours, without the places in their source, which are paths of the
//! machine that built the program.

use log::{Level, LevelFilter, Log, Metadata, Record};

struct Libraries;

/// Takes over what libraries log, at the level of the log that is started.
pub(super) fn follow() {
    let level = match tracing::level_filters::LevelFilter::current().into_level() {
        None => LevelFilter::Off,
        Some(tracing::Level::ERROR) => LevelFilter::Error,
        Some(tracing::Level::WARN) => LevelFilter::Warn,
        Some(tracing::Level::INFO) => LevelFilter::Info,
        Some(tracing::Level::DEBUG) => LevelFilter::Debug,
        Some(tracing::Level::TRACE) => LevelFilter::Trace,
    };
    if log::set_logger(&Libraries).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Libraries {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let (library, message) = (record.target(), record.args());
        match record.level() {
            Level::Error => tracing::error!(target: "libraries", library, "{message}"),
            Level::Warn => tracing::warn!(target: "libraries", library, "{message}"),
            Level::Info => tracing::info!(target: "libraries", library, "{message}"),
            Level::Debug => tracing::debug!(target: "libraries", library, "{message}"),
            Level::Trace => tracing::trace!(target: "libraries", library, "{message}"),
        }
    }

    fn flush(&self) {}
}
