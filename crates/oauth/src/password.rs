//! The grants by which a client hands in its user's password (RFC 6749 §4.3; reference: authentication-api §4).

use std::sync::Arc;

use identity::{
    Actor, Channel,
    login::{self, Attempt, LoggedIn, Outcome, Refusal},
    organizations::{self, Standing},
    protection,
    triggers::Request,
};
use kernel::{Document, Secret, object};
use serde_json::json;
use store::{RelationQuery, Side, Snapshot, Tx};

use crate::{
    OAuthError, Site, capabilities,
    facts::Facts,
    log, mfa,
    organization::{not_a_member, not_by_connection},
    post_login, refresh_token,
    request::Origin,
    rights::RolesAt,
    token::{Exchange, Grant, Granted, Granting, Stored},
    user_grant::{self, Issue},
};

/// What is granted where the request names no scope.
const DEFAULT_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

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
fn connection_named(reader: &Snapshot, realm: &str, client_id: &str) -> store::StoreResult<Option<String>> {
    if let Some(found) = reader.find(&model::CONNECTION, "name", realm)? {
        return Ok(found.text("name").map(str::to_owned));
    }
    let enabled = reader.related(&model::CONNECTION_CLIENTS, Side::Right(client_id), &RelationQuery::default())?.items;
    let ids: Vec<String> = enabled.into_iter().map(|relation| relation.left).collect();
    let has_realm = |record: &kernel::Record| {
        let realms = record.document.get("realms").and_then(kernel::Value::as_array);
        realms.is_some_and(|realms| realms.iter().any(|own| own == realm))
    };
    let found = reader.get_all(&model::CONNECTION, &ids)?.into_iter().find(has_realm);
    Ok(found.and_then(|record| record.text("name").map(str::to_owned)))
}

/// Who acts: a client for its user.
pub(crate) fn actor(site: &Site, origin: &Origin, client_id: Option<&str>) -> Actor {
    Actor {
        ip: origin.ip.clone(),
        user_agent: origin.user_agent.clone(),
        language: origin.language.clone(),
        method: "POST".to_owned(),
        client_id: client_id.map(str::to_owned),
        ..Actor::new(site.tenant.id().clone(), Channel::Public, site.tenant.host())
    }
}

