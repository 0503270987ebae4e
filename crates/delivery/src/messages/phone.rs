//! Messages to telephones: as a text or as a call, through Twilio or the tenant's own code.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use identity::{Result, triggers::Trigger};
use kernel::{Document, Record, Value, object, value_at};
use model::{PHONE_PROVIDER, PHONE_TEMPLATE};
use serde_json::json;
use store::{Job, Query, Snapshot, Store, StoreError, StoreResult};
use url::form_urlencoded;

use super::{
    Attempt, Messenger,
    failure::{Failure, call},
};
use crate::liquid::{self, Unreadable};

/// Where Twilio answers.
const TWILIO: &str = "https://api.twilio.com";
/// How a pause is written in a text that is read aloud.
const PAUSE: &str = ",";

/// The texts that a template has until it is changed, and again after a reset: type, text, voice.
pub const DEFAULT_TEXTS: &[(&str, &str, &str)] = &[
    (
        "otp_verify",
        "{{ code | escape }} is your verification code for {{ friendly_name | escape }}",
        "Hello. Your verification code for {{ friendly_name | escape }} is {{ pause }} {{ code | escape }}. I repeat, your verification code is {{ pause }} {{ code | escape }}",
    ),
    (
        "otp_enroll",
        "{{ code | escape }} is your verification code for {{ friendly_name | escape }}. Please enter this code to verify your enrollment.",
        "Hello. Your verification code for {{ friendly_name | escape }} is {{ pause }} {{ code | escape }}. I repeat, your verification code is {{ pause }} {{ code | escape }}",
    ),
    (
        "change_password",
        "{{ code | escape }} is your password change code for {{ friendly_name | escape }}",
        "Hello. Your password change code for {{ friendly_name | escape }} is {{ pause }} {{ code | escape }}. I repeat, your password change code is {{ pause }} {{ code | escape }}",
    ),
    (
        "blocked_account",
        "We detected suspicious activity on your {{ friendly_name | escape }} account and blocked further attempts.",
        "Hello. We detected suspicious activity on your {{ friendly_name | escape }} account and blocked further attempts.",
    ),
    (
        "password_breach",
        "The password of your {{ friendly_name | escape }} account was found in a breach. Please change it.",
        "Hello. The password of your {{ friendly_name | escape }} account was found in a breach. Please change it.",
    ),
];

/// The built-in texts of a type of message, by form.
pub fn default_body(kind: &str) -> Document {
    let texts = DEFAULT_TEXTS.iter().find(|(name, ..)| *name == kind).unwrap_or(&DEFAULT_TEXTS[0]);
    object(json!({"text": texts.1, "voice": texts.2}))
}

/// A message as providers are given it.
struct Message {
    to: String,
    from: Option<String>,
    as_text: String,
    as_voice: String,
    is_voice: bool,
}

pub(super) async fn send(messenger: &Messenger, store: &Store, job: &Job) -> Result<Attempt> {
    let payload = job.payload.clone();
    let read = store.read(&job.tenant, move |reader| {
        Ok::<_, StoreError>((provider(reader, &payload)?, known(reader)?, template(reader, &payload)?))
    });
    let (provider, known, template) = read.await?;
    let provider = match super::usable(provider, |provider| provider.is("disabled"), messenger) {
        Ok(provider) => provider,
        Err(failure) => return Ok(Attempt::of(failure)),
    };
    let (held, shared, own) = (job.clone(), known.clone(), provider.clone());
    let work = move || written(&held, &template, shared, own.as_ref());
    let message = match super::off_the_async_threads(work).await {
        Ok(message) => message,
        Err(error) => return Ok(super::unreadable(&error)),
    };
    let shown = object(json!({
        "from": message.from,
        "language": "en",
        "text": if message.is_voice { &message.as_voice } else { &message.as_text },
        "delivery_method": if message.is_voice { "voice" } else { "text" },
    }));
    let Some(provider) = provider else { return Ok(Attempt::kept(shown)) };
    if provider.text("name") == Some("twilio") {
        let outcome = post(messenger, &provider, &message).await;
        return Ok(Attempt { outcome, execution: None, provider: "twilio".to_owned(), message: Some(shown) });
    }
    let notification = notification(job, &message);
    let firing = super::firing(Trigger::CustomPhoneProvider, notification, &known);
    messenger.hand_over(&job.tenant, firing, shown).await
}

