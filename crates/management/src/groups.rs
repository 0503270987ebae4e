//! Groups of users, which come from directories: read and deleted here.

use kernel::Record;
use model::GROUP_MEMBERS;
use rest::{Answer, ApiResult, Area, Call, Kind, ListFilter, Resource, Times, envelope, paging_of, select_fields};
use serde_json::json;
use store::{Filter, Page, RelationQuery, Side, Snapshot};

use crate::Services;

/// What is served of `groups`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("groups").collection("/groups", Groups).read("GET /groups/{id}/members", members)
}

/// Groups.
pub(crate) static GROUP: Kind =
    Kind::of(&model::GROUP).missing("The group does not exist.", None).times(Times::Millis).filters(&[
        ("connection_id", ListFilter::Equals("connection_id")),
        ("name", ListFilter::Equals("name")),
        ("external_id", ListFilter::Equals("external_id")),
    ]);

struct Groups;

impl Resource for Groups {
    fn kind(&self) -> &'static Kind {
        &GROUP
    }

    fn filter(&self, _: &Snapshot, call: &Call) -> ApiResult<Filter> {
        let asked = GROUP.filter(call);
        let Some(text) = call.text("search") else { return Ok(asked) };
        let containing = |field: &'static str| Filter::Glob(field.into(), format!("*{}*", text.replace('*', "")));
        Ok(asked.and(Filter::Or(vec![containing("name"), containing("external_id")])))
    }
}

/// `GET /groups/{id}/members`.
fn members(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let group: Record = rest::load(reader, &GROUP, call.path("id"))?;
    let (paging, with_total) = paging_of(call);
    let query = RelationQuery { paging, with_total, ..RelationQuery::default() };
    let page = reader.related(&GROUP_MEMBERS, Side::Left(&group.id), &query)?;
    let shown = |member: store::Relation| {
        let mut shown = kernel::object(json!({
            "id": member.right,
            "member_type": "user",
            "type": "connection",
            "connection_id": group.text("connection_id"),
            "created_at": member.created,
        }));
        select_fields(call, &mut shown);
        shown
    };
    let items = page.items.into_iter().map(shown).collect();
    Ok(Answer::json(envelope(call, Page { items, total: page.total, next: page.next })))
}
