//! Authorization responses: how an outcome of `/authorize` reaches the application (OAuth 2.0 Multiple Response Types,
//! Form Post Response Mode, and web messages to an exact origin).

use askama::Template;
use axum::{
    body::Body,
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use kernel::{Context, script_literal};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::{
    addressee::{Addressee, ResponseMode},
    words::Words,
};

/// Parameters of a response, in order.
pub(crate) type Members = Vec<(&'static str, Value)>;

/// Sends a response's parameters to where the request wants them. Where an origin may not get web messages, the page says nothing to
/// anybody.
pub(crate) fn respond(context: &Context, to: &Addressee, words: &Words, members: &Members) -> Response {
    let redirect_uri = to.redirect_uri.as_str();
    match to.response_mode {
        ResponseMode::Query => redirect(&with_query(redirect_uri, members)),
        ResponseMode::Fragment => redirect(&format!("{redirect_uri}#{}", encoded(members))),
        ResponseMode::FormPost => form_post(context, redirect_uri, words, members),
        ResponseMode::WebMessage if to.can_receive_messages => web_message(context, redirect_uri, words, members),
        ResponseMode::WebMessage => no_message(),
    }
}

/// A redirect (302) that no cache keeps.
pub(crate) fn redirect(location: &str) -> Response {
    let mut response = Response::new(Body::from(format!("Found. Redirecting to {location}")));
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What may stand in a URI was checked when it was accepted; what else there is becomes a plain page.
    if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    response
}

fn encoded(members: &Members) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members {
        form.append_pair(name, &text(value));
    }
    form.finish()
}

/// Adds parameters to a URI that may have a query of its own, which stays as it is.
fn with_query(uri: &str, members: &Members) -> String {
    let joint = if !uri.contains('?') {
        "?"
    } else if uri.ends_with(['?', '&']) {
        ""
    } else {
        "&"
    };
    format!("{uri}{joint}{}", encoded(members))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPost<'a> {
    words: &'a Words,
    nonce: &'a str,
    redirect_uri: &'a str,
    fields: Vec<(&'static str, String)>,
}

fn form_post(context: &Context, redirect_uri: &str, words: &Words, members: &Members) -> Response {
    let nonce = nonce(context);
    let fields = members.iter().map(|(name, value)| (*name, text(value))).collect();
    // Browsers apply `form-action` to the redirects that follow too, and these are the application's own business.
    let policy = format!("default-src 'none'; script-src 'nonce-{nonce}'");
    page(&FormPost { words, nonce: &nonce, redirect_uri, fields }, &policy)
}

#[derive(Template)]
#[template(path = "web_message.html")]
struct WebMessage<'a> {
    words: &'a Words,
    nonce: &'a str,
    message: String,
    origin: String,
}

fn web_message(context: &Context, redirect_uri: &str, words: &Words, members: &Members) -> Response {
    let nonce = nonce(context);
    let origin = Url::parse(redirect_uri).map(|url| url.origin()).ok().filter(url::Origin::is_tuple);
    let Some(origin) = origin else { return no_message() };
    let response: serde_json::Map<String, Value> =
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let message = script_literal(&json!({"type": "authorization_response", "response": response}));
    let origin = script_literal(&origin.ascii_serialization().into());
    let policy = format!("default-src 'none'; script-src 'nonce-{nonce}'");
    page(&WebMessage { words, nonce: &nonce, message, origin }, &policy)
}

fn no_message() -> Response {
    (StatusCode::FORBIDDEN, "The origin of the redirect URI is not allowed to receive web messages.").into_response()
}

fn nonce(context: &Context) -> String {
    STANDARD.encode(context.bytes::<16>())
}

fn page(template: &impl Template, policy: &str) -> Response {
    let html = template.render().expect("a template of texts renders");
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(policy).expect("a policy with a nonce is a header");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::{super::words::WORDS, *};

    fn addressee(response_mode: ResponseMode, uri: &str, can_receive_messages: bool) -> Addressee {
        Addressee {
            redirect_uri: uri.to_owned(),
            response_mode,
            state: None,
            locales: Vec::new(),
            can_receive_messages,
            shows_errors: false,
        }
    }

    fn location(mode: ResponseMode, uri: &str) -> String {
        let members = vec![("code", "a+b".into()), ("state", "x y&z".into()), ("expires_in", 5.into())];
        let response = respond(&Context::system(), &addressee(mode, uri, true), &WORDS[0], &members);
        assert_eq!(response.status(), StatusCode::FOUND);
        response.headers()[header::LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn redirects_carry_the_parameters_in_query_or_fragment() {
        let expected = "code=a%2Bb&state=x+y%26z&expires_in=5";
        assert_eq!(location(ResponseMode::Query, "https://a.example/cb"), format!("https://a.example/cb?{expected}"));
        assert_eq!(
            location(ResponseMode::Query, "https://a.example/?x=1"),
            format!("https://a.example/?x=1&{expected}")
        );
        assert_eq!(location(ResponseMode::Fragment, "app://cb"), format!("app://cb#{expected}"));
    }

    #[test]
    fn a_web_message_is_sent_to_an_allowed_origin_only() {
        let members = vec![("code", "c".into())];
        let send = |uri, allowed| {
            let to = addressee(ResponseMode::WebMessage, uri, allowed);
            respond(&Context::system(), &to, &WORDS[0], &members).status()
        };
        assert_eq!(send("https://a.example/cb", true), StatusCode::OK);
        assert_eq!(send("https://a.example/cb", false), StatusCode::FORBIDDEN);
        // An opaque origin would have to be addressed as `*`.
        assert_eq!(send("com.example.app://cb", true), StatusCode::FORBIDDEN);
    }
}
