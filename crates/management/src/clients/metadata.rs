//! Clients that describe themselves in a document at their address (draft-ietf-oauth-client-id-metadata-document).

use http::StatusCode;
use identity::signature::PublicKey;
use kernel::{Document, Record, Value, object};
use model::CLIENT;
use outbound::{Client, Limits};
use rest::{Answer, ApiError, ApiResult, Area, Task};
use serde::Deserialize;
use serde_json::json;
use store::{Filter, Query, Snapshot};
use url::Url;

use super::Clients;
use crate::Services;

/// The longest document that is read, in bytes.
const LONGEST: usize = 5 << 10;
/// Grants that such a client may ask for.
const GRANTS: [&str; 2] = ["authorization_code", "refresh_token"];
/// What was gathered beside the document: who registers the client, where it is no administrator.
pub(crate) const CREATED_BY: &str = "created_by";
/// Keys that such a client may sign with.
const MOST_KEYS: usize = 2;
/// Schemes of addresses that a browser runs or reads, and no application is at.
const FORBIDDEN: [&str; 6] = ["javascript", "data", "vbscript", "file", "about", "blob"];
/// Where a client keeps the credentials that it signs with.
const METHODS: &str = "client_authentication_methods";
/// Members of a credential that its key gives.
const OF_KEY: [&str; 4] = ["credential_type", "kid", "alg", "pem"];
/// Fields that a document may leave out, and a newer one may have left out.
const OPTIONAL: [&str; 3] = ["logo_uri", "jwks_uri", "token_endpoint_auth_method"];
/// Algorithms of keys with which such a client may sign.
const ALGORITHMS: [&str; 3] = ["RS256", "RS384", "PS256"];

pub(super) fn claim(area: Area, services: &Services) -> Area {
    let (previewing, registering) = (services.outbound.clone(), services.outbound.clone());
    area.task("POST /clients/cimd/preview", move |task| preview(previewing.clone(), task))
        .task("POST /clients/cimd/register", move |task| register(registering.clone(), task))
}

/// `POST /clients/cimd/preview`: what registering would make of the document.
async fn preview(client: Client, task: Task) -> ApiResult<Answer> {
    let address = address_of(&task);
    let known = task.read(move |reader, _| registered(reader, &address)).await?;
    let mut answer = Document::new();
    if let Some(known) = known {
        answer.insert("client_id".into(), known.id.into());
    }
    match Judged::fetch(&client, &address_of(&task)).await {
        Ok(judged) => {
            answer.insert("validation".into(), judged.validation());
            answer.insert("mapped_fields".into(), judged.mapped.into());
        }
        Err(reason) => {
            answer.insert("errors".into(), json!([reason]));
        }
    }
    Ok(Answer::json(answer))
}

/// `POST /clients/cimd/register`: makes the client, or brings it up to date (200) when it is known already.
async fn register(client: Client, task: Task) -> ApiResult<Answer> {
    let judged = Judged::fetch(&client, &address_of(&task)).await.map_err(ApiError::bad_request)?;
    if !judged.violations.is_empty() {
        let reasons = judged.violations.join("; ");
        return Err(ApiError::invalid_body(format!("The client metadata document is invalid: {reasons}")));
    }
    let address = address_of(&task);
    let by = task.call.gathered.get(CREATED_BY).and_then(Value::as_str).unwrap_or("admin").to_owned();
    task.write(move |tx, call| {
        let known = registered(tx, &address)?;
        let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let mut fields = judged.mapped.clone();
        fields.shift_remove(METHODS);
        fields.insert("external_metadata_created_by".into(), by.as_str().into());
        let credentials = || json!({"private_key_jwt": {"credentials": judged.credentials}});
        let record = if let Some(known) = known {
            let mut new = known.clone();
            for name in OPTIONAL {
                new.document.shift_remove(name);
            }
            new.document.extend(fields);
            let former = keys_of(tx, &known)?;
            let has_same = former.iter().map(|(_, key)| key).eq(judged.credentials.iter());
            if !has_same {
                new.document.shift_remove(METHODS);
            }
            if !has_same && !judged.credentials.is_empty() {
                new.document.insert(METHODS.into(), credentials());
            }
            let saved = rest::save(tx, call, &Clients, &known, new)?;
            for (former, _) in former.iter().filter(|_| !has_same) {
                identity::deletion::delete_at_once(tx, &call.event_context(), &model::CREDENTIAL, former)?;
            }
            saved
        } else {
            fields.extend(object(json!({
                "is_first_party": false,
                "third_party_security_mode": "strict",
                "oidc_conformant": true,
                "external_metadata_type": "cimd",
            })));
            if !judged.credentials.is_empty() {
                fields.insert(METHODS.into(), credentials());
            }
            rest::create(tx, call, &Clients, fields)?
        };
        let mapped = judged.mapped.clone();
        let body = json!({"client_id": record.id, "mapped_fields": mapped, "validation": judged.validation()});
        Ok(Answer::json(body).status(status))
    })
    .await
}

