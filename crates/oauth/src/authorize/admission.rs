//! Whether an authorization request is admitted: what it asks, by whom, and what it names (reference: authentication-api §3).

use std::sync::Arc;

use kernel::Record;
use model::views::{Connection, View as _};

use super::{
    AuthorizationError, AuthorizationRequest, addressee::Addressee, failure::Failure, login::Asked, organization,
    redirect_uri, strict,
};
use crate::{
    OAuthError, Site, capabilities, par,
    request::Parameters,
    views::{Client, ResourceServer, Settings},
};

/// Validates a request that a client hands in beforehand, as far as it stands alone: what it names need not be there yet.
pub(crate) async fn validate(site: &Site, parameters: &Parameters) -> Result<(), OAuthError> {
    match recognize(site, parameters).await {
        Ok(_) => Ok(()),
        Err(Failure::Page(error) | Failure::Redirect(_, error)) => Err(error.into()),
        Err(Failure::Lost) => Err(OAuthError::invalid_request("The request is invalid")),
    }
}

/// Validates a request.
pub(super) async fn judge(site: &Site, parameters: &Parameters) -> Result<Asked, Failure> {
    let mut asked = recognize(site, parameters).await?;
    let admitted = admit(site, &asked).await;
    (asked.api, asked.organization) =
        admitted.map_err(|error| Failure::Redirect(asked.request.addressee.clone(), error))?;
    Ok(asked)
}

/// Validates a request without what it names beside its client. What is wrong before the redirect URI is known to be the client's is shown on
/// a page, never sent.
async fn recognize(site: &Site, parameters: &Parameters) -> Result<Asked, Failure> {
    let client_id = parameters.get("client_id");
    let client_id = client_id.ok_or_else(|| Failure::Page(AuthorizationError::missing("client_id")))?;
    let record = site.store.cached(site.tenant.id(), &model::CLIENT, client_id).await.map_err(Failure::inside)?;
    let record = record.ok_or_else(|| Failure::Page(AuthorizationError::unknown_client(client_id)))?;
    let client = site.views.clients.of(site.tenant.id(), &record).map_err(Failure::inside)?;
    if client.global {
        return Err(Failure::Page(AuthorizationError::unknown_client(client_id)));
    }
    let completed = with_audience(parameters, &*site.settings().await.map_err(Failure::inside)?);
    let parameters = &completed;
    let redirect_uri = match parameters.get("redirect_uri") {
        Some(asked) if redirect_uri::is_registered(asked, &client.callbacks, client.is_native()) => asked,
        Some(asked) => return Err(Failure::Page(AuthorizationError::callback_mismatch(asked).of(client_id))),
        // A pattern stands for many places, of which none is meant.
        None => client
            .callbacks
            .iter()
            .find(|uri| !uri.contains("://*."))
            .map(String::as_str)
            .ok_or_else(|| Failure::Page(AuthorizationError::missing("redirect_uri").of(client_id)))?,
    };
    let mut addressee = Addressee::of(parameters, redirect_uri, can_receive_messages(&client, redirect_uri));
    let policy = client.redirection_policy.as_deref();
    addressee.shows_errors = policy.map_or(client.is_strict(), |policy| policy == "open_redirect_protection");
    let fail = |error: AuthorizationError| Failure::Redirect(addressee.clone(), error.of(client_id));
    // What is missing may stand in the object that nobody reads.
    if parameters.get("request").is_some() {
        let text = "Signed authorization requests are not supported";
        return Err(fail(AuthorizationError::new("request_not_supported", text)));
    }
    let mut request = AuthorizationRequest::parse(client_id, addressee.clone(), parameters).map_err(fail)?;
    admit_client(parameters, &request, &client).map_err(fail)?;
    if client.is_strict() {
        strict::limit(&mut request);
    }
    Ok(Asked { request, record, client, api: None, organization: None, parameters: completed })
}

/// The parameters with an audience: that of `resource` (RFC 8707), where the tenant lets it say so.
fn with_audience(parameters: &Parameters, settings: &Settings) -> Parameters {
    let mut parameters = parameters.clone();
    if settings.resource_parameter_profile.as_deref() == Some("compatibility")
        && parameters.get("audience").is_none()
        && let Some(resource) = parameters.get("resource").map(str::to_owned)
    {
        parameters.set("audience", &resource);
    }
    parameters
}

/// Whether the client may ask in this way.
fn admit_client(
    parameters: &Parameters,
    request: &AuthorizationRequest,
    client: &Client,
) -> Result<(), AuthorizationError> {
    capabilities::admit_request(client, parameters)?;
    if client.require_pushed_authorization_requests && parameters.get(par::PUSHED).is_none() {
        return Err(AuthorizationError::invalid_request("Pushed Authorization Requests are required"));
    }
    if client.is_strict() {
        strict::admit(parameters, request)?;
    }
    let grants =
        [(request.response_type.code, "authorization_code"), (request.response_type.issues_tokens(), "implicit")];
    for (is_needed, grant) in grants {
        if is_needed && !client.may_use(grant) {
            let text = format!("Grant type '{grant}' not allowed for the client.");
            return Err(AuthorizationError::new("unauthorized_client", text));
        }
    }
    Ok(())
}

/// What the tenant's records say about what a request names. Gives the API and the organization.
async fn admit(
    site: &Site,
    asked: &Asked,
) -> Result<(Option<Arc<ResourceServer>>, Option<Arc<Record>>), AuthorizationError> {
    let Asked { request, record, client, .. } = asked;
    if client.is_strict() {
        strict::admit_rules(site).await?;
    }
    if let Some(name) = &request.connection {
        admit_connection(site, name, &record.id).await?;
    }
    let organization = organization::admit(site, request, client).await?;
    let api = site.api_asked(request.audience.as_deref(), record, client).await?;
    capabilities::admit(client, api.as_deref())?;
    Ok((api, organization))
}

/// The connection must exist and be enabled for the client.
async fn admit_connection(site: &Site, name: &str, client_id: &str) -> Result<(), AuthorizationError> {
    let connection = site.store.cached_by(site.tenant.id(), &model::CONNECTION, "name", name).await?;
    let connection = connection.ok_or_else(|| AuthorizationError::invalid_request("the connection was not found"))?;
    let (meant, client_id) = (Arc::clone(&connection), client_id.to_owned());
    let read = move |reader: &store::Snapshot| identity::connections::is_used(reader, &meant, &client_id);
    if !site.store.read(site.tenant.id(), read).await? {
        return Err(AuthorizationError::invalid_request("the connection is not enabled"));
    }
    let strategy = Connection::of(&connection)?.strategy;
    if strategy.is_database() || strategy.is_passwordless() {
        return Ok(());
    }
    let text = format!("Connections of the strategy {strategy} are not available on this server");
    Err(AuthorizationError::invalid_request(text))
}

/// Whether the origin of the redirect URI may get web messages.
fn can_receive_messages(client: &Client, redirect_uri: &str) -> bool {
    let origin = |uri: &str| url::Url::parse(uri).ok().map(|url| url.origin()).filter(url::Origin::is_tuple);
    let asked = origin(redirect_uri);
    asked.is_some() && client.web_origins.iter().any(|allowed| origin(allowed) == asked)
}
