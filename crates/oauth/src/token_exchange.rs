//! The exchange of a foreign token for tokens of this server (RFC 8693): what the token means, the tenant's code says whom a profile of the
//! tenant names for its type (reference: authentication-api §4, actions §3.7).

mod code;

use identity::{
    protection,
    users::exchanged::{self, Refusal},
};
use kernel::{Document, Value, object};
use model::TOKEN_EXCHANGE_PROFILE;
use serde_json::json;
use store::{Snapshot, Tx};

use crate::{
    OAuthError,
    error::shortened,
    log,
    post_login::change_metadata,
    signed_in::{self, Asked, Way},
    token::{Exchange, Grant, Granted, Granting},
};
use code::{Answer, Foreign};

/// The grant.
pub(crate) struct TokenExchange;

/// Its name.
const NAME: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of what is given.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What a tenant's code calls the flow.
const PROTOCOL: &str = "oauth2-token-exchange";
/// The type of a profile whose Action says who the user is, by which clients are allowed to use such profiles.
const CUSTOM: &str = "custom_authentication";

impl Grant for TokenExchange {
    fn name(&self) -> &'static str {
        NAME
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("secte", "fecte")
    }

    /// `token_exchange` of the client says what it may exchange.
    fn is_by_grant_type(&self) -> bool {
        false
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut log::Subject) -> Granting<'a> {
        Box::pin(custom(exchange, subject))
    }
}

async fn custom(exchange: Exchange<'_>, subject: &mut log::Subject) -> Result<Granted, OAuthError> {
    let Exchange { site, client, parameters, origin, .. } = &exchange;
    let kind = parameters.require("subject_token_type")?.to_owned();
    let token = parameters.require("subject_token")?.to_owned();
    subject.more.insert("subject_token_type".into(), shortened(&kind).into());
    let requested = parameters.get("requested_token_type").unwrap_or(ACCESS_TOKEN).to_owned();
    if requested != ACCESS_TOKEN {
        let text = format!("Unsupported requested_token_type: {}", shortened(&requested));
        return Err(OAuthError::invalid_request(text));
    }
    let acting = match (parameters.get("actor_token"), parameters.get("actor_token_type")) {
        (None, None) => None,
        (Some(token), Some(kind)) => Some((token.to_owned(), kind.to_owned())),
        (Some(_), None) => return Err(OAuthError::missing("actor_token_type")),
        (None, Some(_)) => return Err(OAuthError::missing("actor_token")),
    };
    let is_allowed = client.token_exchange.allow_any_profile_of_type.iter().any(|allowed| allowed == CUSTOM);
    let profile = site
        .store
        .cached_by(site.tenant.id(), &TOKEN_EXCHANGE_PROFILE, "subject_token_type", &kind)
        .await?
        .filter(|profile| profile.text("type") == Some(CUSTOM) && is_allowed && client.is_first_party());
    let Some(profile) = profile else {
        let text = format!("\"{CUSTOM}\" Token Exchange Profile is not allowed for the client.");
        return Err(OAuthError::unauthorized_client(text));
    };
    let ip = origin.ip.clone();
    let look = move |reader: &Snapshot| protection::before_exchange(reader, &ip);
    if let Some(limited) = site.store.read(site.tenant.id(), look).await? {
        return Err(OAuthError::limited(limited));
    }
    let mut asked = signed_in::ask_before_code(&exchange, subject).await?;
    let foreign = Foreign { token, kind: kind.clone(), requested, acting };
    let action = profile.text("action_id").unwrap_or_default();
    let answer = code::ask(&exchange, &asked, action, &foreign, subject).await?;
    let Answer { named, organization, actor, user_metadata, app_metadata } = match answer {
        Ok(answer) => answer,
        Err(code::Refusal::InvalidToken(reason)) => {
            let acting = asked.actor.clone();
            let count = move |tx: &mut Tx| protection::exchange_rejected(tx, &acting);
            site.store.write(site.tenant.id(), count).await?;
            return Err(OAuthError::invalid_request(reason));
        }
        Err(code::Refusal::Denied(denial)) => return Err(OAuthError::exchange_denied(denial)),
    };
    if let Some(named) = organization
        && let Some(organization) = site.organization_for_users(Some(&named), client).await?
    {
        asked.enter(organization, subject);
    }
    asked.demand_organization(&exchange)?;
    if let Some(actor) = &actor {
        subject.more.insert("actor".into(), actor.clone());
    }
    let settled = exchanged::settle(&site.services, &site.store, &asked.actor, named).await?;
    let mut found = settled.map_err(refused)?;
    if !user_metadata.is_empty() || !app_metadata.is_empty() {
        let id = found.user.id.clone();
        let write = move |tx: &mut Tx| {
            change_metadata(tx, &id, &user_metadata, &app_metadata)?;
            Ok::<_, identity::Error>(tx.get(&model::USER, &id)?)
        };
        let changed = site.store.write(site.tenant.id(), write).await?;
        found.user = changed.unwrap_or(found.user);
    }
    let way = way(&foreign, actor);
    signed_in::tokens(exchange, subject, asked, found, way).await
}

fn way(foreign: &Foreign, actor: Option<Value>) -> Way {
    let mut transaction = object(json!({"subject_token_type": foreign.kind}));
    if let Some((_, kind)) = &foreign.acting {
        transaction.insert("actor_token_type".into(), kind.as_str().into());
    }
    if let Some(actor) = &actor {
        transaction.insert("actor".into(), actor.clone());
    }
    let answers = Document::from_iter([("issued_token_type".to_owned(), ACCESS_TOKEN.into())]);
    Way { protocol: PROTOCOL, transaction, actor, answers, ..Way::default() }
}

/// Why the user whom the code names cannot be signed in, for the client.
fn refused(refusal: Refusal) -> OAuthError {
    match refusal {
        Refusal::Blocked => OAuthError::blocked(),
        Refusal::NoUser => OAuthError::invalid_request("The user does not exist."),
        Refusal::NoConnection(name) => {
            OAuthError::invalid_request(format!("The connection {} does not exist.", shortened(&name)))
        }
        Refusal::Disabled(name) => {
            OAuthError::invalid_request(format!("The connection {} is not enabled for the client.", shortened(&name)))
        }
        Refusal::Elsewhere(name) => {
            let text =
                format!("Users of the connection {} are created in the tenant's own database.", shortened(&name));
            OAuthError::invalid_request(text)
        }
        Refusal::Taken => OAuthError::invalid_request("The user_id belongs to a user of another connection."),
        Refusal::Differs(field) => {
            OAuthError::invalid_request(format!("The attribute {field} of an existing user cannot be changed."))
        }
        Refusal::Unfit(identity::Error::Denied(denial)) => OAuthError::extensibility(denial.reason),
        Refusal::Unfit(error) => OAuthError::invalid_request(format!("The user cannot be created: {error}.")),
    }
}
