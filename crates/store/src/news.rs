//! What the nodes of an installation tell one another of their commits.

use kernel::TenantId;
use serde::{Deserialize, Serialize};

use crate::changes::Changes;

/// A longer notification is refused by PostgreSQL.
const LONGEST_NEWS: usize = 7900;

/// What one node tells the others of a commit.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each tells of something else")]
pub(crate) struct News {
    pub(crate) node: String,
    pub(crate) tenant: String,
    /// Kind and identifier; no identifier: any of the kind.
    pub(crate) records: Vec<(String, Option<String>)>,
    /// Names of relations.
    #[serde(default)]
    relations: Vec<String>,
    has_jobs: bool,
    #[serde(default)]
    has_events: bool,
    has_new_keys: bool,
    #[serde(default)]
    has_hosts: bool,
    #[serde(default)]
    has_deleted_tenant: bool,
    #[serde(default)]
    has_veils: bool,
}

impl News {
    /// What other nodes are told of changes, as text; nothing where none of it concerns them.
    pub(crate) fn text(node: &str, tenant: &TenantId, changes: &Changes) -> Option<String> {
        let is_news = changes.has_jobs || changes.has_new_keys || changes.has_events || changes.has_hosts;
        if changes.records.is_empty() && changes.relations.is_empty() && !is_news {
            return None;
        }
        let mut news = Self {
            node: node.into(),
            tenant: tenant.as_str().into(),
            records: changes.records.iter().map(|(kind, id)| (kind.clone().into(), Some(id.clone().into()))).collect(),
            relations: changes.relations.iter().map(|relation| relation.clone().into()).collect(),
            has_jobs: changes.has_jobs,
            has_events: changes.has_events,
            has_new_keys: changes.has_new_keys,
            has_hosts: changes.has_hosts,
            has_deleted_tenant: changes.has_deleted_tenant,
            has_veils: changes.has_veils,
        };
        let text = serde_json::to_string(&news).expect("texts serialise");
        if text.len() <= LONGEST_NEWS {
            return Some(text);
        }
        let mut kinds: Vec<_> = changes.records.iter().map(|(kind, _)| kind.clone()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        news.records = kinds.into_iter().map(|kind| (kind.into(), None)).collect();
        Some(serde_json::to_string(&news).expect("texts serialise"))
    }

    /// The changes, but for the records.
    pub(crate) fn changes(&self) -> Changes {
        let relations = self.relations.iter().map(|relation| relation.as_str().into()).collect();
        let Self { has_jobs, has_events, has_new_keys, has_hosts, has_deleted_tenant, has_veils, .. } = *self;
        Changes {
            relations,
            has_jobs,
            has_events,
            has_new_keys,
            has_hosts,
            has_deleted_tenant,
            has_veils,
            ..Changes::default()
        }
    }
}
