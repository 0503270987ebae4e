//! Applications that register themselves (RFC 7591), where the tenant lets them: a translation to `POST /clients`, which makes a client
//! of a third party.

use std::{sync::Arc, time::Duration};

use http::Method;
use kernel::{Document, Tenant, Value, object};
use model::TENANT_SETTINGS;
use rest::{ApiError, ApiResult, Caller, Engine, Origin, Scopes};
use serde::Deserialize;
use serde_json::json;
use store::{Permit, Rate, Store, Tx};
use url::Url;

use crate::{
    clients::{CREATED_BY, redirect_fault},
    tenants,
};

/// The flag that lets applications register.
const FLAG: &str = "enable_dynamic_client_registration";
/// Tallies of registrations by address on the network: five a second.
const TALLY: &str = "registrations";
const RATE: Rate = Rate { burst: 5, interval: Duration::from_millis(200) };
/// Tallies of documents that are read for an address on the network: ten at once, then one each six seconds.
const READINGS: &str = "client_documents";
const READING_RATE: Rate = Rate { burst: 10, interval: Duration::from_secs(6) };
/// Grants that such a client may use.
const GRANTS: [&str; 2] = ["authorization_code", "refresh_token"];
/// Ways in which it may authenticate.
const METHODS: [&str; 3] = ["client_secret_post", "client_secret_basic", "none"];

/// Registers applications of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct Registration {
    engine: Arc<Engine>,
    store: Store,
}

/// An application that wants to be registered.
#[derive(Debug)]
pub struct Applicant {
    /// What was sent.
    pub body: Vec<u8>,
    /// The sender's address.
    pub ip: String,
    /// `User-Agent`.
    pub user_agent: String,
}

/// Why an application is not registered.
#[derive(Debug)]
pub enum Unregistered {
    /// The tenant registers nobody.
    Off,
    /// There were too many from this address within the second.
    TooMany,
    /// `invalid_redirect_uri` (RFC 7591 §3.2.2).
    RedirectUri(String),
    /// `invalid_client_metadata`.
    Metadata(String),
    /// Something else, as the Management API says it.
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for Unregistered {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// What an application says of itself (RFC 7591 §2), as far as it counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    application_type: Option<String>,
    logo_uri: Option<String>,
    initiate_login_uri: Option<String>,
    post_logout_redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registration")
    }
}

impl Registration {
    /// Over the engine of the Management API.
    pub fn new(engine: Arc<Engine>, store: Store) -> Self {
        Self { engine, store }
    }

    /// Registers an application; what it is told of itself (RFC 7591 §3.2.1).
    ///
    /// # Errors
    /// Why it is not registered.
    pub async fn register(&self, tenant: &Tenant, applicant: Applicant) -> Result<Document, Unregistered> {
        let address = applicant.ip.clone();
        let admit = move |tx: &mut Tx| {
            if !tenants::flag(tx, FLAG)? {
                return Ok::<_, ApiError>(Err(Unregistered::Off));
            }
            if let Permit::Refused { .. } = tx.take_permit(TALLY, &address, RATE)? {
                return Ok(Err(Unregistered::TooMany));
            }
            let settings = tx.singleton(&TENANT_SETTINGS)?;
            let mode =
                settings.as_ref().and_then(|settings| settings.text("dynamic_client_registration_security_mode"));
            Ok(Ok(mode.unwrap_or("permissive").to_owned()))
        };
        let mode = self.store.write(tenant.id(), admit).await??;
        let unreadable = |error| Unregistered::Metadata(format!("The client metadata cannot be read: {error}"));
        let metadata: Metadata = serde_json::from_slice(&applicant.body).map_err(unreadable)?;
        let body = client(&metadata, &mode)?;
        let made = self.perform(tenant, "/clients", body, applicant, Document::new()).await.map_err(|error| {
            // What the contract says against the body was said by the applicant.
            if error.status.is_client_error() {
                Unregistered::Metadata(error.message.into_owned())
            } else {
                Unregistered::Other(error)
            }
        })?;
        Ok(told(&made))
    }

    /// Makes the client that describes itself in a document, or brings it up to date, for a user who comes from a network address.
    ///
    /// # Errors
    /// Why there is no such client.
    pub async fn describe(&self, tenant: &Tenant, address: &str, ip: &str) -> Result<(), Unregistered> {
        let from = ip.to_owned();
        let admit = move |tx: &mut Tx| tx.take_permit(READINGS, &from, READING_RATE);
        if let Permit::Refused { .. } = self.store.write(tenant.id(), admit).await? {
            return Err(Unregistered::TooMany);
        }
        let applicant = Applicant { body: Vec::new(), ip: ip.to_owned(), user_agent: String::new() };
        let body = json!({"external_client_id": address});
        let made_by = object(json!({CREATED_BY: "client"}));
        self.perform(tenant, "/clients/cimd/register", body, applicant, made_by).await?;
        Ok(())
    }

    async fn perform(
        &self,
        tenant: &Tenant,
        target: &str,
        body: Value,
        applicant: Applicant,
        gathered: Document,
    ) -> ApiResult<Value> {
        let caller = Caller {
            tenant: tenant.id().clone(),
            subject: String::new(),
            client_id: None,
            token_id: None,
            scopes: Arc::new(Scopes::parse("create:clients update:clients")),
            is_user: false,
        };
        let origin = Origin {
            domain: tenant.domain().to_owned(),
            ip: applicant.ip,
            user_agent: applicant.user_agent,
            target: format!("/api/v2{target}"),
            ..Origin::default()
        };
        let request = rest::Request { method: Method::POST, target, body: Some(&body), caller, origin, gathered };
        self.engine.perform(request).await
    }
}

