//! What expressions may name: the journey that a form is, and the outputs of actions so far.

use std::collections::BTreeSet;

use kernel::{Document, Value};
use serde::{Deserialize, Serialize};

/// What expressions may name. A journey takes its scope from the form through flows and back; only flows have `actions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// `context.*`: user, organization, client, tenant, transaction, custom domain.
    pub context: Document,
    /// `fields.*`: values of fields and hidden fields.
    pub fields: Document,
    /// `vars.*`: the shared variables of the journey, which no execution shows.
    pub vars: Document,
    /// `actions.*`: outputs of the actions of a flow.
    pub actions: Document,
    /// `t('…')`: the form's own messages.
    pub messages: Document,
    /// Names that are neither of these, such as `remaining_seconds`.
    pub extra: Document,
    /// Fields whose values no execution shows: the transient ones.
    pub transient: BTreeSet<String>,
    /// Actions whose outputs no execution shows.
    pub masked: BTreeSet<String>,
}

impl Scope {
    /// The value of a root name, and whether what is in it at `member` must not be shown.
    pub(crate) fn root(&self, name: &str, member: Option<&str>) -> (Root<'_>, bool) {
        let among = |names: &BTreeSet<String>| member.is_none_or(|member| names.contains(member)) && !names.is_empty();
        match name {
            "context" => (Root::Members(&self.context), false),
            "fields" => (Root::Members(&self.fields), among(&self.transient)),
            "vars" => (Root::Members(&self.vars), true),
            "actions" => (Root::Members(&self.actions), among(&self.masked)),
            other => (self.extra.get(other).map_or(Root::Nothing, Root::Value), false),
        }
    }
}

/// What a root name stands for.
pub(crate) enum Root<'a> {
    Members(&'a Document),
    Value(&'a Value),
    Nothing,
}
