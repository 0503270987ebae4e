//! The end of a login: the user is known, and what is left is decided before the response is given
//! (reference: sessions-and-login-rules §3 and §6, steps 8 to 14).

use std::sync::Arc;

use axum::response::Response;
use kernel::Record;
use model::{
    login::{ConsentScope, LoginRequest, Prompt},
    views::{User, View as _},
};
use store::Tx;

use super::{
    AuthorizationError, Members, browser,
    entrance::Entering,
    failure::Failure,
    login::{Asked, Login},
    login_request,
    organization::{self, Settled},
    redirect_uri, response, show_login,
};
use crate::{
    Site, code,
    consent::{self, Wanted},
    facts::Facts,
    issue::{IdTokenParts, Subject},
    log, mfa, post_login, session,
};

/// What is next.
enum Step {
    /// The user is asked; the decision is kept for afterwards.
    Ask(Prompt, Box<post_login::Decision>),
    /// The response can be given.
    Respond(Box<Decided>),
}

/// All that the response needs.
struct Decided {
    user: Arc<Record>,
    verdict: post_login::Decision,
    scopes: Vec<String>,
    permissions: Vec<String>,
    /// What the user allows, where a grant is to be kept.
    granted: Option<Wanted>,
}

/// Why a login does not end well, and what the tenant's code decided before that.
struct Stopped {
    error: AuthorizationError,
    decision: Option<post_login::Decision>,
}

impl<E: Into<AuthorizationError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { error: error.into(), decision: None }
    }
}

/// Decides what is left, asks the user where that is needed, and gives the response.
pub(super) async fn conclude(site: &Site, mut login: Login<'_>) -> Result<Response, Failure> {
    if let Some(id) = owner(site, &login).await.map_err(Failure::inside)? {
        login.authentication.user_id = id;
    }
    let outcome = match organization::settle(site, &mut login).await {
        Ok(Settled::Ask(prompt)) => return ask(site, login, prompt, None).await,
        Ok(Settled::LogIn(id)) => {
            let request =
                LoginRequest { organization: Some(id), organization_prompt: None, ..login_request(login.asked) };
            return show_login(site, login.visit, login.asked, request).await;
        }
        Ok(Settled::Decided) => match decide(site, &mut login).await {
            Ok(Step::Ask(prompt, decision)) => return ask(site, login, prompt, Some(*decision)).await,
            Ok(Step::Respond(decided)) => respond(site, &login, *decided).await.map_err(Stopped::from),
            Err(stopped) => Err(stopped),
        },
        Err(error) => Err(Stopped::from(error)),
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(Stopped { error, decision }) => {
            log::failed_login(site, &login, &error, decision).await.map_err(Failure::inside)?;
            let failure = Failure::Redirect(login.asked.request.addressee.clone(), error);
            failure.respond(site, login.visit).await
        }
    };
    if let Some(transaction) = &login.transaction {
        browser::set_cookies(&mut response, &site.pages.forget(transaction, &login.visit.browser));
    }
    Ok(response)
}

/// Whose the account of the login has become meanwhile: code may have linked it to another user's, while it ran or while the user was
/// elsewhere.
async fn owner(site: &Site, login: &Login<'_>) -> store::StoreResult<Option<String>> {
    let (tenant, account) = (site.tenant.id(), login.authentication.user_id.clone());
    if site.store.cached(tenant, &model::USER, &account).await?.is_some() {
        return Ok(None);
    }
    let find = move |reader: &store::Snapshot| identity::users::of_identity(reader, &account);
    Ok(site.store.read(tenant, find).await?.map(|owner| owner.id))
}

