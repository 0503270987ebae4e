//! The error of the Management API: what the caller reads, and what only the log sees.

use std::{borrow::Cow, fmt};

use http::StatusCode;
use identity::{
    databases::ScriptReason,
    links::LinkError,
    users::{AttributeError, ChangeError, Identifier, OF_USERNAMES},
};
use kernel::{Document, UnfitRecord, Value};
use serde_json::json;
use store::StoreError;

/// What a rule, a shape or an operation answers.
pub type ApiResult<T = ()> = Result<T, ApiError>;

/// A refusal in the service's words. `message` is for the caller; `cause` is for the log and never leaves the server.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// HTTP status; `statusCode` and `error` of the body follow from it.
    pub status: StatusCode,
    /// The text that the caller reads.
    pub message: Cow<'static, str>,
    /// `errorCode`, where the service gives one.
    pub code: Option<Cow<'static, str>>,
    /// Further members of the body, such as `attributes` of a 401.
    pub extra: Document,
    /// What happened inside, for the log.
    pub cause: Option<String>,
}

impl ApiError {
    /// An error with a status and a message, and no code.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), code: None, extra: Document::new(), cause: None }
    }

    /// The same error with an `errorCode`.
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same error with what the log should say about it.
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// 400 without a code.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 `invalid_body`: the body breaks a rule.
    pub fn invalid_body(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(message).code("invalid_body")
    }

    /// 400 `invalid_query_string`: a query parameter breaks a rule.
    pub fn invalid_query(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(message).code("invalid_query_string")
    }

    /// 400 `invalid_uri`: a path parameter breaks a rule.
    pub fn invalid_uri(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(message).code("invalid_uri")
    }

    /// 401 of the token layer; the text stands in `attributes` too.
    pub fn unauthorized(message: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, message);
        error.extra.insert("attributes".into(), json!({ "error": message }));
        error
    }

    /// 403 without a code.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404 without a code.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 409 without a code.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 500 whose cause goes to the log only.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").cause(cause)
    }

    /// The body: `{"statusCode", "error", "message", "errorCode"}`, in this order.
    pub fn body(&self) -> Value {
        let mut body = Document::new();
        body.insert("statusCode".into(), self.status.as_u16().into());
        body.insert("error".into(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("message".into(), self.message.as_ref().into());
        if let Some(code) = &self.code {
            body.insert("errorCode".into(), code.as_ref().into());
        }
        body.extend(self.extra.clone());
        Value::Object(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.message)?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, " ({cause})"))
    }
}

impl std::error::Error for ApiError {}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Taken { .. } => Self::conflict("The specified resource already exists").cause(&error),
            StoreError::Conflict => Self::conflict("The resource was changed by another request").cause(&error),
            StoreError::BadCursor => Self::invalid_query("The from parameter is not a valid cursor").cause(&error),
            StoreError::TooComplex => Self::bad_request("The query is too complex").cause(&error),
            StoreError::Unstorable(_) => Self::bad_request("A value contains the character U+0000").cause(&error),
            StoreError::Unavailable(_) | StoreError::Serialization => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").cause(&error)
            }
            // Everything else is a defect, or a database that fails.
            _ => Self::internal(&error),
        }
    }
}

impl From<UnfitRecord> for ApiError {
    fn from(error: UnfitRecord) -> Self {
        Self::internal(error)
    }
}

impl From<contract::Refusal> for ApiError {
    fn from(refusal: contract::Refusal) -> Self {
        use contract::Refusal;
        match refusal {
            Refusal::Path(text) => Self::invalid_uri(text),
            Refusal::Query(text) => Self::invalid_query(text),
            Refusal::Body(text) => Self::invalid_body(text),
            Refusal::NotJson(cause) => Self::invalid_body("Invalid request payload JSON format").cause(cause),
            Refusal::MediaType => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
        }
    }
}

