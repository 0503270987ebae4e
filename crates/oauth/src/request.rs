//! A request to an OAuth endpoint: parameters of a JSON or form body, the Authorization header, where it came from.

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Request, StatusCode, header};
use kernel::{Country, Document, Peer, Secret, user_agent};
use serde_json::Value;

use crate::OAuthError;

/// Longest body that is read.
const LONGEST_BODY: usize = 128 * 1024;

/// Parameters of a request. Each stands at most once and is a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(HashMap<String, String>);

/// Where a request came from: what the tenant log keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) ip: String,
    /// `User-Agent`.
    pub(crate) user_agent: String,
    /// `Auth0-Client`: name and version of the library, decoded.
    pub(crate) library: Option<Document>,
    /// `Accept-Language`.
    pub(crate) language: Option<String>,
    /// `auth0-forwarded-for`: the address of the user, for clients that are trusted to tell it.
    pub(crate) forwarded_for: Option<String>,
    /// The client's country, where a trusted proxy tells it.
    pub(crate) country: Option<Country>,
}

/// A client's credentials from the Authorization header.
pub(crate) struct Basic {
    /// The user-id part.
    pub(crate) client_id: String,
    /// The password part.
    pub(crate) secret: Secret,
}

/// A request taken apart.
pub(crate) struct Incoming {
    pub(crate) parameters: Parameters,
    pub(crate) basic: Option<Basic>,
    pub(crate) origin: Origin,
}

impl Incoming {
    /// Reads the request whole.
    pub(crate) async fn read(request: Request<Body>) -> Result<Self, OAuthError> {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>();
        let origin = Origin::of(&parts.headers, peer);
        let basic = Basic::of(&parts.headers)?;
        let bytes = to_bytes(body, LONGEST_BODY).await.map_err(|_| OAuthError {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..OAuthError::invalid_request("The request body is too large")
        })?;
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Self { parameters: Parameters::parse(content_type, &bytes)?, basic, origin })
    }
}

impl Parameters {
    /// Reads a body: JSON where the content type says so or the body looks like an object, else a form.
    pub(crate) fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Self, OAuthError> {
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let looks_like_json = body.trim_ascii_start().starts_with(b"{");
        let is_json = essence.eq_ignore_ascii_case("application/json") || (!is_form && looks_like_json);
        if is_json { Self::of_json(body) } else { Self::of_form(body) }
    }

    /// Reads the query of a URI.
    pub(crate) fn of_query(query: Option<&str>) -> Result<Self, OAuthError> {
        Self::of_form(query.unwrap_or_default().as_bytes())
    }

    /// Takes back what [`Parameters::all`] gave.
    pub(crate) fn of_document(document: Document) -> Self {
        let texts = document.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            _ => None,
        });
        Self(texts.collect())
    }

    fn of_json(body: &[u8]) -> Result<Self, OAuthError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let invalid = || OAuthError::invalid_request("The request body is not valid JSON");
        let members: Document = serde_json::from_slice(body).map_err(|_| invalid())?;
        let mut parameters = HashMap::with_capacity(members.len());
        for (name, value) in members {
            match value {
                Value::Null => continue,
                Value::String(text) => parameters.insert(name, text),
                Value::Number(number) => parameters.insert(name, number.to_string()),
                Value::Bool(flag) => parameters.insert(name, flag.to_string()),
                // Objects and lists are parameters of no grant's own; those that are extra are kept as JSON.
                other => parameters.insert(name, other.to_string()),
            };
        }
        Ok(Self(parameters))
    }

    fn of_form(body: &[u8]) -> Result<Self, OAuthError> {
        let invalid = || OAuthError::invalid_request("The request body is not a valid form");
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).map_err(|_| invalid())?;
        let mut parameters = HashMap::with_capacity(pairs.len());
        for (name, value) in pairs {
            // RFC 6749 §3.2: parameters must not be included more than once.
            if parameters.contains_key(&name) {
                return Err(OAuthError::invalid_request(format!("Duplicate parameter: {name}")));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }

    /// A parameter; one without a value counts as not sent (RFC 6749 §3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Names and values of all parameters, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Takes a parameter out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Sets a parameter.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// All parameters, for code that is told of the request.
    pub(crate) fn all(&self) -> Document {
        let mut pairs: Vec<_> = self.0.iter().collect();
        pairs.sort_unstable();
        pairs.into_iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
    }

    /// A parameter that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::missing(name))
    }
}

impl Basic {
    /// The header's credentials; `None` when there is no such header, or one of another scheme.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, OAuthError> {
        let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let Some((scheme, encoded)) = value.split_once(' ') else { return Ok(None) };
        if !scheme.eq_ignore_ascii_case("basic") {
            return Ok(None);
        }
        let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.ok_or_else(OAuthError::unauthorized)?;
        let (client_id, secret) = decoded.split_once(':').ok_or_else(OAuthError::unauthorized)?;
        Ok(Some(Self { client_id: form_decoded(client_id), secret: Secret::new(secret) }))
    }
}

impl Origin {
    /// The origin of a request with these headers from this peer.
    pub(crate) fn of(headers: &HeaderMap, peer: Option<&Peer>) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let library = text("auth0-client").and_then(|header| user_agent::library(&header));
        Self {
            ip: peer.map(|peer| peer.address.to_canonical().to_string()).unwrap_or_default(),
            user_agent: text("user-agent").unwrap_or_default(),
            library,
            language: text("accept-language"),
            forwarded_for: text("auth0-forwarded-for"),
            country: peer.and_then(|peer| peer.country),
        }
    }
}

/// A part of Basic credentials without the form encoding that RFC 6749 §2.3.1 asks for. Many clients leave it out;
/// identifiers and generated secrets look the same either way.
pub(crate) fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content_type: &str, body: &str) -> Result<Vec<(String, String)>, String> {
        let parameters =
            Parameters::parse(Some(content_type), body.as_bytes()).map_err(|error| error.description.to_string())?;
        let mut pairs: Vec<_> = parameters.0.into_iter().collect();
        pairs.sort();
        Ok(pairs)
    }

    #[test]
    fn bodies_are_json_or_forms() {
        let pairs = Ok(vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x y".to_owned())]);
        assert_eq!(parse("application/json; charset=utf-8", r#"{"a": 1, "b": "x y", "c": null}"#), pairs);
        assert_eq!(parse("application/x-www-form-urlencoded", "a=1&b=x+y"), pairs);
        assert_eq!(parse("text/plain", r#" {"a": "1", "b": "x y"}"#), pairs);
        assert_eq!(parse("application/json", ""), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (content_type, body) in [
            ("application/json", "{"),
            ("application/json", "[]"),
            ("application/json", "\u{0}"),
            ("application/x-www-form-urlencoded", "a=1&a=2"),
        ] {
            assert!(parse(content_type, body).is_err(), "{body}");
        }
    }

    #[test]
    fn basic_credentials_are_decoded() {
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            headers
        };
        let basic = Basic::of(&headers("Basic Y2xpZW50Onhlbm9uOnM=")).unwrap().unwrap();
        assert_eq!((basic.client_id.as_str(), basic.secret.reveal()), ("client", "xenon:s"));
        assert!(Basic::of(&headers("Bearer x")).unwrap().is_none());
        assert!(Basic::of(&headers("Basic ???")).is_err());
    }
}
