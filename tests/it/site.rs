//! A server with an application and a user, as a customer sets them up, and what tests of logins do with them.

use http::Method;
use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, eventually},
    browser::{Browser, Page},
    server::{Answer, TestServer},
};

pub(crate) const CONNECTION: &str = "Username-Password-Authentication";
/// The custom domain of sites that have one.
pub(crate) const DOMAIN: &str = "login.acme.example";
pub(crate) const EMAIL: &str = "jane@example.com";
pub(crate) const PASSWORD: &str = "Correct-Horse-7";
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";
/// What is in the link of a mail about a forgotten password.
pub(crate) const RESET: &str = "/u/reset-";
/// What is in the link of a mail that verifies an address.
pub(crate) const VERIFY: &str = "/u/email-verification?";
/// What is in the link of a mail about a block.
pub(crate) const UNBLOCK: &str = "/u/unblock?";
/// What is around a code in a mail.
pub(crate) const CODE: &str = "==";
/// The grant of [`Site::password`] that names the connection.
pub(crate) const REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// A server with an application and a user.
pub(crate) struct Site {
    pub(crate) server: TestServer,
    pub(crate) client: String,
    pub(crate) secret: String,
    pub(crate) user: String,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::on(TestServer::start().await).await
    }

    pub(crate) async fn on(server: TestServer) -> Self {
        let client = json!({
            "name": "Shop",
            "app_type": "regular_web",
            "callbacks": [CALLBACK],
            "allowed_logout_urls": ["https://app.example.com/bye"],
            "oidc_conformant": true,
            "grant_types": ["authorization_code", "refresh_token", "implicit", "password", REALM],
        });
        let client = server.post("/clients", client).await.body;
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        let site = Self { client: text("client_id"), secret: text("client_secret"), user: String::new(), server };
        let connection = site.connection().await;
        let enabled = json!([{"client_id": site.client, "status": true}]);
        site.server.patch(&format!("/connections/{connection}/clients"), enabled).await;
        let user = json!({
            "connection": CONNECTION, "email": EMAIL, "password": PASSWORD, "verify_email": false, "email_verified": true,
        });
        let user = site.server.post("/users", user).await.body["user_id"].as_str().unwrap().to_owned();
        Self { user, ..site }
    }

    /// The identifier of the database.
    pub(crate) async fn connection(&self) -> String {
        let found = self.server.get(&format!("/connections?name={CONNECTION}")).await.body;
        found[0]["id"].as_str().unwrap().to_owned()
    }

    /// Changes options of the database.
    pub(crate) async fn set_options(&self, change: Value) {
        let path = format!("/connections/{}", self.connection().await);
        let mut options = self.server.get(&path).await.body["options"].clone();
        options.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        // The older ways to say the same exclude the attributes.
        if change.get("attributes").is_some() {
            options.as_object_mut().unwrap().remove("requires_username");
            options.as_object_mut().unwrap().remove("validation");
        }
        let answer = self.server.patch(&path, json!({"options": options})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::at(&self.server.url(""))
    }

    /// A browser at a custom domain of the tenant, where the pages are as the tenant wrote them.
    pub(crate) async fn browser_at_custom_domain(&self) -> Browser {
        let domain = json!({"domain": DOMAIN, "type": "auth0_managed_certs"});
        let made = self.server.post("/custom-domains", domain).await;
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("/custom-domains/{}/verify", made.body["custom_domain_id"].as_str().unwrap());
        let ready = self.server.post(&path, json!({})).await;
        assert_eq!(ready.body["status"], "ready", "{ready:?}");
        self.browser().of(DOMAIN)
    }

    /// What an application sends its user to.
    pub(crate) fn authorize(&self, more: &str) -> String {
        let redirect = "https%3A%2F%2Fapp.example.com%2Fcallback";
        let scope = if more.contains("&scope=") { "" } else { "&scope=openid%20profile%20email" };
        format!(
            "/authorize?response_type=code&client_id={}&redirect_uri={redirect}&state=xyz{scope}{more}",
            self.client
        )
    }

    /// The first page of a login.
    pub(crate) async fn begin(&self, browser: &mut Browser) -> Page {
        let page = browser.visit(&self.authorize("")).await;
        assert_eq!(page.status, 200, "{page:?}");
        page
    }

    /// The page that asks for the password of this user.
    pub(crate) async fn identify(&self, browser: &mut Browser, identifier: &str) -> Page {
        let page = self.begin(browser).await;
        let page = browser.submit(&page, &[("username", identifier), ("action", "default")]).await;
        assert!(page.address.starts_with("/u/login/password?state="), "{} {:?}", page.address, page.faults());
        page
    }

    /// Signs in, and gives what the application is told.
    pub(crate) async fn sign_in(&self, browser: &mut Browser, identifier: &str, password: &str) -> Page {
        let page = self.identify(browser, identifier).await;
        browser.submit(&page, &[("password", password), ("action", "default")]).await
    }

    /// Signs up, and gives what the application is told.
    pub(crate) async fn sign_up(&self, browser: &mut Browser, email: &str, password: &str) -> Page {
        let page = browser.visit(&self.authorize("&screen_hint=signup")).await;
        let page = browser.submit(&page, &[("email", email)]).await;
        browser.submit(&page, &[("password", password)]).await
    }

    /// A request to the token endpoint by the application.
    pub(crate) async fn token(&self, more: Value) -> Answer {
        let mut body = json!({"client_id": self.client, "client_secret": self.secret});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send("/oauth/token", &body).await
    }

    /// Tokens for a code.
    pub(crate) async fn tokens(&self, code: &str) -> Value {
        let answer =
            self.token(json!({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// An exchange of a refresh token by the application.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.token(json!({"grant_type": "refresh_token", "refresh_token": token})).await
    }

    /// A login by the password grant.
    pub(crate) async fn password(&self, username: &str, password: &str) -> Answer {
        let body = json!({"grant_type": REALM, "realm": CONNECTION, "username": username, "password": password});
        self.token(body).await
    }

    /// A request without a token, in JSON.
    pub(crate) async fn send(&self, path: &str, body: &Value) -> Answer {
        let response = self.server.http.post(self.server.url(path)).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// The user as the Management API shows it.
    pub(crate) async fn profile(&self) -> Value {
        self.server.get(&user_path(&self.user)).await.body
    }

    /// Has what is mailed reach [`Site::mail`].
    pub(crate) async fn take_mails(&self) {
        let tell = "exports.onExecuteCustomEmailProvider = async (event, api) => {
            const {to, html} = event.notification;
            const found = html.match(/https:[^\"<]*ticket=[^\"#<]*/) || html.match(/==[0-9]+==/);
            api.notification.drop(JSON.stringify([to, found ? found[0] : '']));
        };";
        let trigger = ("custom-email-provider", "v1");
        let action = deployed(&self.server, "Take", trigger, tell).await;
        bind(&self.server, trigger.0, &[&action]).await;
        let provider = self.server.post("/emails/provider", json!({"name": "custom", "credentials": {}})).await;
        assert_eq!(provider.status, 201, "{provider:?}");
        for template in ["verify_email_by_code", "reset_email_by_code"] {
            let body = json!({
                "template": template, "syntax": "liquid", "enabled": true, "from": "a@b.example", "subject": "Code",
                "body": "<p>=={{ code }}{{ url }}==</p>",
            });
            let template = self.server.post("/email-templates", body).await;
            assert_eq!(template.status, 200, "{template:?}");
        }
    }

    /// The link or code of the latest mail to this address, of those whose holds this, once it is there.
    pub(crate) async fn mail(&self, to: &str, part: &str) -> String {
        eventually(async || self.mails(to, part).await.into_iter().next()).await
    }

    /// The links and codes of the mails to this address so far, of those that hold this, latest first.
    async fn mails(&self, to: &str, part: &str) -> Vec<String> {
        let entries = self.server.get("/logs?q=type:fn&per_page=100&sort=date:-1").await.body;
        let told = entries.as_array().unwrap().iter().filter_map(|entry| entry["details"]["error"].as_str());
        let read = told.filter_map(|text| serde_json::from_str::<[String; 2]>(text).ok());
        read.filter(|[own, found]| own == to && found.contains(part)).map(|[_, found]| found).collect()
    }

    /// The types of the log's entries, latest first, but for those of the Management API and of mails.
    pub(crate) async fn logged(&self) -> Vec<String> {
        let entries = self.server.get("/logs?per_page=100").await.body;
        let types = entries.as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap().to_owned());
        let mut types: Vec<String> =
            types.filter(|kind| !["sapi", "mgmt_api_read", "seccft", "fn"].contains(&kind.as_str())).collect();
        // The site's own user.
        assert_eq!(types.pop().as_deref(), Some("ss"));
        types
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.server.manage(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn end(self) {
        self.server.end().await;
    }
}

/// The path of a user below `/api/v2`.
pub(crate) fn user_path(id: &str) -> String {
    format!("/users/{}", id.replace('|', "%7C"))
}

/// The code that an application was given.
pub(crate) fn code(page: &Page) -> String {
    assert!(page.address.starts_with(CALLBACK), "{page:?}");
    assert_eq!(page.parameter("state").as_deref(), Some("xyz"), "{}", page.address);
    page.parameter("code").unwrap_or_else(|| panic!("no code: {}", page.address))
}

/// What an application was told that went wrong.
pub(crate) fn error(page: &Page) -> (String, String) {
    assert!(page.address.starts_with(CALLBACK), "{page:?}");
    let query = page.address.split_once(['?', '#']).unwrap().1;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let find =
        |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap_or_default();
    (find("error"), find("error_description"))
}

/// A link, in a mail or of the Management API, as a path.
pub(crate) fn path_of(text: &str) -> String {
    let link = text.split("https://").nth(1).unwrap_or_else(|| panic!("no link: {text}"));
    let end = link.find(['"', '<', '#', ' ']).unwrap_or(link.len());
    link[..end].split_once('/').map(|(_, path)| format!("/{path}")).unwrap()
}

/// The code in a mail.
pub(crate) fn code_in(mail: &str) -> String {
    mail.split("==").nth(1).unwrap_or_else(|| panic!("no code: {mail}")).to_owned()
}

/// What a JWT says, unverified.
pub(crate) fn claims(token: &Value) -> Value {
    use base64::Engine;
    let body = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}
