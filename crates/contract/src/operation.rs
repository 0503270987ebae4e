//! One operation of the contract: what it takes, who may call it, what it answers.

use std::sync::{Arc, OnceLock};

use http::Method;
use kernel::Value;
use serde_json::value::RawValue;

use crate::{
    Refusal,
    body::Request,
    overlay::{Location, MediaSource, OperationSource},
    paging::Paging,
    parameters::{self, Arguments, Parameter, PathValues},
    projection::Projection,
    schema::{Schema, Schemas},
    secrets::Secrets,
    titles, validation,
};

/// An operation with its corrections.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`, such as `patch_roles_by_id`.
    pub id: String,
    /// The contract's tag, such as `roles`.
    pub tag: String,
    /// The HTTP method.
    pub method: Method,
    /// The path below `/api/v2`, with its parameters in braces.
    pub path: String,
    /// The description in tenant log entries, such as `Delete a User`.
    pub title: String,
    /// One scope of each group is needed.
    pub scopes: Vec<Vec<String>>,
    /// Scopes that open further fields or subjects.
    pub other_scopes: Vec<String>,
    /// The status of a successful answer.
    pub success: u16,
    /// How the list is paged, if the operation answers with one.
    pub paging: Paging,
    parameters: Vec<Parameter>,
    request: Option<Request>,
    statuses: Vec<u16>,
    response: Option<Response>,
    schemas: Arc<Schemas>,
}

#[derive(Debug)]
struct Response {
    source: Box<RawValue>,
    schema: OnceLock<Schema>,
    projection: OnceLock<Projection>,
}

impl Operation {
    pub(crate) fn new(
        method: &str,
        path: String,
        source: OperationSource,
        schemas: Arc<Schemas>,
    ) -> serde_json::Result<Operation> {
        let statuses: Vec<u16> = source.responses.keys().filter_map(|status| status.parse().ok()).collect();
        let is_success = |status: &u16| (200..300).contains(status);
        let success = source.success.or_else(|| statuses.iter().copied().find(is_success)).unwrap_or(200);
        let mut responses = source.responses;
        let mut schema_of = |status: u16| {
            let media = responses.get_mut(&status.to_string())?;
            media.get_mut("application/json").and_then(|MediaSource { schema }| schema.take())
        };
        let response =
            schema_of(success).or_else(|| statuses.iter().copied().filter(is_success).find_map(&mut schema_of));
        let response = response.map(|source| Response { source, schema: OnceLock::new(), projection: OnceLock::new() });
        let parameters: Vec<_> = source.parameters.into_iter().map(Parameter::new).collect();
        let method = method.parse::<Method>().map_err(serde::de::Error::custom)?;
        let mut operation = Operation {
            title: source.title.unwrap_or_else(|| titles::from_sdk_name(&source.sdk)),
            id: source.operation_id,
            tag: source.tag,
            method,
            path,
            scopes: source.scopes,
            other_scopes: source.other_scopes,
            success,
            paging: Paging::default(),
            parameters,
            request: source.request_body.map(Request::new),
            statuses,
            response,
            schemas,
        };
        if operation.method == Method::GET {
            operation.paging = Paging::of(&operation, source.paging);
        }
        Ok(operation)
    }

    /// The name by which operations are found: `PATCH /roles/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Types and validates the path's and the query's parameters.
    pub fn arguments(&self, path: &PathValues, query: Option<&str>) -> Result<Arguments, Refusal> {
        parameters::arguments(&self.schemas, &self.parameters, path, query)
    }

    /// Reads and validates the body, JSON or a form. `None` where nothing was sent, nothing is taken,
    /// or the operation reads a multipart body itself.
    pub fn body(&self, content_type: Option<&str>, bytes: &[u8]) -> Result<Option<Value>, Refusal> {
        match &self.request {
            Some(request) if !request.is_multipart => request.read(&self.schemas, content_type, bytes),
            _ => Ok(None),
        }
    }

    /// Whether the operation takes a body.
    pub fn has_body(&self) -> bool {
        self.request.is_some()
    }

    /// Whether the body is `multipart/form-data`, which the operation reads itself.
    pub fn is_multipart(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.is_multipart)
    }

    /// The answer without what its closed schemas do not know, its members in their order. The counters around a list keep
    /// the order that they have.
    pub fn project(&self, mut answer: Value) -> Value {
        if let Some(response) = &self.response {
            let projection =
                response.projection.get_or_init(|| Projection::of(&self.schemas, response.schema(&self.schemas)));
            projection.apply(&self.schemas, &mut answer);
            if self.paging.envelope.is_none() {
                projection.arrange(&self.schemas, &mut answer);
            }
        }
        answer
    }

    /// Whether the contract names this status among the answers.
    pub fn knows_status(&self, status: u16) -> bool {
        self.statuses.contains(&status)
    }

    /// A body as logs may show it: what is secret is masked.
    pub fn masked_body(&self, body: &Value) -> Value {
        self.masked(self.request_schema(), body.clone())
    }

    /// An answer as logs may show it: projected, and what is secret is masked.
    pub fn masked_answer(&self, answer: &Value) -> Value {
        self.masked(self.response_schema(), self.project(answer.clone()))
    }

    fn masked(&self, schema: Option<&Schema>, mut value: Value) -> Value {
        Secrets::load().mask(&self.name(), &self.schemas, schema, &mut value);
        value
    }

    /// What is wrong with an answer of ours; nothing for a good one.
    pub fn verify_answer(&self, status: u16, body: Option<&Value>) -> Vec<String> {
        let mut wrong = Vec::new();
        let is_ours = status == self.success || self.statuses.contains(&status) || status >= 400;
        if !is_ours {
            wrong.push(format!("{} answers {status}; the contract knows {:?}", self.name(), self.statuses));
        }
        if status >= 400 {
            let says_so =
                |body: &Value| body["statusCode"] == status && body["error"].is_string() && body["message"].is_string();
            if !body.is_some_and(says_so) {
                wrong.push(format!("{status} without statusCode, error and message: {body:?}"));
            }
        } else if let (Some(response), Some(body)) = (&self.response, body)
            && let Err(violation) = validation::check(&self.schemas, response.schema(&self.schemas), body)
        {
            wrong.push(format!("{}: {} at '{}'", self.name(), violation.text, violation.path()));
        }
        wrong
    }

    pub(crate) fn query_schema(&self, name: &str) -> Option<&Schema> {
        let is_it = |parameter: &&Parameter| parameter.location == Location::Query && parameter.name == name;
        self.parameters.iter().find(is_it).map(|parameter| parameter.schema(&self.schemas))
    }

    pub(crate) fn request_schema(&self) -> Option<&Schema> {
        self.request.as_ref().map(|request| request.schema(&self.schemas))
    }

    pub(crate) fn response_schema(&self) -> Option<&Schema> {
        self.response.as_ref().map(|response| response.schema(&self.schemas))
    }

    pub(crate) fn schemas(&self) -> &Schemas {
        &self.schemas
    }
}

impl Response {
    fn schema(&self, schemas: &Schemas) -> &Schema {
        self.schema.get_or_init(|| schemas.parse_raw(&self.source))
    }
}
