//! Refresh tokens of users.

use model::{CLIENT, USER};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, ListFilter};
use serde::Deserialize;
use store::{Filter, Query, Tx};

use crate::Services;

/// What is served of `refresh-tokens`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("refresh-tokens")
        .collection("/refresh-tokens", &REFRESH_TOKEN)
        .write("POST /refresh-tokens/revoke", revoke)
}

/// Refresh tokens. What a client holds is not among their fields.
pub(crate) static REFRESH_TOKEN: Kind = Kind::of(&model::REFRESH_TOKEN)
    .missing("The refresh token does not exist.", None)
    .forgiving()
    .filters(&[("user_id", ListFilter::Equals("user_id")), ("client_id", ListFilter::Equals("client_id"))]);

/// Revokes the tokens that a filter means.
pub(crate) fn revoke_all(tx: &mut Tx, filter: Filter) -> ApiResult {
    for token in tx.list(&REFRESH_TOKEN, &Query::of(filter))?.items {
        tx.delete(&REFRESH_TOKEN, &token.id)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Meant {
    ids: Option<Vec<String>>,
    user_id: Option<String>,
    client_id: Option<String>,
}

/// `POST /refresh-tokens/revoke`: by identifiers, of a user, of a client, or of a user for a client.
fn revoke(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let meant: Meant =
        if call.body().is_null() { Meant { ids: None, user_id: None, client_id: None } } else { call.view()? };
    let filter = match (meant.ids, &meant.user_id, &meant.client_id) {
        (Some(ids), None, None) if ids.len() <= 100 => Filter::Ids(ids),
        (None, None, None) | (Some(_), ..) => {
            return Err(ApiError::bad_request("Invalid combination of parameters."));
        }
        (None, user, client) => {
            if let Some(user) = user
                && tx.get(&USER, user)?.is_none()
            {
                return Err(ApiError::bad_request("User not found."));
            }
            if let Some(client) = client
                && tx.get(&CLIENT, client)?.is_none()
            {
                return Err(ApiError::bad_request("Client not found."));
            }
            let of = |field: &'static str, id: &Option<String>| {
                id.as_ref().map_or(Filter::All, |id| Filter::equals(field, id.as_str()))
            };
            of("user_id", user).and(of("client_id", client))
        }
    };
    revoke_all(tx, filter)?;
    Ok(Answer::empty())
}
