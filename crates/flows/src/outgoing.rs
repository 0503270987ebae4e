//! Requests to other servers and to tenants, and what is read of their responses.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use kernel::{Document, Secret, Value};
use outbound::{Client, Limits};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::json;
use url::{Url, form_urlencoded};

use crate::{Failure, expressions::text_of};

/// Bounds of a call.
pub(crate) const LIMITS: Limits = Limits { time: Duration::from_secs(20), bytes: 1 << 20, redirects: 3 };
/// Bytes of a request's body.
const LARGEST: usize = 1 << 20;
/// Headers that the connection decides on.
const OWN: &[HeaderName] = &[
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// What is encoded of a value that becomes a step of a path: all but what may stand there (RFC 3986 §3.3).
pub(crate) const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Whether a value can be a step of a path: dots alone lead elsewhere, however they are encoded.
pub(crate) fn is_segment(value: &str) -> bool {
    !matches!(value, "" | "." | "..")
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    Text { media_type: &'static str, text: String },
}

impl Body {
    /// A form of these members: arrays give several pairs, objects are written as JSON.
    pub(crate) fn form(members: &Document) -> Self {
        let mut pairs = Vec::new();
        for (name, value) in members {
            match value {
                Value::Null => {}
                Value::Array(several) => pairs.extend(several.iter().map(|one| (name.clone(), text_of(one)))),
                one => pairs.push((name.clone(), text_of(one))),
            }
        }
        Self::Form(pairs)
    }
}

impl Outgoing {
    /// A request without headers and body.
    pub(crate) fn new(method: Method, url: &str) -> Result<Self, Failure> {
        let url = Url::parse(url).map_err(|_| Failure::invalid("url", "an http or https address"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::invalid("url", "an http or https address without credentials"));
        }
        Ok(Self { method, url, headers: Vec::new(), body: Body::None })
    }

    /// Adds a parameter to the query.
    pub(crate) fn query(&mut self, name: &str, value: &str) {
        self.url.query_pairs_mut().append_pair(name, value);
    }

    /// Adds a header; what was set before of this name goes.
    pub(crate) fn header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Has a connection of the vault vouch for the request.
    pub(crate) fn authorize(&mut self, auth: Auth) {
        match auth {
            Auth::None => {}
            Auth::Bearer(token) => self.header("authorization", format!("Bearer {}", token.reveal())),
            Auth::Basic(user, password) => {
                let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
                self.header("authorization", format!("Basic {pair}"));
            }
            Auth::Header(name, value) => self.header(&name, value.reveal()),
            Auth::Query(name, value) => self.query(&name, value.reveal()),
        }
    }

    /// The request as it is sent; its target is the address, or the path alone.
    pub(crate) fn request(self, is_absolute: bool) -> Result<Request<Bytes>, Failure> {
        let (media_type, body) = match self.body {
            Body::None => (None, String::new()),
            Body::Json(value) => (Some("application/json"), value.to_string()),
            Body::Form(pairs) => {
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                (Some("application/x-www-form-urlencoded"), form)
            }
            Body::Text { media_type, text } => (Some(media_type), text),
        };
        if body.len() > LARGEST {
            return Err(Failure::new("PAYLOAD_TOO_LARGE", "The body of the request is too large."));
        }
        let target = match (is_absolute, self.url.query()) {
            (true, _) => self.url.as_str().to_owned(),
            (false, None) => self.url.path().to_owned(),
            (false, Some(query)) => format!("{}?{query}", self.url.path()),
        };
        let request = Request::builder().method(self.method).uri(target);
        let mut request = request.body(Bytes::from(body)).map_err(|_| Failure::invalid("url", "an address"))?;
        if let Some(media_type) = media_type {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        for (name, value) in self.headers {
            let bad = || Failure::invalid("headers", "names and values of HTTP");
            let name = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
            if OWN.contains(&name) {
                return Err(Failure::invalid("headers", "none that the connection decides on"));
            }
            request.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|_| bad())?);
        }
        Ok(request)
    }

    /// Sends the request to another server.
    pub(crate) async fn send(self, client: &Client) -> Result<Response<Bytes>, Failure> {
        Ok(client.send(self.request(true)?, LIMITS).await?)
    }
}

/// What an action gives of a response: `{status, success, headers, body}`.
pub(crate) fn output(response: &Response<Bytes>) -> Value {
    let mut headers = Document::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        match headers.get_mut(name.as_str()) {
            Some(Value::String(several)) => {
                several.push_str(", ");
                several.push_str(&value);
            }
            _ => {
                headers.insert(name.as_str().to_owned(), value.into());
            }
        }
    }
    json!({
        "status": response.status().as_u16(),
        "success": response.status().is_success(),
        "headers": headers,
        "body": read_body(response),
    })
}

/// The body of a response: a value where it is JSON, else a text; null where there is none.
pub(crate) fn read_body(response: &Response<Bytes>) -> Value {
    if response.body().is_empty() {
        return Value::Null;
    }
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|media_type| media_type.to_str().ok());
    let is_json = media_type.is_none_or(|media_type| media_type.to_ascii_lowercase().contains("json"));
    let read = if is_json { serde_json::from_slice(response.body()).ok() } else { None };
    read.unwrap_or_else(|| String::from_utf8_lossy(response.body()).into())
}

/// How a request shows whom it is from.
#[derive(Debug)]
pub(crate) enum Auth {
    None,
    Bearer(Secret),
    Basic(String, Secret),
    Header(String, Secret),
    Query(String, Secret),
}
