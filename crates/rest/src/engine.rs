//! One request from bytes to answer: matching, caller, scopes, validation, shape, projection.

use std::{collections::HashMap, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use contract::{Contract, Operation, PathValues, Route};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts, uri::PathAndQuery};
use kernel::{Document, Peer, Tenant, Value};
use store::{Snapshot, Store};

use crate::{
    Answer, ApiError, ApiResult, Area, BoxFuture, Call, Caller, Content, Origin, Resource, Scopes, Task,
    area::{Claim, Handler},
    kept::{Asked, Basis, Kept},
    log::audit,
    shapes,
};

/// Tells who calls: verifies the bearer token of a request.
pub trait Authenticate: Send + Sync {
    /// The caller that the `Authorization` header of a request to the tenant stands for.
    ///
    /// # Errors
    /// 401 (or 400 for a malformed header) in the service's words.
    fn authenticate<'a>(
        &'a self,
        tenant: &'a Tenant,
        authorization: Option<&'a str>,
    ) -> BoxFuture<'a, ApiResult<Caller>>;
}

/// Who serves which operation of the contract.
pub struct Claims(HashMap<&'static str, Claim>);

impl Claims {
    /// The claims of these areas.
    ///
    /// # Panics
    /// When two areas claim the same operation: a mistake in our own source.
    pub fn of(areas: Vec<Area>) -> Self {
        let mut claims = HashMap::new();
        for area in areas {
            for claim in area.claims {
                let earlier = claims.insert(claim.operation, claim);
                assert!(earlier.is_none(), "an operation of {} is claimed twice", area.tag);
            }
        }
        Self(claims)
    }

    /// Operations that no area serves, as `METHOD /path`, in the contract's order.
    pub fn gaps(&self) -> Vec<String> {
        let all = Contract::load().operations().iter();
        all.filter(|operation| !self.0.contains_key(operation.id.as_str())).map(Operation::name).collect()
    }

    /// A line for each operation: method, path, shape, scopes, status.
    pub fn operations(&self) -> Vec<String> {
        let line = |operation: &Operation| {
            let shape = self.0.get(operation.id.as_str()).map_or("-", |claim| claim.shape);
            let scopes: Vec<String> = operation.scopes.iter().map(|group| group.join("|")).collect();
            format!("{} {shape} {} {}", operation.name(), scopes.join("&"), operation.success)
        };
        Contract::load().operations().iter().map(line).collect()
    }
}

/// A request by a caller who is known already.
pub struct Request<'r> {
    /// The HTTP method of the operation.
    pub method: Method,
    /// Its path below `/api/v2`, and the query.
    pub target: &'r str,
    /// Its body.
    pub body: Option<&'r Value>,
    /// Who asks.
    pub caller: Caller,
    /// Where from; its `target` is what the tenant log tells.
    pub origin: Origin,
    /// What was fetched or computed already, beside what the resource gathers itself.
    pub gathered: Document,
}

/// The Management API: every operation of the contract, claimed by an area or answered with 501.
pub struct Engine {
    store: Store,
    authenticate: Arc<dyn Authenticate>,
    claims: Claims,
    kept: Kept,
}

impl Engine {
    /// An engine that serves what is claimed for the tenants in this store.
    pub fn new(store: Store, authenticate: Arc<dyn Authenticate>, claims: Claims) -> Self {
        Self { store, authenticate, claims, kept: Kept::new() }
    }

    /// Answers one request to the tenant. `parts.uri` holds the whole path, `/api/v2` included.
    pub async fn respond(self: &Arc<Self>, parts: Parts, body: Bytes, tenant: &Tenant, peer: Peer) -> Response<Body> {
        let mut operation = None;
        match self.serve(parts, body, (tenant, peer), &mut operation).await {
            Ok(response) => response,
            Err(error) => refusal(&error, operation),
        }
    }

