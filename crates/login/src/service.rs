//! The pages of a tenant: reads what a request is about, asks the state machine what comes next, and does it.

mod advanced;
mod documents;
mod errors;
mod forms;
mod links;
mod pages;
mod tickets;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flows::Flows;
use http::StatusCode;
use kernel::{Record, TenantId, Value, host_name, id};
use serde_json::json;
use store::{Envelope, Snapshot, Store, StoreError, StoreResult, Tx};

pub use errors::ErrorPage;
pub use forms::LONGEST_FORM;
pub(crate) use forms::{Sent, SentFile};
pub(crate) use tickets::Purpose;

use crate::{
    accounts::{self, Accounts, Call, Keep, Refused, TRANSACTION},
    captcha, carrier, classic,
    form::Form,
    load::{self, Reading, Setting, Settings},
    machine, paths,
    reply::Reply,
    screens::{self, View, consent, organizations},
    step::{At, Done, Effect, Fault, Show, Step},
    texts::Texts,
};
use model::login::{
    Authentication, BoxFuture, Browser, LoginRequest, Outcome, Pages, PagesError, Progress, Prompt, Redirect, Stage,
    Transaction,
};
use model::{
    languages,
    screens::Screen,
    views::{User, View as _},
};

/// How long a login may take.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Where a protocol goes on.
pub(crate) const RESUME: &str = "/authorize/resume";
/// Where a logout goes on.
const RESUME_LOGOUT: &str = "/oidc/logout/resume";

/// The pages of universal login.
#[derive(Clone)]
pub struct Login {
    pub(crate) store: Store,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) flows: Arc<dyn Flows>,
    settings: Arc<Settings>,
}

/// A transaction as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) transaction: Transaction,
    /// Whether the store holds it; else the browser does.
    pub(crate) is_stored: bool,
    /// The step that the `state` names.
    pub(crate) step: u16,
}

/// What one read of the store tells about a request.
pub(crate) struct Scene {
    pub(crate) found: Option<Found>,
    pub(crate) setting: Setting,
    pub(crate) envelope: Envelope,
    pub(crate) language: String,
    /// What the tenant wrote for the prompt that the request is most likely about.
    pub(crate) custom: Option<kernel::Document>,
    pub(crate) prompt: &'static str,
    /// The tenant's issuer, as the browser reached it.
    pub(crate) issuer: String,
    /// The host that the browser reached, with its port unless that is 443.
    pub(crate) host: String,
    /// The custom domain that it is.
    pub(crate) domain: Option<Record>,
    /// How the tenant's own scripts draw the screen that the request is most likely about.
    drawn: Option<advanced::Drawn>,
    /// What was just sent, without secrets, where the tenant's own scripts draw the screen.
    submitted: BTreeMap<String, String>,
    /// The rules that the password keeps which was just sent, where the tenant's own scripts draw the screen.
    kept_rules: Vec<&'static str>,
}

impl Scene {
    /// What is asked of whoever keeps the users, outside of a login.
    pub(crate) fn call(&self, tenant: &TenantId, browser: &Browser, client_id: &str) -> Call {
        Call {
            tenant: tenant.clone(),
            client_id: client_id.to_owned(),
            browser: browser.clone(),
            language: self.language.clone(),
            transaction: None,
            organization: self.setting.world.organization.as_ref().map(|known| [known.id.clone(), known.name.clone()]),
        }
    }
}

impl Login {
    /// The pages, over what keeps users.
    pub fn new(store: Store, accounts: Arc<dyn Accounts>) -> Self {
        Self { store, accounts, flows: Arc::new(forms::NoFlows), settings: Arc::new(Settings::new()) }
    }

    /// The pages, whose forms run flows.
    pub fn with_flows(self, flows: Arc<dyn Flows>) -> Self {
        Self { flows, ..self }
    }

    /// The settings of a tenant, for a transaction that is begun with it.
    pub(crate) fn reading(&self, tenant: &TenantId) -> Reading {
        self.settings.reading(&self.store, tenant)
    }

