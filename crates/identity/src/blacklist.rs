//! Access tokens that a tenant refuses before their time is over, by their `jti`.

use kernel::{Record, object};
use serde_json::json;
use store::{Index, StoreResult, Tx};

/// The kind of record; its id is the `jti`, after the audience and a blank where one was named.
pub const KIND: &str = "blacklisted_token";

/// Refuses a token from now on: of one audience or client, or whoever it is for.
pub fn add(tx: &mut Tx, audience: Option<&str>, jti: &str) -> StoreResult<()> {
    let id = id(audience, jti);
    if tx.get(KIND, &id)?.is_some() {
        return Ok(());
    }
    let mut document = object(json!({"aud": audience, "jti": jti}));
    document.retain(|_, value| !value.is_null());
    let mut index = Index::new();
    index.terms.extend(audience.map(|audience| ("aud".into(), audience.into())));
    tx.insert(KIND, Record::new(id, document, tx.now()), index).map(drop)
}

/// The id of the record that refuses a token.
pub(crate) fn id(audience: Option<&str>, jti: &str) -> String {
    audience.map_or_else(|| jti.to_owned(), |audience| format!("{audience} {jti}"))
}
