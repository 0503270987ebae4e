//! What a tenant's code has to say about a login (reference: actions §3.1 and §3.2), at `/authorize` and at the token endpoint.

mod decision;

use identity::triggers::{Began, Firing, Request, Response, Suspension, Trigger};
use kernel::{Document, Record, Value, object};
use model::login::{Authentication, FormAnswers};
use serde_json::json;
use store::{Agent, AuthenticationMethod, Device, RefreshToken, Session};

pub(crate) use decision::{
    Decision, SessionChanges, TokenChanges, change_metadata, keep_in, kept, primary, time_of, waits, waits_for_form,
};

use crate::{
    OAuthError, Site,
    authorize::{AuthorizationError, login::Login},
    rights::{self, RolesAt},
    session,
    views::ResourceServer,
};

/// Path of the endpoint at which a login goes on in the code that waits.
pub(crate) const CONTINUE: &str = "/continue";

/// What the code is told of a login.
pub(crate) struct Told<'a> {
    pub(crate) record: &'a Record,
    pub(crate) connection: Option<&'a Record>,
    pub(crate) user: &'a Record,
    /// The organization of the login, and how roles count there.
    pub(crate) organization: Option<&'a Record>,
    pub(crate) roles_at: Option<RolesAt>,
    pub(crate) api: Option<&'a ResourceServer>,
    /// `event.session`.
    pub(crate) session: Option<Document>,
    pub(crate) refresh_token: Option<&'a RefreshToken>,
    /// `event.authentication.methods`.
    pub(crate) methods: Vec<Value>,
    /// `event.transaction`.
    pub(crate) transaction: Document,
    pub(crate) request: Request,
    /// Where the code waits for the user who comes back now.
    pub(crate) resumed: Option<&'a Suspension>,
    /// What the user entered into the form that the code waits for: `event.prompt`.
    pub(crate) prompt: Option<&'a FormAnswers>,
}

/// Lets the code at post-login judge a login of a browser: all of it, or what is left after the user has come back.
pub(crate) async fn fire(
    site: &Site,
    login: &Login<'_>,
    user: &Record,
    scopes: &[String],
    kept: Option<&Decision>,
) -> Result<Decision, AuthorizationError> {
    if kept.is_none() && !site.services.triggers.listens(site.tenant.id(), Trigger::PostLogin).await? {
        return Ok(Decision::default());
    }
    let asked = login.asked;
    // Code may give a session metadata before it begins.
    let (session, coming) = if let Some(standing) = login.standing() {
        (session_told(standing), None)
    } else {
        let known = kept.and_then(|kept| kept.session.id.clone());
        let id = known.unwrap_or_else(|| session::new_id(site));
        (session_to_come(site, login, &id).await?, Some(id))
    };
    let request = &asked.request;
    let connection =
        site.store.cached(site.tenant.id(), &model::CONNECTION, &login.authentication.connection_id).await?;
    let kept_login = login.transaction.as_ref();
    let response_type = request.response_type.words().join(" ");
    let transaction = Began {
        id: kept_login.map(|kept| kept.id.as_str()),
        acr_values: &request.acr_values,
        locale: kept_login.and_then(|kept| kept.progress.language.as_deref()),
        login_hint: request.login_hint.as_deref(),
        prompt: request.query.get("prompt").and_then(Value::as_str),
        protocol: None,
        redirect_uri: Some(&request.addressee.redirect_uri),
        requested_scopes: &request.scope,
        response: Some(Response::of(&response_type, Some(request.addressee.response_mode.name()))),
        state: request.addressee.state.as_deref(),
        ui_locales: &request.ui_locales,
        correlation_id: request.correlation_id.as_deref(),
    };
    let transaction = transaction.told();
    // Whoever came back from elsewhere has sent something anew; else it is what the tenant asked for on the pages.
    let body = match &login.returned {
        Some(returned) => Some(returned.body.clone()),
        None => kept_login.map(|kept| kept.progress.own_fields()),
    };
    let told = Told {
        record: &asked.record,
        connection: connection.as_deref(),
        user,
        organization: login.organization(),
        roles_at: login.roles_at(),
        api: asked.api.as_deref(),
        session: Some(session),
        refresh_token: None,
        methods: methods(site, &login.authentication, kept),
        transaction,
        resumed: kept.and_then(|kept| kept.suspended.as_ref()),
        prompt: kept.and(login.transaction.as_ref()).and_then(|kept| kept.progress.form.as_deref()),
        request: Request {
            ip: login.visit.origin.ip.clone(),
            method: login.visit.method.to_string(),
            body: body.unwrap_or_default(),
            query: login.returned.as_ref().map_or_else(|| request.query.clone(), |returned| returned.query.clone()),
            hostname: site.tenant.host().to_owned(),
            user_agent: login.visit.origin.user_agent.clone(),
            language: login.visit.origin.language.clone(),
            country: login.visit.origin.country,
        },
    };
    let mut decision = run(site, told, scopes).await?;
    decision.session.id = coming;
    Ok(decision)
}

