//! `POST /oauth/token`: client authentication, then the grant that the request names.

use std::pin::Pin;

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Request, header};
use identity::{expiring, triggers};
use kernel::{Document, Record, Timestamp};
use store::{Kind, StoreError, Tx};

use crate::{
    OAuthError, Site,
    client::{self, Authenticated},
    client_credentials::quota::{self, Quota, Taken},
    error::{challenge, not_stored},
    log,
    log::Subject,
    request::{Incoming, Origin, Parameters},
    third_parties,
    views::Client,
};

/// The future of a grant.
pub(crate) type Granting<'a> = Pin<Box<dyn Future<Output = Result<Granted, OAuthError>> + Send + 'a>>;

/// A way to get a token: one `grant_type`.
pub(crate) trait Grant: Send + Sync {
    /// `grant_type`.
    fn name(&self) -> &'static str;

    /// Types of the tenant log entries of success and failure.
    fn log_types(&self) -> (&'static str, &'static str);

    /// Whether the client's `grant_types` say if it may use this.
    fn is_by_grant_type(&self) -> bool {
        true
    }

    /// Judges the request of an authenticated client that may use this grant, and makes its tokens. What it learns
    /// about the request goes to `subject`, also when it fails.
    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut Subject) -> Granting<'a>;
}

/// A request for a token by a client that has shown who it is.
pub(crate) struct Exchange<'a> {
    pub(crate) site: &'a Site,
    pub(crate) record: &'a Record,
    pub(crate) client: &'a Client,
    pub(crate) parameters: &'a Parameters,
    pub(crate) origin: &'a Origin,
}

impl Exchange<'_> {
    /// The request, as the tenant's code is told it.
    pub(crate) fn told(&self) -> triggers::Request {
        let Self { site, parameters, origin, .. } = self;
        triggers::Request {
            ip: origin.ip.clone(),
            method: "POST".to_owned(),
            body: parameters.all(),
            query: Document::new(),
            hostname: site.tenant.host().to_owned(),
            user_agent: origin.user_agent.clone(),
            language: origin.language.clone(),
            country: origin.country,
        }
    }
}

/// Stores what a response rests on.
pub(crate) type Storing = Box<dyn Fn(&mut Tx) -> Result<Stored, OAuthError> + Send>;

/// What came of storing.
pub(crate) enum Stored {
    /// The response stands; members of it that only this makes known.
    Members(Document),
    /// There is no response, and yet what was changed stays changed.
    Refused(OAuthError),
}

/// What a grant gives.
pub(crate) struct Granted {
    /// The answer.
    pub(crate) body: Document,
    /// What must be stored before the answer is sent.
    pub(crate) keep: Vec<Kept>,
    /// What else must be done before that, in the same transaction.
    pub(crate) storing: Option<Storing>,
    /// What only one request at a time may change: a code or refresh token that many present at once.
    pub(crate) alone: Option<String>,
    /// Of which quotas a token is taken.
    pub(crate) quotas: Vec<Quota>,
}

/// The answer to a request.
struct Answer {
    body: Document,
    headers: HeaderMap,
}

impl Granted {
    /// A response for which nothing is stored.
    pub(crate) fn of(body: Document) -> Self {
        Self { body, keep: Vec::new(), storing: None, alone: None, quotas: Vec::new() }
    }
}

/// Something to be stored until it expires.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) kind: &'static Kind,
    pub(crate) secret: String,
    pub(crate) document: Document,
    pub(crate) expires: Timestamp,
}

/// Answers a request.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let has_header = request.headers().contains_key(header::AUTHORIZATION);
    match answer(&site, request).await {
        Ok(Answer { body, headers }) => {
            let mut response = Json(body).into_response();
            response.headers_mut().extend(headers);
            not_stored(&mut response);
            response
        }
        Err(error) => {
            let mut response = error.into_response();
            if has_header {
                challenge(&mut response);
            }
            response
        }
    }
}

