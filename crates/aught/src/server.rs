//! A server: everything joined, from its configuration to its end.

use std::{net::SocketAddr, sync::Arc};

use futures::future::join_all;
use kernel::Secret;
use store::Store;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Config, Failure,
    app::app,
    certificates::Certificates,
    edge::Edge,
    listener::{self, Door},
    telemetry,
    tenant::Tenant,
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
        let mut tenant = Tenant::open(&config, &domain, config.outbound(addr)).await?;
        let (fresh, packages) = (tenant.fresh.take(), tenant.packages.take());
        let store = tenant.store.clone();
        let (stop, stopping) = watch::channel(false);
        let run = config.context.text(b"0123456789abcdefghijklmnopqrstuvwxyz", 8);
        let door = Arc::new(Door {
            edge: Edge::new(app(tenant), run, &domain),
            certificates: Certificates::new(config.state, &domain),
            stopping,
            drain: config.drain,
        });
        let serving = listeners.into_iter().map(|listener| tokio::spawn(Arc::clone(&door).serve(listener))).collect();
        let upkeep = tokio::spawn(telemetry::keep_metrics_small());
        // Ready before the first client says hello, and there to be trusted before any does.
        let early = Arc::clone(&door);
        tokio::spawn(async move {
            match early.certificates.acceptor().await {
                Ok(_) => tracing::info!("https is ready"),
                Err(failure) => tracing::error!(%failure, "https is not available"),
            }
        });
        tracing::info!(%addr, domain, "listening");
        Ok(Running { addr, domain, fresh, store, door, stop, serving, upkeep, _packages: packages })
    }
}

/// The first machine-to-machine client of a new tenant; its secret is told only now.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Its client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: Secret,
}

/// A server that answers until it is stopped. Dropping it stops it too, without waiting.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The tenant's domain.
    pub domain: String,
    /// The first client, if this start made the tenant.
    pub fresh: Option<Fresh>,
    /// Where everything is kept: for tests, which look behind the answers.
    pub store: Store,
    door: Arc<Door>,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
    upkeep: JoinHandle<()>,
    /// Removed with the server.
    _packages: Option<TempDir>,
}

impl Running {
    /// The certificate of the local authority that signs for this server, as PEM.
    pub async fn authority(&self) -> Result<String, Failure> {
        self.door.certificates.authority().await.map(|pem| pem.to_string())
    }

    /// Takes no more requests, waits for those that are being answered, and closes the store.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        join_all(self.serving.drain(..)).await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).field("domain", &self.domain).finish_non_exhaustive()
    }
}
