//! Logins by codes and links that are sent: without a page of ours, and on our pages.

mod codes;
mod databases;
mod pages;

use std::sync::Arc;

use aught::{Config, Dns};
use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use serde_json::{Value, json};

use crate::{
    outbox::messages,
    server::{Answer, TestServer},
    site::{CALLBACK, Site},
};

/// The grant by which a code is exchanged.
pub(crate) const OTP: &str = "http://auth0.com/oauth/grant-type/passwordless/otp";
const ADDRESS: &str = "new@example.com";
const NUMBER: &str = "+4915112345678";

/// A server whose clock the test turns, with an application and its outbox.
pub(crate) async fn site() -> (Site, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_800_000_000)));
    let context = Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom));
    let server = TestServer::of(Config { context, dns: Dns::Trusting, ..Config::in_memory() }).await;
    let site = Site::on(server).await;
    let grants = json!({"grant_types": ["authorization_code", "implicit", "refresh_token", "password", OTP]});
    site.server.patch(&format!("/clients/{}", site.client), grants).await;
    (site, clock)
}

impl Site {
    /// A connection without passwords that the application uses; gives its identifier.
    pub(crate) async fn passwordless(&self, strategy: &str, more: Value) -> String {
        let mut options = if strategy == "email" {
            let mail = json!({
                "from": "{{ application.name }} <login@example.com>", "subject": "{{ operation }}: {{ send }}",
                "body": "<p>{{ code }}{{ link }} for {{ user.email }} at {{ application.name }}</p>", "syntax": "liquid",
            });
            json!({"name": strategy, "brute_force_protection": true, "disable_signup": false, "email": mail})
        } else {
            json!({
                "name": strategy, "brute_force_protection": true, "disable_signup": false, "template": "@@password@@",
                "syntax": "md_with_macros",
            })
        };
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let connection = json!({"name": strategy, "strategy": strategy, "options": options});
        let connection = self.server.post("/connections", connection).await;
        assert_eq!(connection.status, 201, "{connection:?}");
        let id = connection.body["id"].as_str().unwrap().to_owned();
        let enabled = json!([{"client_id": self.client, "status": true}]);
        self.server.patch(&format!("/connections/{id}/clients"), enabled).await;
        id
    }

    /// Asks for a code or a link.
    async fn start_passwordless(&self, more: Value) -> Answer {
        let mut body =
            json!({"client_id": self.client, "client_secret": self.secret, "connection": "email", "send": "code"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send("/passwordless/start", &body).await
    }

    /// The message that was sent to this address or number since the last time; it must be there before long.
    async fn message(&self, to: &str) -> Value {
        let asked = [("to", to), ("wait", "30")];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
        let message = messages(&self.server, &format!("?{query}")).await.into_iter().next();
        let message = message.unwrap_or_else(|| panic!("nothing was sent to {to}"));
        self.server.http.delete(self.server.url("/_aught/outbox")).send().await.unwrap();
        message
    }

    /// The code in it.
    async fn sent_code(&self, to: &str) -> String {
        let message = self.message(to).await;
        message["codes"][0].as_str().unwrap_or_else(|| panic!("no code: {message}")).to_owned()
    }

    /// Has a code sent, and gives it.
    pub(crate) async fn code_for(&self, address: &str) -> String {
        let asked = self.start_passwordless(json!({"email": address})).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        self.sent_code(address).await
    }

    /// Exchanges a code for tokens.
    async fn otp(&self, realm: &str, username: &str, otp: &str) -> Answer {
        let scope = "openid profile email phone offline_access";
        self.token(json!({"grant_type": OTP, "realm": realm, "username": username, "otp": otp, "scope": scope})).await
    }

    /// The users of a connection.
    async fn users_of(&self, connection: &str) -> Vec<Value> {
        let users = self.server.get(&format!("/users?q=identities.connection:{connection}")).await.body;
        users.as_array().unwrap().clone()
    }
}

/// Another code of the same form.
fn other(code: &str) -> String {
    let number: u64 = code.parse().unwrap();
    format!("{:0width$}", (number + 1) % 10_u64.pow(u32::try_from(code.len()).unwrap()), width = code.len())
}

/// What `/oauth/token` says of a code that is refused.
fn refusal(answer: &Answer) -> (u16, &str, &str) {
    (
        answer.status,
        answer.body["error"].as_str().unwrap_or_default(),
        answer.body["error_description"].as_str().unwrap_or_default(),
    )
}

/// The parameters by which an application recognises its login.
fn parameters() -> Value {
    json!({"response_type": "code", "redirect_uri": CALLBACK, "state": "xyz", "scope": "openid email", "nonce": "n"})
}
