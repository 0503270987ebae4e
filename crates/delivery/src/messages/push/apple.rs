//! Apple's service (APNs): `POST /3/device/{token}` over HTTP/2, by the certificate of the tenant's app.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, StatusCode};
use kernel::{Record, Value};
use outbound::Client;
use p12_keystore::Pkcs12Archive;

use super::{Notification, unregistered};
use crate::messages::{
    Messenger,
    failure::{Failure, call},
    request::post_json,
};

const SERVICE: &str = "https://api.push.apple.com";
const SANDBOX: &str = "https://api.sandbox.push.apple.com";
/// Seconds for which the service keeps what it cannot deliver at once. A request to log in is of no use later.
const KEPT: i64 = 300;
/// Clients that are kept, each with the connections of one certificate.
const MOST: usize = 100;
/// The service's words for a device that has not the app any more.
const GONE: [&str; 3] = ["Unregistered", "BadDeviceToken", "DeviceTokenNotForTopic"];

/// Clients by the digests of the certificates that they show.
#[derive(Debug, Default)]
pub(in crate::messages) struct Identities(Mutex<HashMap<String, Client>>);

impl Identities {
    /// The client that shows the certificate of a file.
    async fn client(&self, outbound: &Client, file: &str) -> Result<Client, Failure> {
        let key = kernel::digest(file);
        if let Some(client) = self.clients().get(&key) {
            return Ok(client.clone());
        }
        // Its keys are derived from a password many times over.
        let file = file.to_owned();
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        let (chain, private) = read.unwrap_or(None).ok_or_else(|| Failure::never("The PKCS #12 file is invalid."))?;
        let client = outbound.clone().showing(chain, private);
        let mut clients = self.clients();
        if clients.len() >= MOST {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, HashMap<String, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Certificates, the app's own first, and its key in PKCS#8.
type Identity = (Vec<Vec<u8>>, Arc<[u8]>);

/// What is in a file.
fn read(file: &str) -> Option<Identity> {
    let file: String = file.split_whitespace().collect();
    let archive = Pkcs12Archive::from_pkcs12(&BASE64_STANDARD.decode(file).ok()?, "").ok()?;
    let key = archive.keys.first()?;
    let own = key.local_key_id.as_ref().map(AsRef::as_ref);
    let mut bags: Vec<_> = archive.certs.iter().collect();
    bags.sort_by_key(|bag| own.is_none() || bag.local_key_id.as_deref() != own);
    let chain: Vec<Vec<u8>> = bags.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    (!chain.is_empty()).then(|| (chain, key.key.as_der().into()))
}

/// Hands a notification to the service; its answer, or why it refuses.
pub(super) async fn deliver(
    messenger: &Messenger,
    settings: &Record,
    notification: &Notification<'_>,
) -> Result<String, Failure> {
    let is_token = !notification.token.is_empty() && notification.token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_token {
        return Err(Failure::never("The device's token is none of Apple's."));
    }
    let file = settings.sealed.text("p12").unwrap_or_default();
    let client = messenger.push.apple.client(&messenger.outbound, file).await?;
    let own = if settings.is("sandbox") { SANDBOX } else { SERVICE };
    let base = messenger.endpoints.of("apns", own);
    let address = format!("{base}/3/device/{}", notification.token);
    let mut request = post_json(address, None, &notification.for_apple())?;
    let expiration = (notification.now.seconds() + KEPT).to_string();
    let headers = [
        ("apns-topic", settings.text("bundle_id").unwrap_or_default()),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-expiration", &expiration),
        // A try again replaces what an earlier one may have shown.
        ("apns-collapse-id", notification.id),
    ];
    for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
        let value = HeaderValue::try_from(value).map_err(|error| Failure::never(error.to_string()))?;
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let answer = call(&client, request).await.map_err(refusal)?;
    Ok(answer.status().to_string())
}

/// A refusal in the service's own words: `{"reason": …}`.
fn refusal(failure: Failure) -> Failure {
    let told: Option<Value> = serde_json::from_slice(&failure.body).ok();
    let word = told.as_ref().and_then(|told| told.get("reason")?.as_str()).unwrap_or_default();
    if GONE.contains(&word) || failure.status == Some(StatusCode::GONE) {
        return unregistered();
    }
    let reason = if word.is_empty() { failure.reason } else { format!("{} {word}", failure.reason) };
    Failure { reason, ..failure }
}
