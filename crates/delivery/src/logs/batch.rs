//! What a stream is sent in one request: the entries that it wants, as it wants them shown, and no more than its sink takes.

use kernel::{Document, Record, Value, object};
use serde_json::json;
use store::LogEvent;

use super::{category, privacy, sinks};

/// Entries for a stream.
pub(super) struct Batch {
    /// Those that the stream wants.
    pub(super) items: Vec<Document>,
    /// The last entry that is done with when the items are taken.
    pub(super) last: String,
}

impl Batch {
    /// As many entries as a sink takes at once; none when there are no entries.
    pub(super) fn of(stream: &Record, tenant: &str, entries: &[LogEvent]) -> Option<Self> {
        let most = sinks::most(stream);
        let (mut items, mut bytes) = (Vec::new(), 0);
        let mut last = None;
        for entry in entries {
            if let Some(item) = item(stream, tenant, entry) {
                bytes += serde_json::to_vec(&item).expect("a JSON object serialises").len();
                // One entry is sent whatever its size is: it becomes no smaller by waiting.
                if items.len() == most.entries || (bytes > most.bytes && !items.is_empty()) {
                    break;
                }
                items.push(item);
            }
            last = Some(&entry.log_id);
        }
        last.map(|last| Self { items, last: last.clone() })
    }
}

/// An entry as streams show it; none when the stream does not want it.
fn item(stream: &Record, tenant: &str, entry: &LogEvent) -> Option<Document> {
    let filters = stream.document.get("filters").and_then(Value::as_array);
    let of_entry = category(entry.document.get("type").and_then(Value::as_str).unwrap_or_default());
    if filters.is_some_and(|filters| !filters.iter().any(|filter| admits(filter, of_entry))) {
        return None;
    }
    let mut data = entry.document.clone();
    data.insert("tenant_name".into(), tenant.into());
    if let Some(config) = stream.document.get("pii_config") {
        privacy::hide(config, &mut data);
    }
    Some(object(json!({"log_id": entry.log_id, "data": data})))
}

/// Whether a filter of a stream admits entries of a category; priority streams carry what concerns security.
fn admits(filter: &Value, category: &str) -> bool {
    match filter["name"].as_str() {
        Some("security") => category.rsplit('.').next() == Some("fail") || category == "system.notification",
        name => name == Some(category),
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    fn stream(kind: &str, filters: &Value) -> Record {
        let mut document = object(json!({"type": kind, "sink": {}}));
        if filters.is_array() {
            document.insert("filters".into(), filters.clone());
        }
        Record::new("lst_1", document, Timestamp::EPOCH)
    }

    fn entries(kinds: &[&str], size: usize) -> Vec<LogEvent> {
        let entry = |(number, kind): (usize, &&str)| LogEvent {
            log_id: number.to_string(),
            document: object(json!({"type": kind, "description": "x".repeat(size)})),
        };
        kinds.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn a_batch_holds_what_the_sink_takes_at_once() {
        let of = |kind: &str, count: usize, size: usize| {
            let batch = Batch::of(&stream(kind, &Value::Null), "t", &entries(&vec!["s"; count], size)).unwrap();
            (batch.items.len(), batch.last)
        };
        assert_eq!(of("http", 100, 10), (100, "99".to_owned()));
        assert_eq!(of("eventbridge", 100, 10), (10, "9".to_owned()));
        // Two of these are too many bytes for one request; one that is too large alone is tried.
        assert_eq!(of("eventbridge", 3, 200_000), (1, "0".to_owned()));
        assert_eq!(of("eventbridge", 3, 400_000), (1, "0".to_owned()));
    }

    #[test]
    fn what_a_stream_does_not_want_is_done_with() {
        let filters = json!([{"type": "category", "name": "auth.signup.success"}]);
        let batch = Batch::of(&stream("http", &filters), "t", &entries(&["sapi", "ss", "f"], 10)).unwrap();
        assert_eq!((batch.items.len(), batch.last.as_str()), (1, "2"));
        assert_eq!(batch.items[0]["data"]["type"], "ss");
        let security = json!([{"type": "category", "name": "security"}]);
        let batch = Batch::of(&stream("http", &security), "t", &entries(&["sapi", "fp"], 10)).unwrap();
        assert_eq!(batch.items[0]["data"]["type"], "fp");
        assert!(Batch::of(&stream("http", &Value::Null), "t", &[]).is_none());
    }
}
