//! What expressions of a form know of its login: `context.*`.

use identity::tickets;
use kernel::{Document, Record, Value, object};
use model::login::Transaction;
use serde_json::json;
use store::{Snapshot, StoreResult};

use crate::{forms::state_of, screens::reset, world::Client};

/// What is told of a user.
const OF_USER: [&str; 17] = [
    "user_id",
    "username",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "email",
    "email_verified",
    "phone_number",
    "phone_verified",
    "picture",
    "user_metadata",
    "app_metadata",
    "created_at",
    "updated_at",
    "last_password_reset",
    "identities",
];

pub(super) fn of(
    reader: &Snapshot,
    transaction: &Transaction,
    client: &Client,
    domain: Option<&Record>,
) -> StoreResult<Document> {
    let user_id = match (&transaction.progress.authentication, reset::waiting(transaction)) {
        (Some(known), _) => Some(known.user_id.clone()),
        // Where the ticket is used up or too old, the reset fails afterwards.
        (None, Some((ticket, _))) => tickets::look_up(reader, tickets::RESET, &ticket).ok().map(|found| found.user_id),
        (None, None) => None,
    };
    let user = user_id.map(|id| reader.get(&model::USER, &id)).transpose()?.flatten();
    let organization = match &transaction.request.organization {
        Some(id) => reader.get(&model::ORGANIZATION, id)?,
        None => None,
    };
    let mut context = object(json!({
        "client": {"client_id": client.id, "name": client.name},
        "tenant": {"name": reader.tenant().as_str()},
        "transaction": {"state": state_of(transaction), "correlation_id": transaction.request.correlation_id},
    }));
    if let Some(user) = user {
        let picked = OF_USER.iter().filter_map(|name| Some(((*name).to_owned(), user.document.get(*name)?.clone())));
        context.insert("user".into(), Value::Object(picked.collect()));
    }
    if let Some(organization) = organization {
        let told = |name: &str| organization.document.get(name).cloned();
        context.insert(
            "organization".into(),
            json!({
                "id": organization.id, "name": told("name"), "display_name": told("display_name"),
                "metadata": told("metadata").unwrap_or_else(|| json!({})),
            }),
        );
    }
    if let Some(domain) = domain {
        let metadata = domain.document.get("domain_metadata").cloned().unwrap_or_else(|| json!({}));
        context.insert("custom_domain".into(), json!({"domain": domain.text("domain"), "domain_metadata": metadata}));
    }
    Ok(context)
}
