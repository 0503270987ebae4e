//! `/co/authenticate`: what a user entered on a page of another origin becomes a login ticket.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use identity::{
    login::{Attempt, LoggedIn},
    passwordless::Presented,
};
use kernel::Secret;
use model::views::Strategy;
use serde_json::json;
use store::{Snapshot, Tx};

use super::{origin, ticket};
use crate::{
    OAuthError, Site,
    authorize::browser::{self, Visit},
    log, password, passwordless,
    request::Parameters,
    views::Client,
};

/// By a password, at the tenant's default directory.
const PASSWORD: &str = "password";
/// By a password, at a connection that is named.
const REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";
/// By a code, at a connection that is named.
const OTP: &str = "http://auth0.com/oauth/grant-type/passwordless/otp";
/// What a browser may send a script's request with.
const METHODS: &str = "POST,OPTIONS";

/// How the user shows who they are.
enum Credential {
    Password { realm: Option<String>, password: Secret },
    Code { realm: String, code: Secret },
}

/// What the script sends.
struct Asked {
    username: String,
    credential: Credential,
}

/// `OPTIONS`: a browser asks for a script whether it may send. Which client is meant stands in the request that follows, and is judged there.
pub(crate) async fn preflight(request: Request<Body>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let origin = header_text(request.headers(), &header::ORIGIN);
    if origin::is_origin(&origin) {
        let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        allow(&mut response, &origin);
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        let wanted = wanted.unwrap_or(HeaderValue::from_static("Content-Type"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
        headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    }
    response
}

/// `POST`.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let origin = header_text(request.headers(), &header::ORIGIN);
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return OAuthError::from(error).into_response(),
    };
    let client = match client_of(&site, &parameters).await {
        Ok(client) => client,
        Err(error) => return error.into_response(),
    };
    if !origin::is_allowed(&origin, &client) {
        return refuse_origin(&site, &visit, &client, &origin).await;
    }
    let mut response = match answer(&site, &visit, &parameters, &client, &origin).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    allow(&mut response, &origin);
    response
}

async fn client_of(site: &Site, parameters: &Parameters) -> Result<std::sync::Arc<Client>, OAuthError> {
    let id = parameters.get("client_id").ok_or_else(|| invalid_body("otp"))?;
    let record = site.store.cached(site.tenant.id(), &model::CLIENT, id).await?;
    let unknown = || OAuthError::invalid_request(format!("Unknown client: {}", crate::error::shortened(id)));
    let record = record.ok_or_else(unknown)?;
    Ok(site.views.clients.of(site.tenant.id(), &record)?)
}

/// Verifies who the user is, and gives a ticket. The tenant's log hears of either.
async fn answer(
    site: &Site,
    visit: &Visit,
    parameters: &Parameters,
    client: &Client,
    origin: &str,
) -> Result<Response, OAuthError> {
    let mut subject = log::Subject::default();
    subject.of_client(client);
    subject.user_name = parameters.get("username").map(str::to_owned);
    let logged_in = match log_in(site, visit, parameters, client).await {
        Ok(logged_in) => logged_in,
        Err(error) => {
            let error = worded(error);
            let entry = log::cross_origin(site, &visit.origin, &subject, Some(&error));
            let note = move |tx: &mut Tx| tx.append_log(entry.clone()).map(drop);
            site.store.write(site.tenant.id(), note).await?;
            return Err(error);
        }
    };
    let (LoggedIn { user, realm, .. }, method) = logged_in;
    subject.user_id = Some(user.id.clone());
    subject.user_name = log::name_of(&user);
    subject.connection = Some([realm.name.clone(), realm.id.clone(), realm.strategy.to_string()]);
    let now = site.store.context().now();
    let authentication = realm.authentication(&user, method, now, false);
    let cookie = ticket::cookie(site, &visit.browser).unwrap_or_else(|| ticket::new_cookie(site));
    let set_cookie = ticket::set_cookie(site, &visit.browser, &cookie);
    let (client_id, origin) = (client.id.clone(), origin.to_owned());
    let entry = log::cross_origin(site, &visit.origin, &subject, None);
    let issue = move |tx: &mut Tx| {
        tx.append_log(entry.clone())?;
        ticket::issue(tx, &client_id, &origin, &cookie, authentication.clone())
    };
    let given = site.store.write(site.tenant.id(), issue).await?;
    let body = json!({
        "login_ticket": given.ticket.reveal(), "co_verifier": given.verifier.reveal(), "co_id": given.id,
    });
    let mut response = Json(body).into_response();
    crate::error::not_stored(&mut response);
    browser::set_cookies(&mut response, &[set_cookie]);
    Ok(response)
}

