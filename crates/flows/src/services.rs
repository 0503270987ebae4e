//! What flows work with.

use std::sync::Arc;

use delivery::Endpoints;
use outbound::{Client, Dns};
use store::Store;

use crate::OwnTenant;

/// What the engine works with.
#[derive(Clone)]
pub struct Services {
    /// Where flows and executions are kept.
    pub store: Store,
    /// Calls other servers.
    pub outbound: Client,
    /// Finds the servers that take mail for a domain.
    pub dns: Dns,
    /// Calls the tenant itself.
    pub own: Arc<dyn OwnTenant>,
    /// Where vendors answer.
    pub vendors: Endpoints,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}
