//! The client credentials grant (RFC 6749 §4.4): tokens of machines.

mod extensibility;
pub(crate) mod quota;

use std::sync::Arc;

use identity::{Algorithm, Signing, verifier::grant_of};
use kernel::{Document, Record, id, object};
use model::{ORGANIZATION_GRANTS, RESOURCE_SERVER};
use serde_json::json;

use self::quota::{Entity, Quota};
use crate::{
    OAuthError, Site, capabilities,
    log::Subject,
    token::{Exchange, Grant, Granted, Granting},
    v1,
    views::{Client, ClientGrant, ResourceServer, Settings},
};

/// Lifetime of a token where the API sets none, in seconds.
const DAY: i64 = 86_400;
/// The name of this grant in a client's default organization.
const FLOW: &str = "client_credentials";

/// `client_credentials`.
pub(crate) struct ClientCredentials;

impl Grant for ClientCredentials {
    fn name(&self) -> &'static str {
        "client_credentials"
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("seccft", "feccft")
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut Subject) -> Granting<'a> {
        Box::pin(machine_token(exchange, subject))
    }
}

/// An organization on whose behalf a machine acts.
struct Organization {
    record: Arc<Record>,
    /// Only where the tenant shows names in tokens.
    name: Option<String>,
}

async fn machine_token(exchange: Exchange<'_>, subject: &mut Subject) -> Result<Granted, OAuthError> {
    let Exchange { site, record, client, parameters, .. } = exchange;
    if client.token_endpoint_auth_method.as_deref() == Some("none") {
        return Err(OAuthError::unauthorized());
    }
    let requested = parameters.get("audience");
    if requested.is_none() && client.global {
        return Ok(v1::grant(site, client));
    }
    let settings = site.settings().await?;
    let default = settings.default_audience.as_deref().filter(|audience| !audience.is_empty());
    let audience = requested.or(default);
    let audience =
        audience.ok_or_else(|| OAuthError::access_denied("Non-global clients are not allowed access to APIv1"))?;
    subject.audience = Some(audience.to_owned());
    let server = resource_server(site, audience).await?;
    capabilities::admit(client, Some(&*server))?;
    let grant = client_grant(site, record, &server).await?;
    let organization = organization(&exchange, &settings, grant.as_deref()).await?;
    if let Some(organization) = &organization {
        subject.organization_id = Some(organization.record.id.clone());
        subject.organization_name.clone_from(&organization.name);
    }
    let requested = parameters.get("scope");
    let mut scopes = granted_scopes(requested, grant.as_deref(), &server)?;
    subject.scope = Some(scopes.join(" "));
    let verdict = extensibility::fire(&exchange, &server, &scopes, organization.as_ref(), subject).await?;
    extensibility::change_scopes(&verdict, &mut scopes, grant.as_deref(), &server);
    let scope = scopes.join(" ");
    subject.scope = Some(scope.clone());

    let lifetime = server.token_lifetime.unwrap_or(DAY);
    let mut claims = claims(site, &client.id, &server, &scopes, &scope, lifetime, organization.as_ref());
    extensibility::add_claims(site, verdict, &server, &mut claims)?;
    let typ = if is_rfc9068(&server) { "at+jwt" } else { "JWT" };
    let signed = site.keys.sign(site.tenant.id(), signing(&server)?, typ, claims).await?;
    let token = if server.encrypts_tokens() { encrypted(site, &server, &signed)? } else { signed };
    let mut body = Document::new();
    body.insert("access_token".into(), token.into());
    // The service names the scopes where they are not simply those that were asked for.
    if !scope.is_empty() && !is_same_set(requested, &scopes) {
        body.insert("scope".into(), scope.into());
    }
    body.insert("expires_in".into(), lifetime.into());
    body.insert("token_type".into(), "Bearer".into());
    Ok(Granted { quotas: quotas(site, client, &settings, &server, organization.as_ref())?, ..Granted::of(body) })
}

