//! The tenant log entry of a token exchange (reference: logs §1).

use identity::triggers::Execution;
use kernel::{Document, Timestamp, Value, object, user_agent};
use serde_json::json;

use crate::{OAuthError, Site, request::Origin, views::Client};

/// What an exchange was about, as far as it came.
#[derive(Clone, Default)]
pub(crate) struct Subject {
    pub(crate) client_id: Option<String>,
    pub(crate) client_name: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) organization_id: Option<String>,
    pub(crate) organization_name: Option<String>,
    /// What the tenant's code did; stored with the entry that names it.
    pub(crate) execution: Option<Execution>,
}

impl Subject {
    /// Notes the client.
    pub(crate) fn of_client(&mut self, client: &Client) {
        self.client_id = Some(client.id.clone());
        self.client_name = Some(client.name.clone());
    }
}

/// The entry of an exchange of this `type`, in the service's order of keys and with its empty values.
pub(crate) fn exchange(
    site: &Site,
    kind: &str,
    origin: &Origin,
    subject: &Subject,
    error: Option<&OAuthError>,
    now: Timestamp,
) -> Document {
    let mut event = object(json!({
        "date": now,
        "type": kind,
        "description": error.map_or("", OAuthError::log_description),
        "connection": null,
        "connection_id": "",
        "organization_id": subject.organization_id,
        "organization_name": subject.organization_name,
        "client_id": subject.client_id,
        "client_name": subject.client_name,
        "ip": origin.ip,
        "hostname": site.tenant.host(),
        "details": details(subject, error),
        "user_id": "",
        "user_name": "",
        "user_agent": user_agent::summary(&origin.user_agent),
        "audience": subject.audience,
        "scope": subject.scope,
        "strategy": null,
        "strategy_type": null,
        "isMobile": user_agent::is_mobile(&origin.user_agent),
        "location_info": null,
    }));
    if let Some(library) = &origin.library {
        event.insert("auth0_client".into(), Value::Object(library.clone()));
    }
    event
}

/// `null` where there is nothing to tell.
fn details(subject: &Subject, error: Option<&OAuthError>) -> Value {
    let mut details = Document::new();
    if let Some(reason) = error.and_then(|error| error.authentication) {
        details.insert("client_authentication_error".into(), reason.into());
    }
    if let Some(execution) = &subject.execution {
        details.insert("actions".into(), json!({ "executions": [execution.id] }));
    }
    if details.is_empty() { Value::Null } else { details.into() }
}