/// The client that an application asks to be.
fn client(metadata: &Metadata, mode: &str) -> Result<Value, Unregistered> {
    let refused = |text: String| Err(Unregistered::Metadata(text));
    if metadata.redirect_uris.is_empty() {
        return Err(Unregistered::RedirectUri("redirect_uris is required".to_owned()));
    }
    for uri in &metadata.redirect_uris {
        if let Some(fault) = redirect_fault(uri) {
            return Err(Unregistered::RedirectUri(format!("redirect_uris: {fault}")));
        }
    }
    let method = metadata.token_endpoint_auth_method.as_deref().unwrap_or(METHODS[0]);
    if !METHODS.contains(&method) {
        return refused(format!("token_endpoint_auth_method \"{method}\" is not supported"));
    }
    let types = metadata.response_types.as_deref().unwrap_or_default();
    if mode == "strict" && types.iter().any(|kind| kind != "code") {
        return refused("response_types other than \"code\" are not supported".to_owned());
    }
    let asked = metadata.grant_types.as_deref();
    let grants: Vec<&str> = match asked {
        Some(asked) => GRANTS.into_iter().filter(|grant| asked.iter().any(|asked| asked == grant)).collect(),
        None => vec![GRANTS[0]],
    };
    if grants.is_empty() {
        return refused("grant_types holds none of authorization_code and refresh_token".to_owned());
    }
    let app_type = match (metadata.application_type.as_deref(), method) {
        (Some("native"), _) => "native",
        (_, "none") => "spa",
        _ => "regular_web",
    };
    let first = Url::parse(&metadata.redirect_uris[0]).ok();
    let host = first.as_ref().and_then(Url::host_str).unwrap_or("An application");
    let mut client = object(json!({
        "name": metadata.client_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(host),
        "callbacks": metadata.redirect_uris,
        "app_type": app_type,
        "token_endpoint_auth_method": method,
        "grant_types": grants,
        "is_first_party": false,
        "third_party_security_mode": mode,
        "oidc_conformant": true,
        "jwt_configuration": {"alg": "RS256"},
    }));
    if let Some(uris) = &metadata.post_logout_redirect_uris {
        client.insert("allowed_logout_urls".into(), json!(uris));
    }
    if let Some(uri) = &metadata.initiate_login_uri {
        client.insert("initiate_login_uri".into(), uri.as_str().into());
    }
    if let Some(logo) = &metadata.logo_uri {
        client.insert("logo_uri".into(), logo.as_str().into());
    }
    Ok(client.into())
}

/// What a registered application is told.
fn told(made: &Value) -> Document {
    let mut told = object(json!({
        "client_name": made["name"],
        "client_id": made["client_id"],
        "redirect_uris": made["callbacks"],
        "grant_types": made["grant_types"],
        "response_types": ["code"],
        "token_endpoint_auth_method": made["token_endpoint_auth_method"],
    }));
    if made["token_endpoint_auth_method"] != "none" {
        told.insert("client_secret".into(), made["client_secret"].clone());
        told.insert("client_secret_expires_at".into(), 0.into());
    }
    if made["logo_uri"].is_string() {
        told.insert("logo_uri".into(), made["logo_uri"].clone());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(metadata: Value) -> Result<Value, Unregistered> {
        client(&serde_json::from_value(metadata).unwrap(), "strict")
    }

    #[test]
    fn an_application_becomes_a_client_of_a_third_party() {
        let made = judged(json!({
            "redirect_uris": ["https://app.example.com/callback"],
            "client_name": "App",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scope": "openid",
        }));
        let expected = json!({
            "name": "App",
            "callbacks": ["https://app.example.com/callback"],
            "app_type": "regular_web",
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token"],
            "is_first_party": false,
            "third_party_security_mode": "strict",
            "oidc_conformant": true,
            "jwt_configuration": {"alg": "RS256"},
        });
        assert_eq!(made.unwrap(), expected);
        let native = json!({"redirect_uris": ["com.example.app:/cb"], "application_type": "native", "token_endpoint_auth_method": "none"});
        assert_eq!(judged(native).unwrap()["app_type"], "native");
    }

    #[test]
    fn what_no_third_party_may_ask_is_refused() {
        for uri in [
            "http://app.example.com/cb",
            "https://a.example/#x",
            "javascript:alert(1)",
            "https://*.a.example/",
            "x",
            "https://me@a.example/",
        ] {
            let refused = judged(json!({"redirect_uris": ["https://a.example/", uri]}));
            assert!(matches!(refused, Err(Unregistered::RedirectUri(_))), "{uri}: {refused:?}");
        }
        assert!(matches!(judged(json!({})), Err(Unregistered::RedirectUri(_))));
        for wrong in [
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"grant_types": ["client_credentials"]}),
            json!({"response_types": ["code", "token"]}),
        ] {
            let mut metadata = object(wrong);
            metadata.insert("redirect_uris".into(), json!(["http://localhost:3000/cb"]));
            let refused = judged(metadata.into());
            assert!(matches!(refused, Err(Unregistered::Metadata(_))), "{refused:?}");
        }
    }
}
