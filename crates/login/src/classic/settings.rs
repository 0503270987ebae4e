//! Which page users log in on: one of universal login, one that was written for the client or for all clients, or our classic one.

use kernel::{Document, Record, Value};
use model::{
    login::LoginRequest,
    views::{ClientPages, View as _},
};
use store::{Filter, Query, Snapshot, StoreResult};

/// A classic login page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginPage {
    /// HTML that the tenant wrote.
    Own(String),
    /// Ours.
    Default,
}

/// The page of these requests; `None` where it is universal login's. Organizations are what universal login alone knows.
pub(crate) fn login_page(
    reader: &Snapshot,
    client: Option<&Record>,
    prompts: &Document,
    request: &LoginRequest,
) -> StoreResult<Option<LoginPage>> {
    let Some(client) = client.filter(|_| !request.is_of_organization()) else { return Ok(None) };
    if let Some(html) = own_page(reader, client)? {
        return Ok(Some(LoginPage::Own(html)));
    }
    let is_classic = prompts.get("universal_login_experience").and_then(Value::as_str) == Some("classic");
    Ok(is_classic.then_some(LoginPage::Default))
}

fn own_page(reader: &Snapshot, client: &Record) -> StoreResult<Option<String>> {
    let of_client = ClientPages::of(client)?;
    if of_client.custom_login_page_on == Some(false) {
        return Ok(None);
    }
    let written = |pages: ClientPages| pages.custom_login_page.filter(|html| !html.trim().is_empty());
    if let Some(html) = written(of_client) {
        return Ok(Some(html));
    }
    let global = reader.list(&model::CLIENT, &Query::of(Filter::equals("global", true)))?.items;
    let Some(global) = global.first() else { return Ok(None) };
    let of_all = ClientPages::of(global)?;
    let is_off = of_all.custom_login_page_on == Some(false);
    Ok(written(of_all).filter(|_| !is_off))
}

/// The screens that a classic login page takes the place of.
pub(crate) const SCREENS: [&str; 6] = ["login", "login-id", "login-password", "signup", "signup-id", "signup-password"];

/// The longest query that the page's address is given, in bytes: servers and proxies refuse long ones.
const LONGEST: usize = 3_000;
/// What the application has asked that pages are told.
pub(super) const TOLD: [&str; 18] = [
    "response_type",
    "response_mode",
    "redirect_uri",
    "scope",
    "audience",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "connection",
    "login_hint",
    "screen_hint",
    "mode",
    "prompt",
    "ui_locales",
    "acr_values",
    "display",
    "max_age",
    "auth0Client",
];

/// What the application has asked, as far as pages are told: the parameters above, and its own ones.
pub(super) fn asked(request: &LoginRequest) -> impl Iterator<Item = (&str, &str)> {
    let parameters = request.protocol.get("parameters").and_then(Value::as_object);
    let texts = parameters.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    texts.filter(|(name, _)| TOLD.contains(name) || name.starts_with("ext-"))
}

/// The address of the login page, but for its `state`.
pub(crate) fn address(request: &LoginRequest) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client", &request.client_id).append_pair("protocol", "oauth2");
    let mut length = 0;
    for (name, value) in asked(request) {
        length += name.len() + value.len() * 3;
        if length <= LONGEST {
            query.append_pair(name, value);
        }
    }
    format!("/login?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_address_repeats_what_the_application_asked_and_no_secret() {
        let request = LoginRequest {
            client_id: "c".to_owned(),
            protocol: json!({"parameters": {
                "response_type": "code", "login_ticket": "secret", "state": "x", "ext-a": "1 2", "id_token_hint": "y",
                "scope": "z".repeat(2000),
            }}),
            ..LoginRequest::default()
        };
        assert_eq!(address(&request), "/login?client=c&protocol=oauth2&response_type=code&ext-a=1+2");
    }
}
