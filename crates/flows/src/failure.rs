//! Why an action failed.

use kernel::Value;
use serde_json::json;

use crate::expressions::Unevaluated;

/// Why an action failed: a code for log entries, words for the tenant, and what else is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// `INVALID_PARAMS`, `CONNECTION_NOT_READY` …
    pub code: &'static str,
    /// For whoever wrote the flow.
    pub message: String,
    /// The response that it rests on.
    pub response: Option<Value>,
}

impl Failure {
    /// A failure of this code.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), response: None }
    }

    /// A parameter that must be there, and is not.
    pub(crate) fn required(name: &str) -> Self {
        Self::new("INVALID_PARAMS", format!("The parameter \"{name}\" is required."))
    }

    /// A parameter that is not what it has to be.
    pub(crate) fn invalid(name: &str, expected: &str) -> Self {
        Self::new("INVALID_PARAMS", format!("The parameter \"{name}\" must be {expected}."))
    }

    /// As executions and the outputs of actions that may fail show it.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = json!({"code": self.code, "message": self.message});
        if let Some(response) = &self.response {
            shown["response"] = response.clone();
        }
        shown
    }
}

impl From<Unevaluated> for Failure {
    fn from(error: Unevaluated) -> Self {
        Self::new("EXPRESSION_LIMIT", error.to_string())
    }
}

impl From<outbound::Refused> for Failure {
    fn from(refused: outbound::Refused) -> Self {
        let code = match refused {
            outbound::Refused::Private(_) | outbound::Refused::Address(_) => "REQUEST_REFUSED",
            outbound::Refused::Timeout(_) => "REQUEST_TIMEOUT",
            _ => "REQUEST_FAILED",
        };
        Self::new(code, refused.to_string())
    }
}

impl From<identity::Error> for Failure {
    fn from(error: identity::Error) -> Self {
        tracing::warn!(%error, "an action of a flow failed");
        Self::new("INTERNAL_ERROR", "The action could not be done.")
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Self {
        identity::Error::from(error).into()
    }
}
