//! A login by password from a classic page: `/usernamepassword/login`, and the puzzles before it.

use http::StatusCode;
use kernel::TenantId;
use model::login::{Browser, GivenIdentifier, LoginRequest, Stage, Transaction};
use serde_json::json;
use store::{Snapshot, StoreResult, Tx};

use super::{callback, own_page::is_from_page};
use crate::{
    accounts::{self, Call, Keep, Refused},
    captcha, carrier,
    form::{self, Form},
    load::Setting,
    reply::Answer,
    service::{Found, Login, Scene},
    step::{At, Fault, LogIn},
    texts::Texts,
    world::World,
};

/// For what a page asks whether a puzzle is to be solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Password,
    Reset,
    Passwordless,
}

impl Challenge {
    fn is_due(self, world: &World) -> bool {
        match self {
            Self::Password => world.puzzles.password,
            Self::Reset => world.puzzles.reset,
            Self::Passwordless => world.puzzles.passwordless,
        }
    }
}

impl Login {
    /// Verifies a password, and answers with the form that the page sends on.
    pub(super) async fn classic_sign_in(
        &self,
        tenant: &TenantId,
        browser: &Browser,
        form: &Form,
    ) -> StoreResult<Answer> {
        let mut scene = self.scene(tenant, form.get("state"), browser, "login", &[]).await?;
        let Some(mut found) = scene.found.take() else { return Ok(session_missing()) };
        if !is_from_page(browser, &found.transaction.id, form.get("_csrf")) {
            return Ok(refusal(StatusCode::FORBIDDEN, "invalid_csrf_token", "invalid csrf token"));
        }
        if found.transaction.progress.stage != Stage::Entry {
            // It was sent before: the browser goes to where its login stands.
            return callback::form(&self.store, tenant, browser, &found.transaction).await;
        }
        let named = form.line("connection");
        let setting = self.of_connection(tenant, &found.transaction.request, &scene, &named, browser).await?;
        let setting = setting.as_ref().unwrap_or(&scene.setting);
        let database = setting.world.database.as_ref();
        let database = database.filter(|known| known.has_passwords && (named.is_empty() || known.name == named));
        let Some(database) = database else {
            return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_connection", "the connection is not enabled"));
        };
        let before = found.transaction.clone();
        let puzzle = At { world: &setting.world, transaction: &mut found.transaction }.solves_puzzle(form);
        let identifier = form.line("username");
        let refused = if setting.world.puzzles.password && puzzle.is_none() {
            Refused::Fault(Fault::at("captcha", "invalid-captcha"))
        } else if identifier.is_empty() || form.get("password").is_empty() {
            Refused::Fault(Fault::at("username", "wrong-credentials"))
        } else {
            found.transaction.progress.identifier = Some(GivenIdentifier { kind: None, value: identifier.clone() });
            // Such a page asks for any of them.
            let (kinds, connection) = (Vec::new(), database.name.clone());
            let log_in = LogIn { connection, kinds, identifier, password: form.secret("password"), puzzle };
            let client_id = found.transaction.request.client_id.clone();
            let transaction = Some(found.transaction.clone());
            let call = Call { transaction, ..scene.call(tenant, browser, &client_id) };
            let keep = Keep { transaction: found.transaction.clone(), screen: "login", puzzle: log_in.puzzle.clone() };
            match self.accounts.log_in(&call, log_in, keep).await {
                Ok(()) | Err(Refused::Twice) => {
                    return callback::form(&self.store, tenant, browser, &found.transaction).await;
                }
                Err(refused) => refused,
            }
        };
        let texts = self.texts(tenant, &scene, "login", &found.transaction).await?;
        let mut answer = told(refused, &texts);
        answer.cookies = self.carry(&scene, browser, &found, &before)?;
        Ok(answer)
    }

    /// The settings for another connection of the client than the first, where the page names one and the request does not.
    async fn of_connection(
        &self,
        tenant: &TenantId,
        request: &LoginRequest,
        scene: &Scene,
        named: &str,
        browser: &Browser,
    ) -> StoreResult<Option<Setting>> {
        let is_known = scene.setting.world.database.as_ref().is_some_and(|database| database.name == named);
        if named.is_empty() || is_known || request.connection.is_some() {
            return Ok(None);
        }
        let request = LoginRequest { connection: Some(named.to_owned()), ..request.clone() };
        let ip = browser.ip.clone();
        let settings = self.reading(tenant);
        self.store.read(tenant, move |reader: &Snapshot| settings.setting(reader, &request, &ip)).await.map(Some)
    }