async fn answer(site: &Site, request: Request<Body>) -> Result<Answer, OAuthError> {
    let incoming = Incoming::read(request).await?;
    let name = incoming.parameters.require("grant_type")?;
    let grant = site.grants.iter().find(|grant| grant.name() == name);
    let grant = grant.ok_or_else(|| OAuthError::unsupported_grant(name))?;
    let mut origin = incoming.origin.clone();
    let mut subject = Subject {
        client_id: client::claimed(&incoming),
        audience: incoming.parameters.get("audience").map(str::to_owned),
        scope: incoming.parameters.get("scope").map(str::to_owned),
        ..Subject::default()
    };
    let outcome = granted(site, &**grant, &incoming, &mut origin, &mut subject).await;
    let (success, failure) = grant.log_types();
    let outcome = match outcome {
        Ok(granted) => commit(site, success, &origin, &subject, granted).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        let event = log::exchange(
            site,
            error.log_type.unwrap_or(failure),
            &origin,
            &subject,
            Some(error),
            site.store.context().now(),
        );
        let executions = subject.executions;
        let work = move |tx: &mut store::Tx| {
            triggers::keep(tx, &executions)?;
            tx.append_log(event.clone()).map(drop)
        };
        let appended = site.store.write(site.tenant.id(), work).await;
        if let Err::<(), StoreError>(lost) = appended {
            tracing::error!(error = %lost, "a failed exchange could not be logged");
        }
    }
    outcome
}

async fn granted(
    site: &Site,
    grant: &dyn Grant,
    incoming: &Incoming,
    origin: &mut Origin,
    subject: &mut Subject,
) -> Result<Granted, OAuthError> {
    let authenticated = client::authenticate(site, incoming).await?;
    authenticated.place(origin);
    let Authenticated { record, client, .. } = authenticated;
    subject.of_client(&client);
    third_parties::admit_grant(&client, grant.name())?;
    // Clients from before the property existed, and the global client, have none: they may use every grant.
    let is_allowed = !grant.is_by_grant_type()
        || client.grant_types.as_ref().is_none_or(|types| types.iter().any(|name| name == grant.name()));
    if !is_allowed {
        return Err(OAuthError::grant_not_allowed(grant.name()));
    }
    let parameters = &incoming.parameters;
    let exchange = Exchange { site, record: &record, client: &client, parameters, origin };
    grant.exchange(exchange, subject).await
}

/// Stores what belongs to the tokens together with the log entry. Only then may they be sent.
async fn commit(
    site: &Site,
    log_type: &str,
    origin: &Origin,
    subject: &Subject,
    granted: Granted,
) -> Result<Answer, OAuthError> {
    let Granted { mut body, keep, storing, alone, quotas } = granted;
    let event = log::exchange(site, log_type, origin, subject, None, site.store.context().now());
    let executions = subject.executions.clone();
    let (warned, from) = (subject.clone(), origin.clone());
    let warn = {
        let site = site.clone();
        move |(description, details): (String, Document), now| {
            log::quota(&site, &description, &from, &warned, details, now)
        }
    };
    let work = move |tx: &mut Tx| -> Result<(Stored, HeaderMap), OAuthError> {
        let Taken { mut headers, refusal, warnings } = quota::take(tx, &quotas)?;
        if let Some(mut refusal) = refusal {
            headers.extend(refusal.headers.take().into_iter().flat_map(|headers| *headers));
            return Ok((Stored::Refused(refusal.with_headers(headers)), HeaderMap::new()));
        }
        for warning in warnings {
            tx.append_log(warn(warning, tx.now()))?;
        }
        for kept in &keep {
            expiring::keep_secret(tx, kept.kind, &kept.secret, kept.document.clone(), kept.expires)?;
        }
        let stored = storing.as_ref().map_or_else(|| Ok(Stored::Members(Document::new())), |store| store(tx))?;
        if matches!(stored, Stored::Members(_)) {
            triggers::keep(tx, &executions)?;
            tx.append_log(event.clone())?;
        }
        Ok((stored, headers))
    };
    let turn = match &alone {
        Some(presented) => Some(site.turns.wait(presented).await),
        None => None,
    };
    let stored = site.store.write(site.tenant.id(), work).await;
    drop(turn);
    let (stored, headers) = stored?;
    match stored {
        Stored::Refused(error) => Err(error),
        Stored::Members(members) => {
            // In Auth0's order these stand behind the access token.
            for (place, (name, value)) in members.into_iter().enumerate() {
                body.shift_insert(place + 1, name, value);
            }
            Ok(Answer { body, headers })
        }
    }
}
