//! E-mails: which the tenant's own code delivers.

use identity::triggers::{Firing, Trigger};
use kernel::{Document, Record, Value, object};
use model::{CONNECTION, EMAIL_PROVIDER};
use rest::ApiResult;
use serde_json::json;
use store::{Job, Kind, Snapshot, Store};

use super::{Attempt, Messenger, text};
use crate::{clients::CLIENT, email_templates::EMAIL_TEMPLATE, organizations::ORGANIZATION, users::USER};

/// E-mails that are sent: template, `event.notification.message_type`, subject, and the text around the link.
const KINDS: [(&str, &str, &str, &str); 3] = [
    ("verify_email", "verify_email", "Verify your email", "Please verify your email address with this link:"),
    (
        "enrollment_email",
        "enrollment_email",
        "Enroll in multifactor authentication",
        "Please add another factor to your account with this link:",
    ),
    (
        "user_invitation",
        "organization_invitation",
        "You have been invited to join {{ organization.display_name | default: organization.name }}",
        "Please accept the invitation with this link:",
    ),
];

/// What the store holds about an e-mail.
struct Known {
    provider: Option<Record>,
    template: Option<Record>,
    tenant: Document,
    user: Option<Record>,
    client: Option<Record>,
    connection: Option<Record>,
    organization: Option<Record>,
}

pub(super) async fn send(messenger: &Messenger, store: &Store, job: &Job) -> ApiResult<Attempt> {
    let payload = job.payload.clone();
    let known = store.read(&job.tenant, move |reader| look_up(reader, &payload)).await?;
    let provider =
        match super::usable(known.provider.clone(), |provider| provider.document.get("enabled") == Some(&false.into()))
        {
            Ok(provider) => provider,
            Err(attempt) => return Ok(attempt),
        };
    if provider.text("name") != Some("custom") {
        return Ok(Attempt::failed("This installation sends e-mails only through the provider \"custom\"."));
    }
    if known.template.as_ref().is_some_and(|template| template.document.get("enabled") == Some(&false.into())) {
        return Ok(Attempt::failed("The template is disabled."));
    }
    let url = job.sealed.text("url").unwrap_or_default();
    let notification = match written(&job.payload, &known, &provider, url) {
        Ok(notification) => notification,
        Err(error) => return Ok(super::unreadable(&error)),
    };
    let firing = Firing {
        client: known.client.as_ref(),
        connection: known.connection.as_ref(),
        organization: known.organization.as_ref(),
        user: known.user.as_ref().map(|user| &user.document),
        ..super::firing(Trigger::CustomEmailProvider, notification, &known.tenant)
    };
    messenger.hand_over(&job.tenant, firing).await
}

fn look_up(reader: &Snapshot, payload: &Document) -> ApiResult<Known> {
    let record = |kind: &Kind, id: Option<&str>| id.map(|id| reader.get(kind, id)).transpose();
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let user = record(&USER, text("user_id"))?.flatten();
    let name = user.as_ref().and_then(|user| identity::users::identities(user).into_iter().next());
    let connection = match name {
        Some(main) => reader.find(&CONNECTION, "name", &main.connection)?,
        None => None,
    };
    Ok(Known {
        provider: reader.singleton(&EMAIL_PROVIDER)?,
        template: record(&EMAIL_TEMPLATE, text("message_type"))?.flatten(),
        tenant: super::tenant(reader)?,
        client: record(&CLIENT, text("client_id"))?.flatten(),
        organization: record(&ORGANIZATION, text("organization_id"))?.flatten(),
        connection,
        user,
    })
}

/// `event.notification`.
fn written(payload: &Document, known: &Known, provider: &Record, url: &str) -> ApiResult<Document> {
    let kind =
        KINDS.iter().find(|(name, ..)| payload.get("message_type") == Some(&(*name).into())).unwrap_or(&KINDS[0]);
    let variables = variables(payload, known, url);
    let own =
        |name: &str| known.template.as_ref().and_then(|template| template.text(name)).filter(|text| !text.is_empty());
    let default_body =
        format!("<html><body><p>{}</p><p><a href=\"{{{{ url }}}}\">{{{{ url }}}}</a></p></body></html>", kind.3);
    let html = text::render(own("body").unwrap_or(&default_body), &variables)?;
    let domain = payload.get("domain").and_then(Value::as_str).unwrap_or_default();
    let nobody = format!("no-reply@{}", domain.split(':').next().unwrap_or_default());
    let from = own("from").or(provider.text("default_from_address")).unwrap_or(&nobody);
    let plain = text::render("{{ html | strip_html | strip }}", &object(json!({ "html": html })))?;
    Ok(object(json!({
        "to": payload.get("to"),
        "from": text::render(from, &variables)?,
        "subject": text::render(own("subject").unwrap_or(kind.2), &variables)?,
        "html": html,
        "text": plain,
        "locale": "en",
        "message_type": kind.1,
    })))
}

/// What a template may say.
fn variables(payload: &Document, known: &Known, url: &str) -> Document {
    let mut variables = known.tenant.clone();
    if let Some(Value::Object(members)) = payload.get("members") {
        variables.extend(members.clone());
    }
    for name in ["url", "link"] {
        variables.insert(name.into(), url.into());
    }
    if let Some(client) = &known.client {
        let callback = client.document.get("callbacks").and_then(|callbacks| callbacks.get(0)?.as_str());
        let origin = callback.and_then(|callback| url::Url::parse(callback).ok());
        let shown = json!({
            "name": client.text("name"),
            "clientID": client.id,
            "client_metadata": client.document.get("client_metadata"),
            "callback_domain": origin.map(|origin| origin.origin().ascii_serialization()),
        });
        variables.insert("application".into(), shown.clone());
        variables.insert("client".into(), shown);
    }
    if let Some(connection) = &known.connection {
        variables.insert("connection".into(), json!({"name": connection.text("name")}));
    }
    for (name, record) in [("organization", &known.organization), ("user", &known.user)] {
        if let Some(record) = record {
            let mut document = record.document.clone();
            document.entry("id").or_insert_with(|| record.id.as_str().into());
            variables.insert(name.into(), document.into());
        }
    }
    variables
}
