//! What a tenant's code has to say about a login (reference: actions §3.1 and §3.2), at `/authorize` and at the token endpoint.

use identity::triggers::{self, Effect, Execution, Firing, Request, ScopeChange, Trigger, Verdict};
use kernel::{Document, Record, Timestamp, Value, object};
use model::login::{Authentication, LoginRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{RefreshToken, Session, Tx};

use crate::{
    OAuthError, Site,
    authorize::{AuthorizationError, conclude::Login},
    issue::CustomClaims,
    views::ResourceServer,
};

/// Where a transaction keeps what the code decided while a page is shown.
const KEPT: &str = "decision";

/// What the code decided, as far as a login acts on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Decision {
    /// Why the login must not go on.
    pub(crate) denied: Option<String>,
    /// Where the user is to be sent before it goes on.
    pub(crate) redirect: Option<String>,
    /// Claims for the tokens.
    pub(crate) custom: CustomClaims,
    /// Scopes to add (`true`) and to remove, in order.
    pub(crate) scopes: Vec<(bool, String)>,
    /// Changes of the user's `user_metadata`; `null` removes.
    pub(crate) user_metadata: Document,
    /// Changes of the user's `app_metadata`; `null` removes.
    pub(crate) app_metadata: Document,
    /// What becomes of the session.
    pub(crate) session: SessionChanges,
    /// What becomes of the refresh token.
    pub(crate) refresh_token: TokenChanges,
    /// What happened, to be stored with the login's outcome.
    pub(crate) execution: Option<Document>,
}

/// Changes of a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionChanges {
    /// It ends, and the refresh tokens that were issued in it unless they are preserved.
    pub(crate) revoked: Option<bool>,
    /// The latest time at which it ends, in milliseconds since 1970.
    pub(crate) expires: Option<i64>,
    /// The latest time at which it ends unless it is used.
    pub(crate) idle_expires: Option<i64>,
    /// Whether the browser keeps it when it is closed.
    pub(crate) is_persistent: Option<bool>,
    /// Its metadata; `null` removes.
    pub(crate) metadata: Option<Document>,
}

/// Changes of a refresh token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TokenChanges {
    /// It ends.
    pub(crate) is_revoked: bool,
    /// The latest time at which it ends, in milliseconds since 1970.
    pub(crate) expires: Option<i64>,
    /// The latest time at which it ends unless it is exchanged.
    pub(crate) idle_expires: Option<i64>,
    /// Its metadata.
    pub(crate) metadata: Option<Document>,
}

/// What the code is told of a login.
pub(crate) struct Told<'a> {
    pub(crate) record: &'a Record,
    pub(crate) connection: Option<&'a Record>,
    pub(crate) user: &'a Record,
    pub(crate) api: Option<&'a ResourceServer>,
    pub(crate) session: Option<&'a Session>,
    pub(crate) refresh_token: Option<&'a RefreshToken>,
    /// `event.authentication.methods`.
    pub(crate) methods: Vec<Value>,
    /// `event.transaction`.
    pub(crate) transaction: Document,
    pub(crate) request: Request,
}

/// Lets the code at post-login judge a login of a browser.
pub(crate) async fn fire(
    site: &Site,
    login: &Login<'_>,
    user: &Record,
    scopes: &[String],
) -> Result<Decision, AuthorizationError> {
    let asked = login.asked;
    let request = &asked.request;
    let connection =
        site.store.cached(site.tenant.id(), &model::CONNECTION, &login.authentication.connection_id).await?;
    let mut transaction = object(json!({
        "acr_values": request.acr_values,
        "locale": login.transaction.as_ref().and_then(|kept| kept.progress.language.clone()).unwrap_or_else(|| "en".into()),
        "protocol": request.response_type.protocol(),
        "redirect_uri": request.addressee.redirect_uri,
        "requested_scopes": request.scope,
        "response_mode": request.addressee.response_mode.name(),
        "response_type": request.response_type.words(),
        "ui_locales": request.ui_locales,
    }));
    let optional = [
        ("id", login.transaction.as_ref().map(|kept| kept.id.clone())),
        ("login_hint", request.login_hint.clone()),
        ("state", request.addressee.state.clone()),
        ("correlation_id", request.correlation_id.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            transaction.insert(name.into(), value.into());
        }
    }
    let told = Told {
        record: &asked.record,
        connection: connection.as_deref(),
        user,
        api: asked.api.as_deref(),
        session: login.standing(),
        refresh_token: None,
        methods: methods(&login.authentication),
        transaction,
        request: Request {
            ip: login.visit.origin.ip.clone(),
            method: login.visit.method.to_string(),
            body: Document::new(),
            query: request.query.clone(),
            hostname: site.tenant.host().to_owned(),
            user_agent: login.visit.origin.user_agent.clone(),
            language: login.visit.origin.language.clone(),
        },
    };
    decide(site, told, scopes).await.map_err(AuthorizationError::from)
}

