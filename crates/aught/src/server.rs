//! A server: everything joined, from its configuration to its end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use ::flows::Engine;
use actions::Runtime;
use delivery::{Messenger, logs::Sinks};
use extensibility::Dispatcher;
use futures::future::join_all;
use identity::{Passwords, SigningKeys};
use kernel::Secret;
use management::Services;
use store::Store;
use tempfile::TempDir;
use tokio::{
    sync::{SetOnce, watch},
    task::JoinHandle,
};

use crate::{
    Config, Failure,
    access::{Access, TenantRoutes},
    administration, app,
    certificates::Certificates,
    config::Metrics,
    connections::Connections,
    control::Control,
    developer::Tools,
    edge::{Edge, Routes},
    listener::{self, Door},
    scripts, telemetry,
    tenants::{self, Fresh, Tenants},
    within::Within,
};

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Opens the port and the store, and answers requests from then on.
    pub async fn start(config: Config) -> Result<Running, Failure> {
        telemetry::metrics();
        let listeners = listener::open(&config.listen).await?;
        let addr = listeners[0].local_addr().map_err(|error| Failure::new("the address listened on", error))?;
        let domain = config.domain.clone().unwrap_or_else(|| format!("localhost:{}", addr.port()));
        let store = tenants::open_store(&config).await?;
        let fresh = tenants::first(&store, &config, &domain).await?;
        identity::adopt(&store).await.map_err(|error| Failure::new("what databases of before hold", error))?;
        let has_other_hosts = store.is_reached_from_outside().await;
        let has_other_hosts = has_other_hosts.map_err(|error| Failure::new("the hosts of tenants", error))?;
        let is_of_this_machine = config.is_of_this_machine(addr, has_other_hosts);
        let (packages, place) = scripts::packages_of(&config.state)?;
        let certificates = Arc::new(SetOnce::new());
        // What tenants have the server call may be the server.
        let outbound = config.outbound(is_of_this_machine).trusting(roots(&certificates));
        let tools = config.has_developer_tools(is_of_this_machine).then(|| {
            config.context.open_outbox();
            let made = || Secret::new(config.context.text(kernel::id::ALNUM, 32));
            Tools::new(&store, config.developer_secret.clone().unwrap_or_else(made))
        });
        let services = services(&config, &store, outbound, place);
        let tenants = Tenants::new(store.clone(), services.keys.clone());
        tenants.at(&domain).await.map_err(|error| Failure::new("the first tenant", error))?;
        let within = Within::default();
        let flows = Engine::new(::flows::Services {
            store: store.clone(),
            outbound: services.outbound.clone(),
            dns: config.dns.clone(),
            own: Arc::new(within.clone()),
            vendors: config.message_endpoints.clone(),
        });
        let has_metrics = config.metrics == Metrics::Public;
        let access = Access::new(store.clone());
        let router = app::tenant_routes(&store, &services, Arc::new(flows.clone()), tools.as_ref());
        let routes = Routes {
            installation: app::installation_routes(&store, has_metrics),
            tenant: TenantRoutes { router, access: access.clone() },
        };
        within.open(routes.tenant.clone());
        let metrics = match &config.metrics {
            Metrics::At(place) => Some(listener::serve_plainly(place, app::metrics_routes(&store)).await?),
            Metrics::Public | Metrics::Nowhere => None,
        };
        let outbox = tools.as_ref().map(Tools::outbox);
        let triggers = Arc::new(services.dispatcher.clone());
        let endpoints = config.message_endpoints.clone();
        let sinks = Sinks {
            outbound: services.outbound.clone(),
            endpoints: endpoints.clone(),
            partners: config.partners.clone(),
        };
        let messenger = Messenger::new(services.outbound.clone(), triggers, endpoints, outbox);
        let mut workers = app::workers(&store, &services, messenger, sinks, config.log_retention);
        workers.push(tokio::spawn(flows.clone().work()));
        workers.push(tokio::spawn(access.clone().work()));
        workers.extend(metrics);
        let control = Control::open(&config.state, services.dispatcher.clone());
        let (stop, stopping) = watch::channel(false);
        let run = config.context.text(b"0123456789abcdefghijklmnopqrstuvwxyz", 8);
        let own = Certificates::new(config.state, &domain, config.tls_certificates, tenants.clone());
        let own = Arc::new(own);
        let _ = certificates.set(Arc::clone(&own));
        let door = Arc::new(Door {
            edge: Edge::new(routes, tenants.clone(), config.trusted_proxies, run),
            connections: Arc::new(Connections::new(config.connections)),
            certificates: own,
            stopping,
            drain: config.drain,
        });
        let serving = listeners.into_iter().map(|listener| tokio::spawn(Arc::clone(&door).serve(listener))).collect();
        let upkeep = tokio::spawn(telemetry::keep_metrics_small());
        // Ready before the first client says hello, and there to be trusted before any does.
        let early = Arc::clone(&door);
        tokio::spawn(async move {
            match early.certificates.config(None).await {
                Ok(_) => tracing::info!("https is ready"),
                Err(failure) => tracing::error!(%failure, "https is not available"),
            }
        });
        tracing::info!(%addr, domain, "listening");
        let developer_secret = tools.map(|tools| tools.secret().clone());
        Ok(Running {
            addr,
            domain,
            fresh,
            developer_secret,
            store,
            flows,
            access,
            within,
            tenants,
            door,
            stop,
            serving,
            workers,
            upkeep,
            control,
            _packages: packages,
        })
    }
}

