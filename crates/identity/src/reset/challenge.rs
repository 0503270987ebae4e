//! What a tenant's code says of a reset, once its user has shown to hold the address and before the password is set
//! (reference: actions §3.6).

use kernel::{Document, Record, Value, object};
use model::{CLIENT, CONNECTION, ORGANIZATION, USER, login::FormAnswers};
use serde_json::json;
use store::{Snapshot, Store, Tx};

use crate::{
    Actor, Error, Result,
    actor::Services,
    log::Entry,
    organizations,
    tickets::{self, Ticket},
    triggers::{self, Began, Effect, Firing, Suspension, Trigger, Verdict},
    users,
};

/// How many roles the code is told of.
const MOST_ROLES: usize = 1_000;

/// Somebody comes back from where the code has sent them.
#[derive(Clone, Debug)]
pub struct Back {
    /// Where the code waits.
    pub waiting: Suspension,
    /// What the address said.
    pub query: Document,
    /// What was sent with it.
    pub body: Document,
    /// What the user entered into the form that the code had shown.
    pub form: Option<FormAnswers>,
}

/// What the code says.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// The password may be set; afterwards the browser goes to this address, where the code names one.
    Passed(Option<String>),
    /// The user is to be sent elsewhere, or shown a form; the code waits.
    Away(Box<Suspension>),
    /// The reset is refused.
    Denied(String),
}

/// What the code is told of.
struct Told {
    user: Record,
    connection: Option<Record>,
    client: Option<Record>,
    organization: Option<Record>,
    roles: Vec<String>,
}

/// Asks the code at password-reset-post-challenge about whom a ticket means, which is not used up.
///
/// # Errors
/// [`Error::Ticket`]; [`Error::UserMissing`].
pub async fn judge(
    services: &Services,
    store: &Store,
    actor: &Actor,
    presented: &str,
    back: Option<Back>,
) -> Result<Judgement> {
    let triggers = &services.triggers;
    // Code that waits has a say even if it was unbound meanwhile: its absence is no consent.
    if back.is_none() && !triggers.listens(&actor.tenant, Trigger::PasswordResetPostChallenge).await? {
        return Ok(Judgement::Passed(None));
    }
    let wanted = presented.to_owned();
    let told = store.read(&actor.tenant, move |reader| told(reader, &wanted)).await?;
    let mut request = actor.request();
    if let Some(back) = &back {
        request.query = back.query.clone();
        request.body = back.body.clone();
    }
    let mut own = object(json!({
        "authentication": {"methods": [{"name": "email", "timestamp": store.context().now()}]},
        "authorization": {"roles": told.roles},
        "stats": {"logins_count": told.user.document.get("logins_count").cloned().unwrap_or(0.into())},
        "transaction": Began { locale: actor.language.as_deref(), ..Began::default() }.told(),
    }));
    // A reset within a login tells of that.
    own.extend(actor.event.clone());
    if let Some(FormAnswers { id, fields, vars }) = back.as_ref().and_then(|back| back.form.as_ref()) {
        own.insert("prompt".into(), json!({"id": id, "fields": fields, "vars": vars}));
    }
    let firing = Firing {
        client: told.client.as_ref(),
        connection: told.connection.as_ref(),
        organization: told.organization.as_ref(),
        user: Some(&told.user.document),
        request: Some(&request),
        own,
        resumed: back.as_ref().map(|back| &back.waiting),
        ..Firing::new(Trigger::PasswordResetPostChallenge)
    };
    let verdict = triggers.fire(&actor.tenant, firing).await?;
    let execution = verdict.execution.clone();
    let judgement = read(verdict);
    let (acting, user) = (actor.clone(), told.user);
    let refusal = match &judgement {
        Judgement::Denied(reason) => Some(reason.clone()),
        _ => None,
    };
    let note = move |tx: &mut Tx| {
        triggers::keep(tx, &execution)?;
        let Some(reason) = &refusal else { return Ok(()) };
        let entry = Entry { description: Some(reason), execution: execution.as_ref(), ..Entry::of("fcp") };
        Ok::<_, Error>(entry.about(&user, None).append(tx, &acting)?)
    };
    store.write(&actor.tenant, note).await?;
    Ok(judgement)
}

fn told(reader: &Snapshot, presented: &str) -> Result<Told> {
    let ticket: Ticket = tickets::look_up(reader, tickets::RESET, presented)?;
    let user = reader.get(&USER, &ticket.user_id)?.ok_or(Error::UserMissing)?;
    let accounts = users::identities(&user);
    let named = ticket.identity.as_ref().and_then(|name| accounts.iter().find(|account| account.name() == *name));
    let connection = match named.or(accounts.first()) {
        Some(account) => reader.find(&CONNECTION, "name", &account.connection)?,
        None => None,
    };
    let client = ticket.client_id.as_deref().map(|id| reader.get(&CLIENT, id)).transpose()?.flatten();
    let organization = ticket.organization_id.as_deref().map(|id| reader.get(&ORGANIZATION, id)).transpose()?.flatten();
    let roles = organizations::roles_of(reader, &user.id, ticket.organization_id.as_deref())?;
    let roles = organizations::role_names(reader, roles.iter().take(MOST_ROLES))?;
    Ok(Told { user, connection, client, organization, roles })
}

fn read(verdict: Verdict) -> Judgement {
    if let Some(denial) = verdict.denied {
        return Judgement::Denied(denial.reason);
    }
    let mut result_url = None;
    for Effect { name, arguments } in verdict.effects {
        if name == "transaction.setResultUrl" {
            result_url = arguments.first().and_then(Value::as_str).map(str::to_owned);
        } else {
            // A reset must not be weaker than the code demands.
            return Judgement::Denied(format!(
                "The tenant's code asks for {name}, which is not available on this server"
            ));
        }
    }
    match verdict.suspended {
        Some(suspended) => Judgement::Away(Box::new(suspended)),
        None => Judgement::Passed(result_url),
    }
}
