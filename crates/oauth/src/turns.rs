//! Turns at something that many requests change at once: they wait here for one another, and not in the database, where each would make the
//! others begin again.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// How many turns there are. Two things that share one only wait a little longer.
const TURNS: usize = 512;

/// Turns by what is changed.
pub(crate) struct Turns {
    hasher: RandomState,
    turns: Vec<Mutex<()>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { hasher: RandomState::new(), turns: std::iter::repeat_with(Mutex::default).take(TURNS).collect() }
    }
}

impl Turns {
    /// Waits until nobody else changes what this names.
    pub(crate) async fn wait(&self, name: &str) -> MutexGuard<'_, ()> {
        let place = usize::try_from(self.hasher.hash_one(name) % TURNS as u64).unwrap_or_default();
        self.turns[place].lock().await
    }
}
