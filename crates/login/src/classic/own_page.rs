//! `/login`: the page on which users of classic tenants log in, and what shows that a request comes from a page that this browser was shown.

use http::StatusCode;
use kernel::{TenantId, id};
use model::{
    languages,
    login::{Browser, LoginRequest, Stage},
};
use store::{Snapshot, StoreResult};

use super::{config, default_page, policy, settings::LoginPage};
use crate::{
    carrier,
    policy::destination,
    reply::{self, Reply},
    service::{ErrorPage, Login, RESUME, Scene},
};

/// The cookie whose value a page's token is derived from: scripts cannot read it, and nobody else's page has the token.
const COOKIE: &str = "_csrf";
/// Characters of its value.
const LENGTH: usize = 22;
/// How long it is kept.
const LIFETIME: i64 = 3_600;

/// What a page sends with its requests: it belongs to this browser, and to one login or one ticket.
fn token(secret: &str, subject: &str) -> String {
    kernel::digest(&format!("{secret}.{subject}"))
}

fn secret(browser: &Browser) -> Option<&str> {
    browser.secret(COOKIE, LENGTH)
}

/// Whether a request has the token of a page that this browser was shown for this login or ticket.
pub(super) fn is_from_page(browser: &Browser, subject: &str, presented: &str) -> bool {
    // Digests of digests: how much of a guess is right does not show in the time.
    secret(browser).is_some_and(|secret| kernel::digest(&token(secret, subject)) == kernel::digest(presented))
}

impl Login {
    /// The token of a page, and the cookie that belongs to it.
    pub(super) fn token_of_page(&self, browser: &Browser, subject: &str) -> (String, String) {
        let secret = secret(browser).map(str::to_owned);
        let secret = secret.unwrap_or_else(|| self.store.context().text(id::BASE64URL, LENGTH));
        (token(&secret, subject), format!("{COOKIE}={secret}{}", carrier::attributes(browser, Some(LIFETIME))))
    }

    /// The login page of a login that is still to be proven; other logins are elsewhere.
    pub(super) async fn classic_page(
        &self,
        tenant: &TenantId,
        state: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let mut scene = self.scene(tenant, state, browser, "login", locales).await?;
        let Some(found) = scene.found.take() else { return Ok(self.lost_page(&scene).await) };
        let transaction = found.transaction;
        let resume = || Reply::to(format!("{RESUME}?state={}", carrier::state(&transaction.id, 0)));
        if transaction.progress.stage != Stage::Entry {
            return Ok(resume());
        }
        let Some(page) = scene.setting.classic.clone() else { return Ok(resume()) };
        let (token, cookie) = self.token_of_page(browser, &transaction.id);
        let state = carrier::state(&transaction.id, 0);
        let proof = Some((state.as_str(), token.as_str()));
        let request = &transaction.request;
        let told = config::of(tenant, &scene.setting, request, browser, &scene.language, proof);
        let mut reply = match page {
            LoginPage::Own(html) => own(&scene, request, browser, config::embedded(&html, &told)),
            LoginPage::Default => {
                let nonce = self.nonce();
                let [login, signup, reset] = default_page::SCREENS;
                let texts = [
                    self.texts(tenant, &scene, login, &transaction).await?,
                    self.texts(tenant, &scene, signup, &transaction).await?,
                    self.texts(tenant, &scene, reset, &transaction).await?,
                ];
                default_page::reply(&scene, request, &texts, &told, &nonce)
            }
        };
        if let Reply::Page { cookies, .. } = &mut reply {
            cookies.push(cookie);
        }
        Ok(reply)
    }

    /// `/custom-login/preview`: what a client's page is going to be. It is told nothing by which anybody could log in.
    pub(super) async fn classic_preview(
        &self,
        tenant: &TenantId,
        client: &str,
        browser: &Browser,
    ) -> StoreResult<Reply> {
        let client_id: String = client.chars().filter(char::is_ascii_graphic).take(64).collect();
        let (id, ip) = (client_id.clone(), browser.ip.clone());
        let settings = self.reading(tenant);
        let read = move |reader: &Snapshot| {
            let Some(record) = reader.get(&model::CLIENT, &id)? else { return Ok(None) };
            let pages = <model::views::ClientPages as model::views::View>::of(&record)?;
            let request = LoginRequest { client_id: id.clone(), ..LoginRequest::default() };
            let html = pages.custom_login_page_preview.filter(|html| !html.trim().is_empty());
            Ok::<_, store::StoreError>(Some((settings.setting(reader, &request, &ip)?, html)))
        };
        let found = self.store.read(tenant, read).await?;
        let mut scene = self.scene(tenant, "", browser, "login", &[]).await?;
        let Some((setting, Some(html))) = found else {
            let page = ErrorPage {
                status: StatusCode::NOT_FOUND,
                error: "invalid_request".to_owned(),
                description: "There is no page to preview.".to_owned(),
                ..ErrorPage::default()
            };
            return Ok(self.error_reply(&scene, &page).await);
        };
        scene.language = languages::choose(&setting.languages, None, &browser.language).to_owned();
        scene.setting = setting;
        let request = LoginRequest { client_id, ..LoginRequest::default() };
        let told = config::of(tenant, &scene.setting, &request, browser, &scene.language, None);
        Ok(own(&scene, &request, browser, config::embedded(&html, &told)))
    }
}

/// A page that the tenant wrote, within its policy.
pub(super) fn own(scene: &Scene, request: &LoginRequest, browser: &Browser, html: String) -> Reply {
    let target = request.redirect_uri.as_deref().and_then(destination);
    let own = config::origin(browser);
    let policy = policy::policy(&html, &own, target.as_deref(), scene.setting.allows_frames);
    Reply::page(StatusCode::OK, reply::headers(&scene.setting, &scene.language, &policy), html)
}