async fn grant(exchange: Exchange<'_>, subject: &mut log::Subject, connection: String) -> Result<Granted, OAuthError> {
    let Exchange { site, record, client, parameters, origin } = &exchange;
    let username = parameters.require("username")?.to_owned();
    let password = Secret::new(parameters.require("password")?);
    let organization = site.organization_for_users(parameters.get("organization"), client).await?;
    if organization.is_none() && client.requires_organization() {
        return Err(OAuthError::invalid_request("parameter organization is required for this client"));
    }
    subject.note_organization(organization.as_deref());
    subject.user_name = Some(username.clone());
    let ip = origin.ip.clone();
    let puzzles = site.store.read(site.tenant.id(), move |reader: &Snapshot| protection::puzzles(reader, &ip)).await?;
    if puzzles.password {
        return Err(OAuthError::requires_verification());
    }
    let api = {
        let settings = site.settings().await?;
        let default = settings.default_audience.as_deref().filter(|audience| !audience.is_empty());
        let userinfo = format!("{}userinfo", site.tenant.issuer());
        match parameters.get("audience").or(default).filter(|audience| *audience != userinfo) {
            Some(audience) => Some(site.api_for_users(audience, record, client).await?),
            None => None,
        }
    };
    capabilities::admit(site, client, api.as_ref().map(|api| api.identifier.as_str())).await?;
    let organization_id = organization.as_ref().map(|known| known.id.clone());
    let attempt = Attempt { connection, identifier: username, kinds: Vec::new(), password, organization_id };
    let named = |known: &Arc<kernel::Record>| [known.id.clone(), known.text("name").unwrap_or_default().to_owned()];
    let actor = Actor {
        organization: organization.as_ref().map(named),
        client_name: Some(client.name.clone()),
        ..actor(site, origin, Some(&client.id))
    };
    let LoggedIn { user, realm, .. } = log_in(site, &actor, attempt).await?;
    subject.user_id = Some(user.id.clone());
    subject.user_name = log::name_of(&user);
    subject.connection = Some([realm.name.clone(), realm.id.clone(), realm.strategy.to_string()]);
    if site.demands_factors(&[mfa::ALWAYS]).await? {
        return Err(mfa::not_built());
    }
    let mut joins = None;
    if let Some(organization) = &organization {
        match site.standing(&organization.id, &realm.id, &user.id).await? {
            Standing::Member => {}
            Standing::Joins => joins = Some(Arc::clone(organization)),
            Standing::Stranger => return Err(OAuthError::access_denied(not_a_member(&user.id, &organization.id))),
            Standing::Elsewhere => return Err(not_by_connection()),
        }
    }
    let roles_at = RolesAt::of(organization.as_ref().map(|organization| organization.id.as_str()));
    let permissions = match &api {
        Some(api) if api.enforce_policies => site.permissions(&user.id, &api.identifier, roles_at.as_ref()).await?,
        _ => Vec::new(),
    };
    let asked: Option<Vec<String>> =
        parameters.get("scope").map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
    let names_scopes = asked.is_some();
    let asked = asked.unwrap_or_else(|| DEFAULT_SCOPES.map(str::to_owned).to_vec());
    let scopes = site.granted_scopes(&asked, record, client, api.as_deref(), &permissions).await?;
    let stored_connection = site.store.cached(site.tenant.id(), &model::CONNECTION, &realm.id).await?;
    let mut shown = parameters.all();
    shown.shift_remove("password");
    shown.shift_remove("client_secret");
    let now = site.store.context().now();
    let told = post_login::Told {
        record,
        connection: stored_connection.as_deref(),
        user: &user,
        organization: organization.as_deref(),
        roles_at,
        api: api.as_deref(),
        session: None,
        refresh_token: None,
        methods: vec![json!({"name": "pwd", "timestamp": now})],
        transaction: object(json!({
            "acr_values": [], "locale": "en", "protocol": "oauth2-password", "requested_scopes": asked, "ui_locales": [],
        })),
        request: Request {
            ip: origin.ip.clone(),
            method: "POST".to_owned(),
            body: shown,
            query: Document::new(),
            hostname: site.tenant.host().to_owned(),
            user_agent: origin.user_agent.clone(),
            language: origin.language.clone(),
        },
        resumed: None,
    };
    let mut decision = post_login::decide(site, told, &scopes).await?;
    subject.execution = decision.take_execution();
    if let Some(reason) = decision.denied.clone() {
        keep(site, decision, &user.id).await?;
        return Err(OAuthError::access_denied(reason));
    }
    if decision.suspended.is_some() {
        keep(site, decision, &user.id).await?;
        return Err(OAuthError::interaction_required());
    }
    let scopes = decision.changed(scopes);
    subject.audience = api.as_ref().map(|api| api.identifier.clone());
    subject.scope = Some(scopes.join(" "));
    let told_organization = match &organization {
        Some(organization) => Some(site.told_organization(organization).await?),
        None => None,
    };
    let facts = Facts {
        organization: told_organization,
        authenticated: now.micros(),
        connection: realm.name.clone(),
        custom: decision.custom.clone(),
        ..Facts::default()
    };
    let issue = Issue { scopes, shows_scopes: true, nonce: None, facts, gty: Some("password") };
    let mut body = user_grant::issue(&exchange, &issue, &user, api.as_ref()).await?;
    if !names_scopes {
        // Who did not ask for `openid` gets its claims from `/userinfo` alone.
        body.shift_remove("id_token");
    }
    let refresh_token = refresh_token::plan(&exchange, &issue, &user.id, api.as_deref())?;
    let user_id = user.id.clone();
    let storing = move |tx: &mut Tx| -> Result<Stored, OAuthError> {
        if let Some(organization) = &joins {
            organizations::join(tx, &actor, organization, &user, &[], "assign_membership_on_login")?;
        }
        decision.apply(tx, &user_id)?;
        let member = refresh_token.as_ref().map(|plan| plan.apply(tx)).transpose()?;
        Ok(Stored::Members(member.unwrap_or_default()))
    };
    Ok(Granted { storing: Some(Box::new(storing)), ..Granted::of(body) })
}

/// Verifies the password, and counts the login whatever comes of it.
async fn log_in(site: &Site, actor: &Actor, attempt: Attempt) -> Result<LoggedIn, OAuthError> {
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

/// Keeps what the tenant's code decided when it refused a login.
async fn keep(site: &Site, decision: post_login::Decision, user_id: &str) -> Result<(), OAuthError> {
    let user_id = user_id.to_owned();
    Ok(site.store.write(site.tenant.id(), move |tx: &mut Tx| decision.apply(tx, &user_id)).await?)
}