/// Runs what is bound, and makes of its verdict what a login acts on. What asks for factors or forms, which are not served yet, is refused:
/// a login must not be weaker than the code demands.
pub(crate) async fn decide(site: &Site, told: Told<'_>, scopes: &[String]) -> Result<Decision, OAuthError> {
    if !site.triggers.listens(site.tenant.id(), Trigger::PostLogin).await? {
        return Ok(Decision::default());
    }
    let mut own = object(json!({
        "authentication": {"methods": told.methods},
        "stats": {"logins_count": told.user.document.get("logins_count").cloned().unwrap_or(0.into())},
        "transaction": told.transaction,
        "accessToken": {"scope": scopes, "customClaims": {}},
    }));
    if let Some(api) = told.api {
        own.insert("resource_server".into(), json!({"identifier": api.identifier}));
    }
    if let Some(session) = told.session {
        own.insert("session".into(), session_told(session).into());
    }
    if let Some(token) = told.refresh_token {
        own.insert("refresh_token".into(), token_told(token).into());
    }
    let firing = Firing {
        client: Some(told.record),
        connection: told.connection,
        user: Some(&told.user.document),
        request: Some(&told.request),
        own,
        ..Firing::new(Trigger::PostLogin)
    };
    let verdict = site.triggers.fire(site.tenant.id(), firing).await?;
    Ok(Decision::of(verdict))
}

fn methods(authentication: &Authentication) -> Vec<Value> {
    let told = |method: &model::login::Method| json!({"name": method.name, "timestamp": method.timestamp});
    authentication.methods.iter().map(told).collect()
}

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
        "cookie": {"mode": mode},
        "metadata": session.details.metadata.clone().unwrap_or_default(),
    }))
}

fn token_told(token: &RefreshToken) -> Document {
    let servers = token.details.resource_servers.iter();
    let servers: Vec<Value> =
        servers.map(|server| json!({"audience": server.audience, "scopes": server.scope})).collect();
    object(json!({
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
        "metadata": token.details.metadata.clone().unwrap_or_default(),
    }))
}

impl Decision {
    fn of(verdict: Verdict) -> Self {
        let mut decision = Self {
            denied: verdict.denied.map(|denial| denial.reason),
            custom: CustomClaims { access_token: verdict.access_token, id_token: verdict.id_token },
            user_metadata: verdict.user_metadata,
            app_metadata: verdict.app_metadata,
            execution: verdict.execution.as_ref().map(Execution::to_document),
            ..Self::default()
        };
        for change in verdict.scope_changes {
            decision.scopes.push(match change {
                ScopeChange::Add(scope) => (true, scope),
                ScopeChange::Remove(scope) => (false, scope),
            });
        }
        for effect in &verdict.effects {
            decision.carry_out(effect);
        }
        decision
    }