/// The authorities of a server whose certificates are there a little later.
fn roots(certificates: &Arc<SetOnce<Arc<Certificates>>>) -> outbound::Roots {
    let certificates = Arc::clone(certificates);
    Arc::new(move || {
        let certificates = Arc::clone(&certificates);
        Box::pin(async move { certificates.wait().await.roots().await })
    })
}

/// What areas need beside the store.
fn services(config: &Config, store: &Store, outbound: outbound::Client, packages: PathBuf) -> Services {
    let scripts = Runtime::new(config.scripts(packages), Arc::new(outbound.clone()));
    Services {
        passwords: Passwords::new(store.context().clone()),
        keys: SigningKeys::new(store.clone()),
        outbound,
        vendors: config.message_endpoints.clone(),
        dns: config.dns.clone(),
        dispatcher: Dispatcher::new(store.clone(), scripts),
    }
}

/// A server that answers until it is stopped. Dropping it stops it too, without waiting.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The first tenant's domain.
    pub domain: String,
    /// The first client, if this start made the tenant.
    pub fresh: Option<Fresh>,
    /// What logins without pages ask for, where there are tools for developers.
    pub developer_secret: Option<Secret>,
    /// Where everything is kept: for tests, which look behind the answers.
    pub store: Store,
    /// What runs flows.
    pub flows: Engine,
    access: Access,
    /// Closed with the server.
    pub(crate) within: Within,
    tenants: Tenants,
    door: Arc<Door>,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    upkeep: JoinHandle<()>,
    /// Closed with the server.
    control: Option<Control>,
    /// Removed with the server.
    _packages: Option<TempDir>,
}

impl Running {
    /// The certificate of the local authority that signs for this server, as PEM.
    pub async fn authority(&self) -> Result<String, Failure> {
        self.door.certificates.authority().await.map(|pem| pem.to_string())
    }

    /// Makes another tenant, as `aught tenants create` does: its domain, and its first client.
    pub async fn create_tenant(&self, name: &str, domain: Option<&str>) -> Result<(String, Fresh), Failure> {
        administration::create(&self.store, name, domain.map(str::to_owned)).await
    }

    /// Takes no more requests, waits for those that are being answered, ends what works on jobs, and closes the store.
    pub async fn stop(mut self) {
        drop(self.control.take());
        self.within.close();
        self.stop.send_replace(true);
        join_all(self.serving.drain(..)).await;
        // A job that is cut off is done again by whoever leases it next.
        self.workers.iter().for_each(JoinHandle::abort);
        join_all(self.workers.drain(..)).await;
        self.access.end().await;
        self.tenants.end().await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.within.close();
        self.upkeep.abort();
        self.workers.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).field("domain", &self.domain).finish_non_exhaustive()
    }
}
