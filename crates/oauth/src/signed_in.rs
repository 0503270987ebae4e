//! From a user who has shown at the token endpoint itself who they are, to tokens: by a password, or by a code that was sent.

use std::sync::Arc;

use identity::{
    Actor,
    login::LoggedIn,
    organizations::{self, Standing},
    triggers::Began,
};
use kernel::{Document, Record, Value};
use serde_json::json;
use store::Tx;

use crate::{
    OAuthError, capabilities,
    facts::Facts,
    log, mfa,
    organization::{not_a_member, not_by_connection},
    password, post_login, profile, refresh_token,
    rights::RolesAt,
    token::{Exchange, Granted, Stored},
    user_grant::{self, Issue},
    views::ResourceServer,
};

/// What is granted where the request names no scope.
const DEFAULT_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];
/// Parameters that no code is told.
const SECRETS: [&str; 5] = ["password", "client_secret", "client_assertion", "otp", "auth_session"];

/// Nobody else shows the factors of the user for whom somebody acts.
fn mfa_refused(is_acted_for: bool) -> OAuthError {
    if is_acted_for {
        return OAuthError::invalid_request(
            "MFA is not supported using actor_token with the requested token exchange profile.",
        );
    }
    mfa::not_built()
}

/// How the user has shown who they are.
#[derive(Default)]
pub(crate) struct Way {
    /// The name of the method; none where the tenant's code says who it is.
    pub(crate) method: Option<&'static str>,
    /// What a tenant's code calls the flow.
    pub(crate) protocol: &'static str,
    /// The grant, where access tokens tell it.
    pub(crate) gty: Option<&'static str>,
    /// Members of `event.transaction` that only this way has.
    pub(crate) transaction: Document,
    /// Who acts for the user, where somebody does. Then there is no refresh token.
    pub(crate) actor: Option<Value>,
    /// Members of the response that only this way has.
    pub(crate) answers: Document,
}

/// What a request means, which must be there for the client before anything is verified.
pub(crate) struct Asked {
    /// The API; none for the user's profile alone.
    api: Option<Arc<ResourceServer>>,
    organization: Option<Arc<Record>>,
    /// Who acts: the client for its user.
    pub(crate) actor: Actor,
}

/// What a request means.
pub(crate) async fn ask(exchange: &Exchange<'_>, subject: &mut log::Subject) -> Result<Asked, OAuthError> {
    let asked = ask_before_code(exchange, subject).await?;
    asked.demand_organization(exchange)?;
    Ok(asked)
}

/// The same where the tenant's code may still name an organization.
pub(crate) async fn ask_before_code(exchange: &Exchange<'_>, subject: &mut log::Subject) -> Result<Asked, OAuthError> {
    let Exchange { site, record, client, parameters, origin } = exchange;
    let organization = site.organization_for_users(parameters.get("organization"), client).await?;
    subject.note_organization(organization.as_deref());
    let api = site.api_asked(parameters.get("audience"), record, client).await?;
    capabilities::admit(client, api.as_deref())?;
    let actor = Actor {
        organization: organization.as_deref().map(named),
        client_name: Some(client.name.clone()),
        ..password::actor(site, origin, Some(&client.id))
    };
    Ok(Asked { api, organization, actor })
}

impl Asked {
    /// The organization.
    pub(crate) fn organization(&self) -> Option<&Record> {
        self.organization.as_deref()
    }

    /// The API; none for the user's profile alone.
    pub(crate) fn api(&self) -> Option<&ResourceServer> {
        self.api.as_deref()
    }

    /// Another organization instead of the one that was asked for.
    pub(crate) fn enter(&mut self, organization: Arc<Record>, subject: &mut log::Subject) {
        subject.note_organization(Some(&organization));
        self.actor.organization = Some(named(&organization));
        self.organization = Some(organization);
    }

    /// Refuses a login outside of organizations to clients whose users sign in to these alone.
    pub(crate) fn demand_organization(&self, exchange: &Exchange<'_>) -> Result<(), OAuthError> {
        if self.organization.is_none() && exchange.client.requires_organization() {
            return Err(OAuthError::invalid_request("parameter organization is required for this client"));
        }
        Ok(())
    }
}

