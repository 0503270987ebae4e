//! The pages as a protocol uses them.

use super::{
    Authentication, BoxFuture, Browser, Envelope, ErrorPage, LIFETIME, Login, LoginRequest, Outcome, Pages, PagesError,
    Progress, Prompt, Redirect, Stage, StoreResult, TRANSACTION, TenantId, Transaction, Tx, Value, accounts, carrier,
    consent, find, id, json, machine, organizations,
};
use crate::{
    form::LONGEST_CODE,
    paths::{self, FORM},
    reply::Reply,
    screens::passwordless::BROUGHT,
};
use flows::journey::Journey;
use model::login::GivenIdentifier;

impl Pages for Login {
    fn begin<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: LoginRequest,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>> {
        Box::pin(async move {
            let (for_first, ip) = (request.clone(), browser.ip.clone());
            let settings = self.reading(tenant);
            let read = move |reader: &store::Snapshot| {
                let setting = settings.setting(reader, &for_first, &ip)?;
                let first = machine::first(&setting.world, &for_first);
                let path = setting.start(&for_first, first);
                Ok::<_, store::StoreError>((first, path, reader.envelope()?))
            };
            let (first, path, envelope) = self.store.read(tenant, read).await?;
            let mut transaction = self.transaction(request);
            first.clone_into(&mut transaction.progress.screen);
            self.carried(&envelope, browser, &transaction, &path)
        })
    }

    fn begin_with_code<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: LoginRequest,
        identifier: &'a str,
        code: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>> {
        Box::pin(async move {
            let (asked, ip) = (request.clone(), browser.ip.clone());
            let settings = self.reading(tenant);
            let read = move |reader: &store::Snapshot| {
                Ok::<_, store::StoreError>((
                    settings.setting(reader, &asked, &ip)?.world.passwordless,
                    reader.envelope()?,
                ))
            };
            let (passwordless, envelope) = self.store.read(tenant, read).await?;
            let mut transaction = self.transaction(request);
            let progress = &mut transaction.progress;
            let mut screen = "login-id";
            if let Some(connection) = &passwordless
                && let Some(value) = identity::passwordless::normal(connection.kind.into(), identifier)
            {
                screen = connection.challenge(false);
                progress.identifier = Some(GivenIdentifier { kind: Some(connection.kind.field().to_owned()), value });
                let code = code.chars().filter(|letter| !letter.is_control()).take(LONGEST_CODE).collect();
                progress.fields.insert(BROUGHT.to_owned(), code);
            }
            screen.clone_into(&mut progress.screen);
            self.carried(&envelope, browser, &transaction, paths::of(screen))
        })
    }

    fn begin_with<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: LoginRequest,
        authentication: Authentication,
        prompt: Prompt,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>> {
        Box::pin(async move {
            let mut transaction = self.transaction(request);
            transaction.progress.authentication = Some(authentication);
            let is_form = matches!(prompt, Prompt::Form(_));
            let location = enter(&mut transaction, prompt);
            if is_form {
                return self.stored(tenant, transaction, browser, &location).await;
            }
            let envelope = self.store.read(tenant, |reader: &store::Snapshot| reader.envelope()).await?;
            self.carried(&envelope, browser, &transaction, &location)
        })
    }

    fn begin_logout<'a>(
        &'a self,
        tenant: &'a TenantId,
        protocol: Value,
        client_id: Option<String>,
        user: Option<String>,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>> {
        Box::pin(async move {
            let client_id = client_id.unwrap_or_default();
            let mut transaction = self.transaction(LoginRequest { client_id, protocol, ..LoginRequest::default() });
            let progress = &mut transaction.progress;
            progress.stage = Stage::Prompt;
            "logout".clone_into(&mut progress.screen);
            progress.shown = user.map_or(Value::Null, |user| json!({consent::USER: user}));
            let envelope = self.store.read(tenant, |reader: &store::Snapshot| reader.envelope()).await?;
            self.carried(&envelope, browser, &transaction, paths::of("logout"))
        })
    }

