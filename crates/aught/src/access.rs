//! Network access control lists: which requests of a tenant are answered at all, decided by where they come from before anything else
//! is done for them (reference: protection §5).

mod rules;
mod summary;

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{HeaderValue, Request, Response, StatusCode, header};
use kernel::{Peer, Tenant, TenantId, host_name};
use model::NETWORK_ACL;
use rest::ApiError;
use store::{Derived, Query, Snapshot, Store, StoreError, StoreResult};
use tower::ServiceExt;

use rules::{Asked, Lists, Verdict};
use summary::Counts;

use crate::edge;

/// Tenants whose lists are kept in memory.
const KEPT: usize = 20_000;
/// What those are told who are not let in.
const BLOCKED: &str = "The request was blocked by a network access control list.";

/// The routes of tenants, behind the lists of each. Cheap to clone.
#[derive(Clone)]
pub(crate) struct TenantRoutes {
    pub(crate) router: Router,
    pub(crate) access: Access,
}

impl TenantRoutes {
    /// Answers a request for a tenant, wherever it came from: over the network, or from within the process.
    pub(crate) async fn answer(&self, tenant: Tenant, peer: Peer, mut request: Request<Body>) -> Response<Body> {
        match self.access.of(tenant.id()).await {
            Ok(None) => {}
            Ok(Some(lists)) => {
                if let Some(refused) = self.access.refusal(&lists, &tenant, &peer, &request) {
                    return refused;
                }
            }
            // Who may be let in cannot be known.
            Err(error) => return edge::refusal(&error.into()),
        }
        request.extensions_mut().insert(tenant);
        request.extensions_mut().insert(peer);
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}

/// The lists of all tenants, as far as they were asked for. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Access(Arc<Inner>);

struct Inner {
    store: Store,
    /// `None` of tenants without a list that could apply.
    kept: Derived<TenantId, Option<Arc<Lists>>>,
    counts: Counts,
}

impl Access {
    /// The lists of the tenants in this store.
    pub(crate) fn new(store: Store) -> Self {
        Self(Arc::new(Inner { store, kept: Derived::new(KEPT), counts: Counts::default() }))
    }

    /// What is answered instead, where the lists do not let a request through.
    fn refusal(&self, lists: &Lists, tenant: &Tenant, peer: &Peer, request: &Request<Body>) -> Option<Response<Body>> {
        let path = request.uri().path();
        if rules::is_of_installation(path) {
            return None;
        }
        let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let host = host_name(tenant.host());
        let asked = Asked { path, peer, user_agent: user_agent.unwrap_or_default(), host: &host };
        let (verdict, is_counted) = lists.judge(&asked);
        if is_counted {
            self.0.counts.note(self.0.store.context().now());
        }
        match verdict {
            Verdict::Admitted => None,
            Verdict::Blocked => Some(blocked(request)),
            Verdict::Redirected(address) => Some(redirect(address)),
        }
    }

    /// The lists of a tenant that could apply.
    async fn of(&self, tenant: &TenantId) -> StoreResult<Option<Arc<Lists>>> {
        let Inner { store, kept, counts } = &*self.0;
        let epoch = store.epoch(tenant, &NETWORK_ACL);
        if let Some(known) = kept.get(tenant, &epoch) {
            return Ok(known);
        }
        let all = |reader: &Snapshot| Ok::<_, StoreError>(reader.list(&NETWORK_ACL, &Query::default())?.items);
        let lists = Lists::compiled(tenant, &store.read(tenant, all).await?);
        let lists = (!lists.is_empty()).then(|| Arc::new(lists));
        if let Some(lists) = &lists {
            counts.follow(tenant, lists.counts());
        }
        kept.keep(tenant.clone(), epoch, lists.clone());
        Ok(lists)
    }

    /// Writes the summary of each ten minutes into the logs of tenants whose lists have applied, until it is dropped.
    pub(crate) async fn work(self) {
        loop {
            self.0.counts.wait().await;
            if let Some(window) = self.0.counts.ended(self.0.store.context().now()) {
                self.0.counts.write(&self.0.store, window).await;
            }
        }
    }

    /// Writes what is left when the server ends.
    pub(crate) async fn end(&self) {
        if let Some(window) = self.0.counts.current() {
            self.0.counts.write(&self.0.store, window).await;
        }
    }
}

fn blocked(request: &Request<Body>) -> Response<Body> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") {
        return edge::refusal(&ApiError::forbidden(BLOCKED));
    }
    let page = format!(
        "<!doctype html><html lang=\"en\"><title>Access denied</title><h1>Access denied</h1><p>{BLOCKED}</p></html>"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

fn redirect(address: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, address.clone());
    response
}