/// Identifier and name of an organization.
fn named(organization: &Record) -> [String; 2] {
    [organization.id.clone(), organization.text("name").unwrap_or_default().to_owned()]
}

/// The tokens of a user whose login was counted.
pub(crate) async fn tokens(
    exchange: Exchange<'_>,
    subject: &mut log::Subject,
    asked: Asked,
    found: LoggedIn,
    way: Way,
) -> Result<Granted, OAuthError> {
    let Asked { api, organization, actor } = asked;
    let LoggedIn { user, realm, .. } = found;
    let Exchange { site, record, client, parameters, .. } = &exchange;
    subject.user_id = Some(user.id.clone());
    subject.user_name = log::name_of(&user);
    subject.connection = Some([realm.name.clone(), realm.id.clone(), realm.strategy.to_string()]);
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
    let permissions = site.permissions(&user.id, api.as_deref(), roles_at.as_ref()).await?;
    let asked: Option<Vec<String>> =
        parameters.get("scope").map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
    let names_scopes = asked.is_some();
    let mut asked = asked.unwrap_or_else(|| DEFAULT_SCOPES.map(str::to_owned).to_vec());
    // There is no session.
    asked.retain(|scope| scope != profile::ONLINE);
    let scopes = site.granted_scopes(&asked, record, client, api.as_deref(), &permissions).await?;
    let stored_connection = site.store.cached(site.tenant.id(), &model::CONNECTION, &realm.id).await?;
    let mut request = exchange.told();
    request.body.retain(|name, _| !SECRETS.contains(&name.as_str()));
    let now = site.store.context().now();
    let user = Arc::new(user);
    let began = Began { protocol: Some(way.protocol), requested_scopes: &asked, ..Began::default() };
    let mut transaction = began.told();
    transaction.extend(way.transaction);
    let told = post_login::Told {
        record,
        connection: stored_connection.as_deref(),
        user: &user,
        organization: organization.as_deref(),
        roles_at,
        api: api.as_deref(),
        session: None,
        refresh_token: None,
        methods: way.method.map(|name| json!({"name": name, "timestamp": now})).into_iter().collect(),
        transaction,
        request,
        resumed: None,
        prompt: None,
    };
    let mut decision = post_login::decide(site, told, &scopes).await?;
    subject.executions.extend(decision.take_execution());
    let primary = post_login::primary(site, Arc::clone(&user), &decision).await;
    let refusal = if let Some(reason) = &decision.denied {
        Some(OAuthError::access_denied(reason.clone()))
    } else if decision.suspended.is_some() {
        Some(OAuthError::interaction_required())
    } else if !decision.cancels_factors && site.demands_factors(&[mfa::ALWAYS]).await? {
        Some(mfa_refused(way.actor.is_some()))
    } else {
        primary.as_ref().err().cloned()
    };
    if let Some(refusal) = refusal {
        // What the tenant's code decided stays, though nobody is signed in.
        let user_id = user.id.clone();
        site.store.write(site.tenant.id(), move |tx: &mut Tx| decision.apply(tx, &user_id)).await?;
        return Err(refusal);
    }
    let user = primary?;
    subject.user_id = Some(user.id.clone());
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
        actor: way.actor,
        custom: decision.custom.clone(),
        ..Facts::default()
    };
    let refresh_token = decision.refresh_token.clone();
    let issue = Issue { scopes, shows_scopes: true, nonce: None, facts, gty: way.gty, refresh_token };
    let mut body = user_grant::issue(&exchange, &issue, &user, api.as_deref()).await?;
    if !names_scopes {
        // Who did not ask for `openid` gets its claims from `/userinfo` alone.
        body.shift_remove("id_token");
    }
    body.extend(way.answers);
    // Nobody goes on acting for a user without asking again.
    let refresh_token = match issue.facts.actor {
        Some(_) => None,
        None => refresh_token::plan(&exchange, &issue, &user.id, api.as_deref())?,
    };
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
