//! The grants by which a client hands in its user's password (RFC 6749 §4.3; reference: authentication-api §4).

use identity::{
    Actor, Channel,
    login::{self, Attempt, LoggedIn, Outcome, Refusal},
    protection::{self, Puzzles},
};
use kernel::Secret;
use model::login::Browser;
use store::{Snapshot, Tx};

use crate::{
    OAuthError, Site, log,
    request::Origin,
    signed_in::{self, Way},
    token::{Exchange, Grant, Granted, Granting},
};

/// `password`: for the users of the tenant's default directory.
pub(crate) struct Password;

/// The same for the users of a connection that the request names.
pub(crate) struct PasswordRealm;

impl Grant for Password {
    fn name(&self) -> &'static str {
        "password"
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("sepft", "fepft")
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut log::Subject) -> Granting<'a> {
        Box::pin(async move {
            let directory = exchange.site.settings().await?.default_directory.clone();
            let directory = directory.filter(|name| !name.is_empty()).ok_or_else(OAuthError::no_default_connection)?;
            grant(exchange, subject, directory).await
        })
    }
}

impl Grant for PasswordRealm {
    fn name(&self) -> &'static str {
        "http://auth0.com/oauth/grant-type/password-realm"
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("sepft", "fepft")
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut log::Subject) -> Granting<'a> {
        Box::pin(async move {
            let realm = exchange.parameters.require("realm")?.to_owned();
            let (wanted, client_id) = (realm.clone(), exchange.client.id.clone());
            let find = move |reader: &Snapshot| connection_named(reader, &wanted, &client_id);
            let connection = exchange.site.store.read(exchange.site.tenant.id(), find).await?;
            let unknown = || OAuthError::invalid_request(format!("Unknown realm {realm}."));
            grant(exchange, subject, connection.ok_or_else(unknown)?).await
        })
    }
}

/// The connection with this name, else one of the client's that has it among its realms.
pub(crate) fn connection_named(reader: &Snapshot, realm: &str, client_id: &str) -> store::StoreResult<Option<String>> {
    if let Some(found) = reader.find(&model::CONNECTION, "name", realm)? {
        return Ok(found.text("name").map(str::to_owned));
    }
    let has_realm = |record: &kernel::Record| {
        let realms = record.document.get("realms").and_then(kernel::Value::as_array);
        realms.is_some_and(|realms| realms.iter().any(|own| own == realm))
    };
    let found = identity::connections::of_client(reader, client_id)?.into_iter().find(has_realm);
    Ok(found.and_then(|record| record.text("name").map(str::to_owned)))
}

/// Who acts: a client for its user.
pub(crate) fn actor(site: &Site, origin: &Origin, client_id: Option<&str>) -> Actor {
    Actor {
        ip: origin.ip.clone(),
        country: origin.country,
        user_agent: origin.user_agent.clone(),
        language: origin.language.clone(),
        method: "POST".to_owned(),
        client_id: client_id.map(str::to_owned),
        ..Actor::new(site.tenant.id().clone(), Channel::Public, site.tenant.host())
    }
}

impl Site {
    /// Which puzzles whoever comes from an address must solve, for which there is no page here.
    pub(crate) async fn puzzles(&self, ip: &str) -> Result<Puzzles, OAuthError> {
        let ip = ip.to_owned();
        Ok(self.store.read(self.tenant.id(), move |reader: &Snapshot| protection::puzzles(reader, &ip)).await?)
    }

    /// Whether the puzzle is solved that a classic login page has shown in this browser. It is used up either way.
    pub(crate) async fn solves(&self, state: &str, entered: &str, browser: &Browser) -> Result<bool, OAuthError> {
        self.pages.solves(self.tenant.id(), state, entered, browser).await.map_err(OAuthError::internal)
    }
}

async fn grant(exchange: Exchange<'_>, subject: &mut log::Subject, connection: String) -> Result<Granted, OAuthError> {
    let Exchange { site, parameters, origin, .. } = &exchange;
    let username = parameters.require("username")?.to_owned();
    let password = Secret::new(parameters.require("password")?);
    subject.user_name = Some(username.clone());
    if site.puzzles(&origin.ip).await?.password {
        return Err(OAuthError::requires_verification());
    }
    let asked = signed_in::ask(&exchange, subject).await?;
    let organization_id = asked.actor.organization.as_ref().map(|[id, _]| id.clone());
    let attempt = Attempt { connection, identifier: username, kinds: Vec::new(), password, organization_id };
    let found = log_in(site, &asked.actor, attempt).await?;
    let way = Way { method: Some("pwd"), protocol: "oauth2-password", gty: Some("password"), ..Way::default() };
    signed_in::tokens(exchange, subject, asked, found, way).await
}

/// Verifies the password, and counts the login whatever comes of it.
pub(crate) async fn log_in(site: &Site, actor: &Actor, attempt: Attempt) -> Result<LoggedIn, OAuthError> {
    let prepared = login::prepare(&site.services, &site.store, actor, attempt).await.map_err(|error| match error {
        identity::Error::ConnectionMissing => OAuthError::invalid_request("the connection was not found"),
        identity::Error::ConnectionDisabled => OAuthError::invalid_request("the connection is not enabled"),
        error => error.into(),
    })?;
    let actor = actor.clone();
    let apply = move |tx: &mut Tx| login::apply(tx, &actor, &prepared);
    match site.store.write(site.tenant.id(), apply).await? {
        Outcome::LoggedIn(found) => Ok(*found),
        Outcome::Refused(refusal) => Err(match refusal {
            // In words that libraries compare.
            Refusal::WrongCredentials => OAuthError::invalid_grant("Wrong email or password."),
            Refusal::Blocked => OAuthError::blocked(),
            Refusal::PasswordLeaked => OAuthError::password_leaked(),
            Refusal::Limited(limited) => OAuthError::limited(limited),
            Refusal::Script(error) => OAuthError::script(&error),
        }),
    }
}
