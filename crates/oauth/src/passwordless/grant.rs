//! The grant by which a client hands in a code that its user was sent (reference: authentication-api §4).

use identity::{
    Actor,
    login::LoggedIn,
    passwordless::{self, Presented, Refusal, Verified},
    users::{Identifier, registration},
};
use kernel::Secret;
use model::views::Strategy;
use store::{Snapshot, Tx};

use super::{failed, otp, refused};
use crate::{
    OAuthError, Site, log, password,
    signed_in::{self, Way},
    token::{Exchange, Grant, Granted, Granting},
};

/// `http://auth0.com/oauth/grant-type/passwordless/otp`.
pub(crate) struct Otp;

/// Its name.
pub(super) const NAME: &str = "http://auth0.com/oauth/grant-type/passwordless/otp";
/// What a tenant's code calls the flow.
const PROTOCOL: &str = "oauth2-passwordless";

impl Grant for Otp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("sepotpft", "fepotpft")
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut log::Subject) -> Granting<'a> {
        Box::pin(async move {
            match exchange.parameters.get("auth_session") {
                Some(_) => by_session(exchange, subject).await,
                None => by_realm(exchange, subject).await,
            }
        })
    }
}

/// At the connections `email` and `sms`.
async fn by_realm(exchange: Exchange<'_>, subject: &mut log::Subject) -> Result<Granted, OAuthError> {
    let Exchange { site, client, parameters, .. } = &exchange;
    let username = parameters.require("username")?.to_owned();
    let code = Secret::new(parameters.require("otp")?);
    let realm = parameters.require("realm")?.to_owned();
    subject.user_name = Some(username.clone());
    let asked = signed_in::ask(&exchange, subject).await?;
    let (wanted, client_id) = (realm.clone(), client.id.clone());
    let find = move |reader: &Snapshot| password::connection_named(reader, &wanted, &client_id);
    let connection = site.store.read(site.tenant.id(), find).await?;
    let connection = connection.ok_or_else(|| OAuthError::invalid_request(format!("Unknown realm {realm}.")))?;
    let presented = Presented { connection, kind: None, identifier: username, code, allows_signup: true };
    let (found, kind) = match log_in(site, &asked.actor, presented).await? {
        Ok(found) => {
            let is_phone = found.realm.strategy == Strategy::Sms;
            (found, if is_phone { "sms" } else { "email" })
        }
        Err((refusal, is_phone)) => return Err(refused(refusal, is_phone)),
    };
    let way = Way { method: Some(kind), protocol: PROTOCOL, ..Way::default() };
    signed_in::tokens(exchange, subject, asked, found, way).await
}

/// At a database, by what `/otp/challenge` gave.
async fn by_session(exchange: Exchange<'_>, subject: &mut log::Subject) -> Result<Granted, OAuthError> {
    let Exchange { site, client, parameters, .. } = &exchange;
    let code = Secret::new(parameters.require("otp")?);
    let session = parameters.require("auth_session")?.to_owned();
    let wrong = || OAuthError::invalid_request("Invalid session or code");
    let asked = signed_in::ask(&exchange, subject).await?;
    let held = session.clone();
    let find = move |reader: &Snapshot| otp::look_up(reader, &held);
    let begun = site.store.read(site.tenant.id(), find).await?;
    // What one client was given is of no use to another.
    let begun = begun.filter(|begun| begun.client_id == client.id).ok_or_else(wrong)?;
    subject.user_name = Some(begun.identifier.clone());
    let kind = if begun.is_phone { Identifier::Phone } else { Identifier::Email };
    let presented = Presented {
        connection: begun.connection,
        kind: Some(kind),
        identifier: begun.identifier,
        code,
        allows_signup: begun.allows_signup,
    };
    let found = match log_in(site, &asked.actor, presented).await? {
        Ok(found) => found,
        Err((Refusal::Blocked, _)) => return Err(OAuthError::access_denied("user is blocked")),
        Err((Refusal::Limited(limited), _)) => return Err(OAuthError::limited(limited)),
        Err(_) => return Err(wrong()),
    };
    let end = move |tx: &mut Tx| otp::end(tx, &session);
    site.store.write(site.tenant.id(), end).await?;
    let method = if begun.is_phone { "sms" } else { "email" };
    let way = Way { method: Some(method), protocol: PROTOCOL, ..Way::default() };
    signed_in::tokens(exchange, subject, asked, found, way).await
}

/// Verifies the code, and makes somebody new a user; the login is counted whatever comes of it.
pub(crate) async fn log_in(
    site: &Site,
    actor: &Actor,
    presented: Presented,
) -> Result<Result<LoggedIn, (Refusal, bool)>, OAuthError> {
    let acting = actor.clone();
    let verify = move |tx: &mut Tx| {
        let kind = passwordless::method(tx, &acting, &presented.connection, presented.kind)?.kind;
        Ok::<_, identity::Error>((passwordless::verify(tx, &acting, &presented)?, kind == Identifier::Phone))
    };
    let (verified, is_phone) = site.store.write(site.tenant.id(), verify).await.map_err(failed)?;
    let new = match verified {
        Verified::Known(found) => return Ok(Ok(*found)),
        Verified::Refused(refusal) => return Ok(Err((refusal, is_phone))),
        Verified::New(new) => *new,
    };
    let prepared = registration::prepare(&site.services, &site.store, actor, new).await.map_err(failed)?;
    let (services, acting) = (site.services.clone(), actor.clone());
    let register = move |tx: &mut Tx| passwordless::register(tx, &services, &acting, &prepared);
    Ok(Ok(site.store.write(site.tenant.id(), register).await.map_err(failed)?))
}
