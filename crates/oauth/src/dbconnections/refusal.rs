//! The refusals of `/dbconnections/…` (reference: authentication-api §5, actions §3.4).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use identity::{
    Error, PasswordError, PasswordRules,
    databases::{ScriptError, ScriptReason},
    triggers::Denial,
    users::{AttributeError, Identifier},
};
use kernel::Value;
use serde_json::json;
use store::StoreError;

use crate::OAuthError;

/// A refusal: status and body.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    fn new(body: Value) -> Self {
        Self { status: StatusCode::BAD_REQUEST, body }
    }

    /// The usual body, which repeats the status.
    fn named(status: StatusCode, name: &str, code: &str, description: &str) -> Self {
        let body = json!({"name": name, "code": code, "description": description, "statusCode": status.as_u16()});
        Self { status, body }
    }

    fn bad(code: &str, description: &str) -> Self {
        Self::named(StatusCode::BAD_REQUEST, "BadRequestError", code, description)
    }

    /// The body is neither an object nor a form.
    pub(super) fn unreadable() -> Self {
        Self::bad("invalid_request", "The request body cannot be read")
    }

    /// The body is larger than what is read.
    pub(super) fn too_large() -> Self {
        let text = "The request body is too large";
        Self::named(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeError", "invalid_request", text)
    }

    /// A member is missing.
    pub(super) fn missing(member: &str) -> Self {
        Self::new(json!({"error": format!("{member} is required")}))
    }

    /// A member has the wrong form.
    pub(super) fn invalid(member: &str) -> Self {
        Self::bad(&format!("invalid_{member}"), &format!("The {member} is invalid"))
    }

    /// No client has this identifier.
    pub(super) fn unknown_client() -> Self {
        Self::new(json!({"error": "client_id is invalid"}))
    }

    /// Bot detection wants a puzzle solved.
    pub(super) fn requires_verification() -> Self {
        let text = "Suspicious request requires verification";
        Self::named(StatusCode::UNAUTHORIZED, "UnauthorizedError", "requires_verification", text)
    }

    /// A puzzle was not solved.
    pub(super) fn invalid_captcha() -> Self {
        Self::bad("invalid_captcha", "Invalid captcha value")
    }

    /// There were too many requests.
    pub(super) fn too_many() -> Self {
        let text = "Too many requests. Please try again later.";
        Self::named(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsError", "too_many_requests", text)
    }

    /// Somebody has an identifier already; `None` where strangers must not know.
    pub(super) fn taken(code: Option<&str>) -> Self {
        match code {
            Some("username_exists") => Self::bad("username_exists", "The username provided is in use already."),
            Some(code) => Self::bad(code, "The user already exists."),
            None => Self::bad("invalid_signup", "Invalid sign up"),
        }
    }

    /// The password breaks a rule.
    pub(super) fn password(error: PasswordError, rules: Option<&PasswordRules>, password: &str) -> Self {
        let body = |code: &str| {
            json!({
                "name": error.name(),
                "message": error.message(),
                "code": code,
                "description": error.message(),
                "statusCode": 400,
            })
        };
        Self::new(match (error, rules) {
            (PasswordError::Weak, Some(rules)) => json!({
                "name": error.name(),
                "message": error.message(),
                "code": "invalid_password",
                "description": rules.explain(password),
                "policy": rules.policy(),
                "statusCode": 400,
            }),
            (PasswordError::Common, _) => body("password_dictionary_error"),
            (PasswordError::Personal, _) => body("password_no_user_info_error"),
            _ => body("invalid_password"),
        })
    }

    /// The attributes do not fit the connection.
    pub(super) fn attribute(error: &AttributeError) -> Self {
        match error {
            AttributeError::Missing { identifier: Identifier::Username, connection } => Self::new(json!({
                "error": format!("missing username for {connection} connection with requires_username enabled"),
            })),
            AttributeError::Missing { identifier, .. } => Self::missing(identifier.field()),
            AttributeError::NoIdentifier => Self::missing("email"),
            AttributeError::NoUsernames => Self::bad("invalid_username", "Users of the connection have no user names"),
            AttributeError::UsernameLength { .. } | AttributeError::UsernameCharacters => {
                let text = error.to_string();
                Self::bad("invalid_username", &text)
            }
        }
    }

    fn denied(denial: &Denial) -> Self {
        let mut body = json!({
            "name": "InternalExtensibilityError",
            "statusCode": 400,
            "code": "extensibility_error",
            "message": denial.reason,
            "description": denial.reason,
            "fromSandbox": true,
        });
        if let Some(message) = &denial.user_message {
            body["friendly_message"] = message.as_str().into();
        }
        Self::new(body)
    }

    /// The refusal of a custom database's script.
    fn script(error: &ScriptError) -> Self {
        match &error.reason {
            ScriptReason::Validation { code, .. } if code == "user_exists" => Self::taken(Some("user_exists")),
            ScriptReason::Validation { code, message } => Self::bad(code, message),
            ScriptReason::Unauthorized(message) => Self::bad("unauthorized", message),
            ScriptReason::WrongCredentials { .. } | ScriptReason::Missing(_) | ScriptReason::Failed(_) => {
                OAuthError::script(error).into()
            }
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::SignupDisabled => Self::bad("invalid_signup", "Public signup is disabled"),
            Error::ConnectionMissing | Error::ConnectionDisabled | Error::NoRegistration => {
                Self::bad("invalid_connection", "The connection does not exist, or the client does not use it")
            }
            Error::PasswordLeaked => {
                Self::bad("password_leaked", "This password was found in a data breach. Please choose another one.")
            }
            Error::Limited(_) | Error::Busy => Self::too_many(),
            Error::UserExists => Self::taken(None),
            Error::Denied(denial) => Self::denied(&denial),
            Error::Script(error) => Self::script(&error),
            error => OAuthError::internal(error).into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<OAuthError> for Refusal {
    /// A failure inside; its cause goes to the server's log.
    fn from(error: OAuthError) -> Self {
        if let Some(cause) = error.cause.as_ref().filter(|_| error.status.is_server_error()) {
            tracing::error!(status = error.status.as_u16(), cause, "a request about a database's users failed");
        }
        Self::named(error.status, "Error", &error.code, &error.description)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