async fn decide(site: &Site, login: &mut Login<'_>) -> Result<Step, Stopped> {
    let Asked { request, record, api, .. } = login.asked;
    let user = site.store.cached(site.tenant.id(), &model::USER, &login.authentication.user_id).await?;
    let user = user.ok_or_else(AuthorizationError::login_required)?;
    if User::of(&user)?.blocked {
        return Err(AuthorizationError::blocked().into());
    }
    let user = match &login.organization {
        Some(entrance) => entrance.leaves(user),
        None => user,
    };
    let (mut permissions, mut scopes) = rights(site, login, &user.id).await?;
    let verdict = match (post_login::kept(login), &login.returned) {
        (None, _) => post_login::fire(site, login, &user, &scopes, None).await?,
        (Some(kept), Some(_)) if kept.suspended.is_some() => {
            post_login::fire(site, login, &user, &scopes, Some(&kept)).await?.after(kept)
        }
        (Some(kept), _) => kept,
    };
    if let Some(denial) = &verdict.denied {
        let error = AuthorizationError::access_denied(denial.clone());
        return Err(Stopped { error, decision: Some(verdict) });
    }
    if let Some(suspended) = &verdict.suspended {
        if request.prompt.none {
            return Err(Stopped { error: AuthorizationError::interaction_required(), decision: Some(verdict) });
        }
        if let Some(form) = suspended.form.clone() {
            // Whoever has filled it in goes on in the code that had it shown.
            let prompt = if answered(login) {
                Prompt::Elsewhere { url: post_login::CONTINUE.to_owned() }
            } else {
                Prompt::Form(form)
            };
            return Ok(Step::Ask(prompt, Box::new(verdict)));
        }
        let Some(url) = destination(&suspended.url) else {
            let error = AuthorizationError::access_denied("The address of the redirect is invalid");
            return Err(Stopped { error, decision: Some(verdict) });
        };
        // Whoever left before, and comes by another way than back, is sent there again.
        return Ok(Step::Ask(Prompt::Elsewhere { url }, Box::new(verdict)));
    }
    let user = match post_login::primary(site, user, &verdict).await {
        Ok(user) => user,
        Err(error) => return Err(Stopped { error: error.into(), decision: Some(verdict) }),
    };
    if user.id != login.authentication.user_id {
        login.authentication.user_id.clone_from(&user.id);
        (permissions, scopes) = rights(site, login, &user.id).await?;
    }
    let is_policy = !verdict.cancels_factors && site.demands_factors(&[mfa::ALWAYS, mfa::UNUSUAL]).await?;
    if is_policy || mfa::is_asked_for(&request.acr_values) {
        let error = if request.prompt.none {
            AuthorizationError::new("login_required", "Multifactor authentication required")
        } else {
            AuthorizationError::access_denied(mfa::NOT_BUILT)
        };
        return Err(Stopped { error, decision: Some(verdict) });
    }
    let scopes = verdict.changed(scopes);
    let wanted = Wanted {
        organization: login.organization().map(|organization| organization.id.clone()),
        client_id: record.id.clone(),
        audience: api
            .as_ref()
            .map_or_else(|| format!("{}userinfo", site.tenant.issuer()), |api| api.identifier.clone()),
        scopes: scopes.clone(),
    };
    let granted = match consent(site, login, &user, &wanted).await? {
        Consent::Ask => {
            let scopes = described(site, &wanted, login).await?;
            return Ok(Step::Ask(Prompt::Consent { scopes }, Box::new(verdict)));
        }
        Consent::Given => Some(wanted),
        // One that is there need not be written again.
        Consent::NotNeeded if keeps_grant(&wanted, api.is_some()) && !site.has_grant(&user.id, &wanted).await? => {
            Some(wanted)
        }
        Consent::NotNeeded => None,
    };
    if needs_confirmation(site, login).await? {
        match login.answer("confirmation") {
            Some("accept") => {}
            Some(_) => return Err(AuthorizationError::access_denied("User did not authorize the request").into()),
            None if request.prompt.none => return Err(AuthorizationError::interaction_required().into()),
            None => return Ok(Step::Ask(Prompt::Confirmation, Box::new(verdict))),
        }
    }
    Ok(Step::Respond(Box::new(Decided { user, verdict, scopes, permissions, granted })))
}

/// Whether the user has come to the end of the form that the code waits for.
fn answered(login: &Login<'_>) -> bool {
    login.returned.is_none() && login.transaction.as_ref().is_some_and(|kept| kept.progress.form.is_some())
}

/// What a user may do with the API, and the scopes that follow from that.
async fn rights(
    site: &Site,
    login: &Login<'_>,
    user_id: &str,
) -> Result<(Vec<String>, Vec<String>), AuthorizationError> {
    let Asked { request, record, client, api, .. } = login.asked;
    let permissions = site.permissions(user_id, api.as_deref(), login.roles_at().as_ref()).await?;
    let scopes = site.granted_scopes(&request.scope, record, client, api.as_deref(), &permissions).await?;
    Ok((permissions, scopes))
}

/// How a client stands with the user's consent.
enum Consent {
    NotNeeded,
    Given,
    Ask,
}

async fn consent(
    site: &Site,
    login: &Login<'_>,
    user: &Record,
    wanted: &Wanted,
) -> Result<Consent, AuthorizationError> {
    let Asked { request, client, api, .. } = login.asked;
    match login.answer("consent") {
        Some("accept") => return Ok(Consent::Given),
        Some(_) => return Err(AuthorizationError::access_denied("User did not authorize the request")),
        None => {}
    }
    let is_verifiable = redirect_uri::is_verifiable(&request.addressee.redirect_uri);
    if !request.prompt.consent {
        if !consent::is_needed(client, api.as_deref()) {
            return Ok(Consent::NotNeeded);
        }
        // Whoever can claim the address of an application could use a consent that was given to it.
        let may_be_remembered = is_verifiable || client.is_first_party();
        if may_be_remembered && site.is_granted(&user.id, wanted).await? {
            return Ok(Consent::NotNeeded);
        }
    }
    if request.prompt.none { Err(AuthorizationError::consent_required()) } else { Ok(Consent::Ask) }
}