    /// Tells a page whether a puzzle is to be solved, and shows one if so.
    pub(super) async fn classic_challenge(
        &self,
        tenant: &TenantId,
        browser: &Browser,
        form: &Form,
        challenge: Challenge,
    ) -> StoreResult<Answer> {
        let mut scene = self.scene(tenant, form.get("state"), browser, "login", &[]).await?;
        if !challenge.is_due(&scene.setting.world) {
            return Ok(Answer::json(StatusCode::OK, &json!({"required": false})));
        }
        let Some(mut found) = scene.found.take().filter(|found| found.transaction.progress.stage == Stage::Entry)
        else {
            return Ok(session_missing());
        };
        let before = found.transaction.clone();
        let texts = self.texts(tenant, &scene, "login", &found.transaction).await?;
        let (puzzle, shown) = captcha::of(self.store.context(), &texts);
        found.transaction.progress.captcha = Some(puzzle);
        let body = json!({
            "required": true, "provider": "auth0", "type": "code", "image": shown.image, "siteKey": "",
            // For those who cannot see the picture.
            "question": shown.question,
        });
        let mut answer = Answer::json(StatusCode::OK, &body);
        answer.cookies = self.carry(&scene, browser, &found, &before)?;
        Ok(answer)
    }

    /// Whether what was entered solves the puzzle that the browser was shown. It is used up either way.
    pub(crate) async fn solves_classic(
        &self,
        tenant: &TenantId,
        state: &str,
        entered: &str,
        browser: &Browser,
    ) -> StoreResult<bool> {
        let scene = self.scene(tenant, state, browser, "login", &[]).await?;
        let Some(Found { transaction, .. }) = scene.found else { return Ok(false) };
        let Some(puzzle) = transaction.progress.captcha else { return Ok(false) };
        let is_solved = captcha::is_solved(&puzzle, &form::code(entered));
        let use_up = move |tx: &mut Tx| accounts::use_up(tx, &puzzle.id, transaction.expires);
        Ok(self.store.write(tenant, use_up).await? && is_solved)
    }

    /// The cookies that have the browser carry what has changed of its login.
    fn carry(&self, scene: &Scene, browser: &Browser, found: &Found, before: &Transaction) -> StoreResult<Vec<String>> {
        if found.is_stored || found.transaction == *before {
            return Ok(Vec::new());
        }
        match carrier::write(&scene.envelope, self.store.context().now(), browser, &found.transaction) {
            Ok(cookies) => Ok(cookies),
            Err(model::login::PagesError::TooLong) => Ok(Vec::new()),
            Err(model::login::PagesError::Store(error)) => Err(error),
        }
    }
}

/// A refusal in the shape that Lock and auth0.js read.
pub(super) fn refusal(status: StatusCode, code: &str, description: &str) -> Answer {
    let name = if status == StatusCode::UNAUTHORIZED { "ValidationError" } else { "Error" };
    let body = json!({"name": name, "code": code, "description": description, "statusCode": status.as_u16()});
    Answer::json(status, &body)
}

/// There is no such login in this browser, or no more.
pub(super) fn session_missing() -> Answer {
    refusal(StatusCode::BAD_REQUEST, "session_missing", "session missing")
}

/// What a page is told of a login that was refused.
pub(super) fn told(refused: Refused, texts: &Texts) -> Answer {
    let fault = match refused {
        // In the words that Lock knows.
        Refused::Client(refused) => {
            return refusal(StatusCode::UNAUTHORIZED, &refused.error, &refused.description);
        }
        Refused::Failed(cause) => {
            tracing::error!(%cause, "a login from a classic page failed");
            Fault::whole("custom-script-error-code")
        }
        Refused::Twice => Fault::whole("custom-script-error-code"),
        Refused::Fault(fault) => fault,
    };
    let (status, code) = match fault.code.as_str() {
        "wrong-credentials" => {
            return refusal(StatusCode::UNAUTHORIZED, "invalid_user_password", "Wrong email or password.");
        }
        "user-blocked" | "ip-blocked" => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
        "same-user-login" => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
        "password-breached" => (StatusCode::UNAUTHORIZED, "password_leaked"),
        "invalid-captcha" => (StatusCode::BAD_REQUEST, "invalid_captcha"),
        "invalid-connection" => (StatusCode::BAD_REQUEST, "invalid_connection"),
        "server-busy" => (StatusCode::SERVICE_UNAVAILABLE, "server_busy"),
        _ => (StatusCode::UNAUTHORIZED, "rule_error"),
    };
    let description = fault.text.clone().unwrap_or_else(|| texts.get(&fault.code));
    refusal(status, code, &description)
}
