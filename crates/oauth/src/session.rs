//! A browser's session: the cookie that stands for it, and what a login does to it (reference: sessions-and-login-rules §1 and §2).

use identity::sessions::{self, Lifetimes};
use kernel::{Document, Secret, Timestamp, id, merge_first_level};
use model::{TENANT_SETTINGS, login::Browser};
use store::{Agent, AuthenticationMethod, Session, StoreResult, Tx};

use crate::{
    OAuthError, Site,
    authorize::login::Login,
    post_login::{Decision, SessionChanges, time_of},
};

/// Names of the cookie: the second is for browsers that mishandle `SameSite=None`.
const NAMES: [&str; 2] = ["auth0", "auth0_compat"];

/// How many methods of authentication a session notes.
const MOST_METHODS: usize = 20;

/// The session that a browser's cookie stands for.
pub(crate) async fn of(site: &Site, browser: &Browser) -> StoreResult<Option<Session>> {
    let Some(secret) = secret(site, browser) else { return Ok(None) };
    let secret = secret.to_owned();
    site.store.read(site.tenant.id(), move |reader| reader.session_by_secret(&secret)).await
}

/// What a browser presents as its session.
fn secret<'b>(site: &Site, browser: &'b Browser) -> Option<&'b str> {
    names(site, browser).iter().find_map(|name| browser.cookie(name)).filter(|secret| !secret.is_empty())
}

/// Cookies that give a browser its session.
pub(crate) fn cookies(site: &Site, browser: &Browser, session: &Session, secret: &Secret) -> Vec<String> {
    let expires = if session.is_persistent { expiry(site, session.expires) } else { String::new() };
    set(site, browser, secret.reveal(), &expires)
}

/// Cookies that take it away.
pub(crate) fn removal(site: &Site, browser: &Browser) -> Vec<String> {
    set(site, browser, "", "; Max-Age=0")
}

fn expiry(site: &Site, at: Timestamp) -> String {
    let seconds = at.seconds().saturating_sub(site.store.context().now().seconds()).max(0);
    format!("; Max-Age={seconds}")
}

fn set(site: &Site, browser: &Browser, value: &str, expiry: &str) -> Vec<String> {
    let names = names(site, browser);
    // A frame of another site may use the session only where the connection is secure, as browsers demand it.
    let sites = if browser.is_secure { ["; Secure; SameSite=None", "; Secure"] } else { ["; SameSite=Lax", ""] };
    let cookie = |(name, site): (&String, &str)| format!("{name}={value}; Path=/; HttpOnly{site}{expiry}");
    names.iter().zip(sites).map(cookie).collect()
}

/// Browsers share cookies between the ports of a host: where a tenant lives at a port of its own, so does its cookie.
fn names(site: &Site, _: &Browser) -> [String; 2] {
    cookie_names(site.tenant.host())
}

/// Names of the cookie of sessions at a host, and of its second form for browsers that mishandle `SameSite=None`.
pub fn cookie_names(host: &str) -> [String; 2] {
    NAMES.map(|name| at_port(name, host))
}

/// The name of a cookie at a host, with its port where it has one.
pub(crate) fn at_port(name: &str, host: &str) -> String {
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or_else(|| name.to_owned(), |port| format!("{name}_{port}"))
}

/// What a login does to the browser's session: it begins one, or goes on with the one that is there.
#[derive(Clone)]
pub(crate) struct Plan {
    id: String,
    lifetimes: Lifetimes,
    /// The session that the browser has, whoever's it is.
    former: Option<Session>,
    /// The proof that was given just now; none where the session's own is enough.
    login: Option<sessions::Login>,
    agent: Agent,
    changes: SessionChanges,
    organization: Option<String>,
}

/// What a plan has led to.
pub(crate) struct Planned {
    /// The session as it is now.
    pub(crate) session: Session,
    /// What the browser presents from now on, where that is new.
    pub(crate) secret: Option<Secret>,
}

/// The identifier of a session to come: `sid`.
pub(crate) fn new_id(site: &Site) -> String {
    site.store.context().text(id::BASE64URL, 32)
}

/// Plans what becomes of the session. Nothing is stored yet.
pub(crate) async fn plan(site: &Site, login: &Login<'_>, decision: &Decision) -> Result<Plan, OAuthError> {
    let agent = Agent::new(&login.visit.origin.user_agent, &login.visit.origin.ip, "");
    let lifetimes = site.session_lifetimes().await?;
    let authentication = &login.authentication;
    let standing = login.standing();
    let new = || decision.session.id.clone().unwrap_or_else(|| new_id(site));
    let id = standing.map_or_else(new, |session| session.id.clone());
    let changes = decision.session.clone();
    // Whoever is another user now has no session yet.
    let begins = login.is_interactive() || (decision.primary_user.is_some() && standing.is_none());
    let proof = begins.then(|| sessions::Login {
        id: Some(id.clone()),
        user_id: authentication.user_id.clone(),
        connection: Some(authentication.connection.clone()),
        organization_id: login.organization().map(|organization| organization.id.clone()),
        authenticated: authentication.at,
        methods: authentication.methods.iter().map(method).collect(),
        agent: agent.clone(),
        is_persistent: changes.is_persistent,
        expires: changes.expires.map(time_of),
        idle_expires: changes.idle_expires.map(time_of),
    });
    let organization = login.organization().map(|organization| organization.id.clone());
    Ok(Plan { id, lifetimes, former: login.session.clone(), login: proof, agent, changes, organization })
}