    async fn serve(
        self: &Arc<Self>,
        parts: Parts,
        body: Bytes,
        (tenant, peer): (&Tenant, Peer),
        matched: &mut Option<&'static Operation>,
    ) -> ApiResult<Response<Body>> {
        let path = parts.uri.path().strip_prefix("/api/v2").unwrap_or_default();
        let (operation, values) = match Contract::load().route(&parts.method, path) {
            Route::Operation(operation, values) => (operation, values),
            Route::WrongMethod | Route::Unknown => return Err(ApiError::not_found("Not Found")),
        };
        *matched = Some(operation);
        let given = |name: &str| header_text(&parts.headers, name);
        let caller = self.authenticate.authenticate(tenant, given("authorization")).await?;
        authorise(operation, &caller.scopes)?;
        let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        // The same question was found to be sound when it was asked first.
        if parts.method == Method::GET
            && let Some(bytes) = self.kept.answer(&self.store, &Asked::of(operation, &caller, target))
        {
            return Ok(json_response(operation, bytes));
        }
        let text = |name: &str| given(name).map(str::to_owned);
        let origin = Origin {
            domain: tenant.domain().to_owned(),
            ip: peer.address.to_string(),
            country: peer.country,
            user_agent: text("user-agent").unwrap_or_default(),
            library: given("auth0-client").and_then(kernel::user_agent::library),
            custom_domain: text("auth0-custom-domain"),
            correlation_id: text("x-correlation-id").map(|id| id.chars().take(64).collect()),
            last_event_id: text("last-event-id"),
            target: target.to_owned(),
        };
        let sent = Sent { query: parts.uri.query(), content_type: text("content-type"), body };
        let call = call(operation, &values, sent, caller, origin)?;
        act_on_oneself(&call)?;
        match self.handler(operation)? {
            Handler::Get(resource) => self.get(call, resource).await,
            Handler::List(resource) => self.list(call, resource).await,
            handler => Ok(response(operation, self.outcome(call, handler).await?)),
        }
    }