/// What is known of a session that begins when the login ends well.
async fn session_to_come(site: &Site, login: &Login<'_>, id: &str) -> Result<Document, OAuthError> {
    let lifetimes = site.session_lifetimes().await?;
    let (now, is_persistent) = (site.store.context().now(), lifetimes.is_persistent);
    Ok(object(json!({
        "id": id,
        "user_id": login.authentication.user_id,
        "created_at": now,
        "updated_at": now,
        "authenticated_at": login.authentication.at,
        "expires_at": now + lifetimes.absolute(is_persistent),
        "idle_expires_at": now + lifetimes.idle(is_persistent),
        "last_interacted_at": now,
        "clients": [],
        "device": device_told(&Device::of(Agent::new(&login.visit.origin.user_agent, &login.visit.origin.ip, ""))),
        "cookie": {"mode": if is_persistent { "persistent" } else { "non-persistent" }},
        "metadata": {},
    })))
}

/// The names of a user's roles: `event.authorization.roles`.
async fn roles(site: &Site, user_id: &str, at: Option<RolesAt>) -> Result<Vec<String>, OAuthError> {
    let user_id = user_id.to_owned();
    let read = move |reader: &store::Snapshot| rights::role_names(reader, &user_id, at.as_ref());
    Ok(site.store.read(site.tenant.id(), read).await?)
}

/// Runs what is bound, and makes of its verdict what a login acts on. What asks for factors, which are not served yet, is refused:
/// a login must not be weaker than the code demands.
pub(crate) async fn decide(site: &Site, told: Told<'_>, scopes: &[String]) -> Result<Decision, OAuthError> {
    // Code that waits has a say even if it was unbound meanwhile: its absence is no consent.
    if told.resumed.is_none() && !site.services.triggers.listens(site.tenant.id(), Trigger::PostLogin).await? {
        return Ok(Decision::default());
    }
    run(site, told, scopes).await
}

async fn run(site: &Site, mut told: Told<'_>, scopes: &[String]) -> Result<Decision, OAuthError> {
    if let Some(id) = told.refresh_token.and_then(|token| token.session_id.clone()) {
        let read = move |reader: &store::Snapshot| reader.session(&id);
        if let Some(session) = site.store.read(site.tenant.id(), read).await? {
            told.methods = methods_of(&session);
            told.session = Some(session_told(&session));
        }
    }
    let roles = roles(site, &told.user.id, told.roles_at).await?;
    let mut transaction = told.transaction;
    transaction.entry("metadata").or_insert_with(|| Document::new().into());
    let mut own = object(json!({
        "authentication": {"methods": told.methods},
        "authorization": {"roles": roles},
        "stats": {"logins_count": told.user.document.get("logins_count").cloned().unwrap_or(0.into())},
        "transaction": transaction,
        "accessToken": {"scope": scopes, "customClaims": {}},
    }));
    if let Some(api) = told.api {
        own.insert("resource_server".into(), json!({"identifier": api.identifier}));
    }
    if let Some(session) = told.session {
        own.insert("session".into(), session.into());
    }
    if let Some(FormAnswers { id, fields, vars }) = told.prompt {
        own.insert("prompt".into(), json!({"id": id, "fields": fields, "vars": vars}));
    }
    if let Some(token) = told.refresh_token {
        own.insert("refresh_token".into(), token_told(token).into());
    }
    let firing = Firing {
        client: Some(told.record),
        connection: told.connection,
        organization: told.organization,
        user: Some(&told.user.document),
        request: Some(&told.request),
        own,
        resumed: told.resumed,
        ..Firing::new(Trigger::PostLogin)
    };
    let verdict = site.services.triggers.fire(site.tenant.id(), firing).await?;
    Ok(Decision::of(verdict))
}

