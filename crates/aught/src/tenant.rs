//! The tenant of a server: its store opened, made when the database is empty, and the protocols joined over it.

use std::{net::SocketAddr, sync::Arc};

use actions::Runtime;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Path, Query, Request},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get},
};
use identity::{Passwords, SigningKeys, keys};
use kernel::{Context, Secret, TenantId};
use management::{Dispatcher, Messenger, Sender, Services, V1};
use oauth::{Bearer, OAuth};
use rest::{ApiError, Claims, Engine};
use store::{Options, RootKey, Store};
use tempfile::TempDir;

use crate::{Config, Failure, Fresh, State, edge, files, legacy, scripts};

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
    /// Packages of its code, where nothing else keeps them; gone when this is dropped.
    pub(crate) packages: Option<TempDir>,
}

impl Tenant {
    /// Opens the store, makes the tenant if there is none, and joins the protocols for `domain`.
    pub(crate) async fn open(config: &Config, domain: &str, outbound: outbound::Client) -> Result<Self, Failure> {
        let store = open_store(config).await?;
        let known = store.tenants().await.map_err(|error| Failure::new("the tenants", error))?;
        let id = if let Some(id) = known.into_iter().next() {
            id
        } else {
            let id = TenantId::new(name_of(domain));
            store.create_tenant(&id).await.map_err(|error| Failure::new("making the tenant", error))?;
            id
        };
        let fresh = provision_or_move(&store, &id, config, domain).await?;
        let signing_keys = SigningKeys::new(store.clone());
        tokio::spawn(make_next_key(signing_keys.clone(), id.clone(), domain.to_owned()));
        let (packages, place) = match config.state.file("packages") {
            Some(place) => (None, place),
            None => scripts::packages()?,
        };
        let scripts = Runtime::new(config.scripts(place), Arc::new(outbound.clone()));
        let services = Services {
            passwords: Passwords::new(store.context().clone()),
            keys: signing_keys,
            outbound,
            dns: config.dns.clone(),
            dispatcher: Dispatcher::new(store.clone(), scripts),
        };
        let router = join(&store, &services, &id, domain);
        Ok(Self { store, router, fresh, packages })
    }
}

async fn open_store(config: &Config) -> Result<Store, Failure> {
    let root_key = root_key(config.root_key.as_ref(), &config.state, &config.context)?;
    let options = Options { database: config.database.clone(), root_key, context: config.context.clone() };
    Store::open(options).await.map_err(|error| Failure::new("the database", error))
}

/// The root key that is configured, else the one that the state keeps, else a new one that it keeps from now on.
fn root_key(configured: Option<&Secret>, state: &State, context: &Context) -> Result<RootKey, Failure> {
    let parse = |text: &str, source: &str| {
        RootKey::parse(text).ok_or_else(|| Failure::new(source, "expected 32 bytes in base64 or hexadecimal"))
    };
    if let Some(key) = configured {
        return parse(key.reveal(), "the root key");
    }
    let new = RootKey::generate(context);
    let Some(path) = state.file(ROOT_KEY) else { return Ok(new) };
    let kept = files::write_once(&path, &new.to_text())?;
    parse(&kept, &path.display().to_string())
}

/// Gives a new tenant its first signing key and what a new tenant has; the Management API of one that is not new is
/// known by its domain of now. Whether a tenant is new shows its keys, in the same transaction: a first start that was
/// cut short is made up for by the next.
async fn provision_or_move(
    store: &Store,
    tenant: &TenantId,
    config: &Config,
    domain: &str,
) -> Result<Option<Fresh>, Failure> {
    let wished = &config.initial_client;
    let client_id = wished.id.clone().unwrap_or_else(|| config.context.id(kernel::id::Form::Alnum32));
    let client_secret = wished.secret.clone().unwrap_or_else(|| Secret::new(config.context.client_secret()));
    let fresh = management::Fresh {
        domain: domain.to_owned(),
        client_id: client_id.clone(),
        client_secret: client_secret.reveal().to_owned(),
    };
    let work = move |tx: &mut store::Tx| {
        if !keys::list(tx)?.is_empty() {
            management::move_to(tx, &fresh.domain)?;
            return Ok::<_, ApiError>(false);
        }
        keys::create_first(tx, &fresh.domain)?;
        management::provision(tx, &fresh)?;
        Ok(true)
    };
    let is_new = store.write(tenant, work).await.map_err(|error| Failure::new("the tenant", error))?;
    Ok(is_new.then_some(Fresh { client_id, client_secret }))
}

