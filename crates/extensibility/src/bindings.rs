//! Bindings: which actions run at a trigger, in their order.

use model::TRIGGER_BINDINGS;
use serde::Deserialize;
use store::{Snapshot, StoreResult};

/// A binding as it is kept.
#[derive(Debug, Deserialize)]
pub struct Binding {
    /// Its identifier.
    pub id: String,
    /// The action that runs.
    pub action_id: String,
    /// The name that its author gave it.
    pub display_name: String,
    /// When it was made, as text.
    pub created_at: String,
}

impl Binding {
    /// Under what the binding's own secrets are sealed.
    pub fn prefix(&self) -> String {
        format!("{}.", self.id)
    }
}

/// The bindings of a trigger, in their order: one record under the trigger's name, so that a flow reads it once.
///
/// # Errors
/// Those of the store.
pub fn of_trigger(reader: &Snapshot, trigger: &str) -> StoreResult<Vec<Binding>> {
    #[derive(Deserialize)]
    struct Kept {
        #[serde(default)]
        bindings: Vec<Binding>,
    }
    match reader.get(&TRIGGER_BINDINGS, trigger)? {
        Some(record) => Ok(record.view::<Kept>()?.bindings),
        None => Ok(Vec::new()),
    }
}
