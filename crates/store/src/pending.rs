//! What transactions have written and the tables of search terms and counts do not hold yet.
//!
//! Every record has its terms in as many places of one index. Written in the order of that index, for all records of a transaction
//! (of SQLite: of a group that is committed together), they cost far less than record by record. Whoever asks for records by their
//! terms, or for their number, has what is pending of that kind written first.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    StoreError, StoreResult,
    connection::{Connection, Param},
    index::TermRow,
};

/// More terms than this do not wait.
const MOST: usize = 100_000;

/// What is pending on a connection, of any tenants.
#[derive(Default)]
pub(crate) struct Pending {
    rows: RefCell<Rows>,
    /// Why something could not be written: the transaction must not be committed.
    failure: RefCell<Option<StoreError>>,
}

#[derive(Default)]
struct Rows {
    terms: Vec<Term>,
    /// Tenants and kinds of the terms, and of some that were forgotten.
    kinds: BTreeSet<(i64, i64)>,
    /// By tenant and kind.
    counts: BTreeMap<(i64, i64), i64>,
}

struct Term {
    tenant: i64,
    kind: i64,
    seq: i64,
    row: TermRow,
}

impl Term {
    /// The order of the index.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let place = |term: &Self| (term.tenant, term.kind, term.row.0);
        let (own, others) = (self.row.1.parts(), other.row.1.parts());
        let by_value =
            || own.0.cmp(&others.0).then_with(|| own.1.total_cmp(&others.1)).then_with(|| own.2.cmp(others.2));
        place(self).cmp(&place(other)).then_with(by_value).then_with(|| self.seq.cmp(&other.seq))
    }
}

impl Pending {
    /// Adds terms of a record.
    pub(crate) fn add_terms(&self, tenant: i64, kind: i64, seq: i64, rows: impl Iterator<Item = TermRow>) {
        let mut pending = self.rows.borrow_mut();
        pending.terms.extend(rows.map(|row| Term { tenant, kind, seq, row }));
        pending.kinds.insert((tenant, kind));
    }

    /// Adds to the number of a kind's records.
    pub(crate) fn add_count(&self, tenant: i64, kind: i64, amount: i64) {
        *self.rows.borrow_mut().counts.entry((tenant, kind)).or_insert(0) += amount;
    }

    /// How many terms are pending: a mark for [`Pending::forget_since`].
    pub(crate) fn mark(&self) -> usize {
        self.rows.borrow().terms.len()
    }

    /// Forgets the terms that were added since a mark, where nothing was written meanwhile.
    pub(crate) fn forget_since(&self, mark: usize) {
        self.rows.borrow_mut().terms.truncate(mark);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.rows.take();
        self.failure.take();
    }

    /// Whether so much is pending that it should be written.
    pub(crate) fn is_much(&self) -> bool {
        self.rows.borrow().terms.len() > MOST
    }

    /// Whether anything is pending of a kind.
    pub(crate) fn concerns(&self, tenant: i64, kind: i64) -> bool {
        let rows = self.rows.borrow();
        rows.counts.contains_key(&(tenant, kind)) || rows.kinds.contains(&(tenant, kind))
    }
}

impl Connection {
    /// Writes all that is pending. Once this has failed it fails until [`Pending::clear`].
    pub(crate) fn settle(&self) -> StoreResult {
        let pending = self.pending();
        if let Some(failure) = pending.failure.borrow().clone() {
            return Err(failure);
        }
        let outcome = self.write_rows(pending.rows.take());
        pending.failure.replace(outcome.clone().err());
        outcome
    }

    fn write_rows(&self, Rows { mut terms, counts, .. }: Rows) -> StoreResult {
        terms.sort_unstable_by(Term::order);
        let mut params = Vec::with_capacity(terms.len() * 8);
        for Term { tenant, kind, seq, row: TermRow(field, term, place) } in &terms {
            let (class, number, text) = term.parts();
            params.extend([(*tenant).into(), (*kind).into(), (*field).into(), class.into()]);
            params.extend([Param::Real(number), text.into(), (*seq).into(), (*place).into()]);
        }
        self.insert_rows(
            "INSERT INTO terms (tenant, kind, field, class, number, text, seq, place) VALUES",
            8,
            &params,
        )?;
        for ((tenant, kind), amount) in counts.into_iter().filter(|(_, amount)| *amount != 0) {
            let sql = "INSERT INTO counts (tenant, kind, shard, amount) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (tenant, kind, shard) DO UPDATE SET amount = counts.amount + excluded.amount";
            self.later(sql, &[tenant.into(), kind.into(), self.shard()?.into(), amount.into()])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Packed;

    #[test]
    fn terms_are_written_in_the_order_of_their_index() {
        let term = |kind, field, term, seq| Term { tenant: 1, kind, seq, row: TermRow(field, term, 3) };
        let text = |text: &str| Packed::Text(text.to_owned());
        let number = |number: f64| Packed::Number(number.to_bits());
        let sorted = [
            term(1, 5, Packed::Bool(true), 9),
            term(1, 5, number(-2.0), 9),
            term(1, 5, number(10.0), 9),
            term(1, 5, text("B"), 9),
            term(1, 5, text("a"), 7),
            term(1, 5, text("a"), 8),
            term(1, 6, Packed::Bool(false), 1),
            term(2, 1, Packed::Bool(false), 1),
        ];
        assert!(sorted.is_sorted_by(|one, other| one.order(other).is_lt()));
    }
}
