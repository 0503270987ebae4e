//! Connections that are set up by an authorization code: somebody permits it at the service, who sends them back with a code, which is
//! exchanged for tokens once.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use delivery::Endpoints;
use kernel::{Context, Document, Record, Tenant, Timestamp, Value, id, object};
use model::FLOW_VAULT_CONNECTION;
use outbound::Client;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Store, StoreError, StoreResult, Tx};

use super::providers::{Asked, Provider, told};
use crate::{Failure, outgoing::read_body, params::Params};

/// The path of the callback below a tenant's domain.
pub const CALLBACK: &str = "/flows/vault/callback";
/// What a connection is set up with that this is about.
const OAUTH_CODE: &str = "OAUTH_CODE";
/// What states are kept as.
const STATE: &str = "flow_vault_state";
/// How long somebody may take to permit it.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of the longest code or token.
const LONGEST: usize = 16 << 10;
/// Members of a set-up that stay where it is sent anew without them.
const OF_APPLICATION: [&str; 5] = ["client_id", "client_secret", "scope", "redirect_uri", "environment"];

/// Sets connections up at services that give tokens for authorization codes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authorizations {
    outbound: Client,
    vendors: Endpoints,
}

/// A set-up as it is to be stored.
pub struct Prepared {
    /// What is sealed.
    pub setup: Document,
    /// Whether actions can use it.
    pub is_ready: bool,
    /// What the service calls the account.
    pub account: Option<String>,
    /// What the service was asked just now gave tokens.
    pub is_exchanged: bool,
    /// What began, where somebody has to permit it first.
    pub begun: Option<Begun>,
}

/// An authorization that began.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    /// Where whoever permits it goes.
    pub url: String,
    state: String,
    verifier: String,
    redirect_uri: String,
}

/// What the service sent somebody back with.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// `state`.
    pub state: String,
    /// `code`.
    pub code: String,
    /// `error`, with its description.
    pub error: String,
}

impl Authorizations {
    /// Sets up by these means.
    pub fn new(outbound: Client, vendors: Endpoints) -> Self {
        Self { outbound, vendors }
    }

    /// A set-up as it was sent, over the one before: a code that it holds is exchanged; where it names an application and no token, an
    /// authorization begins. `None` where it is not one that this is about.
    ///
    /// # Errors
    /// What the service refuses, and a set-up that names no service.
    pub async fn prepare(
        &self,
        context: &Context,
        app: &str,
        domain: &str,
        sent: &Document,
        old: Option<&Document>,
    ) -> Result<Option<Prepared>, Failure> {
        let Some(provider) = Provider::of(app).filter(|_| kind_of(sent) == OAUTH_CODE) else { return Ok(None) };
        let mut setup = over(sent, old.filter(|old| kind_of(old) == OAUTH_CODE));
        let now = context.now();
        let is_application = ["client_id", "client_secret"].iter().all(|name| Params(&setup).text(name).is_some());
        let mut prepared =
            Prepared { setup: Document::new(), is_ready: false, account: None, is_exchanged: false, begun: None };
        let redirect_uri = Params(&setup).text("redirect_uri").unwrap_or_else(|| format!("https://{domain}{CALLBACK}"));
        if sent.contains_key("access_token") {
            let given = setup.clone();
            adopt(provider, &mut setup, &given.into(), now);
        } else if let Some(code) = Params(sent).text("code").filter(|_| is_application) {
            let verifier = Params(sent).text("code_verifier").unwrap_or_default();
            prepared.account = self.exchange(provider, &mut setup, &code, &redirect_uri, &verifier, now).await?;
            prepared.is_exchanged = true;
        } else if is_application {
            let state = context.text(id::ALNUM, 43);
            let verifier = context.text(id::ALNUM, 43);
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
            let challenge = provider.has_challenge.then_some(challenge.as_str());
            let asked = Asked { redirect_uri: &redirect_uri, state: &state, challenge };
            let url = provider.authorization_url(Params(&setup), &asked, &self.vendors)?;
            let verifier = if provider.has_challenge { verifier } else { String::new() };
            prepared.begun = Some(Begun { url, state, verifier, redirect_uri });
        }
        prepared.is_ready = is_ready(&setup);
        prepared.setup = setup;
        Ok(Some(prepared))
    }

