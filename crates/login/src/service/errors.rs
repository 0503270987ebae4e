//! The page that tells of errors which no application can be told of.

use http::StatusCode;
use kernel::{TenantId, Value};
use store::{Snapshot, StoreResult};

use super::{Login, Scene};
use crate::{
    page::{Message, Page},
    reply::{self, Reply},
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
}

impl Login {
    /// The tenant's page for errors: its own address, if it has one, else ours.
    pub async fn told_error(&self, tenant: &TenantId, page: ErrorPage, browser: &Browser) -> StoreResult<Reply> {
        let scene = self.scene(tenant, "", browser, "login", &[]).await?;
        let read = |reader: &Snapshot| reader.singleton(&model::TENANT_SETTINGS);
        let settings = self.store.read(tenant, read).await?;
        let own = settings.as_ref().and_then(|settings| settings.document.get("error_page"));
        let address = own.and_then(|own| own.get("url")).and_then(Value::as_str).filter(|url| !url.is_empty());
        if let Some(mut address) = address.and_then(|address| url::Url::parse(address).ok()) {
            let parameters = [
                ("client_id", page.client_id.as_deref()),
                ("connection", page.connection.as_deref()),
                ("lang", Some(scene.language.as_str())),
                ("error", Some(page.error.as_str())),
                ("error_description", Some(page.description.as_str())),
                ("tracking", Some(page.tracking.as_str())),
            ];
            let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
            address.query_pairs_mut().extend_pairs(given);
            return Ok(Reply::to(String::from(address)));
        }
        Ok(self.error_page(&scene, &page))
    }

    /// Our page for errors.
    pub(crate) fn error_page(&self, scene: &Scene, error: &ErrorPage) -> Reply {
        let texts = Texts::new(&scene.language, "error", None).with("companyName", &*scene.setting.world.company);
        let is_lost = error.description.is_empty();
        let description = if is_lost { texts.get("lostDescription") } else { error.description.clone() };
        let mut lines = vec![description];
        if !is_lost {
            lines.push(texts.get("description"));
        }
        if !scene.setting.world.support.is_empty() {
            lines.push(format!("{} {}", texts.get("supportText"), scene.setting.world.support.join(", ")));
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
        let status = if error.status == StatusCode::OK { StatusCode::BAD_REQUEST } else { error.status };
        reply::page(&scene.setting, &scene.language, self.nonce(), &page, status, None)
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
