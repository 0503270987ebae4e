//! Responses: pages with their headers, and redirects.

use std::sync::OnceLock;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::load::Setting;
use model::{languages, login::Redirect};

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// What pages have beside them, with its type: stylesheet and script of all pages, the script of our own classic page, stylesheet and script of
/// forms.
const FILES: [(&str, &str, &str); 5] = [
    ("login.css", include_str!("../assets/login.css"), CSS),
    ("login.js", include_str!("../assets/login.js"), JAVASCRIPT),
    ("classic.js", include_str!("../assets/classic.js"), JAVASCRIPT),
    ("forms.css", include_str!("../assets/forms.css"), CSS),
    ("forms.js", include_str!("../assets/forms.js"), JAVASCRIPT),
];

/// The paths of the files, in their order: they change with their content, so that browsers may keep them for ever.
fn paths() -> &'static [String; FILES.len()] {
    static PATHS: OnceLock<[String; FILES.len()]> = OnceLock::new();
    PATHS.get_or_init(|| FILES.map(|(name, content, _)| asset(name, content)))
}

/// The paths of the stylesheet, the script, and that of the classic page.
pub(crate) fn assets() -> [&'static String; 3] {
    let [style, script, classic, ..] = paths();
    [style, script, classic]
}

/// The paths of what forms have beside them.
pub(crate) fn form_assets() -> [&'static String; 2] {
    let [.., style, script] = paths();
    [style, script]
}

/// The file at a path, with its type.
pub(crate) fn asset_at(path: &str) -> Option<(&'static str, &'static str)> {
    let place = paths().iter().position(|known| known == path)?;
    let (_, content, kind) = FILES[place];
    Some((content, kind))
}

fn asset(name: &str, content: &str) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let hash = URL_SAFE_NO_PAD.encode(&digest(&SHA256, content.as_bytes()).as_ref()[..9]);
    format!("/u/assets/{hash}/{name}")
}

/// A response that may go to any protocol's crate.
#[derive(Debug)]
pub enum Reply {
    /// To another page.
    Redirect(Redirect),
    /// A page.
    Page {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// Its HTML.
        html: String,
        /// Values of `Set-Cookie`.
        cookies: Vec<String>,
    },
}

impl Reply {
    /// A redirect without cookies.
    pub fn to(location: impl Into<String>) -> Self {
        Self::Redirect(Redirect { location: location.into(), cookies: Vec::new() })
    }

    /// A page without cookies. Whoever is to come again later is told when.
    pub(crate) fn page(status: StatusCode, mut headers: HeaderMap, html: String) -> Self {
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Self::Page { status, headers, html, cookies: Vec::new() }
    }

    /// With these values of `Set-Cookie`.
    pub(crate) fn with_cookies(mut self, new: Vec<String>) -> Self {
        match &mut self {
            Self::Redirect(Redirect { cookies, .. }) | Self::Page { cookies, .. } => *cookies = new,
        }
        self
    }

    /// The response.
    pub fn response(self) -> http::Response<String> {
        match self {
            Self::Redirect(Redirect { location, cookies }) => {
                let mut response = http::Response::new(format!("Found. Redirecting to {}", escaped(&location)));
                *response.status_mut() = StatusCode::FOUND;
                let headers = response.headers_mut();
                if let Ok(location) = HeaderValue::from_str(&location) {
                    headers.insert(header::LOCATION, location);
                }
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                set_cookies(headers, cookies);
                response
            }
            Self::Page { status, headers, html, cookies } => {
                let mut response = http::Response::new(html);
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                set_cookies(response.headers_mut(), cookies);
                response
            }
        }
    }
}

/// An answer to a script of a page.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
    /// Values of `Set-Cookie`.
    pub(crate) cookies: Vec<String>,
}

impl Answer {
    /// An answer in JSON.
    pub(crate) fn json(status: StatusCode, body: &kernel::Value) -> Self {
        Self { status, content_type: "application/json; charset=utf-8", body: body.to_string(), cookies: Vec::new() }
    }

    /// An answer in HTML that a script makes part of its page.
    pub(crate) fn html(status: StatusCode, body: String) -> Self {
        Self { status, content_type: "text/html; charset=utf-8", body, cookies: Vec::new() }
    }

    /// The response.
    pub(crate) fn response(self) -> http::Response<String> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Opened by itself it is nobody's page.
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        set_cookies(headers, self.cookies);
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

fn set_cookies(headers: &mut HeaderMap, cookies: Vec<String>) {
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace(['<', '>', '\r', '\n'], "")
}

/// The headers of a page with this policy.
pub(crate) fn headers(setting: &Setting, language: &str, policy: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(header::CONTENT_LANGUAGE, languages::short(language));
    set(header::CACHE_CONTROL, "no-store");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("x-robots-tag"), "noindex, nofollow");
    set(header::CONTENT_SECURITY_POLICY, policy);
    if !setting.allows_frames {
        set(header::X_FRAME_OPTIONS, "deny");
    }
    headers
}

/// The headers of a document that pages of ours alone show, in a frame.
pub(crate) fn framed_headers(language: &str, policy: &str) -> HeaderMap {
    let mut headers = headers(&Setting::default(), language, policy);
    headers.remove(header::X_FRAME_OPTIONS);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_cannot_break_the_headers() {
        let reply = Reply::to("https://x.y/\r\nSet-Cookie: a=b");
        let response = reply.response();
        assert!(response.headers().get(header::LOCATION).is_none());
    }
}