    /// Goes on where the service sends somebody back: the code is exchanged, and the connection is ready. A state is good once, for
    /// the connection and the set-up that it began with.
    ///
    /// # Errors
    /// Why the connection is not set up, for whoever came back.
    pub async fn finish(&self, store: &Store, tenant: &Tenant, returned: &Returned) -> Result<(), Failure> {
        let lost = || {
            let message = "This authorization is not known, or no more. Begin it anew with the connection's set-up.";
            Failure::new("INVALID_STATE", message)
        };
        if returned.state.is_empty() || returned.state.len() > 128 || returned.code.len() > LONGEST {
            return Err(lost());
        }
        let state = returned.state.clone();
        let begun = store.write(tenant.id(), move |tx: &mut Tx| {
            let Some(begun) = tx.consume_single_use(STATE, &state)? else { return Ok::<_, StoreError>(None) };
            let begun = begun.payload;
            let record = tx.get(&FLOW_VAULT_CONNECTION, &Params(&begun).text("connection_id").unwrap_or_default())?;
            let is_same = |record: &Record| record.text("fingerprint") == Params(&begun).text("fingerprint").as_deref();
            Ok(record.filter(is_same).map(|record| (record, begun)))
        });
        let (record, begun) = begun.await?.ok_or_else(lost)?;
        if !returned.error.is_empty() {
            let error: String = returned.error.chars().filter(|letter| !letter.is_control()).take(300).collect();
            return Err(Failure::new("AUTHORIZATION_REFUSED", format!("The service did not permit it: {error}")));
        }
        let app = record.text("app_id").unwrap_or_default();
        let setup = record.sealed.get("setup").and_then(Value::as_object).cloned();
        let (Some(provider), Some(mut setup)) = (Provider::of(app), setup) else { return Err(lost()) };
        if returned.code.is_empty() {
            return Err(Failure::new("AUTHORIZATION_REFUSED", "The service sent no code."));
        }
        let text = |name: &str| Params(&begun).text(name).unwrap_or_default();
        let now = store.context().now();
        let (redirect_uri, verifier) = (text("redirect_uri"), text("verifier"));
        let exchanged = self.exchange(provider, &mut setup, &returned.code, &redirect_uri, &verifier, now);
        let account = exchanged.await?;
        let known = record.text("fingerprint").unwrap_or_default().to_owned();
        let is_stored = store.write::<_, StoreError>(tenant.id(), move |tx: &mut Tx| {
            let fingerprint = tx.context().text(id::HEX, 32);
            let keep = |record: &mut Record| {
                record.document.insert("fingerprint".into(), fingerprint.into());
                record.document.shift_remove("account_name");
                if let Some(account) = &account {
                    record.document.insert("account_name".into(), account.as_str().into());
                }
            };
            renewed(tx, &record.id, &known, &setup, is_ready(&setup), keep)
        });
        if is_stored.await? { Ok(()) } else { Err(lost()) }
    }

    /// Has a code exchanged for tokens, which the set-up holds afterwards; gives what the service calls the account.
    async fn exchange(
        &self,
        provider: &Provider,
        setup: &mut Document,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
        now: Timestamp,
    ) -> Result<Option<String>, Failure> {
        let mut grant = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        if !verifier.is_empty() {
            grant.push(("code_verifier", verifier));
        }
        let mut response = self.tokens(provider, setup, &grant).await?;
        let token = response["access_token"].as_str().unwrap_or_default().to_owned();
        if let Some(outgoing) = provider.description_request(&token, &self.vendors)? {
            let described = read_body(&outgoing.send(&self.outbound).await?);
            if let (Some(response), Some(described)) = (response.as_object_mut(), described.as_object()) {
                for (name, value) in described {
                    response.entry(name.as_str()).or_insert_with(|| value.clone());
                }
            }
        }
        adopt(provider, setup, &response, now);
        Ok(account(provider, &response))
    }

    /// Renews the tokens of a set-up.
    pub(super) async fn renew(&self, app: &str, setup: &mut Document, now: Timestamp) -> Result<(), Failure> {
        let provider = Provider::of(app).ok_or_else(|| Failure::required("app_id"))?;
        let refresh_token = Params(setup).required("refresh_token")?;
        let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
        let response = self.tokens(provider, setup, &grant).await?;
        adopt(provider, setup, &response, now);
        Ok(())
    }

    async fn tokens(&self, provider: &Provider, setup: &Document, grant: &[(&str, &str)]) -> Result<Value, Failure> {
        let outgoing = provider.token_request(Params(setup), grant, &self.vendors)?;
        let response = outgoing.send(&self.outbound).await?;
        let body = read_body(&response);
        let token = body["access_token"].as_str().filter(|token| !token.is_empty() && token.len() <= LONGEST);
        // Slack says so in the body that it refuses.
        if response.status().is_success() && token.is_some() && body["ok"] != json!(false) {
            return Ok(body);
        }
        let told = ["error_description", "error", "message"].iter().find_map(|name| body[*name].as_str());
        let told = told.map(|told| format!(", {}", told.chars().take(300).collect::<String>())).unwrap_or_default();
        let message = format!("The service gave no token: status {}{told}.", response.status().as_u16());
        Err(Failure { response: Some(json!({"status": response.status().as_u16()})), ..Failure::new(REFUSED, message) })
    }
}

/// The code of a failure where a service gives no token.
pub(super) const REFUSED: &str = "CONNECTION_REFUSED";

impl Begun {
    /// For whoever has to hand it on as a value.
    pub fn to_value(&self) -> Value {
        json!(self)
    }

    /// What [`Begun::to_value`] gave.
    pub fn from_value(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Keeps what the service's answer is recognized by: for this connection, with the set-up of this fingerprint.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn keep(self, tx: &mut Tx, connection: &str, fingerprint: &str) -> StoreResult {
        let payload = object(json!({
            "connection_id": connection, "fingerprint": fingerprint,
            "verifier": self.verifier, "redirect_uri": self.redirect_uri,
        }));
        let until = tx.now() + PATIENCE;
        tx.put_single_use(STATE, &self.state, payload, None, until)
    }
}