/// The credentials that a client signs with, and the keys that they were made of.
fn keys_of(reader: &Snapshot, client: &Record) -> ApiResult<Vec<(Record, Value)>> {
    let place = kernel::value_at(&client.document, "client_authentication_methods.private_key_jwt.credentials");
    let mut keys = Vec::new();
    for credential in place.and_then(Value::as_array).into_iter().flatten() {
        let id = credential.get("id").and_then(Value::as_str).unwrap_or_default();
        if let Some(record) = reader.get(&model::CREDENTIAL, id)? {
            let of_key = |(name, _): &(&String, &Value)| OF_KEY.contains(&name.as_str());
            let members = record.document.iter().filter(of_key).map(|(name, value)| (name.clone(), value.clone()));
            let key = Value::Object(members.collect());
            keys.push((record, key));
        }
    }
    Ok(keys)
}

fn address_of(task: &Task) -> String {
    task.call.body().get("external_client_id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn registered(reader: &Snapshot, address: &str) -> ApiResult<Option<Record>> {
    let filter = Filter::equals("external_client_id", address);
    Ok(reader.list(&CLIENT, &Query::of(filter))?.items.into_iter().find(|client| client.id.starts_with("tpc_")))
}

/// A document, judged.
struct Judged {
    violations: Vec<String>,
    warnings: Vec<String>,
    mapped: Document,
    /// The keys that it signs with, as credentials are made of them.
    credentials: Vec<Value>,
}

/// The part of the document that decides (RFC 7591 §2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    client_id: Option<String>,
    client_name: Option<String>,
    application_type: Option<String>,
    redirect_uris: Vec<String>,
    logo_uri: Option<String>,
    grant_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    jwks_uri: Option<String>,
    jwks: Option<Keys>,
    client_secret: Option<Value>,
    client_secret_expires_at: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    keys: Vec<Document>,
}

impl Judged {
    /// Fetches and judges the document at an address. The error says why there is none.
    async fn fetch(client: &Client, address: &str) -> Result<Self, String> {
        check_address(address)?;
        let body = document(client, address).await?;
        let metadata = serde_json::from_slice::<Metadata>(&body)
            .map_err(|error| format!("The client metadata document cannot be read: {error}."))?;
        let keys = match (&metadata.jwks, &metadata.jwks_uri) {
            (Some(keys), _) => Ok(keys.keys.clone()),
            (None, Some(address)) => fetched_keys(client, address).await,
            (None, None) => Ok(Vec::new()),
        };
        Ok(judge(address, metadata, keys))
    }

    fn validation(&self) -> Value {
        json!({"valid": self.violations.is_empty(), "violations": self.violations, "warnings": self.warnings})
    }
}

/// The client's id must be an https address with a path, and nothing that could be read in two ways (§3 of the draft).
fn check_address(address: &str) -> Result<(), String> {
    let url = Url::parse(address).map_err(|_| "The external_client_id is not an address.".to_owned())?;
    let has_dots = address.split(['/', '?']).any(|segment| segment == "." || segment == "..");
    let reason = if url.scheme() != "https" {
        "must be an https address"
    } else if url.path() == "/" {
        "must have a path"
    } else if has_dots {
        "must not have dot segments in its path"
    } else if url.fragment().is_some() {
        "must not have a fragment"
    } else if !url.username().is_empty() || url.password().is_some() {
        "must not hold a user name or password"
    } else {
        return Ok(());
    };
    Err(format!("The external_client_id {reason}."))
}

async fn document(client: &Client, address: &str) -> Result<bytes::Bytes, String> {
    let limits = Limits { bytes: LONGEST, redirects: 0, ..Limits::default() };
    let answer = client.get(address, limits).await.map_err(|refused| refused.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("\"{address}\" answers {}.", answer.status()));
    }
    Ok(answer.into_body())
}

async fn fetched_keys(client: &Client, address: &str) -> Result<Vec<Document>, String> {
    let body = document(client, address).await?;
    let keys = serde_json::from_slice::<Keys>(&body);
    keys.map(|keys| keys.keys).map_err(|error| format!("The jwks_uri cannot be read: {error}."))
}

