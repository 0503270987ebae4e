//! Logins through all their pages, over a store in memory.

use std::collections::BTreeMap;

use http::{StatusCode, header};
use identity::{Passwords, Services, triggers::NoTriggers};
use kernel::{Context, Document, Record, object};
use model::{CLIENT, CONNECTION, CONNECTION_CLIENTS};
use store::{Database, Options, RootKey};

use super::*;
use crate::users::Users;

const ADDRESS: &str = "jane@example.com";
const PASSWORD: &str = "Correct-Horse-7";

struct Site {
    login: Login,
    tenant: TenantId,
}

/// A browser: a jar of cookies, and the page that it shows.
#[derive(Default)]
struct Shown {
    jar: BTreeMap<String, String>,
    path: String,
    state: String,
    status: u16,
    body: String,
}

impl Site {
    async fn open() -> Self {
        let context = Context::system();
        let root_key = RootKey::generate(&context);
        let options = Options { database: Database::Memory, root_key, context: context.clone() };
        let store = Store::open(options).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let set_up = |tx: &mut Tx| {
            let client = object(json!({"client_id": "c", "name": "Shop"}));
            tx.insert(&CLIENT, Record::new("c", client, tx.now()))?;
            let connection = object(json!({
                "id": "con_1", "name": "Users", "strategy": "auth0", "options": {"passwordPolicy": "good"},
            }));
            tx.insert(&CONNECTION, Record::new("con_1", connection, tx.now()))?;
            tx.relate(&CONNECTION_CLIENTS, "con_1", "c", Document::new())?;
            Ok::<_, StoreError>(())
        };
        store.write(&tenant, set_up).await.unwrap();
        let services = Services { passwords: Passwords::new(context), triggers: Arc::new(NoTriggers) };
        let login = Login::new(store.clone(), Arc::new(Users::new(store, services)));
        Self { login, tenant }
    }

    async fn begin(&self, hint: Option<&str>) -> Shown {
        let mut shown = Shown::default();
        let request = LoginRequest {
            client_id: "c".into(),
            screen_hint: hint.map(str::to_owned),
            redirect_uri: Some("https://app.example.com/cb".into()),
            protocol: json!({"nonce": "n"}),
            ..LoginRequest::default()
        };
        let redirect = self.login.begin(&self.tenant, request, &shown.browser()).await.unwrap();
        shown.keep(redirect.cookies.iter().map(String::as_str));
        self.follow(&mut shown, &redirect.location).await;
        shown
    }

    async fn follow(&self, shown: &mut Shown, location: &str) {
        let (path, state) = location.split_once("?state=").unwrap();
        shown.path = path.to_owned();
        shown.state = state.to_owned();
        if path.starts_with("/u/") {
            let reply = self.login.visit(&self.tenant, path, state, &shown.browser(), &[]).await.unwrap();
            self.show(shown, reply).await;
        }
    }

    async fn post(&self, shown: &mut Shown, fields: &[(&str, &str)]) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = Form::parse(body.as_bytes());
        let browser = shown.browser();
        let reply = self.login.post(&self.tenant, &shown.path, &shown.state, &browser, &[], &form).await.unwrap();
        self.show(shown, reply).await;
    }

    async fn show(&self, shown: &mut Shown, reply: Reply) {
        let response = reply.response();
        let cookies = response.headers().get_all(header::SET_COOKIE);
        let cookies: Vec<String> = cookies.iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
        shown.keep(cookies.iter().map(String::as_str));
        shown.status = response.status().as_u16();
        if response.status() == StatusCode::FOUND {
            let location = response.headers()[header::LOCATION].to_str().unwrap().to_owned();
            Box::pin(self.follow(shown, &location)).await;
        } else {
            shown.body = response.into_body();
        }
    }

    async fn outcome(&self, shown: &Shown) -> Outcome {
        self.login.outcome(&self.tenant, &shown.state, &shown.browser()).await.unwrap()
    }

    /// Somebody who has signed up, and is signed in.
    async fn signed_up(&self) -> Shown {
        let mut shown = self.begin(Some("signup")).await;
        assert_eq!(shown.path, "/u/signup/identifier");
        self.post(&mut shown, &[("email", ADDRESS)]).await;
        assert_eq!(shown.path, "/u/signup/password");
        self.post(&mut shown, &[("password", PASSWORD)]).await;
        assert_eq!(shown.path, "/authorize/resume", "{}", shown.body);
        shown
    }
}

impl Shown {
    fn browser(&self) -> Browser {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Browser {
            cookies: cookies.join("; "),
            ip: "192.0.2.1".into(),
            host: "t.example.com".into(),
            ..Browser::default()
        }
    }

