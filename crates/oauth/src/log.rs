//! Entries of the tenant log about logins, logouts and token exchanges (reference: logs §1 and §3).

use std::sync::Arc;

use identity::{log::Line, triggers::Execution};
use kernel::{Document, Record, Timestamp, Value, object, user_agent};
use model::{login::Pages, views::Strategy};
use serde_json::json;
use store::{StoreResult, Tx};

use crate::{
    OAuthError, Site,
    authorize::{AuthorizationError, browser::Visit, login::Login},
    post_login::Decision,
    request::Origin,
    views::Client,
};

/// What an exchange was about, as far as it came.
#[derive(Clone, Default)]
pub(crate) struct Subject {
    pub(crate) client_id: Option<String>,
    pub(crate) client_name: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) organization_id: Option<String>,
    pub(crate) organization_name: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) user_name: Option<String>,
    /// Name, identifier and strategy of the user's connection.
    pub(crate) connection: Option<[String; 3]>,
    /// What the tenant's code did; stored with the entry that names it.
    pub(crate) executions: Vec<Execution>,
    /// Members of the entry's details that only this grant has.
    pub(crate) more: Document,
}

impl Subject {
    /// Notes the client.
    pub(crate) fn of_client(&mut self, client: &Client) {
        self.client_id = Some(client.id.clone());
        self.client_name = Some(client.name.clone());
    }

    /// Notes the organization.
    pub(crate) fn note_organization(&mut self, organization: Option<&Record>) {
        self.organization_id = organization.map(|organization| organization.id.clone());
        self.organization_name = organization.and_then(|known| known.text("name").map(str::to_owned));
    }
}

/// The entry of an exchange of this `type`, in the service's order of keys and with its empty values.
pub(crate) fn exchange(
    site: &Site,
    kind: &str,
    origin: &Origin,
    subject: &Subject,
    error: Option<&OAuthError>,
    now: Timestamp,
) -> Document {
    let description = error.map_or("", OAuthError::log_description);
    entry(site, kind, description, origin, subject, details(subject, error), now)
}

/// The entry that warns of how much of a quota is used up.
pub(crate) fn quota(
    site: &Site,
    description: &str,
    origin: &Origin,
    subject: &Subject,
    details: Document,
    now: Timestamp,
) -> Document {
    entry(site, "token_quota_consumption_warning", description, origin, subject, details.into(), now)
}

/// An entry of this `type`.
fn entry(
    site: &Site,
    kind: &str,
    description: &str,
    origin: &Origin,
    subject: &Subject,
    details: Value,
    now: Timestamp,
) -> Document {
    let connection = subject.connection.as_ref();
    let part = |place: usize| connection.map(|parts| parts[place].as_str());
    let line = Line {
        description,
        connection: part(0),
        connection_id: part(1),
        strategy: part(2),
        strategy_type: part(2).and_then(Strategy::named).map(|strategy| strategy.strategy_type().name()),
        organization_id: subject.organization_id.as_deref(),
        organization_name: subject.organization_name.as_deref(),
        client_id: subject.client_id.as_deref(),
        client_name: subject.client_name.as_deref(),
        ip: Some(&origin.ip),
        country: origin.country,
        hostname: Some(site.tenant.host()),
        user_id: subject.user_id.as_deref(),
        user_name: subject.user_name.as_deref(),
        user_agent: &user_agent::summary(&origin.user_agent),
        is_mobile: user_agent::is_mobile(&origin.user_agent),
        audience: subject.audience.as_deref(),
        scope: subject.scope.as_deref(),
        ..Line::of(kind)
    };
    let mut event = line.to_document(details, now);
    if let Some(library) = &origin.library {
        event.insert("auth0_client".into(), Value::Object(library.clone()));
    }
    event
}

/// `null` where there is nothing to tell.
fn details(subject: &Subject, error: Option<&OAuthError>) -> Value {
    let mut details = Document::new();
    if let Some(reason) = error.and_then(|error| error.authentication) {
        details.insert("client_authentication_error".into(), reason.into());
    }
    if !subject.executions.is_empty() {
        let ids: Vec<&str> = subject.executions.iter().map(|execution| execution.id.as_str()).collect();
        details.insert("actions".into(), json!({ "executions": ids }));
    }
    details.extend(subject.more.clone());
    if details.is_empty() { Value::Null } else { details.into() }
}

/// What entries call a user.
pub(crate) fn name_of(user: &Record) -> Option<String> {
    identity::log::name_of(user).map(str::to_owned)
}

fn subject_of(login: &Login<'_>, user: Option<&Record>) -> Subject {
    let (asked, authentication) = (login.asked, &login.authentication);
    let mut subject = Subject {
        audience: asked.api.as_ref().map(|api| api.identifier.clone()),
        scope: Some(asked.request.scope.join(" ")),
        user_id: Some(authentication.user_id.clone()),
        user_name: user.and_then(name_of),
        connection: Some([
            authentication.connection.clone(),
            authentication.connection_id.clone(),
            authentication.strategy.clone(),
        ]),
        ..Subject::default()
    };
    subject.of_client(&asked.client);
    subject.note_organization(login.organization());
    subject
}