/// Stores the tokens of a connection whose set-up is still the one that they are for; tells whether it was.
pub(super) fn renewed(
    tx: &mut Tx,
    id: &str,
    fingerprint: &str,
    setup: &Document,
    is_ready: bool,
    keep: impl FnOnce(&mut Record),
) -> StoreResult<bool> {
    let record = tx.get(&FLOW_VAULT_CONNECTION, id)?;
    let is_same = |record: &Record| record.text("fingerprint") == Some(fingerprint);
    let Some(mut record) = record.filter(is_same) else { return Ok(false) };
    let now = tx.now();
    record.sealed.set("setup", setup.clone());
    record.document.insert("ready".into(), is_ready.into());
    record.document.insert("refreshed_at".into(), now.into());
    record.document.insert("updated_at".into(), now.into());
    record.updated = now;
    keep(&mut record);
    tx.update(&FLOW_VAULT_CONNECTION, record)?;
    Ok(true)
}

fn kind_of(setup: &Document) -> String {
    Params(setup).text("type").unwrap_or_default()
}

/// A set-up that was sent, with the application of the one before where it names none; of one that says nothing else the tokens stay
/// until others come.
fn over(sent: &Document, old: Option<&Document>) -> Document {
    let mut setup = sent.clone();
    let Some(old) = old.filter(|_| !sent.contains_key("client_id") && !sent.contains_key("access_token")) else {
        return setup;
    };
    let is_again = !sent.contains_key("code");
    for (name, value) in old {
        if (is_again || OF_APPLICATION.contains(&name.as_str())) && !setup.contains_key(name) {
            setup.insert(name.clone(), value.clone());
        }
    }
    setup
}

fn is_ready(setup: &Document) -> bool {
    Params(setup).text("access_token").is_some()
}

/// Takes what a service gave into a set-up.
fn adopt(provider: &Provider, setup: &mut Document, response: &Value, now: Timestamp) {
    for name in ["access_token", "refresh_token"] {
        if let Some(token) = response[name].as_str().filter(|token| !token.is_empty() && token.len() <= LONGEST) {
            setup.insert(name.into(), token.into());
        }
    }
    // A code is exchanged once.
    for name in ["code", "code_verifier", "expires_in"] {
        setup.shift_remove(name);
    }
    let life = match &response["expires_in"] {
        Value::String(text) => text.parse().ok(),
        life => life.as_i64(),
    };
    match life {
        Some(life) => setup.insert("expires_at".into(), now.seconds().saturating_add(life.max(0)).into()),
        None => setup.shift_remove("expires_at"),
    };
    for (name, place) in provider.kept {
        if let Some(text) = told(response, place) {
            setup.insert((*name).to_owned(), text.into());
        }
    }
}

fn account(provider: &Provider, response: &Value) -> Option<String> {
    let name = told(response, provider.account)?;
    let name = name.trim_start_matches("https://");
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(150).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_up_that_is_sent_anew_keeps_its_application_and_one_that_says_nothing_its_tokens() {
        let old = object(
            json!({"type": OAUTH_CODE, "client_id": "c", "client_secret": "s", "access_token": "t", "scope": "x"}),
        );
        let again = over(&object(json!({"type": OAUTH_CODE})), Some(&old));
        assert_eq!(
            json!(again),
            json!({"type": OAUTH_CODE, "client_id": "c", "client_secret": "s", "access_token": "t", "scope": "x"})
        );
        let code = over(&object(json!({"type": OAUTH_CODE, "code": "1"})), Some(&old));
        assert_eq!(
            json!(code),
            json!({"type": OAUTH_CODE, "code": "1", "client_id": "c", "client_secret": "s", "scope": "x"})
        );
        let other = object(json!({"type": OAUTH_CODE, "client_id": "d"}));
        assert_eq!(over(&other, Some(&old)), other);
    }

    #[test]
    fn what_a_service_gives_is_taken_without_the_code() {
        let provider = Provider::of("SLACK").unwrap();
        let mut setup = object(json!({"type": OAUTH_CODE, "code": "1", "refresh_token": "r", "expires_at": 1}));
        let response = json!({"access_token": "t", "expires_in": "60", "incoming_webhook": {"url": "https://h.example/x"}, "team": {"name": "Desk"}});
        adopt(provider, &mut setup, &response, Timestamp::from_seconds(100));
        let expected = json!({"type": OAUTH_CODE, "refresh_token": "r", "expires_at": 160, "access_token": "t", "url": "https://h.example/x"});
        assert_eq!(json!(setup), expected);
        assert_eq!(account(provider, &response).as_deref(), Some("Desk"));
        adopt(provider, &mut setup, &json!({"access_token": "u"}), Timestamp::from_seconds(100));
        assert!(!setup.contains_key("expires_at") && setup["access_token"] == "u");
    }
}