    /// Does what one request would do, for a protocol over the same resources that has its own form of questions,
    /// answers and admission: scopes are not asked for here. Gives the answer's JSON, `null` where there is none.
    ///
    /// # Errors
    /// As the Management API refuses.
    pub async fn perform(&self, request: Request<'_>) -> ApiResult<Value> {
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (request.target, None),
        };
        let Route::Operation(operation, values) = Contract::load().route(&request.method, path) else {
            return Err(ApiError::not_found("Not Found"));
        };
        let body = request.body.map_or_else(Bytes::new, |body| body.to_string().into());
        let sent = Sent { query, content_type: Some(JSON.to_owned()), body };
        let mut call = call(operation, &values, sent, request.caller, request.origin)?;
        call.gathered = request.gathered;
        let answer = self.outcome(call, self.handler(operation)?).await?;
        Ok(match answer.content {
            Content::Json(value) => operation.project(value),
            _ => Value::Null,
        })
    }

    fn handler(&self, operation: &Operation) -> ApiResult<Handler> {
        let claim = self.claims.0.get(operation.id.as_str());
        let claim = claim.ok_or_else(|| {
            ApiError::new(StatusCode::NOT_IMPLEMENTED, format!("{} is not served yet", operation.name()))
        })?;
        Ok(claim.handler.clone())
    }

    async fn outcome(&self, call: Call, handler: Handler) -> ApiResult<Answer> {
        match handler {
            Handler::Get(resource) => {
                let tenant = call.caller.tenant.clone();
                Ok(self.store.read(&tenant, move |reader| shapes::get(reader, &call, &*resource)).await?.1)
            }
            Handler::List(resource) => {
                let tenant = call.caller.tenant.clone();
                self.store.read(&tenant, move |reader| shapes::list(reader, &call, &*resource)).await
            }
            Handler::Read(work) => {
                let tenant = call.caller.tenant.clone();
                self.store.read(&tenant, move |reader| work(reader, &call)).await
            }
            // A caller that hangs up does not cancel half a change.
            Handler::Write(resource, work) => {
                let store = self.store.clone();
                detached(async move {
                    let call = gathered(&store, call, resource.as_deref()).await?;
                    let tenant = call.caller.tenant.clone();
                    let sealed = resource.map_or(&[] as &[&str], |resource| resource.kind().sealed);
                    let work = move |tx: &mut store::Tx| {
                        let answer = work(tx, &call)?;
                        audit(tx, &call, &answer, sealed)?;
                        Ok(answer)
                    };
                    store.write(&tenant, work).await
                })
                .await
            }
            Handler::Run(work) => detached(work(Task { store: self.store.clone(), call: Arc::new(call) })).await,
        }
    }

    /// A single read. Where the answer depends on the record alone, its bytes are kept.
    async fn get(&self, call: Call, resource: Arc<dyn Resource>) -> ApiResult<Response<Body>> {
        let operation = call.operation;
        let kind = resource.kind();
        if !kind.self_contained {
            return Ok(response(operation, self.outcome(call, Handler::Get(resource)).await?));
        }
        let (caller, target) = (call.caller.clone(), call.origin.target.clone());
        let read = move |reader: &Snapshot| shapes::get(reader, &call, &*resource);
        let (record, answer) = self.store.read(&caller.tenant, read).await?;
        let Content::Json(value) = answer.content else { return Ok(response(operation, answer)) };
        let bytes = Bytes::from(operation.project(value).to_string());
        let remembered = self.store.cached(&caller.tenant, kind, &record.id).await?;
        if let Some(remembered) = remembered.filter(|remembered| **remembered == record) {
            let asked = Asked::of(operation, &caller, &target);
            self.kept.keep_answer(&asked, kind.stored, Basis::Record(remembered), bytes.clone());
        }
        Ok(json_response(operation, bytes))
    }

    /// A list. Where what is shown of a record depends on it and on the scopes alone, that is kept, and the whole answer as
    /// long as no record of the kind changes.
    async fn list(self: &Arc<Self>, call: Call, resource: Arc<dyn Resource>) -> ApiResult<Response<Body>> {
        let operation = call.operation;
        let kind = resource.kind();
        if !kind.self_contained || call.caller.is_user || call.has("fields") {
            return Ok(response(operation, self.outcome(call, Handler::List(resource)).await?));
        }
        let (caller, target) = (call.caller.clone(), call.origin.target.clone());
        // Taken before the records are read: a later change makes the answer old.
        let epoch = self.store.epoch(&caller.tenant, kind);
        let engine = Arc::clone(self);
        let read = move |reader: &Snapshot| shapes::list_kept(reader, &call, &*resource, &engine.kept);
        let (bytes, is_lasting) = self.store.read(&caller.tenant, read).await?;
        if is_lasting {
            let asked = Asked::of(operation, &caller, &target);
            self.kept.keep_answer(&asked, kind.stored, Basis::Epoch(epoch), bytes.clone());
        }
        Ok(json_response(operation, bytes))
    }
}

/// What a request brings beside its path.
struct Sent<'r> {
    query: Option<&'r str>,
    content_type: Option<String>,
    body: Bytes,
}

/// The call that a request makes, if it keeps to the contract.
fn call(
    operation: &'static Operation,
    values: &PathValues,
    sent: Sent<'_>,
    caller: Caller,
    origin: Origin,
) -> ApiResult<Call> {
    let arguments = operation.arguments(values, sent.query)?;
    let body = operation.body(sent.content_type.as_deref(), &sent.body)?.unwrap_or_default();
    let Sent { content_type, body: raw, .. } = sent;
    Ok(Call { operation, caller, origin, raw, content_type, arguments, body, gathered: Document::new() })
}

