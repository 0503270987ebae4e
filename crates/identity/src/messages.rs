//! Messages that operations have sent: what is to be said to whom. They are written and delivered by the messages' worker, once
//! the transaction is committed (reference: templates and messages).

use std::time::Duration;

use kernel::{Document, Record, Sealed, Value, object};
use model::{CLIENT, EMAIL_PROVIDER, EMAIL_TEMPLATE, PHONE_PROVIDER, queues};
use serde_json::json;
use store::{NewJob, Permit, Query, Rate, Snapshot, StoreResult, Tx};

use crate::{Actor, Channel, tickets};

/// Tallies of messages that strangers cause.
const CAUSED: &str = "messages";
/// What one address gets of messages that strangers cause: ten at once, then one in five minutes.
const BY_RECIPIENT: Rate = Rate { burst: 10, interval: Duration::from_secs(300) };
/// What one address on the network causes: fifty at once, then one in ten seconds.
const BY_SENDER: Rate = Rate { burst: 50, interval: Duration::from_secs(10) };
/// What one address on the network causes of messages to telephones, each of which costs the tenant money: twenty at once, then one in a
/// minute.
const BY_SENDER_TO_PHONES: Rate = Rate { burst: 20, interval: Duration::from_secs(60) };
/// What numbers that differ in their last four digits alone get together: those who are paid for messages own such ranges.
const BY_RANGE: Rate = Rate { burst: 50, interval: Duration::from_secs(30) };
/// Digits at the end of numbers of one range.
const RANGE: usize = 4;

/// An e-mail to be sent.
#[derive(Debug, Default)]
pub struct Email<'a> {
    /// Which template it is written from.
    pub template: &'static str,
    /// Whom it is for, unless it is a stranger.
    pub user: Option<&'a str>,
    /// Address it goes to.
    pub to: &'a str,
    /// The application that it is about.
    pub client: Option<&'a str>,
    /// The connection that it is about, where its reader is no user yet.
    pub connection: Option<&'a str>,
    /// The organization that it is about.
    pub organization: Option<&'a str>,
    /// The link in it, which is a secret.
    pub url: String,
    /// The code in it, which is a secret.
    pub code: String,
    /// The language that its reader has chosen, where that is known.
    pub language: Option<&'a str>,
    /// What else the template may say.
    pub members: Document,
    /// Domain under which the tenant answers.
    pub domain: &'a str,
}

impl Email<'_> {
    /// Has it sent once the transaction is committed; `job` is the one that callers see, if there is one.
    pub fn enqueue(self, tx: &mut Tx, job: Option<&str>) -> StoreResult {
        let payload = object(json!({
            "channel": "email",
            "message_type": self.template,
            "user_id": self.user,
            "to": self.to,
            "client_id": self.client,
            "connection_id": self.connection,
            "organization_id": self.organization,
            "members": self.members,
            "domain": self.domain,
            "language": self.language,
        }));
        let mut sealed = Sealed::new();
        for (name, secret) in [("url", self.url), ("code", self.code)] {
            if !secret.is_empty() {
                sealed.set(name, secret);
            }
        }
        let id = job.map(str::to_owned);
        tx.enqueue(NewJob { id, sealed, ..NewJob::new(queues::MESSAGES, payload) }).map(drop)
    }
}

/// A message to a telephone.
#[derive(Clone, Copy, Debug)]
pub struct PhoneMessage<'a> {
    /// Its type: which template it is written from.
    pub kind: &'a str,
    /// The provider that delivers it.
    pub provider: Option<&'a str>,
    /// Number that it goes to.
    pub to: &'a str,
    /// Whether it is read aloud in a call.
    pub is_voice: bool,
    /// The code in it.
    pub code: Option<&'a str>,
    /// The connection whose template it is written from.
    pub connection: Option<&'a str>,
    /// The application that it is about.
    pub client: Option<&'a str>,
    /// The language that its reader has chosen, where that is known.
    pub language: Option<&'a str>,
}

impl<'a> PhoneMessage<'a> {
    /// A text of this type to a number.
    pub fn of(kind: &'a str, to: &'a str) -> Self {
        Self { kind, to, provider: None, is_voice: false, code: None, connection: None, client: None, language: None }
    }

    /// Has it sent once the transaction is committed.
    pub fn enqueue(self, tx: &mut Tx) -> StoreResult {
        let payload = object(json!({
            "channel": "phone",
            "provider": self.provider,
            "message_type": self.kind,
            "to": self.to,
            "delivery_method": if self.is_voice { "voice" } else { "text" },
            "connection_id": self.connection,
            "client_id": self.client,
            "language": self.language,
        }));
        let mut sealed = Sealed::new();
        if let Some(code) = self.code {
            sealed.set("code", code);
        }
        tx.enqueue(NewJob { sealed, ..NewJob::new(queues::MESSAGES, payload) }).map(drop)
    }
}

/// Whether the tenant's e-mails are delivered: by its provider, or, without one, to the outbox.
pub fn reach_addresses(reader: &Snapshot) -> StoreResult<bool> {
    let provider = reader.singleton(&EMAIL_PROVIDER)?;
    Ok(provider.map_or_else(|| reader.context().has_outbox(), |provider| provider.is("enabled")))
}