fn judge(address: &str, metadata: Metadata, keys: Result<Vec<Document>, String>) -> Judged {
    let mut violations = Vec::new();
    let mut warnings = Vec::new();
    if metadata.client_id.as_deref() != Some(address) {
        violations.push("client_id must be the address of the document".to_owned());
    }
    if metadata.client_secret.is_some() || metadata.client_secret_expires_at.is_some() {
        violations.push("client_secret and client_secret_expires_at must not be there".to_owned());
    }
    if metadata.redirect_uris.is_empty() {
        violations.push("redirect_uris must hold at least one address".to_owned());
    }
    violations.extend(
        metadata
            .redirect_uris
            .iter()
            .filter_map(|uri| redirect_fault(uri))
            .map(|fault| format!("redirect_uris: {fault}")),
    );
    let method = metadata.token_endpoint_auth_method.as_deref().unwrap_or("none");
    if !matches!(method, "none" | "private_key_jwt") {
        violations
            .push(format!("token_endpoint_auth_method \"{method}\" is not supported: use none or private_key_jwt"));
    }
    let keys = keys.unwrap_or_else(|reason| {
        violations.push(reason);
        Vec::new()
    });
    let credentials: Vec<Value> =
        if method == "private_key_jwt" { keys.iter().filter_map(credential).collect() } else { Vec::new() };
    if method == "private_key_jwt" && credentials.is_empty() {
        violations.push("private_key_jwt needs a key in jwks or at jwks_uri with kid and alg".to_owned());
    }
    if credentials.len() > MOST_KEYS {
        violations.push(format!("private_key_jwt takes {MOST_KEYS} keys at most"));
    }
    if metadata.client_name.is_none() {
        warnings.push("client_name is missing: the client is named after its address".to_owned());
    }
    let asked = metadata.grant_types.unwrap_or_else(|| vec![GRANTS[0].to_owned()]);
    let (grants, ignored): (Vec<_>, Vec<_>) = asked.into_iter().partition(|grant| GRANTS.contains(&grant.as_str()));
    warnings.extend(ignored.iter().map(|grant| format!("grant type \"{grant}\" is ignored")));
    let is_native = metadata.application_type.as_deref() == Some("native");
    let mut mapped = object(json!({
        "external_client_id": address,
        "name": metadata.client_name.as_deref().unwrap_or(address),
        "app_type": if is_native { "native" } else { "regular_web" },
        "callbacks": metadata.redirect_uris,
        "logo_uri": metadata.logo_uri,
        "grant_types": grants,
        "token_endpoint_auth_method": (method == "none").then_some("none"),
        "jwks_uri": metadata.jwks_uri,
    }));
    if method == "private_key_jwt" {
        let shown: Vec<Value> = credentials.iter().cloned().map(without_key).collect();
        mapped.insert(METHODS.into(), json!({"private_key_jwt": {"credentials": shown}}));
    }
    mapped.retain(|_, value| !value.is_null());
    Judged { violations, warnings, mapped, credentials }
}

fn without_key(mut credential: Value) -> Value {
    if let Some(members) = credential.as_object_mut() {
        members.shift_remove("pem");
    }
    credential
}

/// What is wrong with an address to which a stranger wants responses sent: it may be at https, at this machine, and of a scheme that an
/// application of the machine has claimed.
pub(crate) fn redirect_fault(uri: &str) -> Option<String> {
    let fault = |why: &str| Some(format!("\"{uri}\" {why}"));
    let Ok(url) = Url::parse(uri) else { return fault("is not an address") };
    if url.fragment().is_some() {
        return fault("must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fault("must not hold a user name or password");
    }
    if uri.contains('*') {
        return fault("must not hold a wildcard");
    }
    let is_loopback = url.host_str().is_some_and(kernel::is_loopback_name);
    match url.scheme() {
        "http" if !is_loopback => fault("must be an https address"),
        scheme if FORBIDDEN.contains(&scheme) => fault("is not where an application can be"),
        _ => None,
    }
}

/// The credential of a key with which the client can sign.
fn credential(key: &Document) -> Option<Value> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let (kid, algorithm) = (text("kid")?, text("alg")?);
    let can_sign = text("kty") == Some("RSA") && ALGORITHMS.contains(&algorithm);
    let pem = PublicKey::from_rsa_members(text("n")?, text("e")?).ok()?.rsa_pem()?;
    can_sign.then(|| json!({"credential_type": "public_key", "pem": pem, "kid": kid, "alg": algorithm}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "https://client.example/oauth/metadata.json";

    fn judged(document: Value) -> Judged {
        let metadata: Metadata = serde_json::from_value(document).unwrap();
        let keys = metadata.jwks.as_ref().map(|keys| keys.keys.clone()).unwrap_or_default();
        judge(ADDRESS, metadata, Ok(keys))
    }

    #[test]
    fn an_address_that_can_be_read_in_two_ways_is_no_client_id() {
        assert_eq!(check_address(ADDRESS), Ok(()));
        for wrong in [
            "http://client.example/x",
            "https://client.example/",
            "https://client.example/a/../b",
            "https://client.example/x#y",
            "https://me@client.example/x",
            "x",
        ] {
            assert!(check_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_client_is_mapped() {
        let found = judged(json!({
            "client_id": ADDRESS,
            "client_name": "C",
            "redirect_uris": ["https://client.example/callback"],
            "grant_types": ["authorization_code", "password"],
            "token_endpoint_auth_method": "none",
        }));
        assert_eq!(found.violations, [""; 0]);
        assert_eq!(found.warnings, ["grant type \"password\" is ignored"]);
        let expected = json!({
            "external_client_id": ADDRESS,
            "name": "C",
            "app_type": "regular_web",
            "callbacks": ["https://client.example/callback"],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "none",
        });
        assert_eq!(Value::from(found.mapped), expected);
    }

    #[test]
    fn another_id_a_secret_and_a_key_that_is_missing_are_violations() {
        let found = judged(json!({
            "client_id": "https://other.example/x",
            "client_secret": "s",
            "redirect_uris": ["https://client.example/callback"],
            "token_endpoint_auth_method": "private_key_jwt",
        }));
        assert_eq!(found.violations.len(), 3, "{:?}", found.violations);
    }
}
