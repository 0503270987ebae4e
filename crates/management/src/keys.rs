//! Signing, custom signing and encryption keys.

mod encryption;
mod wrapping;

use identity::{SigningKeys, keys};
use kernel::{Document, Record};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource, Task};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::Services;

pub(crate) use encryption::{QUEUED as REKEYING, ensure, work as rekey};

/// What is served of `keys`.
pub(crate) fn area(services: &Services) -> Area {
    let (listed, rotated) = (services.keys.clone(), services.keys.clone());
    let area = Area::new("keys")
        .task("GET /keys/signing", move |task| list(listed.clone(), task))
        .read("GET /keys/signing/{kid}", get)
        .task("POST /keys/signing/rotate", move |task| rotate(rotated.clone(), task))
        .write("PUT /keys/signing/{kid}/revoke", revoke)
        .singleton("/keys/custom-signing", CustomSigning);
    encryption::claim(area)
}

/// Verification keys of the customer's own, as a JWK set.
static CUSTOM_SIGNING_KEYS: Kind = Kind::of(&model::CUSTOM_SIGNING_KEYS)
    .missing("No custom signing keys found for this tenant. Upload custom signing keys first.", None)
    .forgiving();

struct CustomSigning;

impl Resource for CustomSigning {
    fn kind(&self) -> &'static Kind {
        &CUSTOM_SIGNING_KEYS
    }
}

/// `GET /keys/signing`: the next key is made first, where it is not there yet.
async fn list(signing: SigningKeys, task: Task) -> ApiResult<Answer> {
    signing.complete(&task.call.caller.tenant, &task.call.origin.domain).await?;
    task.read(|reader, _| Ok(Answer::list(keys::list(reader)?.into_iter().map(|key| key.document).collect()))).await
}

fn get(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let found = reader.get(&model::SIGNING_KEY, call.path("kid"))?;
    Ok(Answer::json(found.ok_or_else(|| ApiError::not_found("Signing key not found."))?.document))
}

/// `POST /keys/signing/rotate`: next becomes current; the answer is the new next key.
async fn rotate(signing: SigningKeys, task: Task) -> ApiResult<Answer> {
    let domain = task.call.origin.domain.clone();
    signing.complete(&task.call.caller.tenant, &domain).await?;
    let key = signing.generate(&domain).await?;
    task.write(move |tx, _| Ok(certificate(&keys::rotate(tx, &key)?))).await
}

fn revoke(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    Ok(certificate(&keys::revoke(tx, call.path("kid"))?))
}

/// What is told of a key that was rotated or revoked.
fn certificate(key: &Record) -> Answer {
    let members: Document = kernel::object(json!({"cert": key.document["cert"], "kid": key.id}));
    Answer::json(members)
}
