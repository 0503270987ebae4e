//! Parts of log events, as they are remembered.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// How many parts are remembered.
const MOST: usize = 10_000;

/// Tenant and digest of a part.
pub(crate) type LogPart = (i64, [u8; 32]);

/// Parts that are committed: their number, and the day on which they were last used.
#[derive(Default)]
pub(crate) struct LogParts(RwLock<HashMap<LogPart, (i64, i64)>>);

impl LogParts {
    /// The number of a part, and the day on which it was last used.
    pub(crate) fn get(&self, key: &LogPart) -> Option<(i64, i64)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    /// Remembers parts of a transaction that is committed.
    pub(crate) fn keep(&self, parts: &[(LogPart, (i64, i64))]) {
        if parts.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MOST {
            known.clear();
        }
        known.extend(parts.iter().copied());
    }
}
