//! Refresh tokens at the token endpoint (RFC 6749 §6; reference: authentication-api §4 and §6).

use identity::{
    refresh_tokens::{self, Found},
    triggers::Began,
};
use kernel::{Document, Secret, object};
use model::views::RefreshTokenSettings;
use serde_json::json;
use store::{Access, Agent, Exchange as Exchanged, RefreshToken, StoreResult, Tx};

use crate::{
    OAuthError, Site,
    facts::Facts,
    log, post_login, profile,
    rights::RolesAt,
    session,
    token::{Exchange, Grant, Granted, Granting, Stored},
    user_grant::{self, Issue},
    views::ResourceServer,
};

/// A refresh token that will be issued with a response.
pub(crate) struct Plan {
    settings: RefreshTokenSettings,
    grant: refresh_tokens::Grant,
}

/// Plans the refresh token of a login, where its scopes ask for one.
pub(crate) fn plan(
    exchange: &Exchange<'_>,
    issue: &Issue,
    user_id: &str,
    api: Option<&ResourceServer>,
) -> Result<Option<Plan>, OAuthError> {
    let asks_for = |wanted: &str| issue.scopes.iter().any(|scope| scope == wanted);
    let is_online = asks_for(profile::ONLINE) && issue.facts.session_id.is_some();
    if !is_online && !asks_for("offline_access") {
        return Ok(None);
    }
    let audience =
        api.map_or_else(|| format!("{}userinfo", exchange.site.tenant.issuer()), |api| api.identifier.clone());
    let grant = refresh_tokens::Grant {
        id: Some(exchange.site.store.context().id(kernel::id::Form::Alnum16("rt_"))),
        user_id: user_id.to_owned(),
        client_id: exchange.client.id.clone(),
        session_id: issue.facts.session_id.clone(),
        access: vec![Access { audience, scope: issue.scopes.join(" ") }],
        login: issue.facts.to_document(),
        agent: agent(exchange),
        is_online,
        expires: issue.refresh_token.expires.map(post_login::time_of),
        idle_expires: issue.refresh_token.idle_expires.map(post_login::time_of),
        metadata: issue.refresh_token.metadata.as_ref().and_then(|changes| session::merged(None, changes)),
    };
    Ok(Some(Plan { settings: settings(exchange)?, grant }))
}

impl Plan {
    /// The identifier that the token will have.
    pub(crate) fn id(&self) -> &str {
        self.grant.id.as_deref().unwrap_or_default()
    }

    /// Issues the token, and gives the response's member for it.
    pub(crate) fn apply(&self, tx: &mut Tx) -> StoreResult<Document> {
        let (_, presented) = refresh_tokens::issue(tx, &self.settings, self.grant.clone())?;
        Ok(member(&presented))
    }
}

fn member(presented: &Secret) -> Document {
    object(json!({ "refresh_token": presented.reveal() }))
}

fn settings(exchange: &Exchange<'_>) -> Result<RefreshTokenSettings, OAuthError> {
    refresh_tokens::settings(&exchange.record.document).map_err(OAuthError::internal)
}

fn agent(exchange: &Exchange<'_>) -> Agent {
    Agent::new(&exchange.origin.user_agent, &exchange.origin.ip, "")
}

/// `refresh_token`.
pub(crate) struct RefreshTokens;

impl Grant for RefreshTokens {
    fn name(&self) -> &'static str {
        "refresh_token"
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("sertft", "fertft")
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut log::Subject) -> Granting<'a> {
        Box::pin(renew(exchange, subject))
    }
}

/// In words that libraries compare.
fn invalid() -> OAuthError {
    OAuthError::invalid_grant("Unknown or invalid refresh token.")
}

