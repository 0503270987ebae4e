//! What was made of a tenant's records or relations, kept as long as nothing has changed of what it was made of.

use std::hash::Hash;

use quick_cache::{Weighter, sync::Cache};

/// Values with the epochs ([`Store::epoch`](crate::Store::epoch)) in which they were made. Epochs are taken before the store is read: a change
/// in between makes a value look old, never new.
pub struct Derived<K, V, E = u64>(Cache<K, (E, V), Weight<V>>);

/// What a value takes of the room that there is.
struct Weight<V>(fn(&V) -> u64);

impl<V> Clone for Weight<V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V, E> Weighter<K, (E, V)> for Weight<V> {
    fn weight(&self, _: &K, (_, value): &(E, V)) -> u64 {
        (self.0)(value)
    }
}

impl<K: Eq + Hash, V: Clone, E: Clone + PartialEq> Derived<K, V, E> {
    /// Keeps so many values, the least used go first.
    pub fn new(most: usize) -> Self {
        Self(Cache::with_weighter(most, most as u64, Weight(|_| 1)))
    }

    /// Keeps about so many values, which take no more than `room` in all by what `weight` says of each.
    pub fn weighing(most: usize, room: u64, weight: fn(&V) -> u64) -> Self {
        Self(Cache::with_weighter(most, room, Weight(weight)))
    }

    /// The value, if it was made in these epochs.
    pub fn get(&self, key: &K, epochs: &E) -> Option<V> {
        let (made, value) = self.0.get(key)?;
        (made == *epochs).then_some(value)
    }

    /// Keeps what was made in these epochs.
    pub fn keep(&self, key: K, epochs: E, value: V) {
        self.0.insert(key, (epochs, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_there_in_its_own_epochs_alone() {
        let derived = Derived::new(10);
        derived.keep("a", [1, 2], "made");
        assert_eq!(derived.get(&"a", &[1, 2]), Some("made"));
        assert_eq!(derived.get(&"a", &[1, 3]), None);
        assert_eq!(derived.get(&"b", &[1, 2]), None);
        derived.keep("a", [1, 3], "again");
        assert_eq!(derived.get(&"a", &[1, 3]), Some("again"));
    }

    #[test]
    fn values_take_no_more_room_than_there_is() {
        let derived = Derived::weighing(10, 100, |text: &String| text.len() as u64);
        for key in 0..50 {
            derived.keep(key, 1, "x".repeat(30));
        }
        assert!((0..50).filter(|key| derived.get(key, &1).is_some()).count() <= 3);
    }
}
