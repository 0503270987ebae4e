//! Access tokens that a tenant refuses before their time is over, by their `jti`.

use kernel::{Record, object};
use model::BLACKLISTED_TOKEN;
use serde_json::json;
use store::{StoreResult, Tx};

/// Refuses a token from now on: of one audience or client, or whoever it is for.
pub fn add(tx: &mut Tx, audience: Option<&str>, jti: &str) -> StoreResult<()> {
    let id = id(audience, jti);
    if tx.get(&BLACKLISTED_TOKEN, &id)?.is_some() {
        return Ok(());
    }
    let mut document = object(json!({"aud": audience, "jti": jti}));
    document.retain(|_, value| !value.is_null());
    tx.insert(&BLACKLISTED_TOKEN, Record::new(id, document, tx.now())).map(drop)
}

/// The id of the record that refuses a token.
pub(crate) fn id(audience: Option<&str>, jti: &str) -> String {
    audience.map_or_else(|| jti.to_owned(), |audience| format!("{audience} {jti}"))
}
