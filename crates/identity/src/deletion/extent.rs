//! How much names a record, and what of that nobody is shown while it is being deleted.

use kernel::{Record, Value, value_at};
use model::{
    USER,
    references::{self, Place, Reference, Rows, Rule},
};
use store::{
    Covered, Filter, Held, Kind, Paging, Query, RelationKind, RelationQuery, Side, Snapshot, StoreResult, Veil,
};

use super::MOST_AT_ONCE;

/// Field by which users are found by the connections of their accounts.
pub(super) const ACCOUNTS: &str = "identities.connection";

/// Whether so little names a record that one transaction deletes it all.
pub(super) fn is_small(reader: &Snapshot, kind: &Kind, record: &Record) -> StoreResult<bool> {
    let mut count = 0;
    for reference in references::to(kind) {
        for name in reference.names(record) {
            count += count_of(reader, reference, &name)?;
            if count > MOST_AT_ONCE {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn count_of(reader: &Snapshot, reference: &Reference, name: &str) -> StoreResult<u64> {
    match reference.place {
        Place::Field(kind, field) => reader.count(kind, &Filter::equals(field, name)),
        Place::Accounts => reader.count(&USER, &Filter::equals(ACCOUNTS, name)),
        Place::Left(relation) => count_related(reader, relation, Side::Left(name)),
        Place::Right(relation) => count_related(reader, relation, Side::Right(name)),
        Place::Rows(rows) => count_rows(reader, rows, name),
        Place::Id(_) | Place::FieldOfFew(..) | Place::Items(..) => Ok(1),
    }
}

fn count_related(reader: &Snapshot, relation: &RelationKind, side: Side<'_>) -> StoreResult<u64> {
    let paging = Paging::Offset { offset: 0, limit: 1 };
    let query = RelationQuery { paging, with_total: true, ..RelationQuery::default() };
    Ok(reader.related(relation, side, &query)?.total.unwrap_or(0))
}

fn count_rows(reader: &Snapshot, rows: Rows, name: &str) -> StoreResult<u64> {
    match rows {
        Rows::Sessions => {
            let paging = Paging::Offset { offset: 0, limit: 1 };
            Ok(reader.sessions_of(name, &paging, true)?.total.unwrap_or(0))
        }
        Rows::RefreshTokensOfUser | Rows::RefreshTokensOfClient => reader.count_refresh_tokens(held(rows, name)),
        // They expire within days, and one statement removes them.
        Rows::SingleUse => Ok(1),
    }
}

/// The refresh tokens that rows of this sort are.
pub(super) fn held(rows: Rows, name: &str) -> Held<'_> {
    match rows {
        Rows::RefreshTokensOfClient => Held { client_id: Some(name), ..Held::default() },
        Rows::RefreshTokensOfUser | Rows::Sessions | Rows::SingleUse => Held { user_id: Some(name), ..Held::default() },
    }
}

/// Whether a place names the record.
pub(super) fn is_named(reader: &Snapshot, reference: &Reference, record: &Record) -> StoreResult<bool> {
    for name in reference.names(record) {
        let is_there = match reference.place {
            Place::FieldOfFew(..) | Place::Items(..) => !few(reader, reference, &name)?.is_empty(),
            Place::Id(kind) => reader.get(kind, &name)?.is_some(),
            _ => count_of(reader, reference, &name)? > 0,
        };
        if is_there {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What nobody is shown any more: the record, and what is deleted with it.
pub(super) fn veils(kind: &Kind, record: &Record) -> Vec<Veil> {
    let mut veils = vec![Veil { of: kind.name.to_owned(), covered: Covered::Id(record.id.clone()) }];
    for reference in references::to(kind).filter(|reference| reference.rule == Rule::Cascade) {
        for name in reference.names(record) {
            veils.extend(veil(reference, name));
        }
    }
    veils
}

fn veil(reference: &Reference, name: String) -> Option<Veil> {
    let (of, covered) = match reference.place {
        Place::Field(kind, field) => (kind.name, Covered::Field(field.to_owned(), name)),
        Place::Id(kind) => (kind.name, Covered::Id(name)),
        // Who has an account elsewhere too is shown until it is decided what is left of the user.
        Place::Accounts => (USER.name, Covered::Only(ACCOUNTS.to_owned(), name)),
        Place::Rows(Rows::Sessions) => ("sessions", Covered::Field("user_id".to_owned(), name)),
        Place::Rows(Rows::RefreshTokensOfUser) => ("refresh_tokens", Covered::Field("user_id".to_owned(), name)),
        Place::Rows(Rows::RefreshTokensOfClient) => ("refresh_tokens", Covered::Field("client_id".to_owned(), name)),
        // A relation to what is not shown is not shown, and who presents something for a user who is gone is refused. Of the
        // few, none is deleted.
        Place::Left(_) | Place::Right(_) | Place::Rows(Rows::SingleUse) | Place::FieldOfFew(..) | Place::Items(..) => {
            return None;
        }
    };
    Some(Veil { of: of.to_owned(), covered })
}

/// Records of a kind, at most so many.
pub(super) fn page(filter: Filter, most: u64) -> Query {
    Query { paging: Paging::Offset { offset: 0, limit: most }, ..Query::of(filter) }
}

/// The records that name something, of a kind of which there are few.
pub(super) fn few(reader: &Snapshot, reference: &Reference, name: &str) -> StoreResult<Vec<Record>> {
    let (Place::FieldOfFew(kind, _) | Place::Items(kind, ..) | Place::Field(kind, _)) = reference.place else {
        return Ok(Vec::new());
    };
    if let Place::Field(_, field) = reference.place {
        return Ok(reader.list(kind, &Query::of(Filter::equals(field, name)))?.items);
    }
    let mut all = reader.list(kind, &Query::default())?.items;
    all.retain(|record| named_in(reference.place, record).any(|named| named == name));
    Ok(all)
}

/// What a record names at a place.
pub(super) fn named_in(place: Place, record: &Record) -> Box<dyn Iterator<Item = &str> + '_> {
    match place {
        Place::Field(_, field) | Place::FieldOfFew(_, field) => {
            Box::new(value_at(&record.document, field).and_then(Value::as_str).into_iter())
        }
        Place::Items(_, array, member) => {
            let items = record.document.get(array).and_then(Value::as_array).into_iter().flatten();
            Box::new(items.filter_map(move |item| item.get(member)?.as_str()))
        }
        _ => Box::new(std::iter::empty()),
    }
}