    /// Reads a request's transaction, the settings for it, and the texts of the screen that it most likely shows.
    pub(crate) async fn scene(
        &self,
        tenant: &TenantId,
        state: &str,
        browser: &Browser,
        likely: &str,
        asked: &[String],
    ) -> StoreResult<Scene> {
        let (state, browser) = (state.to_owned(), browser.clone());
        let prompt = Screen::named(likely).map_or("", |screen| screen.prompt);
        let (asked, likely) = (asked.to_vec(), likely.to_owned());
        let settings = self.reading(tenant);
        let work = move |reader: &Snapshot| {
            let found = find(reader, &state, &browser)?;
            let ended = if found.is_none() { ended(reader, &state)? } else { LoginRequest::default() };
            let request = found.as_ref().map_or(&ended, |found| &found.transaction.request);
            let mut setting = settings.setting(reader, request, &browser.ip)?;
            if let Some(found) = &found {
                setting.world.narrow(&likely, &found.transaction.progress);
            }
            let chosen = found.as_ref().and_then(|found| found.transaction.progress.language.clone());
            let wishes: Vec<String> =
                chosen.into_iter().chain(asked.iter().cloned()).chain(request.ui_locales.iter().cloned()).collect();
            let asked = wishes.first().map(String::as_str);
            let language = languages::choose(&setting.languages, asked, &browser.language).to_owned();
            let custom = load::custom_text(reader, prompt, &language)?;
            let issuer = format!("https://{}/", browser.host);
            let domain = reader.find(&model::CUSTOM_DOMAIN, "domain", &host_name(&browser.host))?;
            let domain = domain.filter(|domain| domain.text("status") == Some("ready"));
            let drawn = found
                .as_ref()
                .map(|found| advanced::Drawn::read(reader, &likely, &setting.world, found, domain.as_ref()))
                .transpose()?;
            Ok::<_, StoreError>(Scene {
                found,
                drawn,
                submitted: BTreeMap::new(),
                kept_rules: Vec::new(),
                setting,
                envelope: reader.envelope()?,
                language,
                custom,
                prompt,
                issuer,
                host: browser.host.clone(),
                domain,
            })
        };
        self.store.read(tenant, work).await
    }

    /// A page of ours is opened.
    pub(crate) async fn visit(
        &self,
        tenant: &TenantId,
        path: &str,
        state: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let likely = machine::screen_at(path).map_or("login", |screen| screen.name());
        let mut scene = self.scene(tenant, state, browser, likely, locales).await?;
        let Some(mut found) = scene.found.take() else { return Ok(self.lost_page(&scene).await) };
        if scene.setting.is_classic_at(&found.transaction, likely) {
            let location = classic::settings::address(&found.transaction.request);
            return Ok(Reply::to(format!("{location}&state={}", carrier::state(&found.transaction.id, 0))));
        }
        let before = found.transaction.clone();
        let mut at = At { world: &scene.setting.world, transaction: &mut found.transaction };
        let step = machine::visit(&mut at, path);
        Box::pin(self.respond(tenant, &scene, browser, found, &before, step)).await
    }

    /// A form of ours is sent.
    pub(crate) async fn post(
        &self,
        tenant: &TenantId,
        path: &str,
        state: &str,
        browser: &Browser,
        locales: &[String],
        form: &Form,
    ) -> StoreResult<Reply> {
        let likely = machine::screen_at(path).map_or("login", |screen| screen.name());
        let mut scene = self.scene(tenant, state, browser, likely, locales).await?;
        let Some(mut found) = scene.found.take() else { return Ok(self.lost_page(&scene).await) };
        if scene.drawn.as_ref().is_some_and(advanced::Drawn::is_by_tenant) {
            scene.submitted = form.submitted();
            let sent =
                ["password", "password-reset"].map(|field| form.get(field)).into_iter().find(|sent| !sent.is_empty());
            if let (Some(database), Some(sent)) = (&scene.setting.world.database, sent) {
                scene.kept_rules = database.rules.kept_by(sent);
            }
        }
        let before = found.transaction.clone();
        let mut step = {
            let mut at = At { world: &scene.setting.world, transaction: &mut found.transaction };
            machine::post(&mut at, path, form)
        };
        while let Step::Do(effect) = step {
            let done = self.perform(tenant, &scene, browser, likely, &found, effect).await;
            let done = match done {
                Err(Refused::Twice) => {
                    // Where the other request has taken the login.
                    let location = format!("{RESUME}?state={}", carrier::state(&found.transaction.id, 0));
                    return Ok(Reply::to(location));
                }
                Err(Refused::Failed(cause)) => {
                    tracing::error!(%cause, "a page's request failed");
                    Done::Fault(Fault::whole("custom-script-error-code"))
                }
                Err(Refused::Fault(fault)) => Done::Fault(fault),
                Err(Refused::Client(refusal)) => Done::Refused(refusal),
                Ok(done) => done,
            };
            if matches!(done, Done::Authenticated) {
                let location = format!("{RESUME}?state={}", carrier::state(&found.transaction.id, 0));
                return Ok(Reply::to(location));
            }
            let mut at = At { world: &scene.setting.world, transaction: &mut found.transaction };
            step = machine::done(&mut at, path, done);
        }
        Box::pin(self.respond(tenant, &scene, browser, found, &before, step)).await
    }

