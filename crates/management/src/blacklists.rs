//! Access tokens that are refused before their time is over.

use identity::blacklist;

use rest::{Answer, ApiResult, Area, Call};
use store::{Filter, Query, Snapshot, Tx};

use crate::Services;

/// What is served of `blacklists`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("blacklists").read("GET /blacklists/tokens", list).write("POST /blacklists/tokens", add)
}

/// `GET /blacklists/tokens`: those of an audience, or all.
fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let filter = call.text("aud").map_or(Filter::All, |audience| Filter::equals("aud", audience));
    let tokens = reader.list(&model::BLACKLISTED_TOKEN, &Query::of(filter))?.items;
    Ok(Answer::list(tokens.into_iter().map(|token| token.document).collect()))
}

/// `POST /blacklists/tokens`: from now on the token is refused; a second time changes nothing.
fn add(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let body = call.document();
    let text = |name: &str| body.get(name).and_then(kernel::Value::as_str);
    blacklist::add(tx, text("aud"), text("jti").unwrap_or_default())?;
    Ok(Answer::empty())
}
