//! What areas need beside the store: the engines that work outside of transactions.

use std::sync::Arc;

use extensibility::Dispatcher;
use identity::{Passwords, SigningKeys};

/// Services that are shared by all areas. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Hashes and judges passwords.
    pub passwords: Passwords,
    /// The keys that sign the tenant's tokens.
    pub keys: SigningKeys,
    /// Calls other servers.
    pub outbound: outbound::Client,
    /// Where services of others answer.
    pub vendors: delivery::Endpoints,
    /// Looks for the records that prove whose a domain is.
    pub dns: outbound::Dns,
    /// Runs the code of tenants.
    pub dispatcher: Dispatcher,
}

impl Services {
    /// What operations of `identity` work with.
    pub(crate) fn identity(&self) -> identity::Services {
        identity::Services { passwords: self.passwords.clone(), triggers: Arc::new(self.dispatcher.clone()) }
    }

    /// Services of an empty store: enough to know which operations are claimed.
    #[cfg(test)]
    pub(crate) fn for_listing() -> Self {
        let context = kernel::Context::system();
        let root_key = store::RootKey::generate(&context);
        let options = store::Options { database: store::Database::Memory, root_key, context: context.clone() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = runtime.block_on(store::Store::open(options)).unwrap();
        let outbound = outbound::Client::new(false);
        let settings = ::actions::Settings::new(std::path::PathBuf::new());
        let scripts = ::actions::Runtime::new(settings, std::sync::Arc::new(outbound.clone()));
        Self {
            passwords: Passwords::new(context),
            keys: SigningKeys::new(store.clone()),
            outbound,
            vendors: delivery::Endpoints::default(),
            dns: outbound::Dns::default(),
            dispatcher: Dispatcher::new(store, scripts),
        }
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Services")
    }
}