fn method(method: &model::login::Method) -> AuthenticationMethod {
    AuthenticationMethod { name: method.name.clone(), at: method.timestamp, kind: None }
}

impl Plan {
    /// The session's identifier: `sid`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Carries the plan out. `client_id` is noted as one that was given an ID token in the session. `None` when the session that it goes on
    /// with is over.
    pub(crate) fn apply(&self, tx: &mut Tx, client_id: Option<&str>) -> StoreResult<Option<Planned>> {
        let (mut session, secret) = if let Some(login) = &self.login {
            let (session, secret) = sessions::begin(tx, &self.lifetimes, self.former.as_ref(), login.clone())?;
            (session, Some(secret))
        } else {
            // Read again: another request may have ended or changed it meanwhile.
            let Some(current) = tx.session(&self.id)? else { return Ok(None) };
            let used = sessions::used(&current, &self.lifetimes, self.agent.clone(), tx.now());
            let Some((session, is_due)) = used else { return Ok(None) };
            if is_due {
                tx.update_session(&session)?;
            }
            (session, None)
        };
        let mut has_changed = client_id.is_some_and(|id| sessions::note_client(&mut session, id));
        has_changed |= self.organization.as_deref().is_some_and(|id| sessions::note_organization(&mut session, id));
        has_changed |= change(&mut session, &self.changes, tx.now());
        if has_changed {
            tx.update_session(&session)?;
        }
        Ok(Some(Planned { session, secret }))
    }
}

/// Makes the changes of a session that the tenant's code asked for; whether there were any.
pub(crate) fn change(session: &mut Session, changes: &SessionChanges, now: Timestamp) -> bool {
    let SessionChanges { expires, idle_expires, is_persistent, metadata, methods, .. } = changes;
    let before = session.clone();
    if let Some(expires) = expires.map(time_of) {
        session.expires = session.expires.min(expires);
    }
    if let Some(idle) = idle_expires.map(time_of) {
        session.idle_expires = session.idle_expires.min(idle);
    }
    session.idle_expires = session.idle_expires.min(session.expires);
    session.is_persistent = is_persistent.unwrap_or(session.is_persistent);
    if let Some(changes) = metadata {
        session.details.metadata = merged(session.details.metadata.take(), changes);
    }
    for name in methods {
        let known = &mut session.details.methods;
        known.retain(|method| method.name != *name);
        if known.len() < MOST_METHODS {
            known.push(AuthenticationMethod { name: name.clone(), at: now, kind: None });
        }
    }
    *session != before
}

/// Metadata with changes; `null` removes an entry, and no entries remove all.
pub(crate) fn merged(known: Option<Document>, changes: &Document) -> Option<Document> {
    if changes.is_empty() {
        return None;
    }
    let mut metadata = known.unwrap_or_default();
    merge_first_level(&mut metadata, changes.clone());
    (!metadata.is_empty()).then_some(metadata)
}

impl Site {
    /// How long the tenant's sessions last.
    pub(crate) async fn session_lifetimes(&self) -> Result<Lifetimes, OAuthError> {
        let settings = self.store.cached(self.tenant.id(), &TENANT_SETTINGS, TENANT_SETTINGS.name).await?;
        let settings = settings.map(|record| record.document.clone()).unwrap_or_default();
        Lifetimes::of(&settings).map_err(OAuthError::internal)
    }
}

/// Notes that a session is used without a browser; `false` when it is over.
pub(crate) fn is_used(tx: &mut Tx, id: &str, lifetimes: &Lifetimes, agent: &Agent) -> StoreResult<bool> {
    let Some(current) = tx.session(id)? else { return Ok(false) };
    let Some((session, is_due)) = sessions::used(&current, lifetimes, agent.clone(), tx.now()) else {
        return Ok(false);
    };
    if is_due {
        tx.update_session(&session)?;
    }
    Ok(true)
}

/// Ends a session that a tenant's code revokes.
pub(crate) fn revoke(tx: &mut Tx, session_id: &str, with_tokens: bool) -> StoreResult {
    let Some(session) = tx.session(session_id)? else { return Ok(()) };
    if with_tokens {
        sessions::end_and_tokens(tx, &session, sessions::Ending::Revoked)
    } else {
        sessions::end(tx, &session, sessions::Ending::Revoked)
    }
}