/// Skipped consent leaves a grant too where it lets the client do something later.
fn keeps_grant(wanted: &Wanted, is_api: bool) -> bool {
    is_api || wanted.scopes.iter().any(|scope| scope == "offline_access")
}

/// The lines of the consent page: scopes by name, or in the API's words where the tenant wants that.
async fn described(site: &Site, wanted: &Wanted, login: &Login<'_>) -> Result<Vec<ConsentScope>, AuthorizationError> {
    let api = login.asked.api.as_ref();
    let is_in_words = site.settings().await?.flags.use_scope_descriptions_for_consent;
    let description = |scope: &str| api.filter(|_| is_in_words)?.description(scope).map(str::to_owned);
    let shown = wanted.scopes.iter().filter(|scope| *scope != "openid");
    Ok(shown.map(|scope| ConsentScope { name: scope.clone(), description: description(scope) }).collect())
}

/// Whether the user must confirm that an application on this device is meant: where its address proves nothing, and no page was
/// shown that could have made the user think (reference: sessions-and-login-rules §5).
async fn needs_confirmation(site: &Site, login: &Login<'_>) -> Result<bool, AuthorizationError> {
    let Asked { request, client, .. } = login.asked;
    let was_asked = login.transaction.as_ref().is_some_and(|transaction| !transaction.progress.completed.is_empty());
    let is_confirming = login.answer("confirmation").is_some();
    if redirect_uri::is_verifiable(&request.addressee.redirect_uri) || (was_asked && !is_confirming) {
        return Ok(false);
    }
    // Whoever has just logged in on a page of the application's own has seen which one it is.
    if login.is_interactive() && login.transaction.is_none() {
        return Ok(false);
    }
    // A silent request answers a script of an origin that already runs on the device, and shows nothing in any case.
    if request.prompt.none {
        return Ok(false);
    }
    let of_tenant = site.settings().await?.skip_non_verifiable_callback_uri_confirmation_prompt;
    let is_skipped = client.skip_non_verifiable_callback_uri_confirmation_prompt.or(of_tenant).unwrap_or(false);
    Ok(!is_skipped)
}

