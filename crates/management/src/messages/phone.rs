//! Messages to telephones: as a text or as a call, through Twilio or the tenant's own code.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use identity::triggers::Trigger;
use kernel::{Document, Record, Sealed, Value, object, value_at};
use outbound::Limits;
use rest::{Answer, ApiError, ApiResult, Call, Kind};
use serde_json::json;
use store::{Job, Query, Snapshot, Store, Tx};
use url::form_urlencoded;

use super::{Attempt, Failure, Messenger, text};
use crate::branding::phone::{self, DEFAULT_TEXTS, PROVIDER, TEMPLATE};

/// Twilio has this long to answer.
const LIMITS: Limits = Limits { time: std::time::Duration::from_secs(10), bytes: 64 << 10, redirects: 0 };
/// The code in a message on trial.
const TRIAL_CODE: &str = "123456";
/// How a pause is written in a text that is read aloud.
const PAUSE: &str = ",";

/// `POST /branding/phone/providers/{id}/try` and `…/templates/{id}/try`: has a message on trial sent.
pub(crate) fn try_out(tx: &mut Tx, call: &Call, kind: &Kind) -> ApiResult<Answer> {
    let of = rest::load(tx, kind, call.path("id"))?;
    if of.is("disabled") {
        return Err(ApiError::bad_request("Bad Operation on Notification Resource"));
    }
    // Without a provider the try is accepted as well; the tenant log tells what came of it.
    let provider = tx.list(&PROVIDER, &Query::default())?.items.into_iter().next();
    let body = call.body();
    let message = json!({
        "channel": "phone",
        "provider": provider.map(|provider| provider.id),
        "message_type": of.text("type").unwrap_or(DEFAULT_TEXTS[0].0),
        "to": body.get("to"),
        "delivery_method": body.get("delivery_method").and_then(Value::as_str).unwrap_or("text"),
        "code": TRIAL_CODE,
    });
    super::enqueue(tx, None, object(message), Sealed::new())?;
    Ok(Answer::json(json!({"code": 202, "message": "Test notification successfully sent for processing"})))
}

/// A message as providers are given it.
struct Message {
    to: String,
    from: Option<String>,
    as_text: String,
    as_voice: String,
    is_voice: bool,
}

pub(super) async fn send(messenger: &Messenger, store: &Store, job: &Job) -> ApiResult<Attempt> {
    let payload = job.payload.clone();
    let read = store.read(&job.tenant, move |reader| {
        Ok::<_, ApiError>((provider(reader, &payload)?, known(reader)?, template(reader, &payload)?))
    });
    let (provider, known, template) = read.await?;
    let provider = match super::usable(provider, |provider| provider.is("disabled")) {
        Ok(provider) => provider,
        Err(attempt) => return Ok(attempt),
    };
    let message = match written(&job.payload, &template, known.clone(), &provider) {
        Ok(message) => message,
        Err(error) => return Ok(super::unreadable(&error)),
    };
    if provider.text("name") == Some("twilio") {
        let outcome = post(messenger, &provider, &message).await;
        return Ok(Attempt { outcome, execution: None });
    }
    let notification = notification(&job.payload, &message);
    messenger.hand_over(&job.tenant, super::firing(Trigger::CustomPhoneProvider, notification, &known)).await
}

fn provider(reader: &Snapshot, payload: &Document) -> ApiResult<Option<Record>> {
    let id = payload.get("provider").and_then(Value::as_str).unwrap_or_default();
    Ok(reader.get(&PROVIDER, id)?)
}

fn known(reader: &Snapshot) -> ApiResult<Document> {
    super::tenant(reader)
}