    fn carry_out(&mut self, effect: &Effect) {
        let text = |place: usize| effect.arguments.get(place).and_then(Value::as_str).map(str::to_owned);
        let time = || effect.arguments.first().and_then(milliseconds);
        match effect.name.as_str() {
            "redirect.sendUserTo" => self.redirect = text(0),
            "session.revoke" => {
                let preserves = effect.arguments.get(1).and_then(|options| options.get("preserveRefreshTokens"));
                self.session.revoked = Some(preserves != Some(&true.into()));
                self.denied = Some(text(0).unwrap_or_else(|| "The session was revoked".to_owned()));
            }
            "session.setExpiresAt" => earliest(&mut self.session.expires, time()),
            "session.setIdleExpiresAt" => earliest(&mut self.session.idle_expires, time()),
            "session.setCookieMode" => self.session.is_persistent = Some(text(0).as_deref() == Some("persistent")),
            "session.setMetadata" | "session.deleteMetadata" => note(&mut self.session.metadata, effect),
            "session.evictMetadata" => self.session.metadata = Some(Document::new()),
            "refreshToken.revoke" => {
                self.refresh_token.is_revoked = true;
                self.denied = Some(text(0).unwrap_or_else(|| "The refresh token was revoked".to_owned()));
            }
            "refreshToken.setExpiresAt" => earliest(&mut self.refresh_token.expires, time()),
            "refreshToken.setIdleExpiresAt" => earliest(&mut self.refresh_token.idle_expires, time()),
            "refreshToken.setMetadata" | "refreshToken.deleteMetadata" => {
                note(&mut self.refresh_token.metadata, effect);
            }
            "refreshToken.evictMetadata" => self.refresh_token.metadata = Some(Document::new()),
            "transaction.setMetadata" => {}
            // `none` asks for nothing.
            "multifactor.enable" if text(0).as_deref() == Some("none") => {}
            name => {
                let reason = format!("The Action asks for {name}, which is not available on this server");
                self.denied.get_or_insert(reason);
            }
        }
    }

    /// The scopes after the code's changes.
    pub(crate) fn changed(&self, mut scopes: Vec<String>) -> Vec<String> {
        for (is_added, scope) in &self.scopes {
            scopes.retain(|known| known != scope);
            if *is_added {
                scopes.push(scope.clone());
            }
        }
        scopes
    }

    /// Stores what happened, and what the code changed of the user.
    pub(crate) fn apply(&self, tx: &mut Tx, user_id: &str) -> identity::Result {
        let execution = self.execution.as_ref().and_then(Execution::from_document);
        triggers::keep(tx, &execution)?;
        if self.user_metadata.is_empty() && self.app_metadata.is_empty() {
            return Ok(());
        }
        let Some(mut user) = tx.get(&model::USER, user_id)? else { return Ok(()) };
        for (field, changes) in [("user_metadata", &self.user_metadata), ("app_metadata", &self.app_metadata)] {
            if changes.is_empty() {
                continue;
            }
            let place = user.document.entry(field).or_insert_with(|| Document::new().into());
            let Some(metadata) = place.as_object_mut() else { continue };
            for (name, value) in changes {
                if value.is_null() {
                    metadata.shift_remove(name);
                } else {
                    metadata.insert(name.clone(), value.clone());
                }
            }
        }
        identity::users::update(tx, user, Document::new()).map(drop)
    }
}

fn milliseconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "times beyond 64 bits become the largest, which never comes")]
    value.as_i64().or_else(|| value.as_f64().map(|time| time as i64))
}

/// Of several calls the earliest time counts.
fn earliest(known: &mut Option<i64>, time: Option<i64>) {
    *known = match (*known, time) {
        (Some(known), Some(time)) => Some(known.min(time)),
        (known, time) => known.or(time),
    };
}

fn note(metadata: &mut Option<Document>, effect: &Effect) {
    let Some(name) = effect.arguments.first().and_then(Value::as_str) else { return };
    let value = effect.arguments.get(1).cloned().unwrap_or_default();
    metadata.get_or_insert_default().insert(name.to_owned(), value);
}

/// What the code decided before a page was shown.
pub(crate) fn kept(login: &Login<'_>) -> Option<Decision> {
    let kept = login.transaction.as_ref()?.request.protocol.get(KEPT)?;
    Decision::deserialize(kept).ok()
}

/// What the code decided, as the transaction keeps it.
pub(crate) fn keep(decision: &Decision) -> Document {
    let kept = serde_json::to_value(decision).expect("a decision is texts and numbers");
    Document::from_iter([(KEPT.to_owned(), kept)])
}

/// Adds what is kept to what the pages give back.
pub(crate) fn keep_in(request: &mut LoginRequest, kept: Document) {
    if let Value::Object(protocol) = &mut request.protocol {
        protocol.extend(kept);
    }
}

/// The time that a number of milliseconds stands for.
pub(crate) fn time_of(milliseconds: i64) -> Timestamp {
    Timestamp::from_micros(milliseconds.saturating_mul(1000))
}
