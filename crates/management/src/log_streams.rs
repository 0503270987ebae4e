//! Log streams: where the tenant's log is sent.

use delivery::logs;
use kernel::{Record, Value, id::Form};
use rest::{Answer, ApiError, ApiResult, Area, Call, Change, Kind, Resource};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `log-streams`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("log-streams").collection("/log-streams", LogStreams).read("GET /log-streams/{id}/health", health)
}

/// `GET /log-streams/{id}/health`: how far a stream is from being well, and the last errors of its sink.
fn health(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let stream = rest::load(reader, &LOG_STREAM, call.path("id"))?;
    Ok(Answer::json(logs::health(reader, &stream)?))
}

/// Log streams. Sinks are shown with their keys, except for one provider's password.
pub(crate) static LOG_STREAM: Kind =
    Kind::of(&model::LOG_STREAM).missing("The log stream does not exist.", None).revealed(SHOWN_SECRETS);

/// All but the last.
const SHOWN_SECRETS: &[&str] = model::LOG_STREAM_SECRETS.split_at(model::LOG_STREAM_SECRETS.len() - 1).0;

struct LogStreams;

impl Resource for LogStreams {
    fn kind(&self) -> &'static Kind {
        &LOG_STREAM
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        match old {
            None => complete(tx, new)?,
            Some(old) => {
                // A sink that is replaced without its privacy settings loses them.
                let body = call.document();
                if body.contains_key("sink") && !body.contains_key("pii_config") {
                    new.document.shift_remove("pii_config");
                }
                keep_password(old, new);
                keep_partner(old, new);
            }
        }
        // Priority streams carry the security category, whatever else was asked for.
        if new.is("isPriority") {
            new.document.insert("filters".into(), json!([{"type": "category", "name": "security"}]));
        }
        if new.document.get("filters").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            new.document.shift_remove("filters");
        }
        if let Some(privacy) = new.document.get_mut("pii_config").and_then(Value::as_object_mut) {
            privacy.entry("method").or_insert_with(|| "hash".into());
            privacy.entry("algorithm").or_insert_with(|| "xxhash".into());
        }
        Ok(())
    }

    fn check(&self, _: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        let is_partner = matches!(new.text("type"), Some("eventbridge" | "eventgrid"));
        if old.is_some() && is_partner && call.body().get("sink").is_some() {
            return Err(ApiError::invalid_body("The sink of this type of log stream cannot be changed"));
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, _: &Call, change: &Change<'_>) -> ApiResult {
        let is_active = |stream: &Record| stream.text("status") == Some("active");
        match change {
            Change::Create { new } => Ok(logs::begin(tx, new)?),
            Change::Update { old, new } if !is_active(old) && is_active(new) => Ok(logs::forgive(tx, &new.id)?),
            Change::Update { .. } => Ok(()),
            Change::Delete { old } => Ok(logs::stop(tx, &old.id)?),
        }
    }

    fn present(&self, _: &Snapshot, _: &Call, stream: &Record, shown: &mut kernel::Document) -> ApiResult {
        if stream.sealed.get("sink.mixpanelServiceAccountPassword").is_some()
            && let Some(sink) = shown.get_mut("sink").and_then(Value::as_object_mut)
        {
            sink.insert("mixpanelServiceAccountPassword".into(), "********".into());
        }
        Ok(())
    }
}

fn complete(tx: &mut Tx, stream: &mut Record) -> ApiResult {
    stream.id = format!("lst_{:016}", tx.next("log_streams")?);
    stream.document.insert("id".into(), stream.id.as_str().into());
    let uuid = tx.context().id(Form::Uuid);
    let tenant = tx.tenant().clone();
    let document = &mut stream.document;
    document.entry("status").or_insert_with(|| "active".into());
    document.entry("isPriority").or_insert_with(|| false.into());
    let kind = document.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(sink) = document.get_mut("sink").and_then(Value::as_object_mut) else { return Ok(()) };
    match kind.as_str() {
        "eventbridge" => {
            let source = format!("aws.partner/auth0.com/{tenant}-{uuid}/auth0.logs");
            sink.insert("awsPartnerEventSource".into(), source.into());
        }
        "eventgrid" => {
            let subscription = sink.get("azureSubscriptionId").and_then(Value::as_str).unwrap_or_default();
            let topic = format!("azure.partner/auth0.com/{tenant}-{subscription}/auth0.logs");
            sink.insert("azurePartnerTopic".into(), topic.into());
        }
        _ => {}
    }
    Ok(())
}

/// A password that reads back as stars, or is not sent with the rest of its sink, stays what it was.
fn keep_password(old: &Record, new: &mut Record) {
    const PATH: &str = "sink.mixpanelServiceAccountPassword";
    let Some(known) = old.sealed.get(PATH) else { return };
    let sent = new.document.get("sink").and_then(|sink| sink.get("mixpanelServiceAccountPassword"));
    if sent.is_none_or(|sent| sent == "********") {
        kernel::remove_path(&mut new.document, PATH);
        new.sealed.set(PATH, known.clone());
    }
}

/// The partner's name for the stream is not the caller's to send, and stays.
fn keep_partner(old: &Record, new: &mut Record) {
    for name in ["awsPartnerEventSource", "azurePartnerTopic"] {
        let known = old.document.get("sink").and_then(|sink| sink.get(name)).cloned();
        if let (Some(known), Some(sink)) = (known, new.document.get_mut("sink").and_then(Value::as_object_mut)) {
            sink.insert(name.into(), known);
        }
    }
}
