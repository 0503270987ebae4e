//! The routes of a server: where the protocols' crates are joined, and the work that no request waits for.

use std::{sync::Arc, time::Duration};

use ::flows::{Authorizations, Flows};
use axum::{
    Router,
    body::Body,
    extract::{Extension, Path, Query, Request},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get},
};
use delivery::{Messenger, events::Sender, logs::Sinks};
use kernel::{Peer, Tenant};
use login::{Login, Users};
use management::{Registration, Services, V1};
use oauth::{Bearer, OAuth};
use rest::{ApiError, Claims, Engine};
use store::Store;
use tokio::task::JoinHandle;

use crate::{
    developer::{self, Tools},
    edge, health, legacy,
    registration::{self, Documents},
    vault,
};

/// Everything that a server answers for a tenant.
pub(crate) fn tenant_routes(
    store: &Store,
    services: &Services,
    flows: Arc<dyn Flows>,
    tools: Option<&Tools>,
) -> Router {
    let (keys, dispatcher) = (services.keys.clone(), services.dispatcher.clone());
    let bearer = Bearer::new(store.clone(), keys.clone());
    let claims = Claims::of(management::areas(services));
    let engine = Arc::new(Engine::new(store.clone(), Arc::new(bearer), claims));
    let for_users = identity::Services { passwords: services.passwords.clone(), triggers: Arc::new(dispatcher) };
    let users = Users::new(store.clone(), for_users.clone());
    let pages = Login::new(store.clone(), Arc::new(users)).with_flows(flows);
    let registration = Registration::new(Arc::clone(&engine), store.clone());
    let reader = Arc::new(Documents(registration.clone()));
    let oauth = OAuth::new(store.clone(), keys, for_users, Arc::new(pages.clone()), reader);
    let authorizations = Authorizations::new(services.outbound.clone(), services.vendors.clone());
    let v1 = V1::new(Arc::clone(&engine), store.clone(), services);
    let v1 = legacy::router(v1, Arc::clone(&oauth));
    let api = any(move |Extension(tenant): Extension<Tenant>, Extension(peer): Extension<Peer>, request: Request| {
        let engine = Arc::clone(&engine);
        async move { manage(&engine, request, &tenant, peer).await }
    });
    let tools = tools.map(|tools| {
        let bearer = Bearer::new(store.clone(), services.keys.clone());
        developer::router(tools, bearer, oauth::router(Arc::clone(&oauth)), services.keys.clone())
    });
    Router::new()
        .route("/api/v2", api.clone())
        .route("/api/v2/{*path}", api)
        .route("/exports/{job}/{file}", exports(store.clone()))
        .merge(v1)
        .merge(oauth::router(oauth))
        .merge(registration::router(registration))
        .merge(vault::router(store.clone(), authorizations))
        .merge(tools.unwrap_or_default())
        .merge(login::router(pages))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
}

/// What a server answers whatever the host is.
pub(crate) fn installation_routes(store: &Store, has_metrics: bool) -> Router {
    let routes = health::router(store.clone());
    let routes = if has_metrics { routes.merge(health::metrics_router(store.clone())) } else { routes };
    routes.fallback(nothing)
}

/// What is answered on the port of the metrics alone.
pub(crate) fn metrics_routes(store: &Store) -> Router {
    installation_routes(store, true)
}

async fn nothing() -> Response {
    edge::refusal(&ApiError::not_found("Not Found"))
}

/// Starts what works on the jobs of all tenants.
pub(crate) fn workers(
    store: &Store,
    services: &Services,
    messenger: Messenger,
    sinks: Sinks,
    log_retention: Option<Duration>,
) -> Vec<JoinHandle<()>> {
    let dispatcher = services.dispatcher.clone();
    let sender = Sender {
        outbound: services.outbound.clone(),
        action: Some(dispatcher.event_action()),
        partners: sinks.partners.clone(),
    };
    vec![
        tokio::spawn(finish_deletions(store.clone())),
        tokio::spawn(management::work(store.clone())),
        tokio::spawn(management::tidy(store.clone(), log_retention)),
        tokio::spawn(delivery::logs::work(store.clone(), sinks)),
        tokio::spawn(delivery::logout::work(store.clone(), services.keys.clone(), services.outbound.clone())),
        tokio::spawn(sender.work(store.clone())),
        tokio::spawn(messenger.work(store.clone())),
        tokio::spawn(dispatcher.work()),
    ]
}

/// Deletes what is left of tenants whose deletion was cut short.
async fn finish_deletions(store: Store) {
    if let Err(error) = store.finish_deletions().await {
        tracing::warn!(%error, "what is left of a deleted tenant could not be removed");
    }
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
fn exports(store: Store) -> MethodRouter {
    get(
        move |Extension(tenant): Extension<Tenant>,
              Path((job, file)): Path<(String, String)>,
              Query(link): Query<Signed>| {
            let store = store.clone();
            async move {
                match management::download(&store, tenant.id(), &job, &file, link.expires, &link.signature).await {
                    Ok(bytes) => ([(http::header::CONTENT_TYPE, "application/gzip")], bytes).into_response(),
                    Err(error) => edge::refusal(&error),
                }
            }
        },
    )
}

/// One request of the Management API.
async fn manage(engine: &Arc<Engine>, request: Request, tenant: &Tenant, peer: Peer) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // The edge limits bodies and their pauses.
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => engine.respond(parts, bytes, tenant, peer).await,
        Err(error) => edge::refusal(&edge::unreadable(&error)),
    }
}
