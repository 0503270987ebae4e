//! The routes of a server: where the protocols' crates are joined.

use axum::Router;
use rest::ApiError;

use crate::{edge::refusal, health, tenant::Tenant};

/// Everything that a server answers.
pub(crate) fn app(tenant: Tenant) -> Router {
    Router::new()
        .merge(health::router(tenant.store))
        .merge(tenant.router)
        .fallback(async || refusal(&ApiError::not_found("Not Found")))
        .method_not_allowed_fallback(async || refusal(&ApiError::not_found("Not Found")))
}
