//! An application that signs its users in: provisioned through the Management API, driven as its own code and its users' browsers do.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    browser::{Browser, Page},
    server::{Answer, TestServer},
};

pub(crate) const DATABASE: &str = "Username-Password-Authentication";
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";
pub(crate) const API: &str = "https://api.example.com";
pub(crate) const EMAIL: &str = "jane@example.com";
pub(crate) const PASSWORD: &str = "Correct-Horse-7";

/// A server whose clock the test turns.
pub(crate) async fn server_at(seconds: i64) -> (TestServer, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(seconds)));
    let context = Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom));
    (TestServer::with(context).await, clock)
}

/// A client with a user who may sign in to it.
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    pub(crate) user_id: String,
}

impl App {
    /// A regular web application with these properties beside the usual ones, and its first user.
    pub(crate) async fn new(server: &TestServer, properties: Value) -> Self {
        let user = json!({"connection": DATABASE, "email": EMAIL, "password": PASSWORD, "verify_email": false});
        let user = server.post("/users", user).await;
        assert_eq!(user.status, 201, "{user:?}");
        let user_id = user.body["user_id"].as_str().unwrap().to_owned();
        Self::beside(server, properties, user_id).await
    }

    /// One more application of the same user.
    pub(crate) async fn beside(server: &TestServer, properties: Value, user_id: String) -> Self {
        let mut client = json!({"name": "App", "app_type": "regular_web", "callbacks": [CALLBACK]});
        client.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let client = server.post("/clients", client).await;
        assert_eq!(client.status, 201, "{client:?}");
        let client_id = client.body["client_id"].as_str().unwrap().to_owned();
        let connections = server.get(&format!("/connections?name={DATABASE}")).await.body;
        let connection = connections[0]["id"].as_str().unwrap().to_owned();
        let enabled = json!([{"client_id": client_id, "status": true}]);
        let enabled = server.patch(&format!("/connections/{connection}/clients"), enabled).await;
        assert_eq!(enabled.status, 204, "{enabled:?}");
        let client_secret = client.body["client_secret"].as_str().map(str::to_owned);
        Self { client_id, client_secret, user_id }
    }

    /// Where the application sends its user: the code flow for the profile, with other parameters in place of the usual ones; an
    /// empty one is left out.
    pub(crate) fn request(&self, parameters: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile email"),
            ("state", "st"),
        ];
        all.retain(|(name, _)| !parameters.iter().any(|(other, _)| other == name));
        all.extend(parameters.iter().filter(|(_, value)| !value.is_empty()));
        form_urlencoded::Serializer::new("/authorize?".to_owned()).extend_pairs(all).finish().replace("?&", "?")
    }

    /// Sends a browser to the application's login, and gives what it shows when its user is known: who has no session proves it.
    pub(crate) async fn log_in(&self, browser: &mut Browser, parameters: &[(&str, &str)]) -> Page {
        let page = browser.visit(&self.request(parameters)).await;
        if page.address.starts_with("/u/login") { prove(browser, &page).await } else { page }
    }

    /// Has a code exchanged by the application.
    pub(crate) async fn exchange(&self, server: &TestServer, code: &str) -> Answer {
        self.token(server, json!({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK})).await
    }

    /// Has a refresh token exchanged.
    pub(crate) async fn refresh(&self, server: &TestServer, refresh_token: &str) -> Answer {
        self.token(server, json!({"grant_type": "refresh_token", "refresh_token": refresh_token})).await
    }

    /// A request of the application to the token endpoint.
    pub(crate) async fn token(&self, server: &TestServer, mut request: Value) -> Answer {
        request["client_id"] = self.client_id.as_str().into();
        if let Some(secret) = &self.client_secret {
            request["client_secret"] = secret.as_str().into();
        }
        send(server, "/oauth/token", &request).await
    }

    /// A whole login, with the tokens of its code.
    pub(crate) async fn tokens(
        &self,
        server: &TestServer,
        browser: &mut Browser,
        parameters: &[(&str, &str)],
    ) -> Value {
        let back = self.log_in(browser, parameters).await;
        let code = back.parameter("code").unwrap_or_else(|| panic!("no code: {back:?}"));
        let answer = self.exchange(server, &code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

/// Proves who the user is on the page of a login.
pub(crate) async fn prove(browser: &mut Browser, page: &Page) -> Page {
    assert!(page.address.starts_with("/u/login"), "{page:?}");
    let fields = [("username", EMAIL), ("password", PASSWORD)];
    if page.html.contains("name=\"password\"") {
        return browser.submit(page, &fields).await;
    }
    let page = browser.submit(page, &fields[..1]).await;
    browser.submit(&page, &fields[1..]).await
}

/// Posts JSON to an endpoint.
pub(crate) async fn send(server: &TestServer, path: &str, body: &Value) -> Answer {
    let answer = server.http.post(server.url(path)).json(body).send().await.unwrap();
    Answer { status: answer.status().as_u16(), body: answer.json().await.unwrap_or_default() }
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &Value) -> Value {
    let token = token.as_str().unwrap_or_else(|| panic!("no token: {token}"));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// An API that applications may use for their users.
pub(crate) async fn api(server: &TestServer, properties: Value) {
    let mut api = json!({
        "name": "API", "identifier": API, "scopes": [{"value": "read:a"}, {"value": "read:b"}], "allow_offline_access": true,
        "skip_consent_for_verifiable_first_party_clients": true,
    });
    api.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let made = server.post("/resource-servers", api).await;
    assert_eq!(made.status, 201, "{made:?}");
}

/// The types of the tenant's log entries, the oldest first, without those of the Management API.
pub(crate) async fn logged(server: &TestServer) -> Vec<String> {
    let entries = server.get("/logs?per_page=100").await.body;
    let types = entries.as_array().unwrap().iter().rev().filter_map(|entry| entry["type"].as_str());
    types.filter(|kind| !matches!(*kind, "sapi" | "mgmt_api_read" | "seccft")).map(str::to_owned).collect()
}
