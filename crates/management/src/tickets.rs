//! Tickets: links by which a user verifies an address or sets a password (reference: jobs and tickets §5).

use std::time::Duration;

use http::StatusCode;
use identity::{
    tickets::{self, Ticket},
    users::{self, Identifier, Identity, Realm},
};
use kernel::{Record, Sealed};
use model::{CLIENT, CONNECTION, ORGANIZATION, ORGANIZATION_MEMBERS, USER};
use rest::{Answer, ApiError, ApiResult, Area, Call};
use serde::Deserialize;
use serde_json::json;
use store::{Snapshot, Tx};

use crate::{Services, actor::actor, users::user_not_found};

/// What is served of `tickets`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("tickets")
        .write("POST /tickets/email-verification", |tx, call| {
            let asked: Asked = call.view()?;
            let user = asked.user(tx)?;
            if user.text("email").is_none() {
                return Err(ApiError::bad_request("User does not have an email address."));
            }
            asked.issue(tx, call, tickets::VERIFICATION, &user)
        })
        .write("POST /tickets/password-change", |tx, call| {
            let asked: Asked = call.view()?;
            let user = asked.user(tx)?;
            let provider = users::identities(&user).into_iter().next().map(|main| main.provider);
            if asked.identity.is_none() && provider.as_deref() != Some("auth0") {
                return Err(ApiError::bad_request("The user's main connection does not support this operation."));
            }
            asked.issue(tx, call, tickets::RESET, &user)
        })
}

/// What a body asks for.
#[derive(Deserialize)]
struct Asked {
    user_id: Option<String>,
    connection_id: Option<String>,
    email: Option<String>,
    result_url: Option<String>,
    client_id: Option<String>,
    organization_id: Option<String>,
    ttl_sec: Option<u64>,
    #[serde(default)]
    mark_email_as_verified: bool,
    #[serde(default, rename = "includeEmailInRedirect")]
    includes_email: bool,
    identity: Option<Account>,
}

/// One account of a user, as bodies name it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    user_id: String,
    provider: String,
    connection_id: Option<String>,
}

impl Account {
    /// The account's name, which must be one of the user's.
    pub(crate) fn of(&self, reader: &Snapshot, user: &Record) -> ApiResult<String> {
        if let Some(id) = &self.connection_id
            && reader.get(&CONNECTION, id)?.is_none()
        {
            return Err(ApiError::bad_request("Identity connection does not exist."));
        }
        let name = format!("{}|{}", self.provider, self.user_id);
        if users::identities(user).iter().map(Identity::name).any(|own| own == name) {
            return Ok(name);
        }
        Err(ApiError::bad_request("The user exists, but does not contain the given identity."))
    }
}

impl Asked {
    /// The user whom the body means.
    fn user(&self, reader: &Snapshot) -> ApiResult<Record> {
        if self.result_url.is_some() && (self.client_id.is_some() || self.organization_id.is_some()) {
            return Err(ApiError::invalid_body("result_url cannot be sent with client_id or organization_id."));
        }
        match (&self.user_id, &self.connection_id, &self.email) {
            (Some(id), None, None) => reader.get(&USER, id)?.ok_or_else(user_not_found),
            (None, Some(connection), Some(email)) => {
                let found = reader.get(&CONNECTION, connection)?;
                let found = found.ok_or_else(|| {
                    ApiError::bad_request(format!("The connection with id {connection} does not exist."))
                })?;
                users::find(reader, &Realm::of(&found)?, Identifier::Email, email)?.ok_or_else(user_not_found)
            }
            _ => Err(ApiError::invalid_body("Either user_id or connection_id and email must be sent.")),
        }
    }

    fn issue(&self, tx: &mut Tx, call: &Call, purpose: &str, user: &Record) -> ApiResult<Answer> {
        if let Some(client) = &self.client_id
            && tx.get(&CLIENT, client)?.is_none()
        {
            return Err(ApiError::bad_request("The client does not exist"));
        }
        if let Some(organization) = &self.organization_id {
            if tx.get(&ORGANIZATION, organization)?.is_none() {
                return Err(ApiError::bad_request("The organization does not exist"));
            }
            if tx.relation(&ORGANIZATION_MEMBERS, organization, &user.id)?.is_none() {
                return Err(ApiError::bad_request(format!(
                    "The user with id {} is not a member of organization with id {organization}",
                    user.id
                )));
            }
        }
        let account = self.identity.as_ref().map(|account| account.of(tx, user)).transpose()?;
        let lifetime = self.ttl_sec.filter(|seconds| *seconds > 0).map_or(tickets::LIFETIME, Duration::from_secs);
        let ticket = Ticket {
            user_id: user.id.clone(),
            email: users::address_of(user, account.as_deref()).map(str::to_owned),
            identity: account,
            result_url: self.result_url.clone(),
            client_id: self.client_id.clone(),
            organization_id: self.organization_id.clone(),
            mark_email_as_verified: self.mark_email_as_verified,
            includes_email: self.includes_email,
        };
        let mut sealed = Sealed::new();
        if let Some(hash) = call.gathered.get(tickets::PASSWORD_HASH) {
            sealed.set(tickets::PASSWORD_HASH, hash.clone());
        }
        let url = ticket.issue(tx, &actor(call), purpose, lifetime, sealed)?;
        Ok(Answer::json(json!({"ticket": url})).status(StatusCode::CREATED))
    }
}