/// Whether a message may be sent that a stranger causes, by whom it reaches and where the stranger is. What the Management API asks
/// for is not limited.
pub fn may_reach(tx: &mut Tx, actor: &Actor, to: &str) -> StoreResult<bool> {
    if actor.channel != Channel::Public {
        return Ok(true);
    }
    let by_sender = tx.take_permit(CAUSED, &format!("ip {}", actor.ip), BY_SENDER)?;
    if matches!(by_sender, Permit::Refused { .. }) {
        return Ok(false);
    }
    let by_recipient = tx.take_permit(CAUSED, &format!("to {}", kernel::digest(&to.to_lowercase())), BY_RECIPIENT)?;
    Ok(matches!(by_recipient, Permit::Granted { .. }))
}

/// The tenant's provider of messages to telephones, where it has one that is switched on.
pub fn phone_provider(reader: &Snapshot) -> StoreResult<Option<String>> {
    let providers = reader.list(&PHONE_PROVIDER, &Query::default())?.items;
    Ok(providers.into_iter().find(|provider| !provider.is("disabled")).map(|provider| provider.id))
}

/// As [`may_reach`], for a message to a telephone.
pub fn may_reach_phone(tx: &mut Tx, actor: &Actor, number: &str) -> StoreResult<bool> {
    if actor.channel != Channel::Public {
        return Ok(true);
    }
    let range: String = number.chars().take(number.chars().count().saturating_sub(RANGE)).collect();
    let limits = [(format!("phone ip {}", actor.ip), BY_SENDER_TO_PHONES), (format!("range {range}"), BY_RANGE)];
    for (key, rate) in limits {
        if matches!(tx.take_permit(CAUSED, &key, rate)?, Permit::Refused { .. }) {
            return Ok(false);
        }
    }
    may_reach(tx, actor, number)
}

/// What a template says of the link in its e-mail.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// How long it holds.
    pub lifetime: Duration,
    /// Where the browser is sent after it was followed.
    pub result_url: Option<String>,
    /// Whether that address is told the user's.
    pub includes_email: bool,
}

/// What the tenant's template says of the link in its e-mail, which may be about an application.
pub fn link_settings(reader: &Snapshot, template: &str, client: Option<&str>) -> StoreResult<LinkSettings> {
    let own = reader.get(&EMAIL_TEMPLATE, template)?.map(|own| own.document).unwrap_or_default();
    let seconds = own.get("urlLifetimeInSeconds").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
    let result_url = own.get("resultUrl").and_then(Value::as_str).map(str::trim).filter(|url| !url.is_empty());
    let client = match client {
        Some(id) if result_url.is_some() => reader.get(&CLIENT, id)?,
        _ => None,
    };
    Ok(LinkSettings {
        lifetime: seconds.map_or(tickets::LIFETIME, Duration::from_secs),
        result_url: result_url.and_then(|url| filled_in(url, client.as_ref())),
        includes_email: own.get("includeEmailInRedirect") == Some(&Value::Bool(true)),
    })
}

/// Whether the tenant has switched the e-mails of a template off.
pub fn is_switched_off(reader: &Snapshot, template: &str) -> StoreResult<bool> {
    let own = reader.get(&EMAIL_TEMPLATE, template)?;
    Ok(own.is_some_and(|own| own.document.get("enabled") == Some(&Value::Bool(false))))
}

/// Whether the tenant has switched the e-mails of a template on.
pub fn is_switched_on(reader: &Snapshot, template: &str) -> StoreResult<bool> {
    Ok(reader.get(&EMAIL_TEMPLATE, template)?.is_some_and(|own| own.is("enabled")))
}

/// A template's `resultUrl`: three facts of the application are all that it may name. None without an application that it names.
fn filled_in(url: &str, client: Option<&Record>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        let client = client?;
        let name = name.trim().trim_matches('-').trim();
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let value = match name.split_once('.') {
            Some(("application" | "client", "name")) => encoded(client.text("name").unwrap_or_default()),
            Some(("application" | "client", "clientID")) => client.id.clone(),
            Some(("application" | "client", "callback_domain")) => callback_domain(client)?,
            _ => String::new(),
        };
        filled.extend([before, &value]);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// The origin of an application's first callback.
pub fn callback_domain(client: &Record) -> Option<String> {
    let callback = client.document.get("callbacks").and_then(|callbacks| callbacks.get(0)?.as_str())?;
    Some(url::Url::parse(callback).ok()?.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    #[test]
    fn the_address_after_a_link_names_the_application() {
        let document = object(json!({"name": "A & B", "callbacks": ["https://app.example.com/callback"]}));
        let client = Record::new("abc", document, Timestamp::from_seconds(1));
        let filled = |url: &str| filled_in(url, Some(&client));
        let url = "{{ application.callback_domain }}/done?id={{client.clientID}}&name={{ application.name }}";
        assert_eq!(filled(url).as_deref(), Some("https://app.example.com/done?id=abc&name=A+%26+B"));
        assert_eq!(filled("https://x.example/{{ user.email }}").as_deref(), Some("https://x.example/"));
        assert_eq!(filled("https://x.example/{{ user").as_deref(), None);
        assert_eq!(filled_in("{{ application.callback_domain }}/done", None), None);
    }
}