    fn outcome<'a>(
        &'a self,
        tenant: &'a TenantId,
        state: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Outcome, PagesError>> {
        Box::pin(async move {
            let (state, browser) = (state.to_owned(), browser.clone());
            let settings = self.reading(tenant);
            let read = move |reader: &store::Snapshot| {
                let Some(found) = find(reader, &state, &browser)? else { return Ok(None) };
                let request = &found.transaction.request;
                let setting = settings.setting(reader, request, &browser.ip)?;
                let entry = setting.start(request, machine::first(&setting.world, request));
                Ok::<_, store::StoreError>(Some((found.transaction, entry)))
            };
            let Some((transaction, entry)) = self.store.read(tenant, read).await? else { return Ok(Outcome::Unknown) };
            let to = |path: &str, step| {
                let joint = if path.contains('?') { '&' } else { '?' };
                let location = format!("{path}{joint}state={}", carrier::state(&transaction.id, step));
                Outcome::Pending(Redirect { location, cookies: Vec::new() })
            };
            let progress = &transaction.progress;
            Ok(match (progress.stage, &progress.refusal) {
                (Stage::Entry, _) => to(&entry, 0),
                (Stage::Prompt, _) => to(&paths::of_prompt(progress), progress.step),
                (Stage::Finished, _) => Outcome::Finished(Box::new(transaction)),
                (Stage::Resume, Some(refusal)) => {
                    let refusal = refusal.clone();
                    Outcome::Refused(Box::new(transaction), refusal)
                }
                (Stage::Resume, None) => Outcome::Authenticated(Box::new(transaction)),
            })
        })
    }

    fn ask<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut transaction: Transaction,
        prompt: Prompt,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>> {
        Box::pin(async move {
            transaction.progress.step = transaction.progress.step.saturating_add(1);
            let is_form = matches!(prompt, Prompt::Form(_));
            let location = enter(&mut transaction, prompt);
            let for_store = transaction.clone();
            let is_stored = self.store.write(tenant, move |tx| accounts::update(tx, &for_store)).await?;
            if is_stored {
                return Ok(Redirect { location: with_state(&location, &transaction), cookies: Vec::new() });
            }
            if is_form {
                return self.stored(tenant, transaction, browser, &location).await;
            }
            let envelope = self.store.read(tenant, |reader: &store::Snapshot| reader.envelope()).await?;
            self.carried(&envelope, browser, &transaction, &location)
        })
    }

    fn come_back<'a>(
        &'a self,
        tenant: &'a TenantId,
        state: &'a str,
        sent: (kernel::Document, kernel::Document),
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Option<Redirect>, PagesError>> {
        Box::pin(async move {
            match self.reset_goes_on(tenant, state, browser, sent).await? {
                Some(Reply::Redirect(redirect)) => Ok(Some(redirect)),
                Some(Reply::Page { .. }) => Ok(None),
                None => Ok(self.open_form(tenant, state, browser).await?),
            }
        })
    }

    fn finish(&self, tx: &mut Tx, transaction: &Transaction) -> StoreResult<bool> {
        let stored = tx.peek_single_use(TRANSACTION, &transaction.id)?;
        let mut finished = transaction.clone();
        finished.progress = Progress { stage: Stage::Finished, ..Progress::default() };
        match stored {
            None => {
                let user = transaction.progress.authentication.as_ref().map(|known| known.user_id.as_str());
                accounts::store(tx, &finished, user).map(|()| true)
            }
            Some(stored) => {
                let stored: Transaction = serde_json::from_value(stored.payload.into())?;
                if stored.progress.stage == Stage::Finished {
                    return Ok(false);
                }
                accounts::update(tx, &finished)
            }
        }
    }

    fn solves<'a>(
        &'a self,
        tenant: &'a TenantId,
        state: &'a str,
        entered: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<bool, PagesError>> {
        Box::pin(async move { Ok(self.solves_classic(tenant, state, entered, browser).await?) })
    }

    fn error<'a>(
        &'a self,
        tenant: &'a TenantId,
        client_id: Option<&'a str>,
        error: &'a str,
        description: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, http::Response<String>> {
        Box::pin(async move {
            let page = ErrorPage {
                client_id: client_id.map(str::to_owned),
                error: error.to_owned(),
                description: description.to_owned(),
                ..ErrorPage::default()
            };
            self.told_error(tenant, page, browser).await.unwrap_or_else(|error| Self::failed(&error)).response()
        })
    }

    fn lost<'a>(&'a self, tenant: &'a TenantId, browser: &'a Browser) -> BoxFuture<'a, http::Response<String>> {
        Box::pin(async move {
            let scene = self.scene(tenant, "", browser, "login", &[]).await;
            let reply = match scene {
                Ok(scene) => self.lost_page(&scene).await,
                Err(error) => Self::failed(&error),
            };
            reply.response()
        })
    }

    fn forget(&self, transaction: &Transaction, browser: &Browser) -> Vec<String> {
        carrier::forget(browser, &transaction.id)
    }
}