async fn renew(exchange: Exchange<'_>, subject: &mut log::Subject) -> Result<Granted, OAuthError> {
    let Exchange { site, record, client, parameters, .. } = &exchange;
    let presented = parameters.require("refresh_token")?.to_owned();
    let settings = settings(&exchange)?;
    let found = {
        let (settings, client_id, presented) = (settings.clone(), client.id.clone(), presented.clone());
        let find = move |reader: &store::Snapshot| refresh_tokens::find(reader, &settings, &client_id, &presented);
        site.store.read(site.tenant.id(), find).await?
    };
    let token = match found {
        Found::Usable(token, _) => token,
        Found::Unknown => return Err(invalid()),
        Found::Reused(token) => {
            subject.user_id = Some(token.user_id.clone());
            end_family(&exchange, &settings, &presented).await?;
            return Err(OAuthError { log_type: Some("ferrt"), ..invalid() });
        }
    };
    subject.user_id = Some(token.user_id.clone());
    let gone = "The refresh_token was generated for a user who doesn't exist anymore.";
    let user = site.user_of_grant(&token.user_id, OAuthError::invalid_grant(gone)).await?;
    subject.user_name = log::name_of(&user);
    let mut facts = Facts::from_document(&token.details.login).unwrap_or_default();
    let organization = site.organization_of_grant(&mut facts, &user.id).await?;
    subject.note_organization(organization.as_deref());
    let roles_at = RolesAt::of(organization.as_ref().map(|organization| organization.id.as_str()));
    let wanted = wanted(&exchange, &settings, &token)?;
    subject.audience = Some(wanted.audience.clone());
    subject.scope = Some(wanted.scopes.join(" "));
    let is_profile = wanted.audience == format!("{}userinfo", site.tenant.issuer());
    let api = if is_profile { None } else { Some(site.api_for_users(&wanted.audience, record, client).await?) };
    let permissions = site.permissions(&user.id, api.as_deref(), roles_at.as_ref()).await?;
    let scopes = site.granted_scopes(&wanted.scopes, record, client, api.as_deref(), &permissions).await?;
    let connection = site.store.cached_by(site.tenant.id(), &model::CONNECTION, "name", &facts.connection).await?;
    let told = post_login::Told {
        record,
        connection: connection.as_deref(),
        user: &user,
        organization: organization.as_deref(),
        roles_at,
        api: api.as_deref(),
        session: None,
        refresh_token: Some(&token),
        methods: Vec::new(),
        transaction: Began {
            protocol: Some("oauth2-refresh-token"),
            requested_scopes: &wanted.scopes,
            ..Began::default()
        }
        .told(),
        request: exchange.told(),
        resumed: None,
        prompt: None,
    };
    let mut decision = post_login::decide(site, told, &scopes).await?;
    subject.executions.extend(decision.take_execution());
    if let Some(reason) = decision.denied.clone() {
        refuse(site, decision, &token).await?;
        return Err(OAuthError::access_denied(reason));
    }
    if decision.suspended.is_some() {
        return Err(OAuthError::interaction_required());
    }
    let user = post_login::primary(site, user, &decision).await?;
    let scopes = decision.changed(scopes);
    let issue = Issue {
        shows_scopes: true,
        scopes,
        nonce: None,
        facts: Facts { custom: decision.custom.clone(), ..facts },
        gty: Some("refresh_token"),
        refresh_token: post_login::TokenChanges::default(),
    };
    let body = user_grant::issue(&exchange, &issue, &user, api.as_deref()).await?;
    let (client_id, agent, user_id) = (client.id.clone(), agent(&exchange), user.id.clone());
    let alone = Some(presented.clone());
    let changed_session = token.session_id.clone().filter(|_| !decision.session.is_none());
    let online_session = token.session_id.clone().filter(|_| token.is_online);
    let lifetimes = site.session_lifetimes().await?;
    let storing = move |tx: &mut Tx| -> Result<Stored, OAuthError> {
        let change = |token: &mut RefreshToken| change_token(token, &decision);
        let exchanged = refresh_tokens::exchange(tx, &settings, &client_id, &presented, &agent, change)?;
        if let Some(id) = &online_session
            && !session::is_used(tx, id, &lifetimes, &agent)?
        {
            return Ok(Stored::Refused(invalid()));
        }
        decision.apply(tx, &user_id)?;
        if let Some(id) = &changed_session
            && let Some(mut session) = tx.session(id)?
            && session::change(&mut session, &decision.session, tx.now())
        {
            tx.update_session(&session)?;
        }
        match exchanged {
            Exchanged::Kept(_) => Ok(Stored::Members(Document::new())),
            Exchanged::Rotated(_, next) => Ok(Stored::Members(member(&next))),
            // Somebody was faster with another copy, which ended the family.
            Exchanged::Unknown | Exchanged::Reused(_) => Ok(Stored::Refused(invalid())),
        }
    };
    Ok(Granted { storing: Some(Box::new(storing)), alone, ..Granted::of(body) })
}

