//! Log streams and event streams.

use kernel::{Record, Value, id::Form};
use store::{Index, Kind};

/// Search term of an enabled event stream: the types of events that it subscribes to.
pub const LISTENS: &str = "listens";

/// The secrets of log streams. Whoever knows the address of a sink may often use it. The last one is shown to nobody.
pub const LOG_STREAM_SECRETS: &[&str] = &[
    "sink.httpEndpoint",
    "sink.httpAuthorization",
    "sink.httpCustomHeaders.*.value",
    "sink.sumoSourceAddress",
    "sink.datadogApiKey",
    "sink.splunkToken",
    "sink.segmentWriteKey",
    "sink.mixpanelServiceAccountPassword",
];
/// Where a webhook of an event stream is called: a secret as well.
pub const WEBHOOK_ENDPOINT: &str = "destination.configuration.webhook_endpoint";

/// A log stream.
pub static LOG_STREAM: Kind =
    Kind::new("log_stream").id("id", Form::Alnum16("lst_")).indexed(&["status"]).sealed(LOG_STREAM_SECRETS);
/// How far a log stream is; its id is the stream's.
pub static LOG_STREAM_STATE: Kind = Kind::new("log_stream_state").id_given("");
/// An event stream.
pub static EVENT_STREAM: Kind = Kind::new("event_stream")
    .id("id", Form::Base58("est_"))
    .unique(&["name"])
    .sealed(&[
        WEBHOOK_ENDPOINT,
        "destination.configuration.webhook_authorization.password",
        "destination.configuration.webhook_authorization.token",
        "destination.configuration.webhook_authorization.header_value",
    ])
    .indexed_by(listens);
/// A delivery that is not done: pending, retried, or failed.
pub static EVENT_DELIVERY: Kind =
    Kind::new("event_delivery").id_given("").indexed(&["event_stream_id", "event_type", "status"]).indexed_by(date);
/// How many deliveries of an event stream succeeded and failed by day; its id is the stream's.
pub static EVENT_STREAM_COUNTS: Kind = Kind::new("event_stream_counts").id_given("");

/// The types of events that an enabled stream gets.
fn listens(stream: &Record) -> Index {
    let mut index = Index::new();
    if stream.text("status") == Some("enabled") {
        let subscriptions = stream.document.get("subscriptions").and_then(Value::as_array);
        let kinds = subscriptions.into_iter().flatten().filter_map(|subscription| subscription["event_type"].as_str());
        index.terms.extend(kinds.map(|kind| (LISTENS.into(), kind.into())));
    }
    index
}

/// When a delivery began, in whole seconds.
fn date(delivery: &Record) -> Index {
    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
    Index::new().term("date", delivery.created.seconds() as f64)
}

pub(crate) static KINDS: &[&Kind] =
    &[&LOG_STREAM, &LOG_STREAM_STATE, &EVENT_STREAM, &EVENT_DELIVERY, &EVENT_STREAM_COUNTS];