/// The quotas of a token: the client's and the organization's own, else the tenant's. Tokens of the Management API have none.
fn quotas(
    site: &Site,
    client: &Client,
    settings: &Settings,
    server: &ResourceServer,
    organization: Option<&Organization>,
) -> Result<Vec<Quota>, OAuthError> {
    if server.identifier == site.tenant.management_audience() {
        return Ok(Vec::new());
    }
    let default = settings.default_token_quota.clone().unwrap_or_default();
    let of_client = client.token_quota.clone().or(default.clients);
    let of_client = of_client.map(|limits| Quota { entity: Entity::Client, id: client.id.clone(), limits });
    let of_organization = match organization {
        Some(Organization { record, .. }) => {
            let own = record.view::<model::views::Organization>()?.token_quota.or(default.organizations);
            own.map(|limits| Quota { entity: Entity::Organization, id: record.id.clone(), limits })
        }
        None => None,
    };
    Ok(of_client.into_iter().chain(of_organization).collect())
}

async fn resource_server(site: &Site, audience: &str) -> Result<Arc<ResourceServer>, OAuthError> {
    let record = site.store.cached_by(site.tenant.id(), &RESOURCE_SERVER, "identifier", audience).await?;
    let record =
        record.ok_or_else(|| OAuthError::access_denied(format!("Service not enabled within domain: {audience}")))?;
    Ok(site.views.resource_servers.of(site.tenant.id(), &record)?)
}

/// The grant that lets the client use the API; `None` where the API asks for none.
async fn client_grant(
    site: &Site,
    client: &Record,
    server: &ResourceServer,
) -> Result<Option<Arc<ClientGrant>>, OAuthError> {
    let refusal =
        format!("Client \"{}\" is not authorized to access resource server \"{}\".", client.id, server.identifier);
    if server.client_policy() == "deny_all" {
        return Err(OAuthError::access_denied(refusal));
    }
    match grant_of(&site.store, site.tenant.id(), client, &server.identifier, "client").await? {
        Some(record) => Ok(Some(site.views.grants.of(site.tenant.id(), &record)?)),
        None if server.client_policy() == "allow_all" => Ok(None),
        None => {
            let advice = "You need to create a \"client-grant\" associated to this API.";
            Err(OAuthError::access_denied(format!("{refusal} {advice}")))
        }
    }
}

