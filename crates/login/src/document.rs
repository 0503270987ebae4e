//! Where a page becomes a document: ours, or the tenant's template around the page's parts, each with the policy that fits it.

use std::collections::BTreeMap;

use delivery::liquid;
use http::StatusCode;
use kernel::{Document, object};
use model::languages;
use serde_json::json;

use crate::{
    load::{Setting, Written},
    named::{Named, with_nonce},
    page::{self, Inserted, Page, Shell},
    policy::{self, Policy},
    reply::{self, Reply},
    texts::Texts,
};

/// A page on its way to a browser.
pub(crate) struct Sheet<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) language: &'a str,
    pub(crate) page: Page,
    pub(crate) status: StatusCode,
    /// Where the protocol sends the browser in the end.
    pub(crate) target: Option<&'a str>,
    /// Allows what is ours, or the tenant's, in this document.
    pub(crate) nonce: String,
}

impl Sheet<'_> {
    /// The document as ours: without anything that the tenant wrote.
    pub(crate) fn plain(self) -> Reply {
        let shell = self.shell();
        let widget = page::widget(&shell, &self.page, &Inserted::default());
        let html = page::html(&shell, &self.page.title, &page::head(&shell), &widget);
        self.reply(None, html)
    }

    /// The document with the tenant's partials in its template. What cannot be rendered is left out: a partial alone, or the
    /// template, so that users see our page.
    pub(crate) async fn written(self, written: Written, host: &str) -> Reply {
        let (shell, page) = (self.shell(), self.page.clone());
        let rendering = tokio::task::spawn_blocking(move || render(&shell, &page, &written));
        match rendering.await {
            Ok(Some(Rendered { html, named })) => self.reply(Some((&named, host)), html),
            Ok(None) | Err(_) => self.plain(),
        }
    }

    fn shell(&self) -> Shell {
        let brand = &self.setting.brand;
        let [style, script, _] = reply::assets();
        Shell {
            language: languages::short(self.language).to_owned(),
            is_right_to_left: languages::is_right_to_left(self.language),
            error_label: Texts::new(self.language, self.page.screen, None).own("labels", "error"),
            company: self.setting.world.company.clone(),
            logo: brand.logo.clone(),
            favicon: brand.favicon.clone(),
            color_scheme: brand.color_scheme,
            captcha_theme: brand.captcha_theme,
            has_connections_first: brand.has_connections_first,
            variables: brand.style.clone(),
            style: style.clone(),
            script: script.clone(),
            nonce: self.nonce.clone(),
        }
    }

    fn reply(self, written: Option<(&Named, &str)>, html: String) -> Reply {
        let Self { setting, language, target, nonce, status, page } = self;
        let policy = policy::of(&Policy { setting, nonce: &nonce, target, written, own: page.own.as_deref() });
        Reply::page(status, reply::headers(setting, language, &policy), html)
    }
}

/// A page that the tenant wrote from beginning to end.
pub(crate) struct Own<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) language: &'a str,
    /// The host that the page is on.
    pub(crate) host: &'a str,
    pub(crate) status: StatusCode,
}

impl Own<'_> {
    /// Its document, made from Liquid and escaped values; `None` where the template cannot be rendered.
    pub(crate) async fn document(self, template: String, known: Document, nonce: String) -> Option<Reply> {
        let Self { setting, language, host, status } = self;
        let mark = nonce.clone();
        let rendering = tokio::task::spawn_blocking(move || {
            let mut named = Named::default();
            named.take(&template);
            let html = rendered(&template, &mark, &known)?;
            named.take_pictures(&html);
            Some(Rendered { html, named })
        });
        let Rendered { html, named } = rendering.await.ok()??;
        let policy =
            policy::of(&Policy { setting, nonce: &nonce, target: None, written: Some((&named, host)), own: None });
        Some(Reply::page(status, reply::headers(setting, language, &policy), html))
    }
}

/// A document with what the tenant's part of it names.
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) named: Named,
}

/// Renders template and partials; `None` where the template cannot be.
fn render(shell: &Shell, page: &Page, written: &Written) -> Option<Rendered> {
    let mut named = Named::default();
    let known = written.variables.clone();
    let mut inserted = BTreeMap::new();
    for (point, partial) in &written.partials {
        named.take(partial);
        match rendered(partial, &shell.nonce, &known) {
            Some(html) => inserted.insert(point.clone(), html),
            None => continue,
        };
    }
    let parts = (page::head(shell), page::widget(shell, page, &Inserted(inserted)));
    around(parts, &written.template, known, &shell.nonce, named)
}

/// Renders a template around the parts of a page, its head and what it shows; `None` where it cannot be.
pub(crate) fn around(
    (head, widget): (String, String),
    template: &str,
    mut known: Document,
    nonce: &str,
    mut named: Named,
) -> Option<Rendered> {
    named.take(template);
    known.insert("auth0".into(), object(json!({"head": head, "widget": widget})).into());
    let html = rendered(template, nonce, &known)?;
    named.take_pictures(&html);
    Some(Rendered { html, named })
}

/// What a tenant wrote, filled in. Only the scripts and styles that it wrote itself may run, not what values bring.
fn rendered(text: &str, nonce: &str, known: &Document) -> Option<String> {
    let rendered = liquid::render(&with_nonce(text, nonce), known);
    rendered.inspect_err(|error| tracing::warn!(%error, "a part of the tenant's own pages cannot be shown")).ok()
}
