//! E-mails: what is known about one, the template that it is written from, and who delivers it.

mod design;
mod mime;
mod plain;
mod smtp;
mod templates;
mod variables;
mod vendors;

use std::sync::Arc;

use identity::{
    Result,
    triggers::{Firing, Trigger},
};
use kernel::{Document, Record, Timestamp, Value, host_name, object};
use model::{
    BRANDING, CLIENT, CONNECTION, CUSTOM_DOMAIN, EMAIL_PROVIDER, EMAIL_TEMPLATE, ORGANIZATION, TENANT_SETTINGS, USER,
};
use serde_json::json;
use store::{Job, Kind, Snapshot, Store, StoreResult};

use self::variables::Form;
use super::{Attempt, Messenger, failure::Failure};
use crate::liquid::{self, Unreadable};

pub(super) use smtp::Pool;
#[cfg(test)]
pub(super) use templates::NAMES as TEMPLATES;
pub use vendors::Endpoints;

/// What the store holds about an e-mail.
struct Known {
    provider: Option<Record>,
    template: Option<Record>,
    tenant: Document,
    branding: Document,
    /// The tenant's languages, the first one its own.
    languages: Vec<String>,
    user: Option<Record>,
    client: Option<Record>,
    connection: Option<Record>,
    organization: Option<Record>,
    custom_domain: Option<Record>,
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
    let known = store.read(&job.tenant, move |reader| look_up(reader, &payload)).await?;
    let is_off = |record: &Record| record.document.get("enabled") == Some(&Value::Bool(false));
    let provider = match super::usable(known.provider.clone(), is_off, messenger) {
        Ok(provider) => provider,
        Err(failure) => return Ok(Attempt::of(failure)),
    };
    if known.template.as_ref().is_some_and(is_off) {
        return Ok(Attempt::failed("The template is disabled."));
    }
    let (known, held) = (Arc::new(known), job.clone());
    let shared = Arc::clone(&known);
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
    let Some(provider) = provider else { return Ok(Attempt::kept(message)) };
    let name = provider.text("name").unwrap_or_default();
    if name == "custom" {
        let firing = Firing {
            client: known.client.as_ref(),
            connection: known.connection.as_ref(),
            organization: known.organization.as_ref(),
            user: known.user.as_ref().map(|user| &user.document),
            ..super::firing(Trigger::CustomEmailProvider, notification(&letter), &known.tenant)
        };
        return messenger.hand_over(&job.tenant, firing, message).await;
    }
    let now = store.context().now();
    let outcome = if name == "smtp" {
        by_smtp(messenger, &provider, &letter, &job.id, now).await
    } else {
        let (provider, letter, id, endpoints) = (&provider, &letter, job.id.as_str(), &messenger.endpoints);
        vendors::deliver(&messenger.outbound, &vendors::Order { provider, letter, id, now, endpoints }).await
    };
    Ok(Attempt { outcome, execution: None, provider: name.to_owned(), message: Some(message) })
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

fn look_up(reader: &Snapshot, payload: &Document) -> StoreResult<Known> {
    let record = |kind: &Kind, id: Option<&str>| id.map(|id| reader.get(kind, id)).transpose();
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let user = record(&USER, text("user_id"))?.flatten();
    let name = user.as_ref().and_then(|user| identity::users::identities(user).into_iter().next());
    let connection = match (record(&CONNECTION, text("connection_id"))?.flatten(), name) {
        (Some(connection), _) => Some(connection),
        (None, Some(main)) => reader.find(&CONNECTION, "name", &main.connection)?,
        (None, None) => None,
    };
    let mut template = match text("message_type") {
        Some("passwordless") => connection.as_ref().and_then(of_connection),
        _ => None,
    };
    for name in templates::stored_names(text("message_type").unwrap_or_default()) {
        template = template.or(reader.get(&EMAIL_TEMPLATE, name)?);
    }
    let settings = reader.singleton(&TENANT_SETTINGS)?.map(|settings| settings.document).unwrap_or_default();
    let languages = settings.get("enabled_locales").and_then(Value::as_array).into_iter().flatten();
    let custom_domain = reader.find(&CUSTOM_DOMAIN, "domain", &host_name(text("domain").unwrap_or_default()))?;
    Ok(Known {
        provider: reader.singleton(&EMAIL_PROVIDER)?,
        template,
        tenant: super::tenant(reader)?,
        branding: reader.singleton(&BRANDING)?.map(|branding| branding.document).unwrap_or_default(),
        languages: languages.filter_map(|language| language.as_str().map(str::to_owned)).collect(),
        client: record(&CLIENT, text("client_id"))?.flatten(),
        organization: record(&ORGANIZATION, text("organization_id"))?.flatten(),
        custom_domain,
        connection,
        user,
    })
}

/// The template that the `email` connection holds itself.
fn of_connection(connection: &Record) -> Option<Record> {
    let own = connection.document.get("options")?.get("email")?.as_object()?;
    Some(Record::new("passwordless", own.clone(), connection.updated))
}

/// The languages that the reader understands, the best first: that of the login, the user's own, the tenant's.
fn languages(job: &Job, known: &Known) -> Vec<String> {
    let of_login = job.payload.get("language").and_then(Value::as_str).into_iter();
    // As `Accept-Language` and `ui_locales` have them: several, with weights.
    let of_login =
        of_login.flat_map(|list| list.split([',', ' '])).map(|one| one.split(';').next().unwrap_or_default());
    let metadata = known.user.as_ref().and_then(|user| user.document.get("user_metadata"));
    let own = metadata.and_then(|metadata| metadata.get("lang")?.as_str());
    let wanted = of_login.chain(own).map(str::trim).filter(|language| is_language(language)).map(str::to_owned);
    let mut wanted: Vec<String> = wanted.take(8).collect();
    wanted.extend(known.languages.iter().cloned());
    wanted.push("en".to_owned());
    wanted
}

fn is_language(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (2..=20).contains(&text.len()) && text.bytes().all(is_part)
}

/// Writes the e-mail from the tenant's template, and what is missing there from our own.
fn write(job: &Job, known: &Known) -> std::result::Result<Letter, Unreadable> {
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str);
    let template = text("message_type").unwrap_or_default();
    let languages = languages(job, known);
    let designed = design::of(template, &languages);
    let own = |name: &str| {
        let own = known.template.as_ref().and_then(|template| template.text(name));
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
    let provider = known.provider.as_ref().and_then(|provider| provider.text("default_from_address"));
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