/// Where the tenant's code sends the user: a page of the web.
fn destination(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

async fn ask(
    site: &Site,
    login: Login<'_>,
    prompt: Prompt,
    mut decision: Option<post_login::Decision>,
) -> Result<Response, Failure> {
    let Login { asked, authentication, transaction, visit, organization, .. } = login;
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    // Where it waits for a form or a page, its author sees that.
    let noted = decision.as_mut().and_then(|decision| {
        if decision.suspended.is_some() { decision.take_execution() } else { decision.take_told() }
    });
    if let Some(execution) = noted {
        let keep = move |tx: &mut Tx| identity::triggers::keep(tx, &Some(execution.clone()));
        site.store.write(site.tenant.id(), keep).await.map_err(Failure::inside)?;
    }
    // Nothing is kept before the tenant's code has decided: it is still to be asked.
    let keep_in = |request: &mut LoginRequest| {
        if let Some(decision) = &decision {
            post_login::keep_in(request, decision);
        }
    };
    let entered = organization.map(|entrance| entrance.record.id.clone());
    let redirect = if let Some(mut transaction) = transaction {
        keep_in(&mut transaction.request);
        transaction.request.organization = entered.or(transaction.request.organization);
        site.pages.ask(site.tenant.id(), transaction, prompt, &visit.browser).await
    } else {
        let mut request = LoginRequest { organization_prompt: None, ..login_request(asked) };
        request.organization = entered.or(request.organization);
        keep_in(&mut request);
        site.pages.begin_with(site.tenant.id(), request, authentication, prompt, &visit.browser).await
    };
    Ok(browser::send(&redirect.map_err(|error| fail(error.into()))?))
}

fn entering(login: &Login<'_>) -> Entering {
    let authentication = &login.authentication;
    Entering { user_id: authentication.user_id.clone(), connection_id: authentication.connection_id.clone() }
}

/// Makes what was asked for, stores what it rests on in one transaction, and only then gives it away.
async fn respond(site: &Site, login: &Login<'_>, decided: Decided) -> Result<Response, AuthorizationError> {
    let Asked { request, client, api, .. } = login.asked;
    let Decided { user, verdict, scopes, permissions, granted } = decided;
    let plan = session::plan(site, login, &verdict).await?;
    let organization = match login.organization() {
        Some(record) => Some(site.told_organization(record).await?),
        None => None,
    };
    let facts = Facts {
        session_id: Some(plan.id().to_owned()),
        authenticated: login.authentication.at.micros(),
        tells_time: request.max_age.is_some() || request.prompt.login,
        connection: login.authentication.connection.clone(),
        organization,
        amr: Vec::new(),
        actor: None,
        custom: verdict.custom.clone(),
    };
    let issues = request.response_type;
    let code = issues.code.then(|| code::generate(site.store.context()));
    let subject = Subject {
        user: &user,
        client,
        api: api.as_deref(),
        scopes: &scopes,
        permissions: &permissions,
        session_id: facts.session_id.as_deref(),
        organization: facts.organization.as_ref(),
        gty: None,
        custom: &facts.custom,
        actor: None,
    };
    let token = if issues.token { Some(site.access_token(&subject, true).await?) } else { None };
    let id_token = if issues.id_token && request.asks_for("openid") {
        let parts = IdTokenParts {
            nonce: request.nonce.as_deref(),
            auth_time: facts.auth_time(),
            access_token: token.as_ref().map(|token| token.value.as_str()),
            code: code.as_deref(),
            ..IdTokenParts::default()
        };
        Some(site.id_token(&subject, &parts).await?)
    } else {
        None
    };
    let mut members: Members = Vec::new();
    if let Some(code) = &code {
        members.push(("code", code.as_str().into()));
    }
    if let Some(token) = &token {
        members.push(("access_token", token.value.as_str().into()));
        members.push(("expires_in", token.lifetime.into()));
        members.push(("token_type", "Bearer".into()));
        if scopes != request.scope {
            members.push(("scope", scopes.join(" ").into()));
        }
    }
    if let Some(id_token) = id_token {
        members.push(("id_token", id_token.into()));
    }
    if let Some(state) = &request.addressee.state {
        members.push(("state", state.as_str().into()));
    }
    if site.settings().await?.authorization_response_iss_parameter_supported {
        members.push(("iss", site.tenant.issuer().into()));
    }
    let stored_code = code.map(|text| {
        let code = code::Code {
            client_id: client.id.clone(),
            user_id: user.id.clone(),
            redirect_uri: request.named_redirect_uri.then(|| request.addressee.redirect_uri.clone()),
            challenge: request.code_challenge.clone(),
            audience: api.as_ref().map(|api| api.identifier.clone()),
            is_as_asked: scopes == request.scope,
            scopes: scopes.clone(),
            nonce: request.nonce.clone(),
            facts: facts.clone(),
            refresh_token: verdict.refresh_token.clone(),
        };
        (text, code)
    });
    let entry = log::login(site, login, &user, &verdict, plan.id());
    let work = {
        let (pages, transaction, plan) = (Arc::clone(&site.pages), login.transaction.clone(), plan.clone());
        let (user_id, issues_id_token) = (user.id.clone(), request.asks_for("openid"));
        let client_id = client.id.clone();
        let entrance = login.organization.clone();
        let (actor, entering) = (organization::actor(site, login.visit, login.asked), entering(login));
        move |tx: &mut Tx| -> Result<session::Planned, AuthorizationError> {
            if let Some(transaction) = &transaction
                && !pages.finish(tx, transaction)?
            {
                return Err(AuthorizationError::access_denied("The login transaction was used before"));
            }
            // Before the session: what an accepted invitation ends is older.
            if let Some(entrance) = &entrance {
                entrance.carry_out(tx, &actor, &entering)?;
            }
            // The session ended while the code ran: nobody is signed in any more.
            let planned = plan.apply(tx, issues_id_token.then_some(client_id.as_str()))?;
            let planned = planned.ok_or_else(AuthorizationError::login_required)?;
            if let Some((text, code)) = &stored_code {
                code::keep(tx, text, code)?;
            }
            if let Some(wanted) = &granted {
                consent::grant(tx, &user_id, wanted)?;
            }
            verdict.apply(tx, &user_id)?;
            tx.append_log(entry.clone())?;
            Ok(planned)
        }
    };
    let planned = site.store.write(site.tenant.id(), work).await?;
    let words = site.words(&request.ui_locales, login.visit).await;
    let mut response = response::respond(site.store.context(), &request.addressee, words, &members);
    if let Some(secret) = planned.secret {
        let cookies = session::cookies(site, &login.visit.browser, &planned.session, &secret);
        browser::set_cookies(&mut response, &cookies);
    }
    Ok(response)
}