    fn keep<'c>(&mut self, cookies: impl Iterator<Item = &'c str>) {
        for cookie in cookies {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

#[tokio::test]
async fn somebody_signs_up_and_signs_in() {
    let site = Site::open().await;
    let shown = site.signed_up().await;
    let Outcome::Authenticated(transaction) = site.outcome(&shown).await else { panic!("not signed in") };
    let first = transaction.progress.authentication.clone().unwrap();
    assert!(first.is_new && first.connection == "Users" && first.methods[0].name == "pwd");
    assert_eq!(transaction.request.protocol["nonce"], "n");
    let mut shown = site.begin(None).await;
    site.post(&mut shown, &[("username", ADDRESS)]).await;
    site.post(&mut shown, &[("password", "wrong")]).await;
    assert_eq!((shown.status, shown.path.as_str()), (400, "/u/login/password"));
    assert!(shown.body.contains("data-error-code=\"wrong-email-credentials\""), "{}", shown.body);
    site.post(&mut shown, &[("password", PASSWORD)]).await;
    assert_eq!(shown.path, "/authorize/resume");
    let Outcome::Authenticated(transaction) = site.outcome(&shown).await else { panic!("not signed in") };
    let second = transaction.progress.authentication.clone().unwrap();
    assert!(second.user_id == first.user_id && !second.is_new);
}

#[tokio::test]
async fn a_transaction_is_finished_once_and_only_in_its_browser() {
    let site = Site::open().await;
    let shown = site.signed_up().await;
    let Outcome::Authenticated(transaction) = site.outcome(&shown).await else { panic!("not signed in") };
    let thief = Shown { state: shown.state.clone(), ..Shown::default() };
    assert_eq!(site.outcome(&thief).await, Outcome::Unknown);
    for expected in [true, false] {
        let (login, transaction) = (site.login.clone(), transaction.clone());
        let finish = move |tx: &mut Tx| login.finish(tx, &transaction);
        assert_eq!(site.login.store.write(&site.tenant, finish).await.unwrap(), expected);
    }
    assert!(matches!(site.outcome(&shown).await, Outcome::Finished(_)));
}

#[tokio::test]
async fn a_prompt_after_the_login_has_a_state_of_its_own() {
    let site = Site::open().await;
    let mut shown = site.signed_up().await;
    let first = shown.state.clone();
    let Outcome::Authenticated(transaction) = site.outcome(&shown).await else { panic!("not signed in") };
    let scopes = vec![model::login::ConsentScope { name: "openid".into(), description: None }];
    let asked = site.login.ask(&site.tenant, *transaction, Prompt::Consent { scopes }, &shown.browser()).await.unwrap();
    assert!(matches!(site.outcome(&shown).await, Outcome::Pending(_)));
    site.follow(&mut shown, &asked.location).await;
    assert_ne!(shown.state, first);
    assert!(shown.body.contains("Sign you in"), "{}", shown.body);
    site.post(&mut shown, &[("action", "accept")]).await;
    assert_eq!((shown.path.as_str(), &shown.state), ("/authorize/resume", &first));
    let Outcome::Authenticated(transaction) = site.outcome(&shown).await else { panic!("not answered") };
    assert_eq!(transaction.progress.answers["consent"], "accept");
}

#[tokio::test]
async fn a_cookie_is_for_one_tenant_and_one_transaction() {
    let site = Site::open().await;
    let mut shown = site.begin(None).await;
    let other = TenantId::new("other");
    site.login.store.create_tenant(&other).await.unwrap();
    let seen = site.login.outcome(&other, &shown.state, &shown.browser()).await.unwrap();
    assert_eq!(seen, Outcome::Unknown);
    let second = site.begin(None).await;
    let (name, _) = second.jar.first_key_value().unwrap();
    let (_, value) = shown.jar.pop_first().unwrap();
    shown.jar.insert(name.clone(), value);
    shown.state = second.state;
    assert_eq!(site.outcome(&shown).await, Outcome::Unknown);
}

#[tokio::test]
async fn a_user_who_failed_too_often_is_blocked() {
    let site = Site::open().await;
    site.signed_up().await;
    let mut shown = site.begin(None).await;
    site.post(&mut shown, &[("username", ADDRESS)]).await;
    for _ in 0..10 {
        site.post(&mut shown, &[("password", "wrong")]).await;
    }
    assert!(shown.body.contains("data-error-code=\"wrong-email-credentials\""), "{}", shown.body);
    site.post(&mut shown, &[("password", PASSWORD)]).await;
    assert_eq!(shown.status, 400);
    assert!(shown.body.contains("<div id=\"prompt-alert\" role=\"alert\" data-error-code=\"user-blocked\">"));
}

#[tokio::test]
async fn a_sign_up_tells_what_is_wrong() {
    let site = Site::open().await;
    site.signed_up().await;
    let fault = |shown: &Shown, field: &str, code: &str| {
        let expected =
            format!("id=\"error-element-{field}\" class=\"ulp-input-error-message\" data-error-code=\"{code}\"");
        assert!(shown.status == 400 && shown.body.contains(&expected), "{expected}: {}", shown.body);
    };
    let mut shown = site.begin(Some("signup")).await;
    site.post(&mut shown, &[("email", "new@example.com")]).await;
    site.post(&mut shown, &[("password", "abc")]).await;
    fault(&shown, "password", "password-too-weak");
    let mut shown = site.begin(Some("signup")).await;
    site.post(&mut shown, &[("email", ADDRESS)]).await;
    site.post(&mut shown, &[("password", PASSWORD)]).await;
    // Strangers learn who has an account only where the tenant says so.
    assert!(shown.body.contains("data-error-code=\"auth0-users-validation\""), "{}", shown.body);
}
