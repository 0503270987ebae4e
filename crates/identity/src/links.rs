//! The domain that links to a tenant's pages name.

use kernel::port_of;
use model::CUSTOM_DOMAIN;
use store::{Filter, Query, Snapshot};

use crate::{Actor, Error, Result};

pub use crate::refusals::LinkError;

/// The domain that links name: the one that the request asks for, else the default custom domain, else the tenant's own.
///
/// # Errors
/// [`Error::Link`], where that is none.
pub fn domain(reader: &Snapshot, actor: &Actor) -> Result<String> {
    // The same server answers for all of them, on the same port.
    let with_port = |name: &str| format!("{name}{}", port_of(&actor.domain));
    let verified = reader.list(&CUSTOM_DOMAIN, &Query::of(Filter::equals("status", "ready")))?.items;
    if let Some(wanted) = &actor.custom_domain {
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
        if wanted.is_empty() || !wanted.bytes().all(is_host) {
            return Err(Error::Link(LinkError::Malformed));
        }
        if *wanted == actor.domain {
            return Ok(wanted.clone());
        }
        let is_known = verified.iter().any(|domain| domain.text("domain") == Some(wanted));
        return if is_known { Ok(with_port(wanted)) } else { Err(Error::Link(LinkError::Unknown)) };
    }
    match verified.iter().find(|domain| domain.is("is_default")) {
        Some(default) => Ok(with_port(default.text("domain").unwrap_or_default())),
        None if verified.len() > 1 => Err(Error::Link(LinkError::Ambiguous)),
        None => Ok(actor.domain.clone()),
    }
}