/// What is asked for: the login's own API or another one that the client's policies name, with no more than these give.
struct Wanted {
    audience: String,
    scopes: Vec<String>,
}

fn wanted(
    exchange: &Exchange<'_>,
    settings: &RefreshTokenSettings,
    token: &RefreshToken,
) -> Result<Wanted, OAuthError> {
    let words = |text: &str| -> Vec<String> { text.split_ascii_whitespace().map(str::to_owned).collect() };
    let own = token.details.resource_servers.first();
    let asked = exchange.parameters.get("audience");
    let (audience, granted) = match (asked, own) {
        (None, Some(own)) => (own.audience.clone(), words(&own.scope)),
        (Some(audience), Some(own)) if own.audience == audience => (own.audience.clone(), words(&own.scope)),
        (Some(audience), own) => {
            let policy = settings.policies.iter().find(|policy| policy.audience == audience);
            let policy = policy.ok_or_else(|| OAuthError::access_denied(format!("Service not found: {audience}")))?;
            // Who the user is, does not depend on the API.
            let of_login = own.map(|own| words(&own.scope)).unwrap_or_default();
            let standard = of_login.into_iter().filter(|scope| profile::is_standard_scope(scope));
            (audience.to_owned(), standard.chain(policy.scope.iter().cloned()).collect())
        }
        (None, None) => return Err(invalid()),
    };
    let scopes = match exchange.parameters.get("scope") {
        None => granted,
        // RFC 6749 §6: a request can narrow what was granted, not widen it.
        Some(asked) => words(asked).into_iter().filter(|scope| granted.contains(scope)).collect(),
    };
    Ok(Wanted { audience, scopes })
}

fn change_token(token: &mut RefreshToken, decision: &post_login::Decision) {
    let changes = &decision.refresh_token;
    let time = |milliseconds: Option<i64>| milliseconds.map(post_login::time_of);
    if let Some(expires) = time(changes.expires) {
        token.expires = Some(token.expires.map_or(expires, |known| known.min(expires)));
    }
    if let Some(idle) = time(changes.idle_expires) {
        token.idle_expires = Some(token.idle_expires.map_or(idle, |known| known.min(idle)));
    }
    if let Some(metadata) = &changes.metadata {
        token.details.metadata = session::merged(token.details.metadata.take(), metadata);
    }
}

/// Ends the family of a token that was presented after its successor was used.
async fn end_family(
    exchange: &Exchange<'_>,
    settings: &RefreshTokenSettings,
    presented: &str,
) -> Result<(), OAuthError> {
    let (settings, client_id) = (settings.clone(), exchange.client.id.clone());
    let _turn = exchange.site.turns.wait(presented).await;
    let (presented, agent) = (presented.to_owned(), agent(exchange));
    let end = move |tx: &mut Tx| -> StoreResult {
        refresh_tokens::exchange(tx, &settings, &client_id, &presented, &agent, |_| {}).map(drop)
    };
    Ok(exchange.site.store.write(exchange.site.tenant.id(), end).await?)
}

/// Keeps what the tenant's code decided when it refused an exchange.
async fn refuse(site: &Site, decision: post_login::Decision, token: &RefreshToken) -> Result<(), OAuthError> {
    let (id, user_id, session_id) = (token.id.clone(), token.user_id.clone(), token.session_id.clone());
    let work = move |tx: &mut Tx| -> identity::Result {
        decision.apply(tx, &user_id)?;
        if decision.refresh_token.is_revoked {
            refresh_tokens::revoke(tx, &id)?;
        }
        if let (Some(with_tokens), Some(session_id)) = (decision.session.revoked, &session_id) {
            session::revoke(tx, session_id, with_tokens)?;
        }
        Ok(())
    };
    Ok(site.store.write(site.tenant.id(), work).await?)
}
