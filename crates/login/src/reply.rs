//! Responses: pages with their headers, and redirects.

use std::sync::OnceLock;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use crate::{
    load::Setting,
    page::{self, Page, Shell},
    texts,
};
use model::login::Redirect;

/// The stylesheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/login.css");
/// The script of all pages.
pub(crate) const SCRIPT: &str = include_str!("../assets/login.js");

/// The paths of stylesheet and script: they change with their content, so that browsers may keep them for ever.
pub(crate) fn assets() -> &'static [String; 2] {
    static PATHS: OnceLock<[String; 2]> = OnceLock::new();
    PATHS.get_or_init(|| [asset("login.css", STYLE), asset("login.js", SCRIPT)])
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
}

impl Reply {
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

/// A page of this tenant with its headers. `target` is where the protocol sends the browser in the end: browsers refuse
/// a form whose redirects lead to an origin that `form-action` does not name.
pub(crate) fn page(
    setting: &Setting,
    language: &str,
    nonce: String,
    page: &Page,
    status: StatusCode,
    target: Option<&str>,
) -> Reply {
    let mut headers = headers(setting, language, &nonce, target);
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    let shell = Shell {
        language: texts::short(language).to_owned(),
        is_right_to_left: texts::is_right_to_left(language),
        company: setting.world.company.clone(),
        logo: setting.brand.logo.clone(),
        favicon: setting.brand.favicon.clone(),
        variables: setting.brand.style.clone(),
        style: assets()[0].clone(),
        script: assets()[1].clone(),
        nonce,
    };
    Reply::Page { status, headers, html: page::html(&shell, page), cookies: Vec::new() }
}

/// A page that the tenant wrote itself. It may show and run what it likes; what it cannot is be framed by others.
pub(crate) fn own_page(setting: &Setting, language: &str, status: StatusCode, html: String) -> Reply {
    let frames = if setting.allows_frames { "" } else { "; frame-ancestors 'none'" };
    let policy = format!("base-uri 'none'; object-src 'none'{frames}");
    Reply::Page { status, headers: framed(setting, language, &policy), html, cookies: Vec::new() }
}

fn headers(setting: &Setting, language: &str, nonce: &str, target: Option<&str>) -> HeaderMap {
    framed(setting, language, &policy(setting, nonce, target))
}

/// The headers of a page with this policy.
fn framed(setting: &Setting, language: &str, policy: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(header::CONTENT_LANGUAGE, texts::short(language));
    set(header::CACHE_CONTROL, "no-store");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("x-robots-tag"), "noindex, nofollow");
    set(header::CONTENT_SECURITY_POLICY, policy);
    if !setting.allows_frames {
        set(header::X_FRAME_OPTIONS, "deny");
    }
    headers
}

fn policy(setting: &Setting, nonce: &str, target: Option<&str>) -> String {
    let images: String = setting.brand.image_origins.iter().flat_map(|origin| [" ", origin.as_str()]).collect();
    let font = setting.brand.font_origin.as_ref().map(|origin| format!("; font-src {origin}")).unwrap_or_default();
    let frames = if setting.allows_frames { "" } else { "; frame-ancestors 'none'" };
    // An application may send its user on to any origin of its own once it has the response.
    let target = target.and_then(destination).map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; base-uri 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; connect-src 'self'; \
         img-src 'self' data:{images}{font}; form-action 'self' https:{target}{frames}"
    )
}

/// The source in a policy that covers an address: its origin, or its scheme where it has no origin.
fn destination(address: &str) -> Option<String> {
    let address = Url::parse(address).ok()?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"".contains(&byte));
    let source = match address.scheme() {
        "http" | "https" => address.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    };
    is_plain(&source).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_may_lead_to_the_application() {
        let setting = Setting::default();
        let form_action = |target: &str| {
            let policy = policy(&setting, "n", Some(target));
            let directive = policy.split("; ").find(|directive| directive.starts_with("form-action"));
            directive.unwrap_or_default().to_owned()
        };
        assert_eq!(form_action("http://localhost:3000/cb?x=1"), "form-action 'self' https: http://localhost:3000");
        assert_eq!(form_action("com.example.app://cb"), "form-action 'self' https: com.example.app:");
        assert_eq!(form_action("nothing"), "form-action 'self' https:");
    }

    #[test]
    fn a_redirect_cannot_break_the_headers() {
        let reply = Reply::to("https://x.y/\r\nSet-Cookie: a=b");
        let response = reply.response();
        assert!(response.headers().get(header::LOCATION).is_none());
    }
}
