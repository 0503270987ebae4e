//! The page that tells of errors which no application can be told of.

use delivery::liquid;
use http::StatusCode;
use kernel::{Document, TenantId};
use store::StoreResult;

use super::{Login, Scene};
use crate::{
    classic::config,
    document::Own,
    page::{Message, Page},
    reply::Reply,
    texts::Texts,
};
use model::login::Browser;

/// An error for the error page.
#[derive(Clone, Debug, Default)]
pub struct ErrorPage {
    /// The status of the page.
    pub status: StatusCode,
    /// The client, where it is known.
    pub client_id: Option<String>,
    /// The connection, where it is known.
    pub connection: Option<String>,
    /// The error's code.
    pub error: String,
    /// The error in words.
    pub description: String,
    /// What finds it in the log.
    pub tracking: String,
}

impl ErrorPage {
    /// A login that is not there, or no more.
    pub(crate) fn lost() -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request".to_owned(), ..Self::default() }
    }

    fn status(&self) -> StatusCode {
        if self.status == StatusCode::OK { StatusCode::BAD_REQUEST } else { self.status }
    }

    /// What a tenant's own page is told, by name.
    fn told<'p>(&'p self, language: &'p str) -> impl Iterator<Item = (&'static str, &'p str)> {
        let parameters = [
            ("client_id", self.client_id.as_deref()),
            ("connection", self.connection.as_deref()),
            ("lang", Some(language)),
            ("error", Some(self.error.as_str())),
            ("error_description", Some(self.description.as_str())),
            ("tracking", Some(self.tracking.as_str())),
        ];
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Login {
    /// The tenant's page for errors: its own address or HTML, if it has one, else ours.
    pub async fn told_error(&self, tenant: &TenantId, page: ErrorPage, browser: &Browser) -> StoreResult<Reply> {
        let scene = self.scene(tenant, "", browser, "login", &[]).await?;
        Ok(self.error_reply(&scene, &page).await)
    }

    /// The same where the request's settings are known.
    pub(crate) async fn error_reply(&self, scene: &Scene, page: &ErrorPage) -> Reply {
        let own = &scene.setting.error_page;
        if let Some(mut address) = own.url.as_deref().and_then(|address| url::Url::parse(address).ok()) {
            address.query_pairs_mut().extend_pairs(page.told(&scene.language));
            return Reply::to(String::from(address));
        }
        if let Some(template) = own.html.as_deref().filter(|html| !html.is_empty())
            && let Some(reply) = self.own_page(scene, template, page).await
        {
            return reply;
        }
        self.error_page(scene, page)
    }

    /// The tenant's own HTML for an error; `None` where it is no template, and ours is shown.
    async fn own_page(&self, scene: &Scene, template: &str, page: &ErrorPage) -> Option<Reply> {
        // Requests can say what they like in an error's description.
        let known: Document =
            page.told(&scene.language).map(|(name, value)| (name.to_owned(), liquid::escaped(value).into())).collect();
        let plain: Document = page.told(&scene.language).map(|(name, value)| (name.to_owned(), value.into())).collect();
        let (template, nonce) = (template.to_owned(), self.nonce());
        let own = Own { setting: &scene.setting, language: &scene.language, host: &scene.host, status: page.status() };
        let mut reply = own.document(template, known, nonce).await?;
        if let Reply::Page { html, .. } = &mut reply {
            *html = config::embedded(html, &plain.into());
        }
        Some(reply)
    }

    /// Our page for errors.
    fn error_page(&self, scene: &Scene, error: &ErrorPage) -> Reply {
        let texts = Texts::new(&scene.language, "error", None).with("companyName", &*scene.setting.world.company);
        let is_lost = error.description.is_empty();
        let description = if is_lost { texts.get("lostDescription") } else { error.description.clone() };
        let mut lines = vec![description];
        if !is_lost {
            lines.push(texts.get("description"));
        }
        if !scene.setting.world.support.is_empty() {
            lines.push(format!("{} {}", texts.get("supportText"), texts.alternatives(&scene.setting.world.support)));
        }
        let mut facts = Vec::new();
        if !error.tracking.is_empty() {
            facts.push((texts.get("trackingText"), error.tracking.clone()));
        }
        let page = Page {
            screen: "error",
            title: texts.get("pageTitle"),
            heading: texts.get("title"),
            logo_alt: scene.setting.world.company.clone(),
            icon: Some("error-cross"),
            alert: Some(Message { code: error.error.clone(), text: error.error.clone() }),
            description: lines,
            facts,
            ..Page::default()
        };
        self.sheet(scene, page, error.status()).plain()
    }

    /// A page of ours failed: the cause is for the log.
    pub(crate) fn failed(cause: &dyn std::fmt::Display) -> Reply {
        tracing::error!(%cause, "a page could not be made");
        let html = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Error</title></head><body>\
                    <h1>Oops!, something went wrong</h1><p>Please try again in a moment.</p></body></html>";
        let mut headers = http::HeaderMap::new();
        let html_type = http::HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(http::header::CONTENT_TYPE, html_type);
        headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
        Reply::Page { status: StatusCode::SERVICE_UNAVAILABLE, headers, html: html.to_owned(), cookies: Vec::new() }
    }
}