/// The scopes that a token holds: those that were asked for, all of which must be granted, or else all granted ones.
fn granted_scopes(
    requested: Option<&str>,
    grant: Option<&ClientGrant>,
    server: &ResourceServer,
) -> Result<Vec<String>, OAuthError> {
    let Some(requested) = requested.filter(|scope| !scope.trim().is_empty()) else {
        return Ok(match limit(grant) {
            Some(grant) => grant.scope.clone(),
            None => server.all_scopes().map(str::to_owned).collect(),
        });
    };
    let mut scopes: Vec<String> = Vec::new();
    let mut missing = Vec::new();
    for scope in requested.split_whitespace() {
        if !is_granted(scope, grant, server) {
            missing.push(scope);
        } else if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if missing.is_empty() {
        Ok(scopes)
    } else {
        Err(OAuthError::access_denied(format!("Client has not been granted scopes: {}", missing.join(", "))))
    }
}

/// The grant, where it names the scopes that it gives.
fn limit(grant: Option<&ClientGrant>) -> Option<&ClientGrant> {
    grant.filter(|grant| !grant.allow_all_scopes)
}

fn is_granted(scope: &str, grant: Option<&ClientGrant>, server: &ResourceServer) -> bool {
    match limit(grant) {
        Some(grant) => grant.scope.iter().any(|granted| granted == scope),
        None => server.scope_values.contains(scope),
    }
}

fn is_same_set(requested: Option<&str>, granted: &[String]) -> bool {
    let requested: Vec<&str> = requested.unwrap_or_default().split_whitespace().collect();
    granted.iter().all(|scope| requested.contains(&scope.as_str()))
        && requested.iter().all(|scope| granted.iter().any(|known| known == scope))
}

fn is_rfc9068(server: &ResourceServer) -> bool {
    server.token_dialect.as_deref().is_some_and(|dialect| dialect.starts_with("rfc9068"))
}

/// The claims in the service's order (reference: authentication-api §6).
fn claims(
    site: &Site,
    client_id: &str,
    server: &ResourceServer,
    scopes: &[String],
    scope: &str,
    lifetime: i64,
    organization: Option<&Organization>,
) -> Document {
    let now = site.store.context().now().seconds();
    let mut claims = object(json!({
        "iss": site.tenant.issuer(),
        "sub": format!("{client_id}@clients"),
        "aud": server.identifier,
        "iat": now,
        "exp": now.saturating_add(lifetime),
    }));
    if !scope.is_empty() {
        claims.insert("scope".into(), scope.into());
    }
    if let Some(organization) = organization {
        claims.insert("org_id".into(), organization.record.id.as_str().into());
        if let Some(name) = &organization.name {
            claims.insert("org_name".into(), name.as_str().into());
        }
    }
    if is_rfc9068(server) {
        claims.insert("jti".into(), site.store.context().text(id::ALNUM, 22).into());
        claims.insert("client_id".into(), client_id.into());
    } else {
        claims.insert("gty".into(), "client-credentials".into());
        claims.insert("azp".into(), client_id.into());
    }
    let shows_permissions = server.token_dialect.as_deref().is_some_and(|dialect| dialect.ends_with("_authz"));
    if shows_permissions && server.enforce_policies {
        claims.insert("permissions".into(), scopes.into());
    }
    claims
}

fn signing(server: &ResourceServer) -> Result<Signing, OAuthError> {
    let name = server.signing_alg.as_deref().unwrap_or("RS256");
    match Algorithm::named(name) {
        Some(Algorithm::Hs256) => {
            let secret = server.signing_secret.clone();
            let secret = secret.ok_or_else(|| OAuthError::internal("an API that signs with HS256 has no secret"))?;
            Ok(Signing::Shared(secret))
        }
        Some(algorithm) => Ok(Signing::Key(algorithm)),
        None => Err(OAuthError::internal(format!("an API signs with the unknown algorithm {name}"))),
    }
}

fn encrypted(site: &Site, server: &ResourceServer, token: &str) -> Result<String, OAuthError> {
    let recipient = server.recipient.as_ref().and_then(|recipient| recipient.encrypt(site.store.context(), token));
    recipient.ok_or_else(|| OAuthError::internal("tokens of an API cannot be encrypted to its key"))
}

/// The organization that the request names, or the client's default one, as far as the grant allows it.
async fn organization(
    exchange: &Exchange<'_>,
    settings: &Settings,
    grant: Option<&ClientGrant>,
) -> Result<Option<Organization>, OAuthError> {
    let default = exchange.client.default_organization.as_ref();
    let default = default.filter(|default| default.flows.iter().any(|flow| flow == FLOW));
    let named = exchange.parameters.get("organization").or(default.map(|default| default.organization_id.as_str()));
    let usage = grant.and_then(|grant| grant.organization_usage.as_deref()).unwrap_or("deny");
    let Some(named) = named else {
        return match usage {
            "require" => Err(OAuthError::invalid_request("parameter organization is required for this client")),
            _ => Ok(None),
        };
    };
    let Some(grant) = grant.filter(|_| usage != "deny") else {
        return Err(OAuthError::invalid_request("parameter organization is not allowed for this client"));
    };
    let site = exchange.site;
    let record = site.organization_named(named).await?;
    let record = record.ok_or_else(|| OAuthError::invalid_request("the specified organization does not exist"))?;
    if !grant.allow_any_organization {
        let (organization, grant) = (record.id.clone(), grant.id.clone());
        let read = move |reader: &store::Snapshot| reader.relation(&ORGANIZATION_GRANTS, &organization, &grant);
        if site.store.read(site.tenant.id(), read).await?.is_none() {
            let (client, organization) = (&exchange.client.id, &record.id);
            let description =
                format!("Client \"{client}\" is not authorized to access organization \"{organization}\".");
            return Err(OAuthError::access_denied(description));
        }
    }
    let shown = settings.allow_organization_name_in_authentication_api;
    let name = record.text("name").filter(|_| shown).map(str::to_owned);
    Ok(Some(Organization { record, name }))
}