impl Login {
    /// To the form that a login waits for: it cannot be left out.
    async fn open_form(&self, tenant: &TenantId, state: &str, browser: &Browser) -> StoreResult<Option<Redirect>> {
        let (state, browser) = (state.to_owned(), browser.clone());
        let read = move |reader: &store::Snapshot| find(reader, &state, &browser);
        let Some(found) = self.store.read(tenant, read).await? else { return Ok(None) };
        let progress = &found.transaction.progress;
        let is_open = progress.stage == Stage::Prompt && progress.screen == FORM && found.step == progress.step;
        let location = is_open.then(|| with_state(&paths::of_prompt(progress), &found.transaction));
        Ok(location.map(|location| Redirect { location, cookies: Vec::new() }))
    }

    /// A new transaction.
    pub(crate) fn transaction(&self, request: LoginRequest) -> Transaction {
        let context = self.store.context();
        let now = context.now();
        Transaction {
            id: context.text(id::BASE64URL, carrier::ID),
            request,
            progress: Progress::default(),
            created: now,
            expires: now + LIFETIME,
        }
    }

    /// Stores a transaction whose prompt takes in what is too much for a browser, and must not be lost. The browser carries what
    /// shows that it is the same.
    async fn stored(
        &self,
        tenant: &TenantId,
        transaction: Transaction,
        browser: &Browser,
        location: &str,
    ) -> Result<Redirect, PagesError> {
        let location = with_state(location, &transaction);
        Ok(Redirect { location, cookies: self.keep(tenant, transaction, browser).await? })
    }

    /// Stores a transaction, and gives the cookies by which its browser shows that it is the same.
    pub(super) async fn keep(
        &self,
        tenant: &TenantId,
        transaction: Transaction,
        browser: &Browser,
    ) -> Result<Vec<String>, PagesError> {
        let kept = transaction.clone();
        let work = move |tx: &mut Tx| {
            let user = kept.progress.authentication.as_ref().map(|known| known.user_id.as_str());
            accounts::store(tx, &kept, user)?;
            tx.envelope()
        };
        let envelope = self.store.write(tenant, work).await?;
        let mut carried = transaction;
        carried.request.protocol = Value::Null;
        carried.progress.shown = Value::Null;
        carried.progress.fields.clear();
        carrier::write(&envelope, self.store.context().now(), browser, &carried)
    }

    /// Has the browser carry a transaction to a page.
    pub(crate) fn carried(
        &self,
        envelope: &Envelope,
        browser: &Browser,
        transaction: &Transaction,
        location: &str,
    ) -> Result<Redirect, PagesError> {
        let cookies = carrier::write(envelope, self.store.context().now(), browser, transaction)?;
        Ok(Redirect { location: with_state(location, transaction), cookies })
    }
}

/// An address with the `state` of the present step.
fn with_state(location: &str, transaction: &Transaction) -> String {
    let state = carrier::state(&transaction.id, transaction.progress.step);
    let (address, fragment) =
        location.split_once('#').map_or((location, None), |(address, rest)| (address, Some(rest)));
    let joint = if address.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{joint}state={state}{fragment}")
}

/// Enters a prompt, and tells where it is.
fn enter(transaction: &mut Transaction, prompt: Prompt) -> String {
    let progress = &mut transaction.progress;
    progress.stage = Stage::Prompt;
    match prompt {
        Prompt::Consent { scopes } => {
            "consent".clone_into(&mut progress.screen);
            progress.shown = json!({consent::QUESTION: "consent", consent::SCOPES: scopes});
            paths::of("consent").to_owned()
        }
        Prompt::Confirmation => {
            "consent".clone_into(&mut progress.screen);
            progress.shown = json!({consent::QUESTION: "confirmation"});
            paths::of("consent").to_owned()
        }
        Prompt::Organization { choices, may_skip } => {
            "organization-picker".clone_into(&mut progress.screen);
            progress.shown = json!({organizations::CHOICES: choices, organizations::MAY_SKIP: may_skip});
            paths::of("organization-picker").to_owned()
        }
        Prompt::OrganizationName(prompt) => {
            "organization-selection".clone_into(&mut progress.screen);
            progress.shown = Value::Null;
            transaction.request.organization_prompt = Some(prompt);
            paths::of("organization-selection").to_owned()
        }
        Prompt::Form(form) => {
            let path = paths::of_form(&form.id);
            FORM.clone_into(&mut progress.screen);
            progress.form = None;
            progress.shown = Journey::of(form).to_value();
            path
        }
        Prompt::Elsewhere { url } => {
            // The protocol itself hears of the return.
            progress.stage = Stage::Resume;
            url
        }
    }
}
