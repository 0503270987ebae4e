//! Messages to telephones: what is to be said to whom, who delivers it, and how many of them strangers may cause. They cost money, and
//! some numbers earn it.

use std::time::Duration;

use kernel::{Document, Record, Sealed, Value, object, value_at};
use model::{CONNECTION, FACTOR_SETTINGS, PHONE_PROVIDER, TENANT_SETTINGS, queues};
use serde_json::json;
use store::{NewJob, Query, Rate, Snapshot, StoreResult, Tx};

use super::{CAUSED, Own, is_granted};
use crate::{Actor, Channel, PhoneNumber, Result, log::Entry};

/// What one number gets of messages that strangers cause: ten at once, then one in an hour.
const BY_NUMBER: Rate = Rate { burst: 10, interval: Duration::from_secs(3_600) };
/// What one address on the network causes: thirty at once, then one in a minute.
const BY_SENDER: Rate = Rate { burst: 30, interval: Duration::from_secs(60) };
/// What numbers that differ in their last four digits alone get together: who earns from messages owns such ranges.
const BY_RANGE: Rate = Rate { burst: 50, interval: Duration::from_secs(30) };
/// What all numbers of a country get: a thousand at once, then one in a second.
const BY_COUNTRY: Rate = Rate { burst: 1_000, interval: Duration::from_secs(1) };
/// A limit is logged once in an hour.
const LOGGED: Rate = Rate { burst: 1, interval: Duration::from_secs(3_600) };

/// Whose settings tell who delivers a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route<'a> {
    /// Those of the tenant's phone provider.
    #[default]
    Tenant,
    /// Those of an `sms` connection, by its identifier.
    Connection(&'a str),
    /// Those of the phone factor.
    Factor,
}

impl<'a> Route<'a> {
    /// The route that a message in the queue takes.
    pub fn of(payload: &'a Document) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        match text("route") {
            Some("connection") => Self::Connection(text("connection_id").unwrap_or_default()),
            Some("factor") => Self::Factor,
            _ => Self::Tenant,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Connection(_) => "connection",
            Self::Factor => "factor",
        }
    }
}

/// Who delivers a message.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// The tenant's phone provider.
    Provider(Record),
    /// The Twilio account or the gateway of an `sms` connection.
    Connection(Record),
    /// The Twilio account in the settings of the phone factor.
    Factor(Record),
    /// The tenant's code at the trigger send-phone-message.
    Code,
}

/// As what messages can be delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// As a text.
    pub text: bool,
    /// As a call that reads the text aloud.
    pub voice: bool,
}

impl Methods {
    const BOTH: Self = Self { text: true, voice: true };

    fn listed(list: Option<&Value>, text: &str, voice: &str) -> Self {
        let has = |name: &str| list.and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| one == name));
        Self { text: has(text), voice: has(voice) }
    }

    fn and(self, other: Self) -> Self {
        Self { text: self.text && other.text, voice: self.voice && other.voice }
    }

    /// Whether there is any.
    pub fn are_some(self) -> bool {
        self.text || self.voice
    }
}

/// A message to a telephone.
#[derive(Clone, Debug)]
pub struct PhoneMessage<'a> {
    /// Its type: which template it is written from, such as `otp_verify`.
    pub kind: &'a str,
    /// Number that it goes to.
    pub to: &'a PhoneNumber,
    /// Whose settings tell who delivers it.
    pub route: Route<'a>,
    /// Whether it is read aloud in a call.
    pub is_voice: bool,
    /// The code in it.
    pub code: Option<&'a str>,
    /// Whom it is for, unless it is a stranger.
    pub user: Option<&'a str>,
    /// The application that it is about.
    pub client: Option<&'a str>,
    /// The organization that it is about.
    pub organization: Option<&'a str>,
    /// The language that its reader has chosen, where that is known.
    pub language: Option<&'a str>,
    /// What else the template may say.
    pub members: Document,
    /// Its own words, where it is written from no template of the tenant's.
    pub own: Option<Own>,
    /// Who causes it.
    pub actor: &'a Actor,
}

/// What became of a message that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It will be sent once the transaction is committed.
    Yes,
    /// There were too many, or it would cost too much. The tenant log says so.
    TooMany,
    /// Nobody delivers messages of this kind.
    Nobody,
}

impl<'a> PhoneMessage<'a> {
    /// A text of a type to a number, about the application and in the language of the request.
    pub fn new(actor: &'a Actor, kind: &'a str, to: &'a PhoneNumber) -> Self {
        Self {
            kind,
            to,
            route: Route::Tenant,
            is_voice: false,
            code: None,
            user: None,
            client: actor.client_id.as_deref(),
            organization: None,
            language: actor.language.as_deref(),
            members: Document::new(),
            own: None,
            actor,
        }
    }

