//! What pages need done to users, done by the operations of `identity`.

mod codes;
mod faults;
mod login;
mod organizations;
mod reset;

use identity::{
    Actor, Channel, Services,
    passwordless::Link,
    reset::challenge::{self, Back, Judgement},
    tickets::{self, Ticket},
    triggers::{Began, Response},
    users::{self, Realm, registration, verification},
};
use kernel::{Document, Record, Secret};
use model::{
    CONNECTION,
    login::{BoxFuture, OrganizationChoice, Transaction},
};
use store::{Snapshot, Store, Tx};

use crate::{
    accounts::{Accounts, Call, Keep, Refused, ResetTicket, TicketError, Verified},
    step::{Coded, LogIn, SendLogin, SendReset, SignUp},
    world::Identifier,
};

/// The users of all tenants.
pub struct Users {
    store: Store,
    services: Services,
}

impl Users {
    /// The users in this store.
    pub fn new(store: Store, services: Services) -> Self {
        Self { store, services }
    }
}

/// Who acts: a user in a browser.
fn actor(call: &Call) -> Actor {
    let browser = &call.browser;
    Actor {
        ip: browser.ip.clone(),
        country: browser.country,
        user_agent: browser.user_agent.clone(),
        language: Some(browser.language.clone()).filter(|language| !language.is_empty()),
        method: "POST".to_owned(),
        client_id: Some(call.client_id.clone()).filter(|id| !id.is_empty()),
        organization: call.organization.clone(),
        fields: call.transaction.as_ref().map(|transaction| transaction.progress.own_fields()).unwrap_or_default(),
        event: call.transaction.as_ref().and_then(told).unwrap_or_default(),
        ..Actor::new(call.tenant.clone(), Channel::Public, browser.host.clone())
    }
}

/// What triggers are told of a login on the pages, as `transaction`; nothing of what is no login.
fn told(transaction: &Transaction) -> Option<Document> {
    let request = &transaction.request;
    let redirect_uri = request.redirect_uri.as_deref()?;
    let parameter = |name: &str| request.protocol.get("parameters")?.get(name)?.as_str();
    let response_type = parameter("response_type").unwrap_or_default();
    let began = Began {
        id: Some(&transaction.id),
        acr_values: &request.acr_values,
        locale: transaction.progress.language.as_deref(),
        login_hint: request.login_hint.as_deref(),
        prompt: parameter("prompt"),
        protocol: None,
        redirect_uri: Some(redirect_uri),
        requested_scopes: &request.scope,
        response: Some(Response::of(response_type, parameter("response_mode"))),
        state: parameter("state"),
        ui_locales: &request.ui_locales,
        correlation_id: request.correlation_id.as_deref(),
    };
    Some(Document::from_iter([("transaction".to_owned(), began.told().into())]))
}

/// The connection with this name.
fn realm(reader: &Snapshot, name: &str) -> Result<Realm, identity::Error> {
    let found = reader.find(&CONNECTION, "name", name)?.ok_or(identity::Error::ConnectionMissing)?;
    Ok(Realm::of(&found)?)
}