    async fn perform(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        browser: &Browser,
        screen: &'static str,
        found: &Found,
        effect: Effect,
    ) -> Result<Done, Refused> {
        let transaction = Some(found.transaction.clone());
        let call = Call { transaction, ..scene.call(tenant, browser, &found.transaction.request.client_id) };
        let keep =
            |puzzle: &Option<String>| Keep { transaction: found.transaction.clone(), screen, puzzle: puzzle.clone() };
        match effect {
            Effect::LogIn(log_in) => {
                let keep = keep(&log_in.puzzle);
                self.accounts.log_in(&call, log_in, keep).await.map(|()| Done::Authenticated)
            }
            Effect::SignUp(sign_up) => {
                let keep = keep(&sign_up.puzzle);
                self.accounts.sign_up(&call, sign_up, keep).await.map(|()| Done::Authenticated)
            }
            Effect::SendReset(reset) => {
                let keep = keep(&reset.puzzle);
                self.accounts.send_reset(&call, reset, keep).await.map(|()| Done::Well)
            }
            Effect::SendCode(to) => self.accounts.send_code(&call, &to).await.map(|()| Done::Well),
            Effect::CheckCode { to, code } => self.accounts.check_code(&call, &to, &code).await.map(|()| Done::Well),
            Effect::SendLogin(send) => {
                let keep = keep(&send.puzzle);
                self.accounts.send_login(&call, send, keep).await.map(|()| Done::Well)
            }
            Effect::LogInByCode { to, code } => {
                let keep = keep(&None);
                self.accounts.log_in_by_code(&call, to, code, keep).await.map(|()| Done::Authenticated)
            }
            Effect::CheckResetCode { reset, code } => {
                self.accounts.check_reset_code(&call, reset, &code).await.map(Done::Ticket)
            }
            Effect::JudgeReset { ticket } => {
                let judged = self.accounts.judge_reset(&call, &ticket, None).await;
                let judgement = judged.map_err(|error| Refused::Fault(Fault::whole(error.code())))?;
                Ok(Done::Judged { ticket, judgement })
            }
            Effect::FindOrganizations { entered, by_email } => {
                self.accounts.find_organizations(&call, &entered, by_email).await.map(Done::Organizations)
            }
            Effect::SetPassword { ticket, password } => {
                self.accounts.set_password(&call, &ticket, password).await.map(|()| Done::Well)
            }
        }
    }

    /// Does what the state machine said, and keeps what has changed.
    async fn respond(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        browser: &Browser,
        mut found: Found,
        before: &Transaction,
        step: Step,
    ) -> StoreResult<Reply> {
        let state = carrier::state(&found.transaction.id, found.step);
        let mut reply = match step {
            Step::Show(show) => self.show(tenant, scene, &mut found.transaction, state, &show).await?,
            Step::Go(path) => Reply::to(format!("{path}?state={state}")),
            Step::Leave(location) => Reply::to(location),
            Step::Resume => {
                let resume =
                    if found.transaction.progress.answers.contains_key("logout") { RESUME_LOGOUT } else { RESUME };
                // The protocol knows the login by its first state.
                Reply::to(format!("{resume}?state={}", carrier::state(&found.transaction.id, 0)))
            }
            Step::Lost | Step::Do(_) => return Ok(self.lost_page(scene).await),
        };
        if found.transaction == *before {
            return Ok(reply);
        }
        if !found.is_stored && found.transaction.progress.screen == paths::FORM {
            return match self.keep(tenant, found.transaction, browser).await {
                Ok(cookies) => Ok(reply.with_cookies(cookies)),
                Err(PagesError::TooLong) => Ok(self.lost_page(scene).await),
                Err(PagesError::Store(error)) => Err(error),
            };
        }
        if found.is_stored {
            let transaction = found.transaction;
            self.store.write(tenant, move |tx| accounts::update(tx, &transaction)).await?;
            return Ok(reply);
        }
        let now = self.store.context().now();
        match carrier::write(&scene.envelope, now, browser, &found.transaction) {
            Ok(cookies) => reply = reply.with_cookies(cookies),
            Err(PagesError::TooLong) => return Ok(self.lost_page(scene).await),
            Err(PagesError::Store(error)) => return Err(error),
        }
        Ok(reply)
    }

    /// A page of a transaction.
    async fn show(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        transaction: &mut Transaction,
        state: String,
        show: &Show,
    ) -> StoreResult<Reply> {
        let Some(behaviour) = screens::named(show.screen) else { return Ok(self.lost_page(scene).await) };
        let texts = self.texts(tenant, scene, behaviour.name(), transaction).await?;
        let world = &scene.setting.world;
        transaction.progress.captcha = None;
        let shown = world.is_puzzled(behaviour.name()).then(|| {
            let (puzzle, shown) = captcha::of(self.store.context(), &texts);
            transaction.progress.captcha = Some(puzzle);
            shown
        });
        let view = View { world, transaction, state, texts, show, captcha: shown };
        let page = behaviour.page(&view).without_gaps();
        Box::pin(self.document(tenant, scene, &view, page, status(&show.faults))).await
    }