/// How the user has proven who they are: on the pages, by the session, and elsewhere, as code has recorded it in this login.
fn methods(site: &Site, authentication: &Authentication, kept: Option<&Decision>) -> Vec<Value> {
    let told = |method: &model::login::Method| json!({"name": method.name, "timestamp": method.timestamp});
    let now = site.store.context().now();
    let recorded = kept.into_iter().flat_map(|kept| &kept.session.methods);
    let recorded = recorded.map(|name| json!({"name": name, "timestamp": now}));
    authentication.methods.iter().map(told).chain(recorded).collect()
}

/// The methods by which the user of a session has proven who they are.
fn methods_of(session: &Session) -> Vec<Value> {
    let told = |method: &AuthenticationMethod| {
        let mut told = object(json!({"name": method.name, "timestamp": method.at}));
        if let Some(kind) = &method.kind {
            told.insert("type".into(), kind.as_str().into());
        }
        told.into()
    };
    session.details.methods.iter().map(told).collect()
}

/// `device` of a session or a refresh token: who used it first and last.
fn device_told(device: &Device) -> Value {
    let mut told = Document::new();
    for (which, agent) in [("initial", &device.initial), ("last", device.last())] {
        for (what, text) in [("asn", &agent.asn), ("ip", &agent.ip), ("user_agent", &agent.user_agent)] {
            if !text.is_empty() {
                told.insert(format!("{which}_{what}"), text.as_str().into());
            }
        }
    }
    told.into()
}

/// `event.session` of a session that is there.
fn session_told(session: &Session) -> Document {
    let clients: Vec<Value> = session.details.clients.iter().map(|id| json!({"client_id": id})).collect();
    let mode = if session.is_persistent { "persistent" } else { "non-persistent" };
    object(json!({
        "id": session.id,
        "user_id": session.user_id,
        "created_at": session.created,
        "updated_at": session.updated,
        "authenticated_at": session.authenticated,
        "expires_at": session.expires,
        "idle_expires_at": session.idle_expires,
        "last_interacted_at": session.last_interacted,
        "clients": clients,
        "device": device_told(&session.details.device),
        "cookie": {"mode": mode},
        "metadata": session.details.metadata.clone().unwrap_or_default(),
    }))
}

fn token_told(token: &RefreshToken) -> Document {
    let servers = token.details.resource_servers.iter();
    let servers: Vec<Value> =
        servers.map(|server| json!({"audience": server.audience, "scopes": server.scope})).collect();
    let mut told = object(json!({
        "id": token.id,
        "client_id": token.client_id,
        "user_id": token.user_id,
        "session_id": token.session_id,
        "created_at": token.created,
        "expires_at": token.expires,
        "idle_expires_at": token.idle_expires,
        "last_exchanged_at": token.last_exchanged,
        "rotating": token.is_rotating,
        "access": if token.is_online { "online" } else { "offline" },
        "resource_servers": servers,
        "device": device_told(&token.details.device),
        "metadata": token.details.metadata.clone().unwrap_or_default(),
    }));
    told.retain(|_, value| !value.is_null());
    told
}
