//! Pages of the tools: one head, one style, and a policy that lets browsers run what stands in the page itself and nothing else.

use axum::response::{Html, IntoResponse, Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};

pub(super) use delivery::liquid::escaped;

const STYLE: &str = include_str!("tools.css");

/// A page that is to be shown.
#[derive(Default)]
pub(super) struct Page<'p> {
    /// Text, not markup.
    pub(super) title: &'p str,
    /// Markup.
    pub(super) body: &'p str,
    pub(super) script: &'p str,
    /// What the page may do beside that, as directives of its policy.
    pub(super) may: &'p [&'p str],
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let script = if self.script.is_empty() { String::new() } else { format!("<script>{}</script>", self.script) };
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{}</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head><body>{}{script}</body></html>",
            escaped(self.title),
            self.body,
        );
        let mut policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
            source(STYLE),
            source(self.script),
        );
        for directive in self.may {
            policy.push_str("; ");
            policy.push_str(directive);
        }
        let policy = HeaderValue::try_from(policy).expect("a policy of directives and digests is a header");
        let headers =
            [(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (headers, Html(html)).into_response()
    }
}

/// What a policy calls a script or a style within the page.
fn source(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}
