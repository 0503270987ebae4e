//! Messages that operations have sent: what is to be said to whom. They are written and delivered by the messages' worker, once
//! the transaction is committed (reference: templates and messages).

mod phone;
mod push;

use std::time::Duration;

use kernel::{Document, Record, Sealed, Value, object};
use model::{CLIENT, EMAIL_PROVIDER, EMAIL_TEMPLATE, queues};
use serde_json::json;
use store::{NewJob, Permit, Rate, Snapshot, StoreResult, Tx};

use crate::{Actor, Channel, tickets};

pub use phone::{Accepted, Carrier, Methods, PhoneMessage, Route, carrier, is_consolidated, may_reach_phone, methods};
pub use push::{Device, Platform, PushMessage};

/// Tallies of messages that strangers cause.
const CAUSED: &str = "messages";
/// What one address gets of messages that strangers cause: ten at once, then one in five minutes.
const BY_RECIPIENT: Rate = Rate { burst: 10, interval: Duration::from_secs(300) };
/// What one address on the network causes: fifty at once, then one in ten seconds.
const BY_SENDER: Rate = Rate { burst: 50, interval: Duration::from_secs(10) };

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
    /// The organization that it is about.
    pub organization: Option<&'a str>,
    /// The connection whose own template it is written from, by its identifier: that of a passwordless login.
    pub connection: Option<&'a str>,
    /// The link in it, which is a secret.
    pub url: String,
    /// The code in it, which is a secret.
    pub code: String,
    /// The language that its reader has chosen, where that is known.
    pub language: Option<&'a str>,
    /// What else the template may say.
    pub members: Document,
    /// Its own words, where it is written from no template of the tenant's.
    pub own: Option<Own>,
    /// Domain under which the tenant answers.
    pub domain: &'a str,
    /// Whose request has it sent, where the code that delivers it may know.
    pub asker: Option<&'a Actor>,
}

/// The words of a message that is written from no template of the tenant's. It prints as dots.
#[derive(Clone)]
pub struct Own {
    /// Liquid: `body`, and where wanted `subject` and `from`.
    pub words: Document,
    /// What it may say beside what templates may: `custom_vars`. They may hold secrets.
    pub custom_vars: Document,
}

impl Own {
    fn hand_over(own: Option<Self>, payload: &mut Document, sealed: &mut Sealed) {
        if let Some(Self { words, custom_vars }) = own {
            payload.insert("own".into(), words.into());
            sealed.set("custom_vars", custom_vars);
        }
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own(…)")
    }
}

impl Email<'_> {
    /// Has it sent once the transaction is committed; `job` is the one that callers see, if there is one.
    pub fn enqueue(self, tx: &mut Tx, job: Option<&str>) -> StoreResult {
        let mut payload = object(json!({
            "channel": "email",
            "message_type": self.template,
            "user_id": self.user,
            "to": self.to,
            "client_id": self.client,
            "organization_id": self.organization,
            "connection_id": self.connection,
            "members": self.members,
            "domain": self.domain,
            "language": self.language,
        }));
        payload.extend(self.asker.map(Actor::asked).unwrap_or_default());
        let mut sealed = Sealed::new();
        for (name, secret) in [("url", self.url), ("code", self.code)] {
            if !secret.is_empty() {
                sealed.set(name, secret);
            }
        }
        Own::hand_over(self.own, &mut payload, &mut sealed);
        let id = job.map(str::to_owned);
        tx.enqueue(NewJob { id, sealed, ..NewJob::new(queues::MESSAGES, payload) }).map(drop)
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
    Ok(is_granted(tx, CAUSED, &format!("ip {}", actor.ip), BY_SENDER)?
        && is_granted(tx, CAUSED, &format!("to {}", kernel::digest(&to.to_lowercase())), BY_RECIPIENT)?)
}

fn is_granted(tx: &mut Tx, tally: &str, key: &str, rate: Rate) -> StoreResult<bool> {
    Ok(matches!(tx.take_permit(tally, key, rate)?, Permit::Granted { .. }))
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
