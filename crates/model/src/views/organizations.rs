//! The view of organizations.

use kernel::Record;
use serde::Deserialize;

use super::{TokenQuota, View};

/// An organization.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// Its identifier.
    pub id: String,
    /// Its name, by which requests can mean it.
    pub name: String,
    /// The name that users see.
    pub display_name: Option<String>,
    /// How many tokens machines may get for it.
    pub token_quota: Option<TokenQuota>,
}

impl View for Organization {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self
    }
}
