//! The tenants of an installation: the store opened, the first tenant made when it is empty, and which tenant a host means.

use std::sync::Arc;

use identity::{SigningKeys, keys};
use kernel::{Context, Secret, Tenant, TenantId, host_name, id::Form, is_loopback_name, port_of};
use quick_cache::sync::Cache;
use rest::ApiError;
use store::{Domain, Options, RootKey, Store, StoreError, StoreResult, Tx};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{Config, Failure, InitialClient, State, files};

/// The name of the state's file that holds the root key.
const ROOT_KEY: &str = "root-key";
/// How many tenants are known to have what they need.
const KNOWN: usize = 20_000;

/// The first machine-to-machine client of a new tenant; its secret is told only now.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Its client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: Secret,
}

impl Fresh {
    /// What the person is told who has it made.
    pub(crate) fn told(&self, domain: &str) -> String {
        format!(
            "A new tenant is ready. Keep the secret: it is shown only now.\n\n  \
             domain         {domain}\n  client id      {}\n  client secret  {}\n\n",
            self.client_id,
            self.client_secret.reveal()
        )
    }
}

/// Which tenant answers for a host. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tenants(Arc<Inner>);

struct Inner {
    store: Store,
    keys: SigningKeys,
    /// Tenants that have what their first request needs, with the domain for which they have it.
    ready: Cache<(TenantId, String), ()>,
    /// What is done for tenants beside their requests.
    making: Mutex<JoinSet<()>>,
}

impl Tenants {
    /// The tenants in this store.
    pub(crate) fn new(store: Store, keys: SigningKeys) -> Self {
        Self(Arc::new(Inner { store, keys, ready: Cache::new(KNOWN), making: Mutex::default() }))
    }

    /// The tenant that answers for a host. An installation with one tenant answers for every name of this machine.
    pub(crate) async fn at(&self, host: &str) -> StoreResult<Option<Tenant>> {
        let store = &self.0.store;
        let found = match store.tenant_at(host).await? {
            None if is_loopback_name(&host_name(host)) => store.only_tenant().await?,
            found => found,
        };
        if let Some(tenant) = &found {
            self.prepare(tenant).await?;
        }
        Ok(found)
    }

    /// Ends what is done for tenants beside their requests: whoever asks for them next begins it anew.
    pub(crate) async fn end(&self) {
        let mut making = std::mem::take(&mut *self.0.making.lock().await);
        making.shutdown().await;
    }

    /// Does for a tenant, once for each of its domains, what would take too long for all tenants at the start.
    async fn prepare(&self, tenant: &Tenant) -> StoreResult {
        let key = (tenant.id().clone(), tenant.domain().to_owned());
        if self.0.ready.get(&key).is_some() {
            return Ok(());
        }
        let domain = tenant.domain().to_owned();
        let moved = self.0.store.write(tenant.id(), move |tx: &mut Tx| management::move_to(tx, &domain)).await;
        moved.map_err(|error| StoreError::Unavailable(format!("a tenant cannot be moved to its domain: {error}")))?;
        let mut making = self.0.making.lock().await;
        while making.try_join_next().is_some() {}
        making.spawn(make_next_key(self.0.keys.clone(), tenant.clone()));
        drop(making);
        self.0.ready.insert(key, ());
        Ok(())
    }
}

/// Opens the store of an installation.
pub(crate) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let database = config.database.clone();
    let holds_data = tokio::task::spawn_blocking(move || database.holds_data()).await;
    let holds_data = holds_data.map_err(|error| Failure::new("the database", error))?;
    let holds_data = holds_data.map_err(|error| Failure::new("the database", error))?;
    let root_key = root_key(config.root_key.as_ref(), &config.state, &config.context, holds_data)?;
    let options = Options { database: config.database.clone(), root_key, context: config.context.clone() };
    Store::open(options).await.map_err(|error| Failure::new("the database", error))
}

/// The root key that is configured, else the one that the state keeps, else a new one that it keeps from now on. A database
/// that holds data has a root key: none is made in its place.
fn root_key(
    configured: Option<&Secret>,
    state: &State,
    context: &Context,
    holds_data: bool,
) -> Result<RootKey, Failure> {
    let parse = |text: &str, source: &str| {
        RootKey::parse(text).ok_or_else(|| Failure::new(source, "expected 32 bytes in base64 or hexadecimal"))
    };
    if let Some(key) = configured {
        return parse(key.reveal(), "the root key");
    }
    let new = RootKey::generate(context);
    let Some(path) = state.file(ROOT_KEY) else { return Ok(new) };
    if holds_data && files::read(&path)?.is_none() {
        return Err(Failure::new(
            "the root key",
            format!(
                "the database holds data, but there is no {}: put the key back that was there, or set AUGHT_ROOT_KEY; \
                 no other key opens the secrets of this database",
                path.display()
            ),
        ));
    }
    let kept = files::write_once(&path, &new.to_text())?;
    parse(&kept, &path.display().to_string())
}

