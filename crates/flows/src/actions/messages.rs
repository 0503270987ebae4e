//! `AUTH0`: messages by the tenant's own providers.

use identity::{
    Actor, Channel, PhoneNumber,
    messages::{Accepted, Email, Own, PhoneMessage, may_reach},
    users::is_email,
};
use kernel::{Document, Value, object};
use model::EMAIL_PROVIDER;
use serde_json::json;
use store::Tx;

use crate::{Failure, doing::Doing, expressions::text_of, params::Params};

/// The template that messages of flows are called by: their words are their own.
const TEMPLATE: &str = "flow";
/// Bytes of the variables of one message.
const VARIABLES: usize = 64 << 10;

impl Doing<'_> {
    pub(super) async fn send_email(&self, params: Params<'_>) -> Result<Value, Failure> {
        let to = address(&params.value("to").map(text_of).unwrap_or_default())?;
        let mut words = object(json!({"subject": params.required("subject")?, "body": params.required("body")?}));
        if let Some(from) = params.value("from").and_then(Value::as_object) {
            words.insert("from".into(), sender(Params(from))?.into());
        }
        let own = Own { words, custom_vars: variables(params)? };
        let (actor, caller) = (self.actor(), self.caller.clone());
        let work = move |tx: &mut Tx| {
            // Where messages are only kept for who develops, there is no provider all the same.
            if !tx.singleton(&EMAIL_PROVIDER)?.is_some_and(|provider| provider.is("enabled")) {
                return Ok(Accepted::Nobody);
            }
            if !may_reach(tx, &actor, &to)? {
                return Ok(Accepted::TooMany);
            }
            let email = Email {
                template: TEMPLATE,
                own: Some(own.clone()),
                to: &to,
                user: caller.user_id.as_deref(),
                client: caller.client_id.as_deref(),
                organization: caller.organization_id.as_deref(),
                language: caller.language.as_deref(),
                domain: &actor.domain,
                asker: Some(&actor),
                ..Email::default()
            };
            email.enqueue(tx, None)?;
            Ok::<_, identity::Error>(Accepted::Yes)
        };
        accepted(self.services.store.write(self.tenant.id(), work).await?, "e-mails")
    }

    pub(super) async fn send_phone_message(&self, params: Params<'_>, is_voice: bool) -> Result<Value, Failure> {
        let number = params.required("to")?;
        let to = PhoneNumber::read(&number, None).ok_or_else(|| Failure::invalid("to", "a telephone number"))?;
        let mut words = object(json!({"body": params.required("message")?}));
        if let Some(from) = params.text("from") {
            words.insert("from".into(), from.into());
        }
        let own = Own { words, custom_vars: variables(params)? };
        let (actor, caller) = (self.actor(), self.caller.clone());
        let work = move |tx: &mut Tx| {
            let message = PhoneMessage {
                is_voice,
                own: Some(own.clone()),
                user: caller.user_id.as_deref(),
                organization: caller.organization_id.as_deref(),
                ..PhoneMessage::new(&actor, TEMPLATE, &to)
            };
            message.send(tx)
        };
        let kind = if is_voice { "calls" } else { "text messages" };
        accepted(self.services.store.write(self.tenant.id(), work).await?, kind)
    }

    /// The visitor, who causes the message.
    fn actor(&self) -> Actor {
        Actor {
            ip: self.caller.ip.clone(),
            user_agent: self.caller.user_agent.clone(),
            language: self.caller.language.clone(),
            client_id: self.caller.client_id.clone(),
            ..Actor::new(self.tenant.id().clone(), Channel::Public, self.tenant.host())
        }
    }
}

fn accepted(accepted: Accepted, kind: &str) -> Result<Value, Failure> {
    match accepted {
        Accepted::Yes => Ok(json!({"success": true})),
        Accepted::Nobody => {
            Err(Failure::new("PROVIDER_NOT_ENABLED", format!("The tenant has no enabled provider for {kind}.")))
        }
        Accepted::TooMany => Err(Failure::new("TOO_MANY_MESSAGES", "Too many messages were caused; try again later.")),
    }
}

fn variables(params: Params<'_>) -> Result<Document, Failure> {
    let variables: Document =
        params.members("custom_vars").map(|(name, value)| (name.clone(), value.clone())).collect();
    if Value::Object(variables.clone()).to_string().len() > VARIABLES {
        return Err(Failure::new("PAYLOAD_TOO_LARGE", "The variables of the message are too large."));
    }
    Ok(variables)
}

/// An address, alone and without anything that could be another header's.
fn address(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::required("to"));
    }
    if text.len() > 254 || !is_email(text) {
        return Err(Failure::invalid("to", "an e-mail address"));
    }
    Ok(text.to_owned())
}

/// `Name <address>`. It is read as a template later: it must hold no braces of one.
fn sender(from: Params<'_>) -> Result<String, Failure> {
    let email = address(&from.required("email")?)?;
    let harmless = |letter: char| !letter.is_control() && !"<>\"{}%\\".contains(letter);
    let name: String =
        from.text("name").unwrap_or_default().chars().filter(|letter| harmless(*letter)).take(125).collect();
    if email.contains(['{', '}', '%']) {
        return Err(Failure::invalid("from.email", "an e-mail address"));
    }
    let name = name.trim();
    let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || letter == ' ');
    Ok(match name {
        "" => email,
        plain if is_plain => format!("{plain} <{email}>"),
        other => format!("\"{other}\" <{email}>"),
    })
}
