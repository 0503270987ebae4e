//! Services that deliver e-mails by their own interfaces over HTTP. The published documentation of each is the specification.

mod azure;
mod microsoft;
mod ses;

use bytes::Bytes;
use http::{HeaderValue, Response};
use kernel::{Record, Timestamp, Value, object, value_at};
use serde_json::json;
use url::form_urlencoded;

use super::{Letter, mime};
use crate::messages::{
    endpoints::Endpoints,
    failure::{Failure, call},
    request::{FORM, Requested, basic, bearer, post, post_json},
};

/// An e-mail, and the provider that is to deliver it.
pub(super) struct Order<'a> {
    pub(super) provider: &'a Record,
    pub(super) letter: &'a Letter,
    /// The same for each try.
    pub(super) id: &'a str,
    pub(super) now: Timestamp,
    pub(super) endpoints: &'a Endpoints,
}

impl Order<'_> {
    fn text(&self, path: &str) -> &str {
        value_at(&self.provider.document, path).and_then(Value::as_str).unwrap_or_default()
    }

    /// A credential, which may be sealed.
    fn credential(&self, name: &str) -> &str {
        let path = format!("credentials.{name}");
        self.provider.sealed.text(&path).unwrap_or_else(|| self.text(&path))
    }

    fn is_european(&self) -> bool {
        self.text("credentials.region") == "eu"
    }

    /// Address and name of the sender.
    fn sender(&self) -> Result<(String, Option<String>), Failure> {
        let sender = mime::sender(self.letter)?;
        Ok((sender.email.to_string(), sender.name))
    }
}

/// Has a vendor deliver an e-mail; its answer, or why it refuses.
pub(super) async fn deliver(outbound: &outbound::Client, order: &Order<'_>) -> Result<String, Failure> {
    mime::recipient(order.letter)?;
    let request = match order.provider.text("name").unwrap_or_default() {
        "sendgrid" => sendgrid(order)?,
        "mandrill" => mandrill(order)?,
        "mailgun" => mailgun(order)?,
        "sparkpost" => sparkpost(order)?,
        "resend" => resend(order)?,
        "ses" => ses::request(order)?,
        "azure_cs" => azure::request(order)?,
        "ms365" => microsoft::request(outbound, order).await?,
        name => return Err(Failure::never(format!("E-mails cannot be sent through the provider \"{name}\"."))),
    };
    let answer = call(outbound, request).await?;
    if order.provider.text("name") == Some("mandrill") {
        return accepted_by_mandrill(&answer);
    }
    Ok(told(&answer))
}

/// What a vendor says of an e-mail that it takes.
fn told(answer: &Response<Bytes>) -> String {
    let body = String::from_utf8_lossy(answer.body());
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    format!("{} {line}", answer.status()).trim_end().to_owned()
}

/// `POST /v3/mail/send`.
fn sendgrid(order: &Order<'_>) -> Requested {
    let letter = order.letter;
    let (address, name) = order.sender()?;
    let mut from = object(json!({"email": address}));
    if let Some(name) = name {
        from.insert("name".into(), name.into());
    }
    let body = json!({
        "personalizations": [{"to": [{"email": letter.to}]}],
        "from": from,
        "subject": letter.subject,
        "content": [{"type": "text/plain", "value": letter.text}, {"type": "text/html", "value": letter.html}],
    });
    let base = order.endpoints.of("sendgrid", "https://api.sendgrid.com");
    post_json(format!("{base}/v3/mail/send"), Some(bearer(order.credential("api_key"))), &body)
}

/// `POST /api/1.0/messages/send.json`. The key is part of the body.
fn mandrill(order: &Order<'_>) -> Requested {
    let letter = order.letter;
    let (address, name) = order.sender()?;
    let body = json!({
        "key": order.credential("api_key"),
        "message": {
            "from_email": address,
            "from_name": name,
            "to": [{"email": letter.to, "type": "to"}],
            "subject": letter.subject,
            "html": letter.html,
            "text": letter.text,
            "view_content_link": value_at(&order.provider.document, "settings.message.view_content_link"),
        },
    });
    let base = order.endpoints.of("mandrill", "https://mandrillapp.com");
    post_json(format!("{base}/api/1.0/messages/send.json"), None, &body)
}

/// The answer holds a status for each recipient.
fn accepted_by_mandrill(answer: &Response<Bytes>) -> Result<String, Failure> {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let status = body[0]["status"].as_str().unwrap_or_default();
    if matches!(status, "rejected" | "invalid") {
        let reason = body[0]["reject_reason"].as_str().unwrap_or("no reason");
        return Err(Failure::never(format!("Mandrill answers {status}: {reason}.")));
    }
    Ok(told(answer))
}

/// `POST /v3/{domain}/messages`.
fn mailgun(order: &Order<'_>) -> Requested {
    let letter = order.letter;
    let mut form = form_urlencoded::Serializer::new(String::new());
    let parts = [
        ("from", &letter.from),
        ("to", &letter.to),
        ("subject", &letter.subject),
        ("text", &letter.text),
        ("html", &letter.html),
    ];
    for (name, value) in parts {
        form.append_pair(name, value);
    }
    let own = if order.is_european() { "https://api.eu.mailgun.net" } else { "https://api.mailgun.net" };
    let base = order.endpoints.of("mailgun", own);
    let domain: String = form_urlencoded::byte_serialize(order.credential("domain").as_bytes()).collect();
    let authorization = Some(basic("api", order.credential("api_key")));
    post(format!("{base}/v3/{domain}/messages"), authorization, FORM, form.finish())
}

/// `POST /api/v1/transmissions`.
fn sparkpost(order: &Order<'_>) -> Requested {
    let letter = order.letter;
    let (address, name) = order.sender()?;
    let body = json!({
        "options": {"transactional": true},
        "recipients": [{"address": {"email": letter.to}}],
        "content": {
            "from": {"email": address, "name": name},
            "subject": letter.subject,
            "html": letter.html,
            "text": letter.text,
        },
    });
    let own = if order.is_european() { "https://api.eu.sparkpost.com" } else { "https://api.sparkpost.com" };
    let base = order.endpoints.of("sparkpost", own);
    post_json(format!("{base}/api/v1/transmissions"), Some(order.credential("api_key").to_owned()), &body)
}

/// `POST /emails`, which takes a message with the same key once.
fn resend(order: &Order<'_>) -> Requested {
    let letter = order.letter;
    let body = json!({
        "from": letter.from,
        "to": [letter.to],
        "subject": letter.subject,
        "html": letter.html,
        "text": letter.text,
    });
    let base = order.endpoints.of("resend", "https://api.resend.com");
    let mut request = post_json(format!("{base}/emails"), Some(bearer(order.credential("api_key"))), &body)?;
    if let Ok(key) = HeaderValue::try_from(order.id) {
        request.headers_mut().insert("idempotency-key", key);
    }
    Ok(request)
}