/// Making a key takes longer than a start should; it is only needed when the keys are rotated.
async fn make_next_key(keys: SigningKeys, tenant: TenantId, domain: String) {
    if let Err(error) = keys.complete(&tenant, &domain).await {
        tracing::warn!(%error, "the next signing key could not be made");
    }
}

/// A tenant's name: the first label of its domain, unless that is a number.
fn name_of(domain: &str) -> &str {
    let label = domain.split([':', '.']).next().unwrap_or_default();
    let is_name = label.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if is_name { label } else { "tenant" }
}

fn join(store: &Store, services: &Services, tenant: &TenantId, domain: &str) -> Router {
    let (keys, dispatcher) = (services.keys.clone(), services.dispatcher.clone());
    let bearer = Bearer::new(store.clone(), keys.clone(), tenant.clone(), domain);
    let claims = Claims::of(management::areas(services));
    let action = Some(dispatcher.event_action());
    let sender = Sender { outbound: services.outbound.clone(), domain: domain.to_owned(), action };
    tokio::spawn(management::work(store.clone()));
    tokio::spawn(management::tidy(store.clone()));
    tokio::spawn(management::send_logs(store.clone(), services.outbound.clone()));
    tokio::spawn(sender.work(store.clone()));
    tokio::spawn(Messenger::new(services.outbound.clone(), dispatcher.clone()).work(store.clone()));
    tokio::spawn(dispatcher.clone().work());
    let engine = Arc::new(Engine::new(store.clone(), Arc::new(bearer), domain.to_owned(), claims));
    let oauth = OAuth::new(store.clone(), keys.clone(), Arc::new(dispatcher), tenant.clone(), domain.to_owned());
    let v1 = V1::new(Arc::clone(&engine), store.clone(), services, tenant.clone(), domain.to_owned());
    let v1 = legacy::router(v1, Arc::clone(&oauth));
    let api = any(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let engine = Arc::clone(&engine);
        async move { manage(&engine, request, peer).await }
    });
    let exports = exports(store.clone(), tenant.clone());
    Router::new()
        .route("/api/v2", api.clone())
        .route("/api/v2/{*path}", api)
        .route("/exports/{job}/{file}", exports)
        .merge(v1)
        .merge(oauth::router(oauth))
}

/// What a link to an export carries.
#[derive(serde::Deserialize)]
struct Signed {
    #[serde(rename = "Expires")]
    expires: i64,
    #[serde(rename = "Signature")]
    signature: String,
}

/// The finished exports of users, by their signed links.
fn exports(store: Store, tenant: TenantId) -> MethodRouter {
    get(move |Path((job, file)): Path<(String, String)>, Query(link): Query<Signed>| async move {
        let found = management::download(&store, &tenant, &job, &file, link.expires, &link.signature).await;
        match found {
            Ok(bytes) => ([(http::header::CONTENT_TYPE, "application/gzip")], bytes).into_response(),
            Err(error) => edge::refusal(&error),
        }
    })
}

/// One request of the Management API.
async fn manage(engine: &Arc<Engine>, request: Request, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // The edge limits bodies and their pauses.
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => engine.respond(parts, bytes, peer.ip().to_string()).await,
        Err(error) => edge::refusal(&edge::unreadable(&error)),
    }
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
