//! Sessions of users.

use kernel::Document;
use rest::{Answer, ApiResult, Area, Kind};
use store::{Filter, Query, Tx};

use crate::{Services, refresh_tokens};

/// What is served of `sessions`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("sessions")
        .collection("/sessions", &SESSION)
        .except("DELETE /sessions/{id}")
        .write("DELETE /sessions/{id}", |tx, call| {
            tx.delete(&SESSION, call.path("id"))?;
            Ok(Answer::json(Document::new()))
        })
        .write("POST /sessions/{id}/revoke", |tx, call| {
            let session = rest::load(tx, &SESSION, call.path("id"))?;
            tx.delete(&SESSION, &session.id)?;
            if call.allows("delete:refresh_tokens") {
                refresh_tokens::revoke_all(tx, Filter::equals("session_id", session.id))?;
            }
            Ok(Answer::json(Document::new()))
        })
}

/// Sessions.
pub(crate) static SESSION: Kind = Kind::of(&model::SESSION).missing("The session does not exist.", None);

/// Ends the sessions that a filter means.
pub(crate) fn end_all(tx: &mut Tx, filter: Filter) -> ApiResult {
    for session in tx.list(&SESSION, &Query::of(filter))?.items {
        tx.delete(&SESSION, &session.id)?;
    }
    Ok(())
}