impl Accounts for Users {
    fn log_in<'a>(&'a self, call: &'a Call, log_in: LogIn, keep: Keep) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.verify_password(call, log_in, keep))
    }

    fn sign_up<'a>(&'a self, call: &'a Call, sign_up: SignUp, keep: Keep) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            let actor = actor(call);
            let mut attributes = Document::new();
            for (field, value) in &sign_up.identifiers {
                attributes.insert((*field).to_owned(), value.as_str().into());
            }
            for identifier in &sign_up.verified {
                let field = if *identifier == Identifier::PhoneNumber { "phone_verified" } else { "email_verified" };
                attributes.insert(field.to_owned(), true.into());
            }
            let method = match (&sign_up.password, sign_up.verified.first()) {
                (None, Some(Identifier::PhoneNumber)) => "sms",
                (None, _) => "email",
                (Some(_), _) => "pwd",
            };
            let request = call.transaction.as_ref().map(|transaction| &transaction.request);
            let new = registration::NewUser {
                connection: sign_up.connection.clone(),
                attributes,
                password: sign_up.password,
                client_id: actor.client_id.clone(),
                organization_id: request.and_then(|request| request.organization.clone()),
                ..registration::NewUser::default()
            };
            let prepared = registration::prepare(&self.services, &self.store, &actor, new).await;
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    return Err(self.signup_fault(call, &sign_up.connection, &sign_up.identifiers, error).await);
                }
            };
            let (services, connection) = (self.services.clone(), sign_up.connection.clone());
            let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
                if !keep.solves(tx)? {
                    return Ok(Err(faults::puzzle()));
                }
                let user = registration::apply(tx, &services, &actor, &prepared)?;
                let realm = realm(tx, &connection)?;
                let mut user = tx.get(&model::USER, &user.id)?.ok_or(identity::Error::UserMissing)?;
                identity::login::count(&mut user, &actor, tx.now());
                let user = users::update(tx, user, actor.event_context())?;
                keep.login(tx, realm.authentication(&user, method, tx.now(), true))?;
                Ok::<_, identity::Error>(Ok(()))
            });
            match done.await {
                Ok(done) => done,
                Err(error) => Err(self.signup_fault(call, &sign_up.connection, &sign_up.identifiers, error).await),
            }
        })
    }

    fn send_reset<'a>(&'a self, call: &'a Call, reset: SendReset, keep: Keep) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.request_reset(call, reset, keep))
    }

    fn send_code<'a>(&'a self, call: &'a Call, to: &'a Coded) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.send_signup_code(call, to))
    }

    fn check_code<'a>(&'a self, call: &'a Call, to: &'a Coded, code: &'a str) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.check_signup_code(call, to, code))
    }

    fn send_login<'a>(&'a self, call: &'a Call, send: SendLogin, keep: Keep) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.send_login_code(call, send, keep))
    }

    fn log_in_by_code<'a>(
        &'a self,
        call: &'a Call,
        to: Coded,
        code: Secret,
        keep: Keep,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.verify_code(call, to, code, keep))
    }

    fn login_link<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<Option<Link>, Refused>> {
        Box::pin(self.look_up_link(call, ticket))
    }

    fn check_reset_code<'a>(
        &'a self,
        call: &'a Call,
        reset: SendReset,
        code: &'a str,
    ) -> BoxFuture<'a, Result<String, Refused>> {
        Box::pin(self.redeem_reset_code(call, reset, code))
    }

    fn find_organizations<'a>(
        &'a self,
        call: &'a Call,
        entered: &'a str,
        by_email: bool,
    ) -> BoxFuture<'a, Result<Vec<OrganizationChoice>, Refused>> {
        Box::pin(self.organizations_named(call, entered, by_email))
    }

    fn unblock<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<(), TicketError>> {
        Box::pin(async move {
            let (actor, presented) = (actor(call), ticket.to_owned());
            let unblock = move |tx: &mut Tx| identity::blocks::unblock(tx, &actor, &presented).map(drop);
            self.store.write(&call.tenant, unblock).await.map_err(ticket_error)
        })
    }

    fn reset_ticket<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<ResetTicket, TicketError>> {
        Box::pin(async move {
            let presented = ticket.to_owned();
            let find = move |reader: &Snapshot| {
                let ticket = tickets::look_up(reader, tickets::RESET, &presented)?;
                let user = reader.get(&model::USER, &ticket.user_id)?.ok_or(identity::Error::UserMissing)?;
                let connection = connection_of(&user, &ticket);
                let client_id = ticket.client_id.unwrap_or_default();
                let email = user.text("email").map(str::to_owned);
                Ok::<_, identity::Error>(ResetTicket { connection, client_id, email })
            };
            self.store.read(&call.tenant, find).await.map_err(ticket_error)
        })
    }

    fn judge_reset<'a>(
        &'a self,
        call: &'a Call,
        ticket: &'a str,
        back: Option<Back>,
    ) -> BoxFuture<'a, Result<Judgement, TicketError>> {
        Box::pin(async move {
            let judged = challenge::judge(&self.services, &self.store, &actor(call), ticket, back).await;
            judged.map_err(ticket_error)
        })
    }

    fn set_password<'a>(
        &'a self,
        call: &'a Call,
        ticket: &'a str,
        password: Secret,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.reset_password(call, ticket, password))
    }

    fn verify_email<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<Verified, TicketError>> {
        Box::pin(async move {
            let (actor, presented) = (actor(call), ticket.to_owned());
            let prepared = verification::prepare(&self.services, &self.store, &actor, &presented).await;
            let prepared = prepared.map_err(ticket_error)?;
            let redeem = move |tx: &mut Tx| verification::redeem(tx, &actor, &prepared);
            let redeemed = self.store.write(&call.tenant, redeem).await.map_err(ticket_error)?;
            let redeemed = redeemed.map_err(|error| ticket_error(error.into()))?;
            let email = redeemed.ticket.email.filter(|_| redeemed.ticket.includes_email);
            Ok(Verified {
                is_already: redeemed.was_verified,
                client_id: redeemed.ticket.client_id.unwrap_or_default(),
                result_url: redeemed.ticket.result_url,
                email,
            })
        })
    }
}

/// Name of the connection of the account that a ticket is for.
fn connection_of(user: &Record, ticket: &Ticket) -> String {
    let accounts = users::identities(user);
    let named = ticket.identity.as_ref().and_then(|name| accounts.iter().find(|account| account.name() == *name));
    named.or(accounts.first()).map(|account| account.connection.clone()).unwrap_or_default()
}

fn ticket_error(error: identity::Error) -> TicketError {
    match error {
        identity::Error::Ticket(tickets::TicketError::Expired) => TicketError::Expired,
        identity::Error::Ticket(tickets::TicketError::Unknown) | identity::Error::UserMissing => TicketError::Used,
        // The tenant's log tells of it.
        identity::Error::Script(_) => TicketError::Failed,
        error => {
            tracing::error!(%error, "a ticket could not be redeemed");
            TicketError::Failed
        }
    }
}