/// Who the user is, and how that was shown.
async fn log_in(
    site: &Site,
    visit: &Visit,
    parameters: &Parameters,
    client: &Client,
) -> Result<(LoggedIn, &'static str), OAuthError> {
    let Asked { username, credential } = asked(parameters)?;
    if !client.cross_origin_authentication || client.is_strict() || client.global {
        return Err(OAuthError::cross_origin("Cross origin login not allowed."));
    }
    let actor = password::actor(site, &visit.origin, Some(&client.id));
    match credential {
        Credential::Password { realm, password } => {
            if site.puzzles(&visit.origin.ip).await?.password {
                return Err(OAuthError::requires_verification());
            }
            let connection = if let Some(realm) = realm {
                connection_of(site, &realm, &client.id).await?
            } else {
                let directory = site.settings().await?.default_directory.clone();
                directory.filter(|name| !name.is_empty()).ok_or_else(OAuthError::no_default_connection)?
            };
            let attempt =
                Attempt { connection, identifier: username, kinds: Vec::new(), password, organization_id: None };
            Ok((password::log_in(site, &actor, attempt).await?, "pwd"))
        }
        Credential::Code { realm, code } => {
            let connection = connection_of(site, &realm, &client.id).await?;
            let presented = Presented { connection, kind: None, identifier: username, code, allows_signup: true };
            match passwordless::log_in(site, &actor, presented).await? {
                Ok(found) => {
                    let is_phone = found.realm.strategy == Strategy::Sms;
                    Ok((found, if is_phone { "sms" } else { "email" }))
                }
                Err((refusal, is_phone)) => Err(passwordless::refused(refusal, is_phone)),
            }
        }
    }
}

async fn connection_of(site: &Site, realm: &str, client_id: &str) -> Result<String, OAuthError> {
    let (wanted, client_id) = (realm.to_owned(), client_id.to_owned());
    let find = move |reader: &Snapshot| password::connection_named(reader, &wanted, &client_id);
    let connection = site.store.read(site.tenant.id(), find).await?;
    connection.ok_or_else(|| OAuthError::invalid_request(format!("Unknown realm {realm}.")))
}

/// Reads a request, which holds what its kind of login needs and nothing else.
fn asked(parameters: &Parameters) -> Result<Asked, OAuthError> {
    let kind = parameters.get("credential_type").ok_or_else(|| invalid_body("otp"))?;
    let (secret, has_realm) = match kind {
        PASSWORD => ("password", false),
        REALM => ("password", true),
        OTP => ("otp", true),
        _ => return Err(OAuthError::bad("unsupported_credential_type", "Unknown credential type parameter.")),
    };
    let mut expected = vec!["client_id", "credential_type", "username", secret];
    if has_realm {
        expected.push("realm");
    }
    let is_complete = expected.iter().all(|name| parameters.get(name).is_some());
    if !is_complete || parameters.iter().any(|(name, _)| !expected.contains(&name)) {
        return Err(invalid_body(secret));
    }
    let realm = || parameters.require("realm").map(str::to_owned);
    let presented = Secret::new(parameters.require(secret)?);
    let credential = match kind {
        OTP => Credential::Code { realm: realm()?, code: presented },
        _ => Credential::Password { realm: if has_realm { Some(realm()?) } else { None }, password: presented },
    };
    Ok(Asked { username: parameters.require("username")?.to_owned(), credential })
}

fn invalid_body(secret: &str) -> OAuthError {
    OAuthError::invalid_request(format!(
        "Invalid request body. All and only of client_id, credential_type, username, {secret}, realm are required."
    ))
}

/// A refusal in the words that scripts of such pages know.
fn worded(error: OAuthError) -> OAuthError {
    match &*error.code {
        "invalid_grant" => OAuthError { code: "access_denied".into(), ..error },
        "unauthorized" if error.description == OAuthError::blocked().description => {
            OAuthError { code: "blocked_user".into(), description: "Blocked user".into(), ..error }
        }
        _ => error,
    }
}

/// Refuses a script of an origin that is none of the client's.
async fn refuse_origin(site: &Site, visit: &Visit, client: &Client, origin: &str) -> Response {
    let shown = crate::error::shortened(origin);
    let text = format!("Origin {shown} is not allowed.");
    let details = json!({
        "allowedOrigins": client.allowed_origins,
        "webOrigins": client.web_origins,
        "origin": shown,
        "originUrl": "/co/authenticate",
        "host": site.tenant.host(),
        "method": "POST",
        "xhr": true,
    });
    let mut subject = log::Subject::default();
    subject.of_client(client);
    match log::append(site, "fco", &text, &visit.origin, subject, details).await {
        Ok(()) => (StatusCode::FORBIDDEN, text).into_response(),
        Err(error) => OAuthError::from(error).into_response(),
    }
}

/// Lets a script of this origin read the response, and use the browser's cookies.
fn allow(response: &mut Response, origin: &str) {
    let Ok(origin) = HeaderValue::from_str(origin) else { return };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

fn header_text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
