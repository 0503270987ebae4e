//! Relations between records: who holds a role, which connections an organization enables.

use std::sync::Arc;

use kernel::{Document, Value};
use store::{Relation, RelationKind, RelationOrder, RelationQuery, Side, Snapshot, Tx};

use crate::{
    Answer, ApiError, ApiResult, Call, Kind,
    area::Handler,
    kind::parent_parameter,
    listing::{envelope, paging_of, select_fields},
    shapes::load,
};

/// A relation as one path of the API sees it: from the record in the path to those on the other side.
pub trait Related: Send + Sync {
    /// The relation in the store.
    fn relation(&self) -> &'static RelationKind;

    /// Kind of the record in the path; its 404 is given when there is none.
    fn parent(&self) -> &'static Kind;

    /// Whether the record in the path stands on the right side of the relation.
    fn is_flipped(&self) -> bool {
        false
    }

    /// The body's array of those to add or to remove (`users`, `permissions`).
    fn field(&self) -> &'static str;

    /// Order of the list.
    fn order(&self) -> RelationOrder {
        RelationOrder::Created
    }

    /// This side's key of the relation: the id in the path, whose record must exist.
    fn anchor(&self, reader: &Snapshot, call: &Call) -> ApiResult<String> {
        Ok(load(reader, self.parent(), call.path(parent_parameter(call)))?.id)
    }

    /// The other side's key of one item of the body. Items are identifiers unless a relation says otherwise.
    ///
    /// # Errors
    /// 400 when the item is of another form.
    fn key(&self, item: &Value) -> ApiResult<String> {
        let text = item.as_str().map(str::to_owned);
        text.ok_or_else(|| {
            ApiError::invalid_body(format!(
                "Payload validation error: 'Expected type string' on property {}.",
                self.field()
            ))
        })
    }

    /// Judges those that are to be added: whether they exist, whether there is room.
    fn check(&self, _tx: &mut Tx, _call: &Call, _anchor: &str, _others: &[String]) -> ApiResult {
        Ok(())
    }

    /// Carries an addition on to other records; `added` were not related before.
    fn follow_add(&self, _tx: &mut Tx, _call: &Call, _anchor: &str, _added: &[String]) -> ApiResult {
        Ok(())
    }

    /// Carries a removal on to other records.
    fn follow_remove(&self, _tx: &mut Tx, _call: &Call, _anchor: &str, _removed: &[String]) -> ApiResult {
        Ok(())
    }

    /// Whether a checkpoint walk ends with an empty page: then each page that shows anything has a `next`.
    fn walks_to_an_empty_page(&self) -> bool {
        false
    }

    /// What is shown of the record on the other side; `None` leaves it out.
    fn present(&self, reader: &Snapshot, call: &Call, relation: &Relation) -> ApiResult<Option<Document>>;
}

pub(crate) fn lister(related: &Arc<dyn Related>) -> Handler {
    let related = Arc::clone(related);
    Handler::Read(Arc::new(move |reader, call| {
        let anchor = related.anchor(reader, call)?;
        let (paging, with_total) = paging_of(call);
        let query = RelationQuery {
            order: related.order(),
            paging,
            with_total,
            is_open_ended: related.walks_to_an_empty_page(),
        };
        let side = if related.is_flipped() { Side::Right(&anchor) } else { Side::Left(&anchor) };
        let page = reader.related(related.relation(), side, &query)?;
        let mut items = Vec::with_capacity(page.items.len());
        for relation in &page.items {
            if let Some(mut shown) = related.present(reader, call, relation)? {
                select_fields(call, &mut shown);
                items.push(shown);
            }
        }
        Ok(Answer::json(envelope(call, store::Page { items, total: page.total, next: page.next })))
    }))
}

pub(crate) fn adder(related: &Arc<dyn Related>) -> Handler {
    let related = Arc::clone(related);
    Handler::Write(
        None,
        Arc::new(move |tx, call| {
            let anchor = related.anchor(tx, call)?;
            let others = keys(&*related, call)?;
            related.check(tx, call, &anchor, &others)?;
            let mut added = Vec::new();
            for other in others {
                let (left, right) = sides(&*related, &anchor, &other);
                if tx.relate(related.relation(), left, right, Document::new())? {
                    added.push(other);
                }
            }
            related.follow_add(tx, call, &anchor, &added)?;
            Ok(done(call))
        }),
    )
}

pub(crate) fn remover(related: &Arc<dyn Related>) -> Handler {
    let related = Arc::clone(related);
    Handler::Write(
        None,
        Arc::new(move |tx, call| {
            let anchor = related.anchor(tx, call)?;
            let mut removed = Vec::new();
            for other in keys(&*related, call)? {
                let (left, right) = sides(&*related, &anchor, &other);
                if tx.unrelate(related.relation(), left, right)? {
                    removed.push(other);
                }
            }
            related.follow_remove(tx, call, &anchor, &removed)?;
            Ok(done(call))
        }),
    )
}

fn keys(related: &dyn Related, call: &Call) -> ApiResult<Vec<String>> {
    let items = call.body().get(related.field()).and_then(Value::as_array);
    items.into_iter().flatten().map(|item| related.key(item)).collect()
}

fn sides<'a>(related: &dyn Related, anchor: &'a str, other: &'a str) -> (&'a str, &'a str) {
    if related.is_flipped() { (other, anchor) } else { (anchor, other) }
}

/// The answer to a change of a relation: nothing, or an empty object where the contract says 200 or 201.
fn done(call: &Call) -> Answer {
    if call.operation.success == 204 { Answer::empty() } else { Answer::json(Document::new()) }
}