fn provider(reader: &Snapshot, payload: &Document) -> StoreResult<Option<Record>> {
    let id = payload.get("provider").and_then(Value::as_str).unwrap_or_default();
    reader.get(&PHONE_PROVIDER, id)
}

fn known(reader: &Snapshot) -> StoreResult<Document> {
    super::tenant(reader)
}

/// The content of the tenant's template for a message, with the built-in texts where it has none.
fn template(reader: &Snapshot, payload: &Document) -> StoreResult<Value> {
    let wanted = payload.get("message_type").and_then(Value::as_str).unwrap_or_default();
    let own = reader.list(&PHONE_TEMPLATE, &Query::default())?.items;
    let own = own.into_iter().find(|own| own.text("type") == Some(wanted) && !own.is("disabled"));
    let mut content = own.and_then(|own| own.document.get("content").cloned()).unwrap_or_else(|| json!({}));
    let default = default_body(wanted);
    if let Some(body) = content.get_mut("body").and_then(Value::as_object_mut) {
        for (form, text) in default {
            body.entry(form).or_insert(text);
        }
    } else {
        content["body"] = default.into();
    }
    Ok(content)
}

fn written(
    job: &Job,
    template: &Value,
    mut known: Document,
    provider: Option<&Record>,
) -> std::result::Result<Message, Unreadable> {
    let asked = |name: &str| job.payload.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(code) = job.sealed.text("code") {
        known.insert("code".into(), code.into());
    }
    let body = |form: &str| template["body"][form].as_str().unwrap_or_default();
    let as_text = liquid::render(body("text"), &known)?;
    known.insert("pause".into(), PAUSE.into());
    let default_from = provider.and_then(|provider| value_at(&provider.document, "configuration.default_from"));
    let default_from = default_from.and_then(Value::as_str);
    Ok(Message {
        to: asked("to").unwrap_or_default(),
        from: template["from"].as_str().filter(|from| !from.is_empty()).or(default_from).map(str::to_owned),
        as_text,
        as_voice: liquid::render(body("voice"), &known)?,
        is_voice: asked("delivery_method").as_deref() == Some("voice"),
    })
}

/// `event.notification`.
fn notification(job: &Job, message: &Message) -> Document {
    let mut shown = object(json!({
        "recipient": message.to,
        "as_text": message.as_text,
        "as_voice": message.as_voice,
        "delivery_method": if message.is_voice { "voice" } else { "text" },
        "message_type": job.payload.get("message_type"),
        "locale": "en",
    }));
    if let Some(code) = job.sealed.text("code") {
        shown.insert("code".into(), code.into());
    }
    if let Some(from) = &message.from {
        shown.insert("from".into(), from.as_str().into());
    }
    shown
}

/// Hands a message to Twilio.
async fn post(messenger: &Messenger, provider: &Record, message: &Message) -> std::result::Result<String, Failure> {
    let base = messenger.endpoints.of("twilio", TWILIO);
    let request = twilio(&base, provider, message).map_err(|error| Failure::never(error.to_string()))?;
    let answer = call(&messenger.outbound, request).await?;
    let told: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    Ok(format!("{} {}", answer.status(), told["sid"].as_str().unwrap_or_default()).trim_end().to_owned())
}

/// The request to Twilio's interface: a message, or a call that reads it aloud.
fn twilio(base: &str, provider: &Record, message: &Message) -> std::result::Result<Request<Bytes>, http::Error> {
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
