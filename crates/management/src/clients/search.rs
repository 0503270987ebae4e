//! Clients by their grants: `q` of the list (reference: user search §6).

use model::{CLIENT_GRANT, ORGANIZATION_GRANTS};
use rest::{ApiError, ApiResult};
use store::{Filter, Query, RelationQuery, Side, Snapshot};

/// The clients that have a grant which an organization admits, or which all organizations do.
///
/// # Errors
/// 400 when the query asks for anything else.
pub(super) fn by_grant(reader: &Snapshot, query: &str) -> ApiResult<Filter> {
    let (field, value) = query.trim().split_once(':').unwrap_or_default();
    let value = value.trim().trim_matches('"');
    let grants = match (field.trim(), value) {
        ("client_grant.organization_id", id) if !id.is_empty() && !id.contains(char::is_whitespace) => {
            let admitted = reader.related(&ORGANIZATION_GRANTS, Side::Left(id), &RelationQuery::default())?;
            Filter::Ids(admitted.items.into_iter().map(|entry| entry.right).collect())
        }
        ("client_grant.allow_any_organization", "true") => Filter::equals("allow_any_organization", true),
        _ => {
            return Err(ApiError::invalid_query(
                "The q parameter must be client_grant.organization_id:<id> or client_grant.allow_any_organization:true.",
            ));
        }
    };
    let grants = reader.list(&CLIENT_GRANT, &Query::of(grants))?.items;
    Ok(Filter::Ids(grants.iter().filter_map(|grant| grant.text("client_id").map(str::to_owned)).collect()))
}
