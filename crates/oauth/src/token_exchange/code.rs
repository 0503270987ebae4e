//! What the Action of a profile is told of a foreign token, and what it says of it.

use identity::{
    triggers::{Denial, Effect, Firing, Trigger, Verdict},
    users::exchanged::{Account, Named},
};
use kernel::{Document, Value, object};
use serde_json::json;

use super::Asked;
use crate::{OAuthError, Site, id_token, log, token::Exchange};

/// The type of an ID token.
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// A foreign token, as it was presented.
pub(super) struct Foreign {
    pub(super) token: String,
    /// `subject_token_type`.
    pub(super) kind: String,
    /// `requested_token_type`.
    pub(super) requested: String,
    /// The token of whoever acts for the user, and its type.
    pub(super) acting: Option<(String, String)>,
}

/// What the Action says.
pub(super) struct Answer {
    /// Whom the token means.
    pub(super) named: Named,
    /// Identifier or name of the organization that the user enters.
    pub(super) organization: Option<String>,
    /// Who acts for the user.
    pub(super) actor: Option<Value>,
    /// Changes of the user's metadata; `null` removes.
    pub(super) user_metadata: Document,
    pub(super) app_metadata: Document,
}

/// Why the Action lets nobody in.
pub(super) enum Refusal {
    /// The token is not one: whoever brings it may be guessing.
    InvalidToken(String),
    /// For another reason.
    Denied(Denial),
}

/// Asks the Action.
pub(super) async fn ask(
    exchange: &Exchange<'_>,
    asked: &Asked,
    action: &str,
    foreign: &Foreign,
    subject: &mut log::Subject,
) -> Result<Result<Answer, Refusal>, OAuthError> {
    let Exchange { site, record, parameters, .. } = exchange;
    let scopes = parameters.get("scope").unwrap_or_default().split_ascii_whitespace();
    let mut transaction = object(json!({
        "subject_token": foreign.token,
        "subject_token_type": foreign.kind,
        "requested_token_type": foreign.requested,
        "requested_scopes": scopes.collect::<Vec<_>>(),
    }));
    if let Some((token, kind)) = &foreign.acting {
        transaction.insert("actor_token".into(), token.as_str().into());
        transaction.insert("actor_token_type".into(), kind.as_str().into());
        if kind == ID_TOKEN
            && let Some(user) = user_of(site, token).await?
        {
            transaction.insert("actor_token_user".into(), user.into());
        }
    }
    let audience =
        asked.api().map_or_else(|| format!("{}userinfo", site.tenant.issuer()), |api| api.identifier.clone());
    let own = object(json!({"resource_server": {"identifier": audience}, "transaction": transaction}));
    let request = exchange.told();
    let firing = Firing {
        client: Some(record),
        organization: asked.organization(),
        request: Some(&request),
        own,
        ..Firing::new(Trigger::CustomTokenExchange)
    };
    let verdict = site.services.triggers.fire_action(site.tenant.id(), action, firing).await?;
    let Some(mut verdict) = verdict else {
        return Err(OAuthError::internal("the Action of a token exchange profile is not deployed"));
    };
    subject.executions.extend(verdict.execution.take());
    Ok(read(verdict))
}

/// The user of an ID token of this tenant's that has not expired.
async fn user_of(site: &Site, token: &str) -> Result<Option<Document>, OAuthError> {
    let Some((_, jwt)) = id_token::genuine(site, token).await? else { return Ok(None) };
    let is_over = jwt.seconds("exp").is_none_or(|end| end <= site.store.context().now().seconds());
    let Some(id) = jwt.text("sub").filter(|_| !is_over) else { return Ok(None) };
    let user = site.store.cached(site.tenant.id(), &model::USER, id).await?;
    Ok(user.map(|user| model::user::shown(&user.document)))
}

fn read(verdict: Verdict) -> Result<Answer, Refusal> {
    let Verdict { denied, effects, user_metadata, app_metadata, .. } = verdict;
    let of = |name: &str| effects.iter().rev().find(|effect| effect.name == name);
    let text = |effect: &Effect| effect.arguments.first().and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(rejected) = of("access.rejectInvalidSubjectToken") {
        return Err(Refusal::InvalidToken(text(rejected)));
    }
    if let Some(denial) = denied {
        return Err(Refusal::Denied(denial));
    }
    let (by_id, by_connection) = (of("authentication.setUserById"), of("authentication.setUserByConnection"));
    let named = match (by_id, by_connection) {
        (Some(effect), None) => Named::Id(text(effect)),
        (None, Some(effect)) => Named::Account(Box::new(account(effect))),
        _ => {
            let reason = "Exactly one of api.authentication.setUserById and api.authentication.setUserByConnection must be called.";
            let denial = Denial { reason: reason.to_owned(), is_failure: true, ..Denial::default() };
            return Err(Refusal::Denied(denial));
        }
    };
    Ok(Answer {
        named,
        organization: of("authentication.setOrganization").map(text),
        actor: of("authentication.setActor").and_then(|effect| effect.arguments.first().cloned()),
        user_metadata,
        app_metadata,
    })
}

fn account(effect: &Effect) -> Account {
    let argument = |place: usize| effect.arguments.get(place).and_then(Value::as_object).cloned().unwrap_or_default();
    let (mut attributes, options) = (argument(1), argument(2));
    let local_id = attributes.shift_remove("user_id").and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
    let verify_email = attributes.shift_remove("verify_email").and_then(|wish| wish.as_bool());
    attributes.retain(|_, value| !value.is_null());
    let is = |option: &str, value: &str| options.get(option).is_some_and(|chosen| chosen == value);
    Account {
        connection: effect.arguments.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        local_id,
        attributes,
        is_created: is("creationBehavior", "create_if_not_exists"),
        is_replaced: is("updateBehavior", "replace"),
        verify_email,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(effects: &[(&str, Value)]) -> Verdict {
        let effect = |(name, arguments): &(&str, Value)| Effect {
            name: (*name).to_owned(),
            arguments: arguments.as_array().unwrap().clone(),
        };
        Verdict { effects: effects.iter().map(effect).collect(), ..Verdict::default() }
    }

    #[test]
    fn one_user_is_named_in_one_way() {
        let by_id = ("authentication.setUserById", json!(["auth0|1"]));
        let by_connection = (
            "authentication.setUserByConnection",
            json!(["db", {"user_id": "7", "email": "a@b.example", "verify_email": false}, {"creationBehavior": "create_if_not_exists", "updateBehavior": "none"}]),
        );
        let Ok(answer) = read(verdict(std::slice::from_ref(&by_connection))) else { panic!("it names a user") };
        let Named::Account(account) = answer.named else { panic!("it names an account") };
        assert_eq!((account.connection.as_str(), account.local_id.as_str()), ("db", "7"));
        assert_eq!((account.is_created, account.is_replaced, account.verify_email), (true, false, Some(false)));
        assert_eq!(Value::from(account.attributes), json!({"email": "a@b.example"}));
        assert!(read(verdict(&[by_id.clone(), by_connection])).is_err());
        assert!(read(verdict(&[])).is_err());
        let rejected = ("access.rejectInvalidSubjectToken", json!(["not one"]));
        assert!(matches!(read(verdict(&[by_id, rejected])), Err(Refusal::InvalidToken(reason)) if reason == "not one"));
    }
}
