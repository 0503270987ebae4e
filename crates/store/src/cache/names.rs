//! The numbers of names, as they are remembered.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// Names that stand in the database as numbers. They are never renumbered, so that remembering them is safe.
#[derive(Default)]
pub(crate) struct Names(RwLock<HashMap<Box<str>, i64>>);

/// Metadata of many users can bring any number of names; this many are remembered.
const MOST_NAMES: usize = 200_000;

impl Names {
    pub(crate) fn get(&self, name: &str) -> Option<i64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// Remembers names that are committed.
    pub(crate) fn keep(&self, names: HashMap<Box<str>, i64>) {
        if names.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MOST_NAMES {
            known.clear();
        }
        known.extend(names);
    }
}