/// The entry of a login that succeeded: `s` where the user may have seen a page, `ssa` where none was allowed.
pub(crate) fn login(site: &Site, login: &Login<'_>, user: &Record, decision: &Decision, session_id: &str) -> Document {
    let kind = if login.asked.request.prompt.none { "ssa" } else { "s" };
    let now = site.store.context().now();
    let mut details = object(json!({
        "prompts": [],
        "completedAt": now.millis(),
        "session_id": session_id,
        "stats": {"loginsCount": user.document.get("logins_count").cloned().unwrap_or(0.into())},
    }));
    add_execution(&mut details, decision);
    let subject = subject_of(login, Some(user));
    let description = if kind == "s" { "Successful login" } else { "" };
    entry(site, kind, description, &login.visit.origin, &subject, details.into(), now)
}

fn add_execution(details: &mut Document, decision: &Decision) {
    if let Some(id) = decision.execution.as_ref().and_then(|execution| execution.get("id")) {
        details.insert("actions".into(), json!({"executions": [id]}));
    }
}

/// Ends a login that failed: its transaction is finished, the tenant log hears of it, and what the tenant's code decided is kept, in one
/// transaction.
pub(crate) async fn failed_login(
    site: &Site,
    login: &Login<'_>,
    error: &AuthorizationError,
    decision: Option<Decision>,
) -> identity::Result {
    let kind = if login.asked.request.prompt.none { "fsa" } else { "f" };
    let mut details = object(
        json!({"error": {"message": error.description, "oauthError": error.code, "type": "oauth-authorization"}}),
    );
    if let Some(decision) = &decision {
        add_execution(&mut details, decision);
    }
    let now = site.store.context().now();
    let subject = subject_of(login, None);
    let event = entry(site, kind, &error.description, &login.visit.origin, &subject, details.into(), now);
    let pages: Arc<dyn Pages> = Arc::clone(&site.pages);
    let (transaction, user_id) = (login.transaction.clone(), login.authentication.user_id.clone());
    let standing = login.standing().map(|session| session.id.clone());
    let work = move |tx: &mut Tx| -> identity::Result {
        if let Some(transaction) = &transaction {
            pages.finish(tx, transaction)?;
        }
        if let Some(decision) = &decision {
            decision.apply(tx, &user_id)?;
            if let (Some(with_tokens), Some(session)) = (decision.session.revoked, &standing) {
                crate::session::revoke(tx, session, with_tokens)?;
            }
        }
        Ok(tx.append_log(event.clone()).map(drop)?)
    };
    site.store.write(site.tenant.id(), work).await
}

/// Leaves the entry of a silent request for which there is no session.
pub(crate) async fn failed_silently(
    site: &Site,
    visit: &Visit,
    client: &Client,
    error: &AuthorizationError,
) -> StoreResult {
    let subject =
        Subject { client_id: Some(client.id.clone()), client_name: Some(client.name.clone()), ..Subject::default() };
    append(site, "fsa", &error.description, &visit.origin, subject, Value::Null).await
}

/// The entry of a logout.
pub(crate) fn logout(
    site: &Site,
    visit: &Visit,
    client: Option<&Client>,
    user: Option<&Record>,
    session_id: &str,
) -> Document {
    let subject = Subject {
        client_id: client.map(|client| client.id.clone()),
        client_name: client.map(|client| client.name.clone()),
        user_id: user.map(|user| user.id.clone()),
        user_name: user.and_then(name_of),
        ..Subject::default()
    };
    let now = site.store.context().now();
    let details = json!({"session_id": session_id});
    entry(site, "slo", "User successfully logged out", &visit.origin, &subject, details, now)
}

/// Leaves the entry of a logout that was refused.
pub(crate) async fn failed_logout(site: &Site, visit: &Visit, client: Option<&Client>, reason: &str) -> StoreResult {
    let subject = Subject {
        client_id: client.map(|client| client.id.clone()),
        client_name: client.map(|client| client.name.clone()),
        ..Subject::default()
    };
    append(site, "flo", reason, &visit.origin, subject, Value::Null).await
}

/// The entry of a login from a page of another origin.
pub(crate) fn cross_origin(site: &Site, origin: &Origin, subject: &Subject, error: Option<&OAuthError>) -> Document {
    let now = site.store.context().now();
    let (kind, description, details) = match error {
        None => ("scoa", "", json!({"prompts": [], "completedAt": now.millis()})),
        Some(error) => {
            let told = json!({"message": error.description, "oauthError": error.code, "type": "oauth-authorization"});
            ("fcoa", error.log_description(), json!({"error": told}))
        }
    };
    entry(site, kind, description, origin, subject, details, now)
}

/// Leaves an entry.
pub(crate) async fn append(
    site: &Site,
    kind: &str,
    description: &str,
    origin: &Origin,
    subject: Subject,
    details: Value,
) -> StoreResult {
    let event = entry(site, kind, description, origin, &subject, details, site.store.context().now());
    site.store.write(site.tenant.id(), move |tx: &mut Tx| tx.append_log(event.clone()).map(drop)).await
}
