//! Credentials of clients: public keys and certificates by which they authenticate or sign requests.

use identity::signature::{Certificate, PublicKey};
use kernel::{Document, Record, Timestamp, Value, id::Form};
use rest::{ApiError, ApiResult, Call, Kind, Resource, Sorted, Times};
use store::{Snapshot, Tx};

use super::CLIENT;

/// Credentials. The key or certificate is kept and never shown.
pub(crate) static CREDENTIAL: Kind = Kind::of(&model::CREDENTIAL)
    .missing("Credential does not exist", None)
    .forgiving()
    .under(&CLIENT)
    .hidden(&["pem", "parse_expiry_from_cert"])
    .times(Times::Millis)
    .order(Sorted::Created);

/// Where a client's document lists credentials.
const PLACES: &[&[&str]] = &[
    &["client_authentication_methods", "private_key_jwt"],
    &["client_authentication_methods", "tls_client_auth"],
    &["client_authentication_methods", "self_signed_tls_client_auth"],
    &["signed_request_object"],
    &["token_vault_privileged_access"],
];

/// Credentials that a client may have in one place.
const MOST: usize = 2;

pub(super) struct Credentials;

impl Resource for Credentials {
    fn kind(&self) -> &'static Kind {
        &CREDENTIAL
    }

    fn prepare(&self, _: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() { complete(&mut new.document) } else { normalise_expiry(&mut new.document) }
    }
}

/// Makes records of the credentials that a client brings in full, and leaves their ids in the client. Those named by
/// id must be the client's.
pub(super) fn adopt(tx: &mut Tx, client: &mut Record) -> ApiResult {
    let id = client.id.clone();
    for place in PLACES {
        let Some(credentials) = credentials_at(&mut client.document, place) else { continue };
        if credentials.len() > MOST {
            return Err(ApiError::invalid_body(format!("A client may have {MOST} credentials of a kind")));
        }
        for credential in credentials {
            let Some(sent) = credential.as_object_mut() else { continue };
            let known = match sent.get("id").and_then(Value::as_str) {
                Some(known) => existing(tx, &id, known)?,
                None => make(tx, &id, std::mem::take(sent))?,
            };
            *sent = Document::from_iter([("id".to_owned(), known.into())]);
        }
    }
    Ok(())
}

/// Puts whole credentials in place of their ids, as only the answer to a client's creation shows them.
pub(super) fn show_in_full(reader: &Snapshot, shown: &mut Document) -> ApiResult {
    for place in PLACES {
        for credential in credentials_at(shown, place).into_iter().flatten() {
            let id = credential.get("id").and_then(Value::as_str).unwrap_or_default();
            if let Some(record) = reader.get(&CREDENTIAL, id)? {
                let hidden = |name: &str| CREDENTIAL.hidden.contains(&name) || name == "client_id";
                *credential = record.document.into_iter().filter(|(name, _)| !hidden(name)).collect();
            }
        }
    }
    Ok(())
}

fn credentials_at<'a>(document: &'a mut Document, place: &[&str]) -> Option<&'a mut Vec<Value>> {
    let (first, rest) = place.split_first()?;
    let found = rest.iter().try_fold(document.get_mut(*first)?, |value, step| value.get_mut(*step))?;
    found.get_mut("credentials")?.as_array_mut()
}

fn existing(tx: &mut Tx, client: &str, id: &str) -> ApiResult<String> {
    let found = tx.get(&CREDENTIAL, id)?.filter(|record| record.text("client_id") == Some(client));
    found.map(|record| record.id).ok_or_else(|| ApiError::invalid_body(format!("Credential {id} does not exist")))
}

fn make(tx: &mut Tx, client: &str, mut document: Document) -> ApiResult<String> {
    let id = tx.context().id(Form::Base58("cred_"));
    document.shift_insert(0, "id".into(), id.as_str().into());
    document.insert("client_id".into(), client.into());
    complete(&mut document)?;
    document.insert("created_at".into(), tx.now().into());
    document.insert("updated_at".into(), tx.now().into());
    Ok(rest::insert(tx, &CREDENTIAL, Record::new(id, document, tx.now()))?.id)
}

/// Derives what the key or certificate tells: identifier, thumbprint, subject, end.
fn complete(document: &mut Document) -> ApiResult {
    let pem = document.get("pem").and_then(Value::as_str).map(str::to_owned);
    let unreadable = |_| ApiError::invalid_body("Unable to parse the PEM of the credential");
    let from_certificate = document.get("parse_expiry_from_cert") == Some(&true.into());
    match (document.get("credential_type").and_then(Value::as_str), pem) {
        (Some("public_key"), Some(pem)) => {
            let key = PublicKey::from_pem(&pem).map_err(unreadable)?;
            document.entry("kid").or_insert_with(|| key.thumbprint().into());
            document.entry("alg").or_insert_with(|| "RS256".into());
            if let Some(certificate) = key.certificate().filter(|_| from_certificate) {
                document.insert("expires_at".into(), certificate.not_after().into());
            }
        }
        (Some("x509_cert"), Some(pem)) => {
            let certificate = Certificate::from_pem(&pem).map_err(unreadable)?;
            document.insert("thumbprint_sha256".into(), certificate.thumbprint().into());
            document.insert("expires_at".into(), certificate.end().into());
        }
        (Some("cert_subject_dn"), Some(pem)) => {
            let certificate = Certificate::from_pem(&pem).map_err(unreadable)?;
            document.insert("subject_dn".into(), certificate.subject_lines().into());
        }
        _ => {}
    }
    if document.get("credential_type").and_then(Value::as_str) == Some("public_key") {
        normalise_expiry(document)
    } else {
        Ok(())
    }
}

/// Writes a given end with milliseconds.
fn normalise_expiry(document: &mut Document) -> ApiResult {
    let Some(text) = document.get("expires_at").and_then(Value::as_str) else { return Ok(()) };
    let end: Timestamp = text.parse().map_err(|error| ApiError::invalid_body(format!("expires_at: {error}")))?;
    document.insert("expires_at".into(), end.into());
    Ok(())
}
