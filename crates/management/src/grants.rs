//! Grants that users gave to clients.

use identity::discard;
use kernel::Record;
use rest::{Answer, ApiResult, Area, Call, Change, Kind, ListFilter, Resource, Sorted};
use store::{Filter, Query, Term, Tx};

use crate::Services;

/// What is served of `grants`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("grants").collection("/grants", Grants).write("DELETE /grants", delete_of_user)
}

/// Grants of users, with the contract's own spelling of `clientID`.
pub(crate) static GRANT: Kind = Kind::of(&model::GRANT)
    .missing("The grant does not exist.", None)
    .forgiving()
    .filters(&[
        ("user_id", ListFilter::Equals("user_id")),
        ("client_id", ListFilter::Equals("clientID")),
        ("audience", ListFilter::Equals("audience")),
    ])
    .order(Sorted::IdDescending);

struct Grants;

impl Resource for Grants {
    fn kind(&self) -> &'static Kind {
        &GRANT
    }

    fn follow(&self, tx: &mut Tx, _: &Call, change: &Change<'_>) -> ApiResult {
        if let Change::Delete { old } = change {
            end_tokens(tx, old)?;
        }
        Ok(())
    }
}

/// Ends the refresh tokens that a grant stood behind.
fn end_tokens(tx: &mut Tx, grant: &Record) -> ApiResult {
    let text = |field: &str| grant.text(field).unwrap_or_default();
    identity::refresh_tokens::end_of_grant(tx, text("user_id"), text("clientID"), text("audience"))?;
    Ok(())
}

/// `DELETE /grants?user_id=…`: all grants of a user.
fn delete_of_user(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    remove_of(tx, call.text("user_id").unwrap_or_default())?;
    Ok(Answer::empty())
}

/// Takes back all grants of a user.
fn remove_of(tx: &mut Tx, user: &str) -> ApiResult {
    let grants = Filter::Equals("user_id".into(), Term::Text(user.to_owned()));
    for grant in tx.list(&GRANT, &Query::of(grants))?.items {
        discard(tx, &GRANT, &grant.id)?;
        end_tokens(tx, &grant)?;
    }
    Ok(())
}
