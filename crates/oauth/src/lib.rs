//! The OAuth 2.0 and OpenID Connect endpoints of tenants, and the bearer authentication of their Management APIs.

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

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    extract::FromRequestParts,
    routing::{get, post},
};
use http::request::Parts;
use identity::{SigningKeys, triggers::Triggers};
use kernel::Tenant;
use store::Store;

pub use bearer::Bearer;
pub use error::OAuthError;

use crate::{token::Grant, views::Views, well_known::Documents};

/// What the endpoints of all tenants share.
pub struct OAuth {
    store: Store,
    keys: SigningKeys,
    grants: Vec<Box<dyn Grant>>,
    triggers: Arc<dyn Triggers>,
    views: Views,
    documents: Documents,
}

impl OAuth {
    /// The endpoints of the tenants in this store.
    pub fn new(store: Store, keys: SigningKeys, triggers: Arc<dyn Triggers>) -> Arc<Self> {
        let grants: Vec<Box<dyn Grant>> = vec![Box::new(client_credentials::ClientCredentials)];
        let documents = Documents::default();
        Arc::new(Self { store, keys, grants, triggers, views: Views::default(), documents })
    }
}

/// The endpoints as one request sees them: what all tenants share, and the tenant that the request is for.
#[derive(Clone)]
pub struct Site {
    oauth: Arc<OAuth>,
    tenant: Tenant,
}

impl Site {
    /// The endpoints for this tenant.
    pub fn new(oauth: Arc<OAuth>, tenant: Tenant) -> Self {
        Self { oauth, tenant }
    }
}

impl Deref for Site {
    type Target = OAuth;

    fn deref(&self) -> &OAuth {
        &self.oauth
    }
}

impl FromRequestParts<Arc<OAuth>> for Site {
    type Rejection = OAuthError;

    async fn from_request_parts(parts: &mut Parts, oauth: &Arc<OAuth>) -> Result<Self, OAuthError> {
        let tenant = parts.extensions.get::<Tenant>().cloned();
        let tenant = tenant.ok_or_else(|| OAuthError::internal("a request without a tenant"))?;
        Ok(Self::new(Arc::clone(oauth), tenant))
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
