//! `event.transaction`: what code is told of the request that its flow began with (reference: actions §3).

use kernel::{Document, object};
use serde_json::json;

/// The request that a flow began with, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Began<'a> {
    /// The login's transaction, where pages have one.
    pub id: Option<&'a str>,
    /// `acr_values`.
    pub acr_values: &'a [String],
    /// The language of the pages, where one was chosen.
    pub locale: Option<&'a str>,
    /// `login_hint`.
    pub login_hint: Option<&'a str>,
    /// Words of `prompt`, separated by spaces.
    pub prompt: Option<&'a str>,
    /// What code calls the protocol.
    pub protocol: Option<&'a str>,
    /// `redirect_uri`.
    pub redirect_uri: Option<&'a str>,
    /// The scopes that are asked for.
    pub requested_scopes: &'a [String],
    /// `response_type` and `response_mode`, of requests that have them.
    pub response: Option<Response<'a>>,
    /// `state`.
    pub state: Option<&'a str>,
    /// `ui_locales`.
    pub ui_locales: &'a [String],
    /// `correlation_id`.
    pub correlation_id: Option<&'a str>,
}

/// What a request to the authorization endpoint wants in response, and how.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    words: Vec<&'a str>,
    mode: &'a str,
}

impl<'a> Response<'a> {
    /// Of these parameters. Without a mode, codes come in the query, and what browsers must not send on in the fragment.
    pub fn of(response_type: &'a str, mode: Option<&'a str>) -> Self {
        let words: Vec<&str> = response_type.split_ascii_whitespace().collect();
        let usual = if words == ["code"] { "query" } else { "fragment" };
        Self { words, mode: mode.unwrap_or(usual) }
    }

    /// What code calls the flow of OpenID Connect that leads to it.
    fn protocol(&self) -> &'static str {
        match self.words.as_slice() {
            ["code"] => "oidc-basic-profile",
            words if words.contains(&"code") => "oidc-hybrid-profile",
            _ => "oidc-implicit-profile",
        }
    }
}

impl Began<'_> {
    /// What is told of it.
    pub fn told(&self) -> Document {
        let mut told = object(json!({
            "acr_values": self.acr_values,
            "locale": self.locale.unwrap_or("en"),
            "requested_scopes": self.requested_scopes,
            "ui_locales": self.ui_locales,
        }));
        let response = self.response.as_ref();
        let optional = [
            ("id", self.id),
            ("login_hint", self.login_hint),
            ("protocol", self.protocol.or_else(|| response.map(Response::protocol))),
            ("redirect_uri", self.redirect_uri),
            ("response_mode", response.map(|response| response.mode)),
            ("state", self.state),
            ("correlation_id", self.correlation_id),
        ];
        told.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
        if let Some(response) = response {
            told.insert("response_type".into(), json!(response.words));
        }
        if let Some(prompt) = self.prompt.filter(|prompt| !prompt.is_empty()) {
            told.insert("prompt".into(), prompt.split_ascii_whitespace().collect());
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_told_by_the_request_that_it_began_with() {
        let scopes = ["openid".to_owned()];
        let began = Began {
            requested_scopes: &scopes,
            response: Some(Response::of("code id_token", None)),
            prompt: Some("login consent"),
            state: Some("st"),
            ..Began::default()
        };
        assert_eq!(
            json!(began.told()),
            json!({
                "acr_values": [], "locale": "en", "requested_scopes": ["openid"], "ui_locales": [],
                "protocol": "oidc-hybrid-profile", "response_mode": "fragment", "state": "st",
                "response_type": ["code", "id_token"], "prompt": ["login", "consent"],
            })
        );
        let refreshed = Began { protocol: Some("oauth2-refresh-token"), ..Began::default() }.told();
        assert_eq!(
            (refreshed["protocol"].as_str(), refreshed.get("response_type")),
            (Some("oauth2-refresh-token"), None)
        );
        let basic = Began { response: Some(Response::of("code", Some("form_post"))), ..Began::default() }.told();
        assert_eq!((&basic["protocol"], &basic["response_mode"]), (&json!("oidc-basic-profile"), &json!("form_post")));
    }
}