    /// Has it sent, unless a stranger causes it who has caused too many, or nobody would deliver it.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn send(self, tx: &mut Tx) -> Result<Accepted> {
        let methods = methods(tx, self.route)?;
        if !(if self.is_voice { methods.voice } else { methods.text }) {
            return Ok(Accepted::Nobody);
        }
        if !may_reach_phone(tx, self.actor, self.to)? {
            return Ok(Accepted::TooMany);
        }
        self.enqueue(tx)?;
        Ok(Accepted::Yes)
    }

    /// Has it sent once the transaction is committed, whether or not anybody delivers it.
    pub fn enqueue(self, tx: &mut Tx) -> StoreResult {
        let connection = if let Route::Connection(id) = self.route { Some(id) } else { None };
        let mut payload = object(json!({
            "channel": "phone",
            "message_type": self.kind,
            "route": self.route.name(),
            "connection_id": connection,
            "to": self.to.as_str(),
            "delivery_method": if self.is_voice { "voice" } else { "text" },
            "user_id": self.user,
            "client_id": self.client,
            "organization_id": self.organization,
            "language": self.language,
            "members": self.members,
            "domain": self.actor.domain,
        }));
        payload.extend(self.actor.asked());
        let mut sealed = Sealed::new();
        if let Some(code) = self.code {
            sealed.set("code", code);
        }
        Own::hand_over(self.own, &mut payload, &mut sealed);
        tx.enqueue(NewJob { sealed, ..NewJob::new(queues::MESSAGES, payload) }).map(drop)
    }
}

/// Whether a message may be sent to a telephone that a stranger causes, which is counted; what may not is told by the tenant log. What the
/// Management API asks for is not limited.
///
/// # Errors
/// What the store fails with.
pub fn may_reach_phone(tx: &mut Tx, actor: &Actor, to: &PhoneNumber) -> Result<bool> {
    if actor.channel != Channel::Public {
        return Ok(true);
    }
    let (number, range) = (kernel::digest(to.as_str()), kernel::digest(to.range()));
    let limits = [
        (format!("phone ip {}", actor.ip), BY_SENDER),
        (format!("phone to {number}"), BY_NUMBER),
        (format!("phone range {range}"), BY_RANGE),
        (format!("phone country {}", to.country()), BY_COUNTRY),
    ];
    let mut is_allowed = !to.is_costly();
    for (key, rate) in limits {
        is_allowed = is_allowed && is_granted(tx, CAUSED, &key, rate)?;
    }
    if !is_allowed && is_granted(tx, CAUSED, &format!("phone notice {number}"), LOGGED)? {
        let details = object(json!({
            "type": "phone",
            "trigger_time": tx.now(),
            "reset_time": tx.now() + BY_NUMBER.interval,
        }));
        Entry { details, user_name: Some(to.as_str()), ..Entry::of("limit_phone") }.append(tx, actor)?;
    }
    Ok(is_allowed)
}

/// As what a message is delivered that takes this route; without anybody who delivers, everything is, to the outbox, where there is
/// one.
pub fn methods(reader: &Snapshot, route: Route<'_>) -> StoreResult<Methods> {
    let own = match carrier(reader, route)? {
        None if reader.context().has_outbox() => Methods::BOTH,
        None => Methods::default(),
        Some(Carrier::Provider(provider)) if provider.is("disabled") => Methods::default(),
        Some(Carrier::Provider(provider)) => match value_at(&provider.document, "configuration.delivery_methods") {
            None => Methods::BOTH,
            listed => Methods::listed(listed, "text", "voice"),
        },
        Some(Carrier::Connection(_)) => Methods { text: true, voice: false },
        Some(Carrier::Factor(_) | Carrier::Code) => Methods::BOTH,
    };
    if route != Route::Factor {
        return Ok(own);
    }
    let chosen = reader.get(&FACTOR_SETTINGS, "message-types")?;
    let chosen =
        Methods::listed(chosen.as_ref().and_then(|chosen| chosen.document.get("message_types")), "sms", "voice");
    // Who has chosen nothing sends texts.
    Ok(own.and(if chosen.are_some() { chosen } else { Methods { text: true, voice: false } }))
}

/// Who delivers a message that takes this route. With the consolidated experience it is the tenant's provider before others.
pub fn carrier(reader: &Snapshot, route: Route<'_>) -> StoreResult<Option<Carrier>> {
    let own = match route {
        Route::Tenant => None,
        Route::Connection(id) => reader.get(&CONNECTION, id)?.filter(has_own_carrier).map(Carrier::Connection),
        Route::Factor => of_factor(reader)?,
    };
    if own.is_some() && !is_consolidated(reader)? {
        return Ok(own);
    }
    let provider = reader.list(&PHONE_PROVIDER, &Query::default())?.items.into_iter().next();
    Ok(provider.map(Carrier::Provider).or(own))
}

/// Whether the tenant's one phone provider and its templates are for everything.
pub fn is_consolidated(reader: &Snapshot) -> StoreResult<bool> {
    Ok(reader.singleton(&TENANT_SETTINGS)?.is_some_and(|settings| settings.is("phone_consolidated_experience")))
}

fn has_own_carrier(connection: &Record) -> bool {
    ["options.gateway_url", "options.twilio_sid"].iter().any(|path| {
        let value = value_at(&connection.document, path).and_then(Value::as_str);
        value.is_some_and(|value| !value.is_empty())
    })
}

fn of_factor(reader: &Snapshot) -> StoreResult<Option<Carrier>> {
    let chosen = reader.get(&FACTOR_SETTINGS, "phone")?;
    Ok(match chosen.as_ref().and_then(|chosen| chosen.text("provider")) {
        Some("twilio") => reader.get(&FACTOR_SETTINGS, "twilio")?.map(Carrier::Factor),
        Some("phone-message-hook") => Some(Carrier::Code),
        _ => None,
    })
}
