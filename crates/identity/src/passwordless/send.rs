//! What is sent to whoever logs in without a password, and the entry that tells of it.

use kernel::{Record, object};
use serde_json::json;
use store::Tx;

use super::{Method, Start};
use crate::{
    Actor, PhoneNumber, Result,
    log::Entry,
    messages::{Email, PhoneMessage, Route},
    users::Identifier,
};

/// Has the message sent, once the transaction is committed.
pub(super) fn send(
    tx: &mut Tx,
    actor: &Actor,
    method: &Method,
    start: &Start,
    (address, user): (&str, Option<&Record>),
    code: String,
    url: String,
) -> Result {
    if method.kind == Identifier::Phone {
        let Some(to) = PhoneNumber::read(address, None) else { return Ok(()) };
        let own = method.realm.is_passwordless().then_some(method.realm.id.as_str());
        let message = PhoneMessage {
            route: own.map_or(Route::Tenant, Route::Connection),
            is_voice: start.is_voice,
            code: Some(&code),
            user: user.map(|user| user.id.as_str()),
            ..PhoneMessage::new(actor, "otp_verify", &to)
        };
        return Ok(message.enqueue(tx)?);
    }
    let word = if url.is_empty() { "code" } else { "link" };
    let mail = Email {
        template: method.purpose.template(),
        user: user.map(|user| user.id.as_str()),
        to: address,
        client: actor.client_id.as_deref(),
        connection: Some(&method.realm.id),
        url,
        code,
        language: actor.language.as_deref(),
        members: object(json!({"send": word, "operation": "authentication"})),
        domain: &actor.domain,
        asker: Some(actor),
        ..Email::default()
    };
    Ok(mail.enqueue(tx, None)?)
}

/// The entry of what was sent: `cls` of mails, `cs` of messages to telephones.
pub(super) fn note(
    tx: &mut Tx,
    actor: &Actor,
    method: &Method,
    start: &Start,
    (address, user): (&str, Option<&Record>),
) -> Result {
    let (kind, description) = match (method.kind, &start.link) {
        (Identifier::Phone, _) => ("cs", "Passwordless code sent"),
        (_, Some(_)) => ("cls", "Passwordless link sent"),
        (_, None) => ("cls", "Passwordless code sent"),
    };
    let mut body = start.told.clone();
    body.insert(method.kind.field().into(), address.into());
    body.insert("send".into(), if start.link.is_some() { "link" } else { "code" }.into());
    body.insert("client_id".into(), actor.client_id.clone().into());
    let actor = Actor { body, ..actor.clone() };
    let entry = Entry {
        description: Some(description),
        realm: Some(&method.realm),
        user,
        user_name: Some(address),
        ..Entry::of(kind)
    };
    Ok(entry.append(tx, &actor)?)
}