    /// How the user is called, for prompts that greet.
    async fn user_name(&self, tenant: &TenantId, progress: &Progress) -> StoreResult<String> {
        if let Some(told) = progress.shown.get(consent::USER).and_then(Value::as_str) {
            return Ok(told.to_owned());
        }
        let Some(known) = progress.authentication.as_ref().filter(|_| progress.stage == Stage::Prompt) else {
            return Ok(String::new());
        };
        let id = known.user_id.clone();
        let user = self.store.read(tenant, move |reader: &Snapshot| reader.get(&model::USER, &id)).await?;
        let user = user.map(|user| User::of(&user)).transpose()?;
        Ok(user.as_ref().and_then(User::called).unwrap_or_default().to_owned())
    }

    /// The texts of a screen, with what they name.
    pub(crate) async fn texts(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        screen: &'static str,
        transaction: &Transaction,
    ) -> StoreResult<Texts> {
        let prompt = Screen::named(screen).map_or("", |screen| screen.prompt);
        let custom = if prompt == scene.prompt {
            scene.custom.clone()
        } else {
            let language = scene.language.clone();
            self.store.read(tenant, move |reader| load::custom_text(reader, prompt, &language)).await?
        };
        let user = self.user_name(tenant, &transaction.progress).await?;
        let inviter = scene.setting.world.invitation.as_ref().map_or("", |invitation| invitation.inviter.as_str());
        let (min, max) = scene.setting.world.database.as_ref().map_or((1, 128), |database| database.username_window);
        let variable = screens::named(screen).and_then(|screen| screen.variable(&scene.setting.world, transaction));
        let texts = Texts::new(&scene.language, screen, custom.as_ref())
            .with("clientName", &*scene.setting.world.client.name)
            .with("companyName", &*scene.setting.world.company)
            .with("userName", user)
            .with("inviterName", inviter)
            .with("min", min.to_string())
            .with("max", max.to_string())
            .with("characters", "_+-.!#$^~`'");
        Ok(variable.into_iter().fold(texts, |texts, (name, value)| texts.with(name, value)))
    }

    pub(crate) fn nonce(&self) -> String {
        self.store.context().text(id::BASE64URL, 22)
    }

    /// A login that is not there any more: to where logins begin, if that is known, else a page that says so.
    pub(crate) async fn lost_page(&self, scene: &Scene) -> Reply {
        if let Some(start) = scene.setting.world.start()
            && let Ok(mut address) = url::Url::parse(start)
        {
            address.query_pairs_mut().append_pair("iss", &scene.issuer);
            return Reply::to(String::from(address));
        }
        self.error_reply(scene, &ErrorPage::lost()).await
    }
}

/// The transaction of a `state`: the store's, if it is there, but only in the browser that began it.
fn find(reader: &Snapshot, state: &str, browser: &Browser) -> StoreResult<Option<Found>> {
    let Some((id, step)) = carrier::parse(state) else { return Ok(None) };
    let Some(carried) = carrier::read(reader, browser, id)? else { return Ok(None) };
    let Some(stored) = reader.peek_single_use(TRANSACTION, id)? else {
        return Ok(Some(Found { transaction: carried, is_stored: false, step }));
    };
    let transaction = serde_json::from_value(stored.payload.into())?;
    Ok(Some(Found { transaction, is_stored: true, step }))
}

/// What is left of a login that the browser does not carry any more: its client, so that the user can begin again there.
fn ended(reader: &Snapshot, state: &str) -> StoreResult<LoginRequest> {
    let Some((id, _)) = carrier::parse(state) else { return Ok(LoginRequest::default()) };
    let Some(stored) = reader.peek_single_use(TRANSACTION, id)? else { return Ok(LoginRequest::default()) };
    let transaction: Transaction = serde_json::from_value(stored.payload.into())?;
    Ok(LoginRequest { client_id: transaction.request.client_id, ..LoginRequest::default() })
}

/// The status of a page with these faults.
fn status(faults: &[Fault]) -> StatusCode {
    let is_limit = |fault: &Fault| fault.code.starts_with("too-many-");
    match faults {
        [] => StatusCode::OK,
        faults if faults.iter().any(|fault| fault.code == "server-busy") => StatusCode::SERVICE_UNAVAILABLE,
        faults if faults.iter().any(is_limit) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests;