/// Lets the resource fetch and compute what it needs before the transaction.
async fn gathered(store: &Store, mut call: Call, resource: Option<&dyn Resource>) -> ApiResult<Call> {
    let found = match resource.and_then(|resource| resource.gather(store, &call)) {
        Some(gathering) => gathering.await?,
        None => Document::new(),
    };
    call.gathered.extend(found);
    Ok(call)
}

async fn detached(work: impl Future<Output = ApiResult<Answer>> + Send + 'static) -> ApiResult<Answer> {
    tokio::spawn(work).await.map_err(|error| ApiError::internal(format!("operation panicked: {error}")))?
}

/// One scope of each group must be held.
fn authorise(operation: &Operation, held: &Scopes) -> ApiResult {
    if held.meet(&operation.scopes) {
        return Ok(());
    }
    let wanted = if operation.scopes.len() == 1 {
        format!("any of: {}", operation.scopes[0].join(","))
    } else {
        format!("all of: {}", operation.scopes.iter().map(|group| group[0].as_str()).collect::<Vec<_>>().join(","))
    };
    Err(ApiError::forbidden(format!("Insufficient scope, expected {wanted}")).code("insufficient_scope"))
}

/// A caller admitted only by a `…:current_user…` scope acts on nobody but itself.
fn act_on_oneself(call: &Call) -> ApiResult {
    let is_own = |scope: &str| scope.contains(":current_user");
    let held = |scope: &&String| call.allows(scope);
    let mut admitting = call.operation.scopes.iter().flatten().filter(held).peekable();
    let is_for_oneself = admitting.peek().is_some() && admitting.all(|scope| is_own(scope));
    let is_oneself = call.text("id").is_none_or(|id| id == call.caller.subject);
    if is_for_oneself && !is_oneself && call.operation.path.starts_with("/users/") {
        return Err(ApiError::forbidden("User to be acted on does not match subject in bearer token.")
            .code("insufficient_scope"));
    }
    Ok(())
}

fn response(operation: &'static Operation, answer: Answer) -> Response<Body> {
    let status = answer.status.unwrap_or(StatusCode::from_u16(operation.success).unwrap_or(StatusCode::OK));
    let (media_type, body) = match answer.content {
        Content::Empty => (None, Body::empty()),
        Content::Json(value) => (Some(JSON), Body::from(operation.project(value).to_string())),
        Content::Bytes(media_type, bytes) => (Some(media_type), Body::from(bytes)),
        Content::Stream(media_type, stream) => {
            let stream = futures::StreamExt::map(stream, Ok::<_, std::convert::Infallible>);
            (Some(media_type), Body::from_stream(stream))
        }
    };
    let mut response = Response::builder().status(status);
    if let Some(media_type) = media_type {
        response = response.header(header::CONTENT_TYPE, media_type);
    }
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let mut response = response.body(body).unwrap_or_else(|error| refusal(&ApiError::internal(error), Some(operation)));
    mark(&mut response, operation);
    response
}

const JSON: &str = "application/json; charset=utf-8";

/// A JSON answer that is written already.
fn json_response(operation: &'static Operation, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    mark(&mut response, operation);
    response
}

fn refusal(error: &ApiError, operation: Option<&'static Operation>) -> Response<Body> {
    if error.status.is_server_error() {
        tracing::error!(operation = operation.map(|operation| operation.id.as_str()), %error, "operation failed");
    }
    let mut response = Response::new(Body::from(error.body().to_string()));
    *response.status_mut() = error.status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    if let Some(operation) = operation {
        mark(&mut response, operation);
    }
    response
}

/// Notes the operation on the response, for metrics and request logs.
fn mark(response: &mut Response<Body>, operation: &'static Operation) {
    response.extensions_mut().insert(Served(&operation.id));
}

/// The id of the operation that a response answers; an extension of the response.
#[derive(Clone, Debug)]
pub struct Served(pub &'static str);

/// A header's text, if it is one of ASCII.
fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    // As `HeaderValue::to_str`, which is slow for a token of some kilobytes.
    let text = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?;
    text.is_ascii().then_some(text)
}