/// Makes the first tenant of an empty store; in another one, lets the tenant that lives at the installation's domain
/// live at the one of now.
pub(crate) async fn first(store: &Store, config: &Config, domain: &str) -> Result<Option<Fresh>, Failure> {
    let failed = |error| Failure::new("the tenants", error);
    let id = match store.installation_tenant().await.map_err(failed)? {
        (Some(id), _) => Some(id),
        (None, false) => Some(TenantId::new(name_of(domain))),
        // Of a database from before tenants had domains; in any other one that tenant was deleted.
        (None, true) => {
            let domains = store.domains().await.map_err(failed)?;
            let is_from_before = domains.iter().all(|(_, domain)| domain.is_none());
            domains.into_iter().next().filter(|_| is_from_before).map(|(id, _)| id)
        }
    };
    let fresh = match id {
        Some(id) => create(store, &id, domain, Domain::Installation, &config.initial_client).await?,
        None => None,
    };
    store.move_followers(port_of(domain)).await.map_err(|error| Failure::new("the domains of tenants", error))?;
    Ok(fresh)
}

/// Makes a tenant that answers at `domain`. One whose making was cut short is completed.
pub(crate) async fn create(
    store: &Store,
    id: &TenantId,
    domain: &str,
    of: Domain,
    wished: &InitialClient,
) -> Result<Option<Fresh>, Failure> {
    let is_new = match store.create_tenant(id).await {
        Ok(()) => true,
        Err(StoreError::Taken { .. }) => false,
        Err(error) => return Err(Failure::new("making the tenant", error)),
    };
    let made = provision(store, id, domain, of, wished).await;
    if is_new && made.is_err() {
        // Its name stays free.
        store.delete_tenant(id).await.map_err(|error| Failure::new("taking the tenant back", error))?;
    }
    made
}

/// Gives a new tenant its domain, its first signing key and what a new tenant has; one that is not new gets the domain.
/// Whether a tenant is new shows its keys, in the same transaction: a first start that was cut short is made up for by
/// the next.
async fn provision(
    store: &Store,
    tenant: &TenantId,
    domain: &str,
    of: Domain,
    wished: &InitialClient,
) -> Result<Option<Fresh>, Failure> {
    let context = store.context();
    let client_id = wished.id.clone().unwrap_or_else(|| context.id(Form::Alnum32));
    let client_secret = wished.secret.clone().unwrap_or_else(|| Secret::new(context.client_secret()));
    let fresh = management::Fresh {
        domain: domain.to_owned(),
        client_id: client_id.clone(),
        client_secret: client_secret.reveal().to_owned(),
    };
    let work = move |tx: &mut Tx| {
        tx.set_domain(&fresh.domain, of).map_err(|error| match error {
            StoreError::Taken { .. } => ApiError::conflict("another tenant answers for it"),
            error => error.into(),
        })?;
        if !keys::list(tx)?.is_empty() {
            management::move_to(tx, &fresh.domain)?;
            return Ok::<_, ApiError>(false);
        }
        keys::create_first(tx, &fresh.domain)?;
        management::provision(tx, &fresh)?;
        Ok(true)
    };
    let is_new =
        store.write(tenant, work).await.map_err(|error| Failure::new(format!("the domain {domain}"), error))?;
    Ok(is_new.then_some(Fresh { client_id, client_secret }))
}

/// Making a key takes longer than a request should; it is only needed when the keys are rotated.
async fn make_next_key(keys: SigningKeys, tenant: Tenant) {
    if let Err(error) = keys.complete(tenant.id(), tenant.domain()).await {
        tracing::warn!(%error, "the next signing key could not be made");
    }
}

/// A tenant's name: the first label of its domain, unless that is a number.
fn name_of(domain: &str) -> &str {
    let label = domain.split([':', '.']).next().unwrap_or_default();
    let is_name = label.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if is_name { label } else { "tenant" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_after_its_domain() {
        assert_eq!(name_of("localhost:8080"), "localhost");
        assert_eq!(name_of("dev-1.login.example.com"), "dev-1");
        assert_eq!(name_of("127.0.0.1:80"), "tenant");
        assert_eq!(name_of("[::1]"), "tenant");
    }
}
