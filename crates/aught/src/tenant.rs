//! The tenant of a server: its store opened, made when the database is empty, and the protocols joined over it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::any,
};
use http::StatusCode;
use identity::SigningKeys;
use kernel::{ApiError, Context, Secret, TenantId};
use management::Services;
use oauth::{Bearer, OAuth};
use rest::{Claims, Engine};
use store::{Database, Options, RootKey, Store};

use crate::{Config, Failure, Fresh, State, edge::refusal, files};

/// The name of the state's file that holds the root key.
const ROOT_KEY: &str = "root-key";

/// A tenant that can be asked.
pub(crate) struct Tenant {
    /// Where everything of it is kept.
    pub(crate) store: Store,
    /// Its protocols.
    pub(crate) router: Router,
    /// Its first client, if it was made just now.
    pub(crate) fresh: Option<Fresh>,
}

impl Tenant {
    /// Opens the store, makes the tenant if there is none, and joins the protocols for `domain`.
    pub(crate) async fn open(config: &Config, domain: &str) -> Result<Self, Failure> {
        let store = open_store(config).await?;
        let known = store.tenants().await.map_err(|error| Failure::new("the tenants", error))?;
        let (id, fresh) = match known.into_iter().next() {
            Some(id) => {
                move_to(&store, &id, domain).await?;
                (id, None)
            }
            None => {
                let (id, fresh) = make(&store, config, domain).await?;
                (id, Some(fresh))
            }
        };
        let keys = SigningKeys::new(store.clone());
        let router = join(&store, &keys, &id, domain);
        Ok(Self { store, router, fresh })
    }
}

async fn open_store(config: &Config) -> Result<Store, Failure> {
    let database: Database = config.database.parse().map_err(|error| Failure::new("the database", error))?;
    let root_key = root_key(config.root_key.as_ref(), &config.state, &config.context)?;
    let options = Options { database, root_key, context: config.context.clone() };
    Store::open(options).await.map_err(|error| Failure::new("the database", error))
}

/// The root key that is configured, else the one that the state keeps, else a new one that it keeps from now on.
fn root_key(configured: Option<&Secret>, state: &State, context: &Context) -> Result<RootKey, Failure> {
    let parse = |text: &str| {
        RootKey::parse(text.trim()).ok_or_else(|| Failure::new("the root key", "expected 32 bytes in base64 or hex"))
    };
    if let Some(key) = configured {
        return parse(key.reveal());
    }
    let Some(path) = state.file(ROOT_KEY) else { return Ok(RootKey::generate(context)) };
    match files::read(&path)? {
        Some(text) => parse(&text),
        None => {
            let key = RootKey::generate(context);
            files::write_private(&path, &key.to_text())?;
            Ok(key)
        }
    }
}

/// Makes the tenant: its data key, its first signing key, and what a new tenant has.
async fn make(store: &Store, config: &Config, domain: &str) -> Result<(TenantId, Fresh), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("making the tenant", error);
    let id = TenantId::new(domain.split([':', '.']).next().filter(|name| !name.is_empty()).unwrap_or("tenant"));
    let wished = &config.initial_client;
    let client_id = wished.id.clone().unwrap_or_else(|| config.context.id(kernel::id::Form::Alnum32));
    let client_secret = wished.secret.clone().unwrap_or_else(|| Secret::new(config.context.client_secret()));
    let fresh = management::Fresh {
        domain: domain.to_owned(),
        client_id: client_id.clone(),
        client_secret: client_secret.reveal().to_owned(),
    };
    store.create_tenant(&id).await.map_err(|error| failed(&error))?;
    let work = move |tx: &mut store::Tx| {
        identity::keys::create_first(tx, &fresh.domain)?;
        management::provision(tx, &fresh)
    };
    store.write(&id, work).await.map_err(|error| failed(&error))?;
    Ok((id, Fresh { client_id, client_secret }))
}

/// A tenant that answers under another domain than before: its Management API is known by the new one.
async fn move_to(store: &Store, tenant: &TenantId, domain: &str) -> Result<(), Failure> {
    let domain = domain.to_owned();
    let moved = store.write(tenant, move |tx| management::move_to(tx, &domain)).await;
    moved.map_err(|error| Failure::new("the tenant's domain", error))
}

fn join(store: &Store, keys: &SigningKeys, tenant: &TenantId, domain: &str) -> Router {
    let bearer = Bearer::new(store.clone(), keys.clone(), tenant.clone(), domain);
    let services = Services {};
    let claims = Claims::of(management::areas(&services));
    let engine = Arc::new(Engine::new(store.clone(), Arc::new(bearer), domain.to_owned(), claims));
    let oauth = OAuth::new(store.clone(), keys.clone(), tenant.clone(), domain.to_owned());
    let api = any(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let engine = Arc::clone(&engine);
        async move { manage(&engine, request, peer).await }
    });
    Router::new().route("/api/v2/{*path}", api).merge(oauth::router(oauth))
}

/// One request of the Management API.
async fn manage(engine: &Arc<Engine>, request: Request, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // The edge limits bodies and their pauses; what fails here is a body that went over.
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => engine.respond(parts, bytes, peer.ip().to_string()).await,
        Err(error) => refusal(
            &ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload content length greater than maximum allowed: 1048576",
            )
            .cause(error),
        ),
    }
}
