//! The tenants' routes, for what calls a tenant without leaving the process.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, PoisonError, RwLock},
};

use axum::body::Body;
use bytes::Bytes;
use flows::{BoxFuture, OwnTenant};
use http::{HeaderValue, Request, Response, StatusCode, header};
use kernel::{Peer, Tenant};

use crate::access::TenantRoutes;

/// The longest answer that is taken, in bytes.
const LONGEST: usize = 5 << 20;
/// What the tenant's log tells of who asks.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("aught-flows/", env!("CARGO_PKG_VERSION")));

/// The routes, from their opening until the server ends. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Within(Arc<RwLock<Option<TenantRoutes>>>);

impl Within {
    /// Has these routes answer from now on.
    pub(crate) fn open(&self, routes: TenantRoutes) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(routes);
    }

    /// Lets go of the routes, which hold what holds this.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl OwnTenant for Within {
    fn respond<'a>(&'a self, tenant: &'a Tenant, request: Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = request.map(Body::from);
        request.headers_mut().entry(header::USER_AGENT).or_insert(AGENT);
        let (tenant, here) = (tenant.clone(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let peer = Peer { address: here, connecting: here, is_secure: true, country: None };
        Box::pin(async move {
            let Some(routes) = routes else { return empty(StatusCode::SERVICE_UNAVAILABLE) };
            // Whoever waits no longer does not cut a change in two, and a panic stays where it is.
            let answered = tokio::spawn(async move {
                let (parts, body) = routes.answer(tenant, peer, request).await.into_parts();
                let bytes = axum::body::to_bytes(body, LONGEST).await;
                bytes.map_or_else(|_| empty(StatusCode::BAD_GATEWAY), |bytes| Response::from_parts(parts, bytes))
            });
            answered.await.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
        })
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