impl From<identity::Error> for ApiError {
    fn from(error: identity::Error) -> Self {
        use identity::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Busy => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "Global limit has been reached").code("too_many_requests")
            }
            Error::Password(error) => Self::bad_request(error.to_string()),
            Error::UnknownSigningKey => Self::not_found("Signing key not found."),
            Error::NoNextSigningKey => Self::conflict("Rotate the signing keys before revoking the current key."),
            Error::UserMissing => Self::not_found("The user does not exist.").code("inexistent_user"),
            Error::UserExists => Self::conflict("The user already exists.").code("auth0_idp_error"),
            Error::ConnectionMissing => Self::invalid_body("Connection does not exist."),
            Error::NoRegistration => Self::invalid_body(
                "Connection does not support user creation through the API. It must either be a database or \
                 passwordless connection.",
            ),
            Error::ConnectionDisabled => Self::invalid_body("connection is disabled"),
            Error::ConnectionUnused { client, connection } => Self::invalid_body(format!(
                "Connection must be enabled for this client to perform single user creation and signup operations \
                 (client_id: {client} - connection: {connection})"
            )),
            Error::PasswordMissing => {
                Self::invalid_body("Payload validation error: 'Missing required property: password'.")
            }
            Error::SignupDisabled => Self::bad_request("Public signup is disabled"),
            Error::Attribute(error) => error.into(),
            Error::Change(error) => error.into(),
            Error::Denied(_) => Self::bad_request("Sandbox error.").code("auth0_idp_error"),
            Error::Script(error) => match &error.reason {
                ScriptReason::Validation { code, .. } if code == "user_exists" => {
                    Self::conflict("The user already exists.").code("auth0_idp_error")
                }
                ScriptReason::Validation { message, .. } | ScriptReason::Unauthorized(message) => {
                    Self::bad_request(message.clone()).code("auth0_idp_error")
                }
                reason => Self::bad_request(format!("Sandbox Error: {reason}")).code("auth0_idp_error"),
            },
            Error::Link(LinkError::Malformed) => {
                Self::bad_request("The `auth0-custom-domain` HTTP header has an invalid format.")
            }
            Error::Link(LinkError::Unknown) => Self::bad_request("The custom domain does not exist for the tenant."),
            Error::Link(LinkError::Ambiguous) => {
                Self::conflict("The tenant has multiple verified custom domains.").code("custom_domain_conflict")
            }
            Error::Limited(_) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many attempts").code("too_many_attempts")
            }
            Error::PasswordLeaked => Self::bad_request("Password is known to have leaked").code("password_leaked"),
            Error::Ticket(error) => Self::bad_request(error.to_string()),
            Error::Held(holder) => Self::conflict(format!("It is used by a {holder} and cannot be deleted.")),
            Error::Failed(cause) => Self::internal(cause),
        }
    }
}

impl From<AttributeError> for ApiError {
    fn from(error: AttributeError) -> Self {
        Self::invalid_body(match error {
            AttributeError::NoUsernames => "Cannot set username for connection without requires_username.".to_owned(),
            AttributeError::Missing { identifier: Identifier::Username, connection } => {
                format!("Missing username for {connection} connection with requires_username enabled")
            }
            AttributeError::Missing { identifier, .. } => {
                format!("Payload validation error: 'Missing required property: {}'.", identifier.field())
            }
            AttributeError::NoIdentifier => "The user must have at least one identifier of the connection.".to_owned(),
            AttributeError::UsernameLength { min, max } => {
                format!("Username must have between {min} and {max} characters.")
            }
            AttributeError::UsernameCharacters => {
                format!("Username can only contain letters, digits and the characters {OF_USERNAMES}")
            }
        })
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        Self::invalid_body(match error {
            ChangeError::Taken(word) => {
                let error = Self::bad_request(format!("The specified new {word} already exists"));
                return error.code("auth0_idp_error");
            }
            ChangeError::Unsupported => "Connection is not supported for this operation.".to_owned(),
            ChangeError::ForeignEmail => "Cannot update email for non-database user.".to_owned(),
            ChangeError::EnterpriseVerification => {
                "Email verification is not supported for enterprise users.".to_owned()
            }
            ChangeError::Disabled => "Cannot change email or password for users in a disabled connection.".to_owned(),
            ChangeError::NotEditable { attributes, connection } => format!(
                "The following user attributes cannot be updated: {attributes}. The connection ({connection}) should have \
                 disabled the sync of user profile attributes at each login to enable editing root attributes.",
            ),
            ChangeError::NotRemovable { attributes, connection } => format!(
                "The following user attributes cannot be removed: {attributes}. The connection ({connection}) requires them.",
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_services_members_in_order() {
        let error = ApiError::not_found("The client does not exist").code("inexistent_client").cause("secret");
        assert_eq!(
            error.body().to_string(),
            r#"{"statusCode":404,"error":"Not Found","message":"The client does not exist","errorCode":"inexistent_client"}"#
        );
    }
}
