//! What operators do with tenants, on an opened store: `aught tenants` and `aught connections try`, from the command line or asked of
//! a running server.

use extensibility::Dispatcher;
use kernel::{TenantId, Value, port_of};
use model::NETWORK_ACL;
use serde::{Deserialize, Serialize};
use store::{Domain, Query, Snapshot, Store, StoreError, Tx};

use crate::{
    Failure, Fresh, InitialClient,
    config::check_domain,
    tenants,
    trial::{self, Trial},
};

/// One thing to do.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wish {
    /// Tell all tenants.
    List,
    /// Make one.
    Create {
        /// Its name.
        name: String,
        /// Its domain; without one, its name before the installation's.
        domain: Option<String>,
    },
    /// Delete one with everything in it.
    Delete {
        /// Its name.
        name: String,
    },
    /// Let requests from everywhere reach one again.
    Unlock {
        /// Its name.
        name: String,
    },
    /// Run a script of a custom database.
    Try(Trial),
    /// Tell with what code was called.
    Recorded {
        /// The tenant; without one, that at the installation's domain.
        tenant: Option<String>,
        /// Identifier of a log entry or of an execution.
        id: String,
    },
}

/// What was done, in words for the person who asked.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Told {
    /// The words.
    pub(crate) text: String,
    /// How the process of whoever asked is to end.
    pub(crate) status: u8,
}

/// Does it. The dispatcher runs code, and knows where the tenants are.
pub(crate) async fn perform(dispatcher: &Dispatcher, wish: Wish) -> Result<Told, Failure> {
    let store = dispatcher.store();
    let text = match wish {
        Wish::List => list(store).await?,
        Wish::Create { name, domain } => {
            let (domain, fresh) = create(store, &name, domain).await?;
            fresh.told(&domain)
        }
        Wish::Delete { name } => delete(store, &name).await?,
        Wish::Unlock { name } => unlock(store, &name).await?,
        Wish::Try(trial) => return trial::run(dispatcher, trial).await,
        Wish::Recorded { tenant, id } => recorded(store, tenant, id).await?,
    };
    Ok(Told { text, status: 0 })
}

/// What code was called with, as JSON.
async fn recorded(store: &Store, tenant: Option<String>, id: String) -> Result<String, Failure> {
    let tenant = trial::tenant(store, tenant).await?;
    let wanted = id.clone();
    let find = move |reader: &Snapshot| identity::triggers::recorded(reader, &wanted);
    let found = store.read(&tenant, find).await.map_err(|error| Failure::new("the event", error))?;
    let found = found.ok_or_else(|| {
        let text = "no event of it is kept: events are while developer tools are on, for three days";
        Failure::new(format!("the log entry or execution {id}"), text)
    })?;
    Ok(Value::Object(found).to_string())
}

async fn list(store: &Store) -> Result<String, Failure> {
    let domains = store.domains().await.map_err(|error| Failure::new("the tenants", error))?;
    let width = domains.iter().map(|(id, _)| id.as_str().len()).max().unwrap_or_default();
    let line = |(id, domain): &(TenantId, Option<String>)| {
        format!("{:width$}  {}\n", id.as_str(), domain.as_deref().unwrap_or("(not complete)"))
    };
    Ok(domains.iter().map(line).collect())
}

/// Makes a tenant: its domain, and its first client.
pub(crate) async fn create(store: &Store, name: &str, domain: Option<String>) -> Result<(String, Fresh), Failure> {
    check_name(name)?;
    let domains = store.domains().await.map_err(|error| Failure::new("the tenants", error))?;
    if domains.iter().any(|(id, domain)| id.as_str() == name && domain.is_some()) {
        return Err(Failure::new(format!("the tenant {name}"), "there is one of this name"));
    }
    let (domain, of) = match domain {
        Some(domain) => (domain.to_ascii_lowercase(), Domain::Own),
        None => (below_installation(store, name).await?, Domain::Follower),
    };
    check_domain(&domain)?;
    let id = TenantId::new(name);
    let fresh = tenants::create(store, &id, &domain, of, &InitialClient::default()).await?;
    let fresh = fresh.ok_or_else(|| Failure::new(format!("the tenant {name}"), "there is one of this name"))?;
    Ok((domain, fresh))
}

/// `NAME.` before the installation's domain.
async fn below_installation(store: &Store, name: &str) -> Result<String, Failure> {
    let failed = |error| Failure::new("the installation's domain", error);
    let (id, _) = store.installation_tenant().await.map_err(failed)?;
    let tenant = match &id {
        Some(id) => store.tenant(id).await.map_err(failed)?,
        None => None,
    };
    let tenant = tenant.ok_or_else(|| {
        Failure::new(format!("a domain for {name}"), "there is no tenant at the installation's domain: use --domain")
    })?;
    let host = kernel::host_name(tenant.domain());
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Err(Failure::new(format!("a domain for {name}"), "no name stands below an address: use --domain"));
    }
    Ok(format!("{name}.{host}{}", port_of(tenant.domain())))
}

async fn delete(store: &Store, name: &str) -> Result<String, Failure> {
    let failed = |error| Failure::new(format!("deleting the tenant {name}"), error);
    let is_done = store.delete_tenant(&TenantId::new(name)).await.map_err(failed)?;
    if is_done {
        Ok(format!("The tenant {name} is deleted, and the keys of its data are destroyed.\n"))
    } else {
        Err(Failure::new(format!("the tenant {name}"), "there is none of this name"))
    }
}

/// Makes the network ACLs of a tenant inactive: they may keep out whoever could change them.
async fn unlock(store: &Store, name: &str) -> Result<String, Failure> {
    let tenant = trial::tenant(store, Some(name.to_owned())).await?;
    let work = |tx: &mut Tx| {
        let active = tx.list(&NETWORK_ACL, &Query::default())?.items.into_iter().filter(|list| list.is("active"));
        let mut count = 0_usize;
        for mut list in active.collect::<Vec<_>>() {
            list.document.insert("active".into(), false.into());
            tx.update(&NETWORK_ACL, list)?;
            count += 1;
        }
        Ok::<_, StoreError>(count)
    };
    let failed = |error| Failure::new(format!("the network ACLs of the tenant {name}"), error);
    let count = store.write(&tenant, work).await.map_err(failed)?;
    Ok(format!("{count} network ACLs of the tenant {name} were active, and are not any more.\n"))
}

/// A tenant's name may be a label of a domain (RFC 1035 §2.3.1).
fn check_name(name: &str) -> Result<(), Failure> {
    let is_label = (1..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_label {
        return Ok(());
    }
    let wanted = "expected up to 63 small letters, digits and hyphens, a letter first";
    Err(Failure::new(format!("the name {name:?}"), wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_name_is_a_label() {
        assert!(["a", "acme-2"].into_iter().all(|name| check_name(name).is_ok()));
        for name in ["", "2a", "a.b", "a-", "A", "deleted:1", &"a".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
