//! `/passwordless/…`: applications have codes and links sent to their users, without a page of ours (reference: authentication-api §5).

mod grant;
mod otp;
mod start;
mod verify;

use identity::{Error, passwordless::Refusal};
use kernel::{Document, object};
use serde_json::Value;

pub(crate) use grant::{Otp, log_in};
pub(crate) use otp::challenge;
pub(crate) use start::start;
pub(crate) use verify::{redirect, verify};

use crate::{OAuthError, request::Parameters};

/// What an application may say of where a link leads: parameters of `/authorize` by which it recognises its own login, and no others.
const OF_LINKS: [&str; 12] = [
    "audience",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
    "resource",
];

/// `authParams`: an object of texts.
fn auth_params(parameters: &Parameters) -> Result<Document, OAuthError> {
    let Some(text) = parameters.get("authParams") else { return Ok(Document::new()) };
    let invalid = || OAuthError::invalid_request("authParams must be an object of strings");
    let Value::Object(given) = serde_json::from_str(text).map_err(|_| invalid())? else { return Err(invalid()) };
    if given.values().all(Value::is_string) { Ok(object(Value::Object(given))) } else { Err(invalid()) }
}

/// The parameters of `/authorize` that an application may set, of these.
fn of_link(given: &Document) -> Parameters {
    let mut parameters = Parameters::default();
    for name in OF_LINKS {
        if let Some(value) = given.get(name).and_then(Value::as_str) {
            parameters.set(name, value);
        }
    }
    parameters
}

/// What is told of a code that is refused, in words that libraries compare.
pub(crate) fn refused(refusal: Refusal, is_phone: bool) -> OAuthError {
    match refusal {
        Refusal::Wrong if is_phone => OAuthError::invalid_grant("Wrong phone number or verification code."),
        Refusal::Wrong => OAuthError::invalid_grant("Wrong email or verification code."),
        Refusal::Expired => OAuthError::invalid_grant("The verification code has expired. Please try to login again."),
        Refusal::TooOften => {
            OAuthError::invalid_grant("You've reached the maximum number of attempts. Please try to login again.")
        }
        Refusal::Blocked => OAuthError::blocked(),
        Refusal::Limited(limited) => OAuthError::limited(limited),
    }
}

/// What is told of a request that cannot be served.
fn failed(error: Error) -> OAuthError {
    match error {
        Error::ConnectionMissing => OAuthError::invalid_request("the connection was not found"),
        Error::ConnectionDisabled => OAuthError::invalid_request("the connection is not enabled"),
        Error::Denied(denial) => OAuthError::extensibility(denial.reason),
        Error::Limited(limited) => OAuthError::limited(limited),
        Error::Attribute(error) => OAuthError::invalid_request(error.to_string()),
        // Another request was first, or nobody may sign up any more.
        Error::UserExists | Error::SignupDisabled => OAuthError::invalid_grant("Wrong email or verification code."),
        error => error.into(),
    }
}
