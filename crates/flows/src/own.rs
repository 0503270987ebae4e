//! The tenant itself, called without leaving the process.

use bytes::Bytes;
use http::{Request, Response};
use kernel::Tenant;

use crate::BoxFuture;

/// Answers requests to a tenant as from outside: with its tokens, scopes, rules and log entries.
pub trait OwnTenant: Send + Sync {
    /// The response to a request; its target is a path.
    fn respond<'a>(&'a self, tenant: &'a Tenant, request: Request<Bytes>) -> BoxFuture<'a, Response<Bytes>>;
}

impl std::fmt::Debug for dyn OwnTenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnTenant")
    }
}
