//! Signing keys of a client's own, which only the deprecated API v1 sets. The global client's are everybody's.

use aws_lc_rs::rsa::KeyPair;
use identity::certificate::Certificate;
use kernel::{Document, Record, Value, object};
use rest::{ApiError, ApiResult, Call};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};
use x509_parser::pem::Pem;

use super::CLIENT;

/// Member of a client with the public parts of its keys.
pub(crate) const KEYS: &str = "signing_keys";
/// Member of `gathered` that holds the new key: `cert`, `pkcs7` or `key`.
pub(crate) const GATHERED: &str = "signing_key";
/// Where the private key is sealed.
const PRIVATE: &str = "signing_key";

/// Reads a key as v1 takes it: one of `cert`, `pkcs7` and `key`, in PEM. A certificate is shown in both forms.
///
/// # Errors
/// 400 for anything else.
pub(crate) fn read(sent: &Document) -> ApiResult<Document> {
    let refusal = |what: &str| ApiError::invalid_body(format!("signingKey needs {what}"));
    let (Some((name, value)), 1) = (sent.iter().next(), sent.len()) else {
        return Err(refusal("exactly one of cert, key and pkcs7."));
    };
    let text = value.as_str().unwrap_or_default();
    let block = Pem::iter_from_buffer(text.as_bytes()).next().and_then(Result::ok);
    let read = match name.as_str() {
        "cert" => block.filter(|block| block.parse_x509().is_ok()).map(|block| {
            let certificate = Certificate::from_der(block.contents);
            object(json!({"cert": certificate.pem(), "pkcs7": certificate.pkcs7()}))
        }),
        "pkcs7" => block.filter(|block| block.label == "PKCS7").map(|_| sent.clone()),
        "key" => block.filter(is_private_key).map(|_| sent.clone()),
        _ => return Err(refusal("exactly one of cert, key and pkcs7.")),
    };
    read.ok_or_else(|| refusal(&format!("{name} in PEM.")))
}

fn is_private_key(block: &Pem) -> bool {
    match block.label.as_str() {
        "PRIVATE KEY" => KeyPair::from_pkcs8(&block.contents).is_ok(),
        "RSA PRIVATE KEY" => KeyPair::from_der(&block.contents).is_ok(),
        _ => false,
    }
}

/// Puts the key that came with the call into the client.
pub(super) fn adopt(call: &Call, client: &mut Record) {
    let Some(sent) = call.gathered.get(GATHERED).and_then(Value::as_object) else { return };
    let mut sent = sent.clone();
    if let Some(key) = sent.shift_remove("key") {
        client.sealed.set(PRIVATE, key);
    }
    if sent.is_empty() {
        return;
    }
    let keys = client.document.entry(KEYS).or_insert_with(|| json!([{}]));
    if let Some(first) = keys.get_mut(0).and_then(Value::as_object_mut) {
        first.extend(sent);
    }
}

/// Gives a new client what the global client has.
pub(super) fn inherit(reader: &Snapshot, client: &mut Record) -> ApiResult {
    let global = reader.list(&CLIENT, &Query::of(Filter::equals("global", true)))?.items;
    if let Some(global) = global.first() {
        copy(global, client);
    }
    Ok(())
}

/// Gives all clients the key that the global client just got.
pub(super) fn spread(tx: &mut Tx, call: &Call, global: &Record) -> ApiResult {
    if !global.is("global") || !call.gathered.contains_key(GATHERED) {
        return Ok(());
    }
    for client in tx.list(&CLIENT, &Query::of(Filter::equals("global", false)))?.items {
        rest::upsert(tx, &CLIENT, &client.id, |client| copy(global, client))?;
    }
    Ok(())
}

fn copy(from: &Record, to: &mut Record) {
    if let Some(keys) = from.document.get(KEYS) {
        to.document.insert(KEYS.into(), keys.clone());
    }
    if let Some(key) = from.sealed.get(PRIVATE) {
        to.sealed.set(PRIVATE, key.clone());
    }
}
