//! The OAuth 2.0 and OpenID Connect endpoints of a tenant, and the bearer authentication of its Management API.

mod bearer;
mod client;
mod client_credentials;
mod error;
mod log;
mod request;
#[cfg(test)]
mod tests;
mod token;
mod v1;
mod views;
mod well_known;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use identity::{SigningKeys, triggers::Triggers};
use kernel::TenantId;
use store::Store;

pub use bearer::Bearer;
pub use error::OAuthError;

use crate::{token::Grant, views::Views, well_known::Documents};

/// What the endpoints of one tenant share.
pub struct OAuth {
    store: Store,
    keys: SigningKeys,
    tenant: TenantId,
    domain: String,
    grants: Vec<Box<dyn Grant>>,
    triggers: Arc<dyn Triggers>,
    views: Views,
    documents: Documents,
}

impl OAuth {
    /// The endpoints of the tenant that lives at `domain`, such as `localhost:8080`.
    pub fn new(
        store: Store,
        keys: SigningKeys,
        triggers: Arc<dyn Triggers>,
        tenant: TenantId,
        domain: String,
    ) -> Arc<Self> {
        let grants: Vec<Box<dyn Grant>> = vec![Box::new(client_credentials::ClientCredentials)];
        let documents = Documents::default();
        Arc::new(Self { store, keys, tenant, domain, grants, triggers, views: Views::default(), documents })
    }

    /// Makes what the first requests would wait for: the parsed keys, and the next signing key of a new tenant. A
    /// server does this in the background after it has started to listen.
    pub async fn warm_up(&self) -> identity::Result {
        self.keys.complete(&self.tenant, &self.domain).await.map(drop)
    }

    /// The tenant's issuer: `https://{domain}/`.
    fn issuer(&self) -> String {
        format!("https://{}/", self.domain)
    }
}

const TOKEN: &str = "/oauth/token";
const KEYS: &str = "/.well-known/jwks.json";
const METADATA: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The paths of the endpoints, by which requests are counted.
pub const PATHS: [&str; 4] = [TOKEN, KEYS, METADATA[0], METADATA[1]];

/// The routes of the endpoints.
pub fn router(oauth: Arc<OAuth>) -> Router {
    Router::new()
        .route(TOKEN, post(token::endpoint))
        .route(KEYS, get(well_known::jwks).options(well_known::preflight))
        .route(METADATA[0], get(well_known::metadata).options(well_known::preflight))
        .route(METADATA[1], get(well_known::metadata).options(well_known::preflight))
        .with_state(oauth)
}
