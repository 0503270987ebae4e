//! `POST /otp/challenge`: a user of a database is sent a code, which the grant exchanges together with what is answered here.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode};
use identity::{
    Error,
    passwordless::{self, Start, Started},
    users::Identifier,
};
use kernel::{Document, id, object};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Snapshot, StoreResult, Tx};

use super::grant::NAME;
use crate::{
    OAuthError, Site,
    client::{self, Authenticated},
    password,
    request::{Incoming, Parameters},
};

/// Under which name sessions are kept.
const KIND: &str = "otp_session";
/// For how long.
const LIFETIME: Duration = Duration::from_secs(900);
/// Characters of one.
const LENGTH: usize = 43;

/// What a session stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) client_id: String,
    pub(super) connection: String,
    pub(super) identifier: String,
    pub(super) is_phone: bool,
    pub(super) allows_signup: bool,
}

/// A refusal: an OAuth error, or one that names fields.
enum Refusal {
    Plain(OAuthError),
    Fields(Vec<(&'static str, &'static str)>),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::Plain(error)
    }
}

/// Answers a request: always with a session, whether there is such a user or not.
pub(crate) async fn challenge(site: Site, request: Request<Body>) -> Response {
    match answer(&site, request).await {
        Ok(session) => Json(json!({"auth_session": session})).into_response(),
        Err(Refusal::Plain(error)) => error.into_response(),
        Err(Refusal::Fields(faults)) => {
            let errors: Vec<Value> =
                faults.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
            let body = json!({
                "error": "invalid_request", "error_description": "Invalid request", "validation_errors": errors,
            });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

async fn answer(site: &Site, request: Request<Body>) -> Result<String, Refusal> {
    let incoming = Incoming::read(request).await?;
    let Authenticated { client, .. } = client::authenticate(site, &incoming).await.map_err(|error| {
        let is_of_client = error.status == StatusCode::UNAUTHORIZED;
        if is_of_client { OAuthError::client_authentication("the client did not prove who it is") } else { error }
    })?;
    if !client.may_use(NAME) {
        return Err(OAuthError::grant_not_allowed(NAME).into());
    }
    if client.app_type.as_deref() == Some("spa") {
        return Err(OAuthError::unauthorized_client("Single page applications cannot use this endpoint.").into());
    }
    let parameters = &incoming.parameters;
    let connection =
        parameters.get("connection").ok_or(Refusal::Fields(vec![("connection", "connection is required")]))?;
    let (kind, identifier) = identifier(parameters).map_err(|fault| Refusal::Fields(vec![fault]))?;
    let is_voice = match parameters.get("delivery_method") {
        None | Some("text") => false,
        Some("voice") if kind == Identifier::Phone => true,
        Some(_) => return Err(Refusal::Fields(vec![("delivery_method", "delivery_method must be text or voice")])),
    };
    let asked = Asked {
        client_id: client.id.clone(),
        connection: connection.to_owned(),
        identifier: identifier.to_owned(),
        is_phone: kind == Identifier::Phone,
        allows_signup: parameters.get("allow_signup") == Some("true"),
    };
    let start = Start {
        connection: asked.connection.clone(),
        kind: Some(kind),
        identifier: asked.identifier.clone(),
        is_voice,
        allows_signup: asked.allows_signup,
        ..Start::default()
    };
    let actor = password::actor(site, &incoming.origin, Some(&client.id));
    let work = move |tx: &mut Tx| {
        let started = passwordless::start(tx, &actor, &start)?;
        let session = tx.context().text(id::BASE64URL, LENGTH);
        if matches!(started, Started::Well { .. }) {
            let expires = tx.now() + LIFETIME;
            tx.put_single_use(KIND, &session, object(json!(asked)), None, expires)?;
        }
        Ok::<_, Error>((started, session))
    };
    let (started, session) = site.store.write(site.tenant.id(), work).await.map_err(|error| match error {
        Error::ConnectionMissing | Error::ConnectionDisabled => OAuthError::invalid_connection(),
        error => error.into(),
    })?;
    match started {
        Started::Well { .. } => Ok(session),
        Started::Malformed if kind == Identifier::Phone => {
            Err(Refusal::Fields(vec![("phone_number", "phone_number is invalid")]))
        }
        Started::Malformed => Err(Refusal::Fields(vec![("email", "email is invalid")])),
        Started::TooOften => Err(OAuthError::too_many_requests().into()),
        Started::Limited(limited) => Err(OAuthError::limited(limited).into()),
    }
}

fn identifier(parameters: &Parameters) -> Result<(Identifier, &str), (&'static str, &'static str)> {
    match (parameters.get("email"), parameters.get("phone_number")) {
        (Some(email), None) => Ok((Identifier::Email, email)),
        (None, Some(number)) => Ok((Identifier::Phone, number)),
        (Some(_), Some(_)) => Err(("email", "Only one of email and phone_number can be provided")),
        (None, None) => Err(("email", "Either email or phone_number must be provided")),
    }
}

/// What a session stands for. It is not used up.
pub(super) fn look_up(reader: &Snapshot, session: &str) -> StoreResult<Option<Asked>> {
    let Some(found) = reader.peek_single_use(KIND, session)? else { return Ok(None) };
    let payload: Document = found.payload;
    Ok(Some(serde_json::from_value(payload.into())?))
}

/// Ends a session.
pub(super) fn end(tx: &mut Tx, session: &str) -> StoreResult<()> {
    tx.consume_single_use(KIND, session).map(drop)
}
