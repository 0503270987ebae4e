//! What areas need beside the store: the engines that work outside of transactions.

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
    /// Looks for the records that prove whose a domain is.
    pub dns: outbound::Dns,
}

impl Services {
    /// Services of an empty store: enough to know which operations are claimed.
    #[cfg(test)]
    pub(crate) fn for_listing() -> Self {
        let context = kernel::Context::system();
        let root_key = store::RootKey::generate(&context);
        let options = store::Options { database: store::Database::Memory, root_key, context: context.clone() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = runtime.block_on(store::Store::open(options)).unwrap();
        Self {
            passwords: Passwords::new(context),
            keys: SigningKeys::new(store),
            outbound: outbound::Client::new(false),
            dns: outbound::Dns::default(),
        }
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Services")
    }
}
