//! Answers that are kept ready to send: whole ones by what was asked, and what lists show of each state of a record.
//! Both are for kinds whose answers depend on the record and the caller's scopes alone ([`Kind::self_contained`]).
//!
//! [`Kind::self_contained`]: crate::Kind

use std::sync::Arc;

use bytes::Bytes;
use contract::Operation;
use kernel::{Record, TenantId};
use quick_cache::{Equivalent, Weighter, sync::Cache};
use store::Store;

use crate::{Caller, Scopes};

/// How many answers, and how many records of lists, are kept, if they are short.
const MOST: usize = 20_000;
/// How many bytes they may have altogether, for each of the two.
const MOST_BYTES: u64 = 16 << 20;

/// What is kept.
pub(crate) struct Kept {
    answers: Cache<Question, Answer, Size>,
    items: Cache<Item, Bytes, Size>,
}

/// What an answer depends on beside the record.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    tenant: TenantId,
    target: String,
    subject: Option<String>,
    scopes: u64,
}

/// A [`Question`] that a request asks.
#[derive(Clone, Copy, Hash)]
pub(crate) struct Asked<'r> {
    tenant: &'r TenantId,
    target: &'r str,
    subject: Option<&'r str>,
    scopes: u64,
}

impl<'r> Asked<'r> {
    /// What a caller asks by a GET of a path with its query.
    pub(crate) fn of(operation: &Operation, caller: &'r Caller, target: &'r str) -> Self {
        let subject = caller.is_user.then_some(caller.subject.as_str());
        Self { tenant: &caller.tenant, target, subject, scopes: held(operation, &caller.scopes) }
    }
}

impl Equivalent<Question> for Asked<'_> {
    fn equivalent(&self, question: &Question) -> bool {
        self.scopes == question.scopes
            && self.target == question.target
            && self.subject == question.subject.as_deref()
            && *self.tenant == question.tenant
    }
}

#[derive(Clone)]
struct Answer {
    kind: &'static store::Kind,
    basis: Basis,
    bytes: Bytes,
}

/// What an answer was made of; as long as the store still has the same, nothing has changed.
#[derive(Clone)]
pub(crate) enum Basis {
    /// One record, as the store remembered it.
    Record(Arc<Record>),
    /// The records of the kind, as they were since this epoch.
    Epoch(u64),
}

/// A state of a record in the lists of one operation, as callers with the same scopes see it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    operation: &'static str,
    scopes: u64,
    state: (i64, i64),
}

impl Item {
    /// The item for a caller who is no user.
    pub(crate) fn of(operation: &'static Operation, scopes: &Scopes, state: (i64, i64)) -> Self {
        Self { operation: &operation.id, scopes: held(operation, scopes), state }
    }
}

#[derive(Clone)]
struct Size;

impl Weighter<Question, Answer> for Size {
    fn weight(&self, question: &Question, answer: &Answer) -> u64 {
        (question.target.len() + answer.bytes.len() + 200) as u64
    }
}

impl Weighter<Item, Bytes> for Size {
    fn weight(&self, _: &Item, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + 100
    }
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self {
            answers: Cache::with_weighter(MOST, MOST_BYTES, Size),
            items: Cache::with_weighter(MOST, MOST_BYTES, Size),
        }
    }

    /// The answer to a question, unless what it was made of may have changed since.
    pub(crate) fn answer(&self, store: &Store, asked: &Asked<'_>) -> Option<Bytes> {
        let Answer { kind, basis, bytes } = self.answers.get(asked)?;
        let is_current = match basis {
            Basis::Record(record) => Arc::ptr_eq(&store.remembered(asked.tenant, kind, &record.id)?, &record),
            Basis::Epoch(epoch) => store.epoch(asked.tenant, kind) == epoch,
        };
        is_current.then_some(bytes)
    }

    /// Keeps an answer that was made of this.
    pub(crate) fn keep_answer(&self, asked: &Asked<'_>, kind: &'static store::Kind, basis: Basis, bytes: Bytes) {
        let Asked { tenant, target, subject, scopes } = *asked;
        let subject = subject.map(str::to_owned);
        let question = Question { tenant: tenant.clone(), target: target.to_owned(), subject, scopes };
        self.answers.insert(question, Answer { kind, basis, bytes });
    }

    pub(crate) fn item(&self, item: &Item) -> Option<Bytes> {
        self.items.get(item)
    }

    pub(crate) fn keep_item(&self, item: Item, bytes: Bytes) {
        self.items.insert(item, bytes);
    }
}

/// Which of the scopes that the operation's answer may depend on are held: a bit for each.
fn held(operation: &Operation, scopes: &Scopes) -> u64 {
    let relevant = relevant(operation).enumerate();
    relevant.filter(|(_, scope)| scopes.contains(scope)).fold(0, |held, (place, _)| held | 1 << place)
}

fn relevant(operation: &Operation) -> impl Iterator<Item = &String> {
    operation.scopes.iter().flatten().chain(&operation.other_scopes)
}

#[cfg(test)]
mod tests {
    use contract::Contract;

    #[test]
    fn every_scope_of_an_operation_has_a_bit() {
        for operation in Contract::load().operations() {
            assert!(super::relevant(operation).count() <= 64, "{}", operation.id);
        }
    }
}
