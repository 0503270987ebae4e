//! What the program tells about itself: log lines on stderr, and metrics.

mod libraries;

use std::{
    fs::File,
    io::{IsTerminal, Write},
    path::Path,
    sync::OnceLock,
    time::Duration,
};

use http::StatusCode;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, registry};

use crate::Failure;

const REQUEST_DURATION: &str = "aught_http_request_duration_seconds";
/// A cached read takes tens of microseconds, a password check a tenth of a second.
const DURATIONS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];

/// Starts the log, in a file or on stderr: for people on a terminal, as JSON otherwise.
pub(crate) fn start_log(filter: &str, file: Option<&Path>) -> Result<(), Failure> {
    let targets: Targets = filter.parse().map_err(|error| Failure::new(format!("the log filter {filter:?}"), error))?;
    let lines = tracing_subscriber::fmt::layer();
    let layer = match file {
        Some(path) => {
            let file = File::create(path).map_err(|error| Failure::new(path.display(), error))?;
            lines.with_writer(file).json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        None if std::io::stderr().is_terminal() => lines.with_writer(std::io::stderr).with_target(false).boxed(),
        None => {
            let lines = lines.with_writer(std::io::stderr).json();
            lines.flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    // A second start in one process, as tests do, keeps the first log.
    let _ = tracing::subscriber::set_global_default(registry().with(layer.with_filter(targets)));
    libraries::follow();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", within_sources(place.file()), place.line()));
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(place, message, "panicked");
    }));
    Ok(())
}

/// A source file as its crate names it, without the folders of the machine that built the program.
fn within_sources(file: &str) -> &str {
    let start = file.rfind("/src/").and_then(|src| file[..src].rfind('/')).map_or(0, |slash| slash + 1);
    if file.starts_with('/') { &file[start..] } else { file }
}

/// The metrics of this process, from the first call on.
pub(crate) fn metrics() -> &'static PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUEST_DURATION.to_owned()), &DURATIONS)
            .expect("there are buckets");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Another recorder can only be one that a test has installed; then this one stays empty.
        let _ = metrics::set_global_recorder(recorder);
        metrics::describe_histogram!(REQUEST_DURATION, metrics::Unit::Seconds, "Requests by operation and status");
        handle
    })
}

/// Moves what has been measured into its buckets; without it the samples would pile up until someone reads them.
pub(crate) async fn keep_metrics_small() {
    let mut ticks = tokio::time::interval(Duration::from_secs(10));
    loop {
        ticks.tick().await;
        metrics().run_upkeep();
    }
}

/// Counts a request that was answered.
pub(crate) fn count_request(operation: &'static str, status: StatusCode, duration: Duration) {
    let labels = [("operation", operation.into()), ("status", metrics::SharedString::from(status.as_str().to_owned()))];
    metrics::histogram!(REQUEST_DURATION, &labels).record(duration);
}

/// Writes to stdout, for what the person who started the program asked for. A closed pipe is not our failure.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes to stderr, for why the program ends.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "aught: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_names_a_folder_of_the_machine_that_built_the_program() {
        for (file, told) in [
            ("/home/me/.cargo/registry/src/index-1/tokio-1.2.3/src/runtime/task.rs", "tokio-1.2.3/src/runtime/task.rs"),
            ("/rustc/0123/library/core/src/option.rs", "core/src/option.rs"),
            ("/build/aught/crates/rest/src/engine.rs", "rest/src/engine.rs"),
            ("crates/rest/src/engine.rs", "crates/rest/src/engine.rs"),
        ] {
            assert_eq!(within_sources(file), told);
        }
    }
}
