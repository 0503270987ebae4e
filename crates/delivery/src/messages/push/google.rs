//! Google's service (Firebase Cloud Messaging): its present interface with a service account, and the older one with a key.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::StatusCode;
use identity::{Algorithm, keys::SigningKey};
use kernel::{Record, Timestamp, Value};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::{Notification, unregistered};
use crate::messages::{
    Messenger,
    failure::{Failure, call},
    request::{FORM, bearer, post, post_json},
};

const SERVICE: &str = "https://fcm.googleapis.com";
const TOKEN_SERVICE: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Seconds for which an assertion holds.
const ASSERTION: i64 = 3_600;
/// A token is not used for its last minute.
const MARGIN: Duration = Duration::from_secs(60);
/// Tokens that are kept.
const MOST: usize = 1_000;

/// A service account, as Google's console gives it.
#[derive(Deserialize)]
struct Account {
    project_id: String,
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    token_uri: Option<String>,
}

/// Access tokens by the digests of the credentials that they were given for.
#[derive(Debug, Default)]
pub(in crate::messages) struct Tokens(Mutex<HashMap<String, (kernel::Secret, Timestamp)>>);

impl Tokens {
    fn get(&self, key: &str, now: Timestamp) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(_, until)| *until > now).map(|(token, _)| token.reveal().to_owned())
    }

    fn keep(&self, key: String, token: &str, until: Timestamp, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, (_, until)| *until > now);
        }
        if kept.len() < MOST {
            kept.insert(key, (kernel::Secret::new(token), until));
        }
    }

    fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Hands a notification to the present interface: `POST /v1/projects/{project}/messages:send`.
pub(super) async fn deliver(
    messenger: &Messenger,
    settings: &Record,
    notification: &Notification<'_>,
) -> Result<String, Failure> {
    let credentials = settings.sealed.text("server_credentials").unwrap_or_default();
    let account: Account = serde_json::from_str(credentials)
        .map_err(|_| Failure::never("The server credentials are no service account."))?;
    let key = kernel::digest(credentials);
    let token = match messenger.push.google.get(&key, notification.now) {
        Some(token) => token,
        None => token(messenger, &account, &key, notification.now).await?,
    };
    let project: String = form_urlencoded::byte_serialize(account.project_id.as_bytes()).collect();
    let base = messenger.endpoints.of("fcm", SERVICE);
    let body = json!({"message": {
        "token": notification.token,
        "data": notification.for_google(),
        "notification": {"title": notification.title, "body": notification.body},
        "android": {"priority": "HIGH", "ttl": "300s", "collapse_key": notification.id},
    }});
    let request = post_json(format!("{base}/v1/projects/{project}/messages:send"), Some(bearer(&token)), &body)?;
    let failure = match call(&messenger.outbound, request).await {
        Ok(answer) => return Ok(answer.status().to_string()),
        Err(failure) => failure,
    };
    if failure.status == Some(StatusCode::UNAUTHORIZED) {
        messenger.push.google.forget(&key);
    }
    let told: Value = serde_json::from_slice(&failure.body).unwrap_or_default();
    let details = told["error"]["details"].as_array().into_iter().flatten();
    let is_gone = failure.status == Some(StatusCode::NOT_FOUND)
        || details.filter_map(|detail| detail["errorCode"].as_str()).any(|code| code == "UNREGISTERED");
    Err(if is_gone { unregistered() } else { failure })
}

/// An access token for a service account (RFC 7523 §2.1).
async fn token(messenger: &Messenger, account: &Account, key: &str, now: Timestamp) -> Result<String, Failure> {
    let own = account.token_uri.as_deref().unwrap_or(TOKEN_SERVICE);
    let unreadable = || Failure::never("The private key of the service account cannot be read.");
    let der: String = account.private_key.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64_STANDARD.decode(der.trim()).map_err(|_| unreadable())?;
    let signer = SigningKey::from_pkcs8(&account.private_key_id, &der).ok_or_else(unreadable)?;
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": own,
        "iat": now.seconds(),
        "exp": now.seconds() + ASSERTION,
    });
    let assertion = signer.sign(Algorithm::Rs256, "JWT", &claims).map_err(|_| unreadable())?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &assertion)
        .finish();
    let address = messenger.endpoints.of("fcm.token", own);
    let answer = call(&messenger.outbound, post(address, None, FORM, form)?).await?;
    let answer: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let token = answer["access_token"].as_str().ok_or_else(|| Failure::never("Google gives no token."))?;
    let lifetime = Duration::from_secs(answer["expires_in"].as_u64().unwrap_or_default().min(3_600));
    messenger.push.google.keep(key.to_owned(), token, now + lifetime.saturating_sub(MARGIN), now);
    Ok(token.to_owned())
}

/// Hands a notification to the older interface: `POST /fcm/send`. What it refuses, it tells with 200.
pub(super) async fn deliver_by_key(
    messenger: &Messenger,
    settings: &Record,
    notification: &Notification<'_>,
) -> Result<String, Failure> {
    let base = messenger.endpoints.of("fcm", SERVICE);
    let body = json!({
        "to": notification.token,
        "priority": "high",
        "time_to_live": 300,
        "collapse_key": notification.id,
        "data": notification.for_google(),
        "notification": {"title": notification.title, "body": notification.body},
    });
    let key = settings.sealed.text("server_key").unwrap_or_default();
    let request = post_json(format!("{base}/fcm/send"), Some(format!("key={key}")), &body)?;
    let answer = call(&messenger.outbound, request).await?;
    let told: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    match told["results"][0]["error"].as_str() {
        None => Ok(answer.status().to_string()),
        Some("NotRegistered" | "InvalidRegistration" | "MismatchSenderId") => Err(unregistered()),
        Some(word @ ("Unavailable" | "InternalServerError" | "DeviceMessageRateExceeded")) => {
            Err(Failure::for_now(format!("Google answers {word}.")))
        }
        Some(word) => Err(Failure::never(format!("Google answers {word}."))),
    }
}
