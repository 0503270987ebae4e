//! E-mails: what is known about one, the template that it is written from, and who delivers it.

mod design;
mod mime;
mod plain;
mod smtp;
mod templates;
mod vendors;

use std::sync::Arc;

use identity::{Result, triggers::Trigger};
use kernel::{Document, Record, Timestamp, Value, host_name, object};
use model::EMAIL_PROVIDER;
use serde_json::json;
use store::{Job, Snapshot, Store, StoreResult};

use super::{
    Attempt, Messenger,
    failure::Failure,
    known::{self, Known},
    variables::{self, Form},
};
use crate::liquid::{self, Unreadable};

pub(super) use smtp::Pool;
#[cfg(test)]
pub(super) use templates::NAMES as TEMPLATES;

/// What an e-mail is written from, and by whom it is delivered.
struct Basis {
    provider: Option<Record>,
    template: Option<Document>,
    known: Known,
}

/// An e-mail, as it is handed to whoever delivers it.
#[derive(Clone, Debug, Default)]
pub(super) struct Letter {
    pub(super) to: String,
    pub(super) from: String,
    pub(super) subject: String,
    pub(super) html: String,
    pub(super) text: String,
    /// The language of its reader.
    pub(super) language: String,
    pub(super) template: String,
}

pub(super) async fn send(messenger: &Messenger, store: &Store, job: &Job) -> Result<Attempt> {
    let payload = job.payload.clone();
    let basis = store.read(&job.tenant, move |reader| look_up(reader, &payload)).await?;
    if let Err(failure) = usable(basis.provider.as_ref(), messenger) {
        return Ok(Attempt::of(failure));
    }
    if basis.template.as_ref().is_some_and(is_off) {
        return Ok(Attempt::failed("The template is disabled."));
    }
    let (basis, held) = (Arc::new(basis), job.clone());
    let shared = Arc::clone(&basis);
    let written = super::off_the_async_threads(move || write(&held, &shared)).await;
    let letter = match written {
        Ok(letter) => letter,
        Err(error) => return Ok(super::unreadable(&error)),
    };
    let message = object(json!({
        "from": letter.from,
        "subject": letter.subject,
        "language": letter.language,
        "html": letter.html,
        "text": letter.text,
    }));
    let Some(provider) = &basis.provider else { return Ok(Attempt::kept(message)) };
    let name = provider.text("name").unwrap_or_default();
    if name == "custom" {
        let trigger = Trigger::CustomEmailProvider;
        let firing = basis.known.firing(trigger, &job.payload, "notification", notification(&letter));
        return messenger.hand_over(&job.tenant, firing, message).await;
    }
    let now = store.context().now();
    let outcome = if name == "smtp" {
        by_smtp(messenger, provider, &letter, &job.id, now).await
    } else {
        let (letter, id, endpoints) = (&letter, job.id.as_str(), &messenger.endpoints);
        vendors::deliver(&messenger.outbound, &vendors::Order { provider, letter, id, now, endpoints }).await
    };
    Ok(Attempt::told(outcome, name, message))
}

/// Whether the provider delivers. Where there is an outbox, none is needed.
fn usable(provider: Option<&Record>, messenger: &Messenger) -> std::result::Result<(), Failure> {
    match provider {
        None if messenger.outbox.is_some() => Ok(()),
        None => Err(Failure::never(super::NO_PROVIDER)),
        Some(provider) if is_off(&provider.document) => Err(Failure::never("The provider is disabled.")),
        Some(_) => Ok(()),
    }
}

fn is_off(document: &Document) -> bool {
    document.get("enabled") == Some(&Value::Bool(false))
}

async fn by_smtp(
    messenger: &Messenger,
    provider: &Record,
    letter: &Letter,
    id: &str,
    now: Timestamp,
) -> std::result::Result<String, Failure> {
    let setting = |name: &str| {
        let value = provider.document.get("settings")?.get("headers")?.get(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let headers =
        ["X-MC-ViewContentLink", "X-SES-Configuration-Set"].map(|name| (name, setting(name).unwrap_or_default()));
    let (envelope, message) = mime::message(letter, id, now, &headers)?;
    messenger.smtp.send(&messenger.outbound, provider, &envelope, &message).await
}

fn look_up(reader: &Snapshot, payload: &Document) -> StoreResult<Basis> {
    let known = known::look_up(reader, payload)?;
    let name = payload.get("message_type").and_then(Value::as_str).unwrap_or_default();
    let template = match payload.get("own").and_then(Value::as_object) {
        Some(words) => Some(words.clone()),
        None => templates::own(reader, name, known.connection.as_ref())?,
    };
    Ok(Basis { provider: reader.singleton(&EMAIL_PROVIDER)?, template, known })
}

/// Writes the e-mail from the tenant's template, and what is missing there from our own.
fn write(job: &Job, basis: &Basis) -> std::result::Result<Letter, Unreadable> {
    let known = &basis.known;
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str);
    let template = text("message_type").unwrap_or_default();
    let languages = known.languages(&job.payload);
    let designed = design::of(template, &languages);
    let own = |name: &str| {
        let own = basis.template.as_ref().and_then(|template| template.get(name)?.as_str());
        own.filter(|text| !text.trim().is_empty())
    };
    // Our own texts are in a language that we have; the tenant's may be in any.
    let language = if own("body").is_some() { languages[0].as_str() } else { designed.language };
    let plain = variables::of(job, known, language, Form::Plain);
    let mut variables = variables::of(job, known, language, Form::Html);
    variables.insert("design".into(), design::facts(template, language, &variables, &known.branding).into());
    let (html, text_part) = if let Some(body) = own("body") {
        let html = liquid::render(body, &variables)?;
        let text = plain::text_of(&html);
        (html, text)
    } else {
        let mut plain = plain.clone();
        plain.insert("design".into(), variables["design"].clone());
        // Texts escape for HTML what they name.
        let text = liquid::unescaped(&liquid::render(&designed.text, &plain)?).into_owned();
        (liquid::render(&designed.html, &variables)?, text)
    };
    let nobody = format!("no-reply@{}", host_name(text("domain").unwrap_or_default()));
    let provider = basis.provider.as_ref().and_then(|provider| provider.text("default_from_address"));
    // The service's own address is not the tenant's to use.
    let from = own("from").filter(|from| !from.contains("@auth0.com")).or(provider).unwrap_or(&nobody);
    Ok(Letter {
        to: text("to").unwrap_or_default().to_owned(),
        from: in_one_line(&liquid::render(from, &plain)?),
        subject: in_one_line(&liquid::render(own("subject").unwrap_or(&designed.subject), &plain)?),
        html,
        text: text_part,
        language: language.to_owned(),
        template: template.to_owned(),
    })
}

/// A text for a header.
fn in_one_line(text: &str) -> String {
    let harmless: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    harmless.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect()
}

/// `event.notification`.
fn notification(letter: &Letter) -> Document {
    object(json!({
        "to": letter.to,
        "from": letter.from,
        "subject": letter.subject,
        "html": letter.html,
        "text": letter.text,
        "locale": letter.language,
        "message_type": templates::message_type(&letter.template),
    }))
}
