//! What keeps a user signed in or connected: sessions, refresh tokens, connected accounts, token sets; and groups.

use identity::discard;
use identity::sessions::{Ending, end, end_all, end_all_and_tokens, end_and_tokens};
use kernel::Record;
use model::{GROUP, GROUP_MEMBERS};
use rest::{Answer, ApiResult, Area, Call, Kind, envelope, paging_of, select_fields};
use serde::Deserialize;
use store::{Filter, Held, Page, Query, RelationQuery, Side, Snapshot, Tx};

use super::user;
use crate::{refresh_tokens, sessions};

/// Accounts at other providers that the user connected.
pub(crate) static CONNECTED_ACCOUNT: Kind = Kind::of(&model::CONNECTED_ACCOUNT).hidden(&["user_id"]);

/// Tokens of federated connections that are kept for the user.
pub(crate) static TOKEN_SET: Kind = Kind::of(&model::TOKEN_SET).hidden(&["user_id"]);

/// Claims the operations on access.
pub(super) fn claim(area: Area) -> Area {
    area.read("GET /users/{user_id}/sessions", |reader, call| {
        let (user, (paging, with_total)) = (user(reader, call)?, paging_of(call));
        Ok(rest::rows(call, reader.sessions_of(&user.id, &paging, with_total)?, sessions::shown))
    })
    .write("DELETE /users/{user_id}/sessions", |tx, call| {
        let user = user(tx, call)?;
        end_all(tx, &user.id, Ending::Revoked)?;
        Ok(Answer::empty())
    })
    .read("GET /users/{user_id}/refresh-tokens", |reader, call| {
        let (user, (paging, with_total)) = (user(reader, call)?, paging_of(call));
        let held = Held { user_id: Some(&user.id), ..Held::default() };
        Ok(rest::rows(call, reader.refresh_tokens(held, &paging, with_total)?, refresh_tokens::shown))
    })
    .write("DELETE /users/{user_id}/refresh-tokens", |tx, call| {
        let user = user(tx, call)?;
        let held = Held { user_id: Some(&user.id), ..Held::default() };
        identity::refresh_tokens::revoke_all(tx, held, |token| !token.is_online)?;
        Ok(Answer::empty())
    })
    .write("POST /users/{id}/revoke-access", revoke_access)
    .read("GET /users/{id}/connected-accounts", |reader, call| list(reader, call, &CONNECTED_ACCOUNT))
    .read("GET /users/{id}/federated-connections-tokensets", |reader, call| list(reader, call, &TOKEN_SET))
    .write("DELETE /users/{id}/federated-connections-tokensets/{tokenset_id}", remove_token_set)
    .read("GET /users/{id}/groups", groups)
    .write("POST /users/{id}/risk-assessments/clear", |tx, call| {
        // No assessor remembers anything of a user yet but what the sessions tell.
        user(tx, call)?;
        Ok(Answer::empty())
    })
}

/// The user's records of a kind, as the call pages them.
fn list(reader: &Snapshot, call: &Call, kind: &'static Kind) -> ApiResult<Answer> {
    let user = user(reader, call)?;
    let (paging, with_total) = paging_of(call);
    let query = Query { filter: Filter::equals("user_id", user.id), paging, with_total, ..Query::default() };
    let page = reader.list(kind, &query)?;
    let shown = |record: Record| {
        let mut shown = record.document;
        shown.retain(|field, _| !kind.hidden.contains(&field.as_str()));
        select_fields(call, &mut shown);
        shown
    };
    let items = page.items.into_iter().map(shown).collect();
    Ok(Answer::json(envelope(call, Page { items, total: page.total, next: page.next })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Revocation {
    session_id: Option<String>,
    preserve_refresh_tokens: bool,
}

/// `POST /users/{id}/revoke-access`: one session or all, with their refresh tokens unless they are to stay.
fn revoke_access(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let user = user(tx, call)?;
    let asked: Revocation = if call.body().is_null() { Revocation::default() } else { call.view()? };
    match (asked.session_id, asked.preserve_refresh_tokens) {
        (Some(id), preserves) => {
            let session = tx.session(&id)?.filter(|session| session.user_id == user.id);
            match session {
                Some(session) if preserves => end(tx, &session, Ending::Revoked)?,
                Some(session) => end_and_tokens(tx, &session, Ending::Revoked)?,
                None => {}
            }
        }
        (None, true) => end_all(tx, &user.id, Ending::Revoked)?,
        (None, false) => end_all_and_tokens(tx, &user.id, Ending::Revoked)?,
    }
    Ok(Answer::empty())
}

fn remove_token_set(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let user = user(tx, call)?;
    let set = tx.get(&TOKEN_SET, call.path("tokenset_id"))?;
    if let Some(set) = set.filter(|set| set.text("user_id") == Some(&user.id)) {
        discard(tx, &TOKEN_SET, &set.id)?;
    }
    Ok(Answer::empty())
}

/// `GET /users/{id}/groups`, in the order in which the user joined them.
fn groups(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let user = user(reader, call)?;
    let (paging, with_total) = paging_of(call);
    let query = RelationQuery { paging, with_total, ..RelationQuery::default() };
    let page = reader.related(&GROUP_MEMBERS, Side::Right(&user.id), &query)?;
    let mut items = Vec::new();
    for membership in page.items {
        if let Some(group) = reader.get(&GROUP, &membership.left)? {
            let mut shown = group.document;
            shown.insert("membership_created_at".into(), membership.created.into());
            select_fields(call, &mut shown);
            items.push(shown);
        }
    }
    Ok(Answer::json(envelope(call, Page { items, total: page.total, next: page.next })))
}