/// The content of the tenant's template for a message, with the built-in texts where it has none.
fn template(reader: &Snapshot, payload: &Document) -> ApiResult<Value> {
    let wanted = payload.get("message_type").and_then(Value::as_str).unwrap_or_default();
    let own = reader.list(&TEMPLATE, &Query::default())?.items;
    let own = own.into_iter().find(|own| own.text("type") == Some(wanted) && !own.is("disabled"));
    let mut content = own.and_then(|own| own.document.get("content").cloned()).unwrap_or_else(|| json!({}));
    let default = phone::default_body(wanted);
    if let Some(body) = content.get_mut("body").and_then(Value::as_object_mut) {
        for (form, text) in default {
            body.entry(form).or_insert(text);
        }
    } else {
        content["body"] = default.into();
    }
    Ok(content)
}

fn written(payload: &Document, template: &Value, mut known: Document, provider: &Record) -> ApiResult<Message> {
    let asked = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(code) = asked("code") {
        known.insert("code".into(), code.into());
    }
    let body = |form: &str| template["body"][form].as_str().unwrap_or_default();
    let as_text = text::render(body("text"), &known)?;
    known.insert("pause".into(), PAUSE.into());
    let default_from = value_at(&provider.document, "configuration.default_from").and_then(Value::as_str);
    Ok(Message {
        to: asked("to").unwrap_or_default(),
        from: template["from"].as_str().filter(|from| !from.is_empty()).or(default_from).map(str::to_owned),
        as_text,
        as_voice: text::render(body("voice"), &known)?,
        is_voice: asked("delivery_method").as_deref() == Some("voice"),
    })
}

/// `event.notification`.
fn notification(payload: &Document, message: &Message) -> Document {
    let mut shown = object(json!({
        "recipient": message.to,
        "as_text": message.as_text,
        "as_voice": message.as_voice,
        "delivery_method": if message.is_voice { "voice" } else { "text" },
        "message_type": payload.get("message_type"),
        "locale": "en",
    }));
    if let Some(code) = payload.get("code") {
        shown.insert("code".into(), code.clone());
    }
    if let Some(from) = &message.from {
        shown.insert("from".into(), from.as_str().into());
    }
    shown
}

/// Hands a message to Twilio.
async fn post(messenger: &Messenger, provider: &Record, message: &Message) -> Result<(), Failure> {
    let failure = |reason: String, may_pass: bool| Failure { reason, may_pass };
    let request = twilio(&messenger.twilio, provider, message).map_err(|error| failure(error.to_string(), false))?;
    let answer = messenger.outbound.send(request, LIMITS).await;
    let answer = answer.map_err(|refused| failure(refused.to_string(), true))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let told: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let reason = told["message"].as_str().map_or_else(|| format!("Twilio answers {status}."), str::to_owned);
    let is_too_many = status == http::StatusCode::TOO_MANY_REQUESTS;
    Err(failure(reason, is_too_many || !status.is_client_error()))
}

/// The request to Twilio's interface: a message, or a call that reads it aloud.
fn twilio(base: &str, provider: &Record, message: &Message) -> Result<Request<Bytes>, http::Error> {
    let configured = |name: &str| {
        value_at(&provider.document, &format!("configuration.{name}")).and_then(Value::as_str).unwrap_or_default()
    };
    let sid = configured("sid");
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", &message.to);
    let what = if message.is_voice { "Calls" } else { "Messages" };
    if message.is_voice {
        form.append_pair("Twiml", &format!("<Response><Say>{}</Say></Response>", as_xml(&message.as_voice)));
    } else {
        form.append_pair("Body", &message.as_text);
    }
    match &message.from {
        Some(from) => form.append_pair("From", from),
        None => form.append_pair("MessagingServiceSid", configured("mssid")),
    };
    let token = provider.sealed.text("credentials.auth_token").unwrap_or_default();
    let mut authorization =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(format!("{sid}:{token}"))))?;
    authorization.set_sensitive(true);
    Request::post(format!("{base}/2010-04-01/Accounts/{sid}/{what}.json"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, authorization)
        .body(form.finish().into())
}

/// A text within an element. Templates escape what they take, so what is escaped already stays as it is.
fn as_xml(text: &str) -> String {
    text.replace('<', "&lt;").replace('>', "&gt;")
}
