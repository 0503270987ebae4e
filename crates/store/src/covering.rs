//! How veils are drawn over what is being deleted, and what reads see of it.

use std::sync::Arc;

use kernel::{Document, Record, object};
use serde::Deserialize;
use serde_json::json;

use crate::{Covered, DELETION, Filter, Kind, Query, Snapshot, StoreResult, Tx, Veil};

/// Field of a deletion's document.
const VEILS: &str = "veils";

impl Snapshot {
    /// The tenant's veils, from memory unless a deletion has begun or ended since.
    fn veils(&self) -> StoreResult<&[Veil]> {
        if let Some(veils) = self.veils.get() {
            return Ok(&**veils);
        }
        // The one writer of SQLite sees what others have written and not committed, and whoever begins or ends a deletion sees
        // that: nothing of it is remembered.
        let epoch = self.deletions.filter(|_| !self.connection.is_writer());
        let known = self.shared.veils.get(&self.tenant).filter(|(known, _)| Some(*known) == epoch);
        let veils = if let Some((_, veils)) = known {
            veils
        } else {
            let veils: Arc<[Veil]> = self.stored_veils()?.into();
            if let Some(epoch) = epoch {
                self.shared.veils.insert(self.tenant.clone(), (epoch, Arc::clone(&veils)));
            }
            veils
        };
        Ok(&**self.veils.get_or_init(|| veils))
    }

    fn stored_veils(&self) -> StoreResult<Vec<Veil>> {
        #[derive(Deserialize)]
        struct Kept {
            veils: Vec<Veil>,
        }
        let mut veils = Vec::new();
        if self.number_of(DELETION.name)?.is_some() {
            for deletion in
                self.list_covered(&DELETION, &Query::default(), |listed| self.record(DELETION.name, listed.row))?.items
            {
                veils.extend(deletion.view::<Kept>()?.veils);
            }
        }
        Ok(veils)
    }

    fn veils_of(&self, of: &str) -> StoreResult<impl Iterator<Item = &Veil>> {
        let veils = if self.sees_all || of == DELETION.name { &[] } else { self.veils()? };
        Ok(veils.iter().filter(move |veil| veil.of == of))
    }

    /// The record, unless it is being deleted.
    pub(crate) fn unless_veiled(&self, kind: &Kind, record: Option<Record>) -> StoreResult<Option<Record>> {
        let Some(record) = record else { return Ok(None) };
        let is_veiled = self.veils_of(kind.name)?.any(|veil| veil.covered.covers(kind, &record));
        Ok((!is_veiled).then_some(record))
    }

    /// What a filter means, without what is being deleted.
    pub(crate) fn unveiled(&self, kind: &Kind, filter: &Filter) -> StoreResult<Option<Filter>> {
        let covered: Vec<Filter> = self.veils_of(kind.name)?.map(|veil| veil.covered.filter()).collect();
        Ok((!covered.is_empty()).then(|| filter.clone().and(Filter::Or(covered).negated())))
    }

    /// Whether a row of a table is being deleted, by the values of its columns.
    pub(crate) fn is_row_veiled(&self, table: &str, row: &[(&str, &str)]) -> StoreResult<bool> {
        Ok(self.veils_of(table)?.any(|veil| match &veil.covered {
            Covered::Field(column, value) => row.contains(&(column.as_str(), value.as_str())),
            _ => false,
        }))
    }

    /// The record with this unique key, also when it is being deleted: its name is taken until it is gone.
    pub fn holder(&self, kind: &Kind, key: &str, value: &str) -> StoreResult<Option<Record>> {
        self.find_covered(kind, key, value)
    }
}

impl Tx {
    /// From here on the transaction sees what is being deleted too, as the work that deletes it must.
    pub fn see_all(&mut self) {
        self.sees_all = true;
    }

    /// Notes a deletion that takes many steps: what the veils cover is gone for readers with this transaction.
    pub fn begin_deletion(&mut self, id: &str, mut document: Document, veils: &[Veil]) -> StoreResult<Record> {
        document.extend(object(json!({ VEILS: veils })));
        let deletion = self.insert(&DELETION, Record::new(id, document, self.now))?;
        self.note_veils(veils);
        Ok(deletion)
    }

    /// Ends what [`Tx::begin_deletion`] began.
    pub fn end_deletion(&mut self, id: &str) -> StoreResult {
        self.delete(&DELETION, id)?;
        self.note_veils(&[]);
        Ok(())
    }

    fn note_veils(&mut self, veils: &[Veil]) {
        self.veils.take();
        self.deletions = None;
        self.changes.has_veils = true;
        for veil in veils {
            self.changes.records.insert((veil.of.as_str().into(), "".into()));
        }
    }
}
