//! The e-mail in which a user of a database is asked to verify an address.

use kernel::{Record, Sealed, Value, object};
use model::EMAIL_PROVIDER;
use rest::{ApiResult, Call};
use serde_json::json;
use store::Tx;

use crate::{email_templates, messages::Email, tickets};

const TEMPLATE: &str = "verify_email";

/// Has it sent where there is a provider: to new users whose address is not verified, and to whom the call wants it sent.
pub(super) fn ask(tx: &mut Tx, call: &Call, user: &Record, is_new: bool) -> ApiResult {
    let wished = call.body().get("verify_email").and_then(Value::as_bool);
    let is_wanted = wished.unwrap_or_else(|| is_new && !user.is("email_verified"));
    let Some(email) = user.text("email").filter(|_| is_wanted && user.id.starts_with("auth0|")) else { return Ok(()) };
    let provider = tx.singleton(&EMAIL_PROVIDER)?;
    if !provider.is_some_and(|provider| provider.is("enabled")) {
        return Ok(());
    }
    let client = call.body().get("client_id").and_then(Value::as_str);
    let details = object(json!({"user_id": user.id, "client_id": client}));
    let lifetime = email_templates::url_lifetime(tx, TEMPLATE)?;
    let url = tickets::link(tx, call, "email-verification", lifetime, details, Sealed::new())?;
    let (user, domain) = (Some(user.id.as_str()), &call.origin.domain);
    Email { template: TEMPLATE, user, to: email, client, url, domain, ..Email::default() }.enqueue(tx, None)
}
