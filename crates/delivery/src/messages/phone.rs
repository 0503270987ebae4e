//! Messages to telephones: as a text or as a call, through Twilio, a tenant's own gateway, or its own code.

mod gateway;
mod texts;
mod twilio;

use std::sync::Arc;

use identity::{
    Result,
    messages::{Carrier, Methods, Route, carrier, methods},
    triggers::Trigger,
};
use kernel::{Document, Value, object};
use serde_json::json;
use store::{Job, Store, StoreError};

use self::{
    texts::Words,
    twilio::{Account, OF_CONNECTION, OF_FACTOR, OF_PROVIDER},
};
use super::{
    Attempt, Messenger,
    failure::{Failure, call},
    known,
};

pub use texts::{DEFAULT_TEXTS, default_body};

/// A message as carriers are given it.
struct Message {
    to: String,
    words: Words,
    is_voice: bool,
}

impl Message {
    fn method(&self) -> &'static str {
        if self.is_voice { "voice" } else { "text" }
    }
}

pub(super) async fn send(messenger: &Messenger, store: &Store, job: &Job) -> Result<Attempt> {
    let held = job.clone();
    let read = store.read(&job.tenant, move |reader| {
        let (known, route) = (known::look_up(reader, &held.payload)?, Route::of(&held.payload));
        let carrier = carrier(reader, route)?;
        let template = texts::template(reader, &held, &known, carrier.as_ref())?;
        Ok::<_, StoreError>((known, carrier, methods(reader, route)?, template))
    });
    let (known, carrier, methods, template) = read.await?;
    let Some(template) = template else { return Ok(Attempt::failed("The template is disabled.")) };
    let is_voice = job.payload.get("delivery_method").and_then(Value::as_str) == Some("voice");
    if let Err(failure) = usable(carrier.as_ref(), methods, is_voice, messenger) {
        return Ok(Attempt::of(failure));
    }
    let (known, held) = (Arc::new(known), job.clone());
    let shared = Arc::clone(&known);
    let words = super::off_the_async_threads(move || texts::write(&held, &shared, &template)).await;
    let words = match words {
        Ok(words) => words,
        Err(error) => return Ok(super::unreadable(&error)),
    };
    let to = job.payload.get("to").and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = Message { to, words, is_voice };
    let shown = object(json!({
        "from": message.words.from,
        "language": message.words.language,
        "text": if is_voice { &message.words.voice } else { &message.words.text },
        "delivery_method": message.method(),
    }));
    let now = store.context().now();
    let account = match carrier {
        None => return Ok(Attempt::kept(shown)),
        Some(Carrier::Provider(provider)) if provider.text("name") == Some("twilio") => {
            Account::of(&provider, OF_PROVIDER)
        }
        Some(Carrier::Provider(_)) => {
            let notification = notification(job, &message);
            let firing = known.firing(Trigger::CustomPhoneProvider, &job.payload, "notification", notification);
            return messenger.hand_over(&job.tenant, firing, shown).await;
        }
        Some(Carrier::Code) => {
            let options = options(job, &message);
            let firing = known.firing(Trigger::SendPhoneMessage, &job.payload, "message_options", options);
            return messenger.hand_over(&job.tenant, firing, shown).await;
        }
        Some(Carrier::Connection(connection)) if gateway::is_used(&connection) => {
            let outcome = gateway::deliver(&messenger.outbound, &connection, &message, &job.payload, now).await;
            return Ok(Attempt::told(outcome, "sms_gateway", shown));
        }
        Some(Carrier::Connection(connection)) => Account::of(&connection, OF_CONNECTION),
        Some(Carrier::Factor(settings)) => Account::of(&settings, OF_FACTOR),
    };
    Ok(Attempt::told(by_twilio(messenger, &account, &message).await, "twilio", shown))
}

/// Whether the carrier delivers a message like this one. Where there is an outbox, none is needed.
fn usable(
    carrier: Option<&Carrier>,
    methods: Methods,
    is_voice: bool,
    messenger: &Messenger,
) -> std::result::Result<(), Failure> {
    match carrier {
        None if messenger.outbox.is_some() => Ok(()),
        None => Err(Failure::never(super::NO_PROVIDER)),
        Some(Carrier::Provider(provider)) if provider.is("disabled") => {
            Err(Failure::never("The provider is disabled."))
        }
        Some(_) if is_voice && !methods.voice => Err(Failure::never("The provider makes no calls.")),
        Some(_) if !is_voice && !methods.text => Err(Failure::never("The provider sends no texts.")),
        Some(_) => Ok(()),
    }
}

async fn by_twilio(
    messenger: &Messenger,
    account: &Account,
    message: &Message,
) -> std::result::Result<String, Failure> {
    let answer = call(&messenger.outbound, account.request(&messenger.endpoints, message)?).await?;
    let told: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    Ok(format!("{} {}", answer.status(), told["sid"].as_str().unwrap_or_default()).trim_end().to_owned())
}

/// `event.notification`.
fn notification(job: &Job, message: &Message) -> Document {
    let mut shown = object(json!({
        "recipient": message.to,
        "as_text": message.words.text,
        "as_voice": message.words.voice,
        "delivery_method": message.method(),
        "message_type": job.payload.get("message_type"),
        "locale": message.words.language,
    }));
    if let Some(code) = job.sealed.text("code") {
        shown.insert("code".into(), code.into());
    }
    if let Some(from) = &message.words.from {
        shown.insert("from".into(), from.as_str().into());
    }
    shown
}

/// `event.message_options`.
fn options(job: &Job, message: &Message) -> Document {
    let is_enrollment = job.payload.get("message_type").and_then(Value::as_str) == Some("otp_enroll");
    object(json!({
        "action": if is_enrollment { "enrollment" } else { "second-factor-authentication" },
        "code": job.sealed.text("code"),
        "message_type": if message.is_voice { "voice" } else { "sms" },
        "recipient": message.to,
        "text": if message.is_voice { &message.words.voice } else { &message.words.text },
    }))
}

#[cfg(test)]
mod tests;
