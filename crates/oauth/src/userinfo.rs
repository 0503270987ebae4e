//! `GET` and `POST /userinfo` (OpenID Connect Core §5.3): what an access token lets its client know about the user.

use axum::{
    Json,
    body::{Body, to_bytes},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, Request, StatusCode, header};
use identity::{AccessToken, TokenError};
use kernel::{Document, Value};
use model::{
    CLIENT, USER,
    views::{User, View as _},
};
use serde_json::json;

use crate::{
    OAuthError, Site,
    error::not_stored,
    issue::{self, Organization},
    opaque::{self, Opaque},
    profile,
    request::Parameters,
};

/// Longest form that may bring the token.
const LONGEST_BODY: usize = 160 * 1024;

/// What a token lets its bearer know.
struct Access {
    user_id: String,
    client_id: Option<String>,
    scopes: Vec<String>,
    organization: Option<Organization>,
    actor: Option<Value>,
    claims: Document,
}

/// Why a token opens nothing (RFC 6750 §3.1).
enum Refusal {
    /// There is no token.
    Missing,
    /// There is more than one, or the request cannot be read.
    Malformed,
    /// It is not, or no more, a token of ours for this endpoint.
    Invalid,
    /// It does not hold `openid`.
    Insufficient,
    /// Something failed inside.
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Answers a request.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let mut response = match answer(&site, request).await {
        Ok(claims) => Json(claims).into_response(),
        Err(refusal) => refuse(refusal),
    };
    not_stored(&mut response);
    response
}

async fn answer(site: &Site, request: Request<Body>) -> Result<Document, Refusal> {
    let token = presented(request).await?;
    let access = open(site, &token).await?;
    if let Some(id) = &access.client_id
        && let Some(client) = site.store.cached(site.tenant.id(), &CLIENT, id).await?
        && site.views.clients.of(site.tenant.id(), &client)?.is_strict()
    {
        return Err(Refusal::Invalid);
    }
    if !access.scopes.iter().any(|scope| scope == "openid") {
        return Err(Refusal::Insufficient);
    }
    let user = site.store.cached(site.tenant.id(), &USER, &access.user_id).await?.ok_or(Refusal::Invalid)?;
    if User::of(&user)?.blocked {
        return Err(Refusal::Invalid);
    }
    let mut claims = Document::new();
    claims.insert("sub".into(), user.id.as_str().into());
    claims.extend(profile::claims(&user, &access.scopes));
    issue::add_organization(access.organization.as_ref(), &mut claims);
    issue::add_actor(access.actor.as_ref(), &mut claims);
    for (name, value) in access.claims {
        let is_shown = identity::claims::admits(&name, false) && !profile::leaves_out(&name, &access.scopes);
        if is_shown {
            claims.insert(name, value);
        }
    }
    Ok(claims)
}

/// The one token of the request: in its header, or in a form (RFC 6750 §2.1, §2.2). One in the query is not taken: servers log
/// queries.
async fn presented(request: Request<Body>) -> Result<String, Refusal> {
    let (parts, body) = request.into_parts();
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let mut tokens: Vec<String> = Vec::new();
    if let Some((scheme, token)) = header.and_then(|value| value.trim().split_once(' '))
        && scheme.eq_ignore_ascii_case("bearer")
    {
        tokens.push(token.trim().to_owned());
    }
    if parts.method == Method::POST {
        let bytes = to_bytes(body, LONGEST_BODY).await.map_err(|_| Refusal::Malformed)?;
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let parameters = Parameters::parse(content_type, &bytes).map_err(|_| Refusal::Malformed)?;
        tokens.extend(parameters.get("access_token").map(str::to_owned));
    }
    let token = tokens.pop().filter(|token| !token.is_empty()).ok_or(Refusal::Missing)?;
    if tokens.is_empty() { Ok(token) } else { Err(Refusal::Malformed) }
}

async fn open(site: &Site, token: &str) -> Result<Access, Refusal> {
    if token.bytes().filter(|byte| *byte == b'.').count() == 2 {
        let verified = site.user_tokens.verify(&site.tenant, token).await.map_err(|error| match error {
            TokenError::Failed(error) => Refusal::from(error),
            _ => Refusal::Invalid,
        })?;
        let AccessToken { subject, client_id, scopes, is_user: true, organization, organization_name, actor, .. } =
            &*verified
        else {
            return Err(Refusal::Invalid);
        };
        let named = |id: &String| Organization { id: id.clone(), name: organization_name.clone() };
        return Ok(Access {
            user_id: subject.clone(),
            client_id: client_id.clone(),
            scopes: scopes.clone(),
            organization: organization.as_ref().map(named),
            actor: actor.clone(),
            claims: Document::new(),
        });
    }
    let opened = opaque::open(site, token).await?.ok_or(Refusal::Invalid)?;
    let scopes = opened.scope.split_ascii_whitespace().map(str::to_owned).collect();
    let Opaque { user_id, client_id, organization, actor, claims, .. } = opened;
    Ok(Access { user_id, client_id: Some(client_id), scopes, organization, actor, claims })
}

fn refuse(refusal: Refusal) -> Response {
    let (status, code, description) = match refusal {
        Refusal::Failed(error) => return error.into_response(),
        Refusal::Missing => {
            let mut response = (StatusCode::UNAUTHORIZED, "Unauthorized").into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
        Refusal::Malformed => (StatusCode::BAD_REQUEST, "invalid_request", "The request holds no single access token"),
        Refusal::Invalid => (StatusCode::UNAUTHORIZED, "invalid_token", "Unauthorized"),
        Refusal::Insufficient => {
            (StatusCode::FORBIDDEN, "insufficient_scope", "The access token lacks the scope openid")
        }
    };
    let mut response = (status, Json(json!({"error": code, "error_description": description}))).into_response();
    let challenge = format!("Bearer error=\"{code}\", error_description=\"{description}\"");
    let challenge = HeaderValue::from_str(&challenge).expect("these texts make a header");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
