//! What a transaction changes of what others know.

use std::collections::HashSet;

use crate::cache::LogPart;

/// What others must hear of when a transaction is committed.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each tells others of something else")]
pub(crate) struct Changes {
    pub(crate) records: HashSet<(Box<str>, Box<str>)>,
    /// Names of the relations that were made, changed or ended.
    pub(crate) relations: HashSet<Box<str>>,
    pub(crate) has_jobs: bool,
    pub(crate) has_events: bool,
    pub(crate) has_logs: bool,
    pub(crate) has_new_keys: bool,
    pub(crate) has_hosts: bool,
    pub(crate) has_deleted_tenant: bool,
    /// Whether what is shown of records that were not written has changed.
    pub(crate) has_veils: bool,
    /// Parts of log events that were stored or used.
    pub(crate) log_parts: Vec<(LogPart, (i64, i64))>,
}
