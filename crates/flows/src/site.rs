//! The tenants that connections reach: this one without leaving the process, others over https.

use bytes::Bytes;
use http::{Method, Response};
use kernel::{Tenant, host_name, port_of};

use crate::{
    Failure,
    doing::Doing,
    outgoing::{LIMITS, Outgoing},
};

/// A tenant that a connection reaches.
pub(crate) struct Site {
    domain: String,
    /// This tenant itself, by the name that the domain has.
    pub(crate) own: Option<Tenant>,
}

impl Site {
    /// The audience of its Management API.
    pub(crate) fn audience(&self) -> String {
        self.own.as_ref().map_or_else(
            || format!("https://{}/api/v2/", self.domain),
            |tenant| tenant.management_audience().to_owned(),
        )
    }

    /// The custom domain by which this tenant itself is reached.
    pub(crate) fn custom_domain(&self) -> Option<String> {
        let tenant = self.own.as_ref().filter(|tenant| tenant.host() != tenant.domain())?;
        Some(host_name(tenant.host()))
    }

    /// A request to a path of it.
    pub(crate) fn request(&self, method: Method, path: &str) -> Result<Outgoing, Failure> {
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(Failure::invalid("pathname", "a path that begins with a slash"));
        }
        let outgoing = Outgoing::new(method, &format!("https://{}{path}", self.domain))?;
        // A server's tools for developers are no part of a tenant.
        if self.own.is_some() && outgoing.url.path().to_ascii_lowercase().starts_with("/_aught") {
            return Err(Failure::invalid("pathname", "a path of the tenant's"));
        }
        Ok(outgoing)
    }
}

impl Doing<'_> {
    /// The tenant of a domain: this one without leaving the process, where the domain is its own.
    pub(crate) async fn site(&self, domain: &str) -> Result<Site, Failure> {
        let found = self.services.store.tenant_at(domain).await?;
        let is_same_port = |tenant: &Tenant| port_of(domain).is_empty() || port_of(domain) == port_of(tenant.domain());
        let own = found.filter(|found| found.id() == self.tenant.id() && is_same_port(found));
        let domain = own.as_ref().map_or(domain, Tenant::host).to_owned();
        Ok(Site { domain, own })
    }

    /// Sends a request to a tenant.
    pub(crate) async fn send_to(&self, site: &Site, outgoing: Outgoing) -> Result<Response<Bytes>, Failure> {
        let Some(tenant) = &site.own else { return outgoing.send(&self.services.outbound).await };
        let request = outgoing.request(false)?;
        let answered = self.services.own.respond(tenant, request);
        tokio::time::timeout(LIMITS.time, answered)
            .await
            .map_err(|_| outbound::Refused::Timeout(host_name(tenant.host())).into())
    }
}
