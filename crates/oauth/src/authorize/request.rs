//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1): parameters become a validated request, or an error.

use std::collections::BTreeMap;

use kernel::Document;

use super::{
    AuthorizationError,
    addressee::{Addressee, LONGEST, ResponseMode, ResponseType},
};
use crate::{profile::ONLINE, request::Parameters};

/// The most parameters of its own (`ext-…`) that a request may have.
const MOST_EXTENSIONS: usize = 10;
/// Length of a code challenge (RFC 7636 §4.2), in characters.
const CHALLENGE: std::ops::RangeInclusive<usize> = 43..=128;

/// `prompt`: what the user is to be shown, or that nothing may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the parameter")]
pub(crate) struct Prompt {
    /// No page at all.
    pub(crate) none: bool,
    /// A login even with a session.
    pub(crate) login: bool,
    /// Consent even where it was given.
    pub(crate) consent: bool,
    /// A choice of the account.
    pub(crate) select_account: bool,
}

impl Prompt {
    /// Reads the parameter; unknown words are ignored. `None` where `none` stands beside another (OpenID Connect Core §3.1.2.1).
    fn parse(text: &str) -> Option<Self> {
        let mut prompt = Self::default();
        for word in text.split_ascii_whitespace() {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => {}
            }
        }
        let shows_something = prompt.login || prompt.consent || prompt.select_account;
        (!(prompt.none && shows_something)).then_some(prompt)
    }
}

/// The challenge of a code's proof key (RFC 7636 §4.3).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct CodeChallenge {
    /// The challenge.
    pub(crate) challenge: String,
    /// Whether it is the SHA-256 of the verifier rather than the verifier itself.
    pub(crate) is_hashed: bool,
}

/// A validated authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    /// Where the response goes: a redirect URI that the client registered.
    pub(crate) addressee: Addressee,
    /// Whether the request named it; only then the token request has to (RFC 6749 §4.1.3).
    pub(crate) named_redirect_uri: bool,
    pub(crate) response_type: ResponseType,
    pub(crate) scope: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) prompt: Prompt,
    /// Seconds since the user's last authentication that are accepted.
    pub(crate) max_age: Option<i64>,
    pub(crate) acr_values: Vec<String>,
    pub(crate) login_hint: Option<String>,
    pub(crate) screen_hint: Option<String>,
    pub(crate) ui_locales: Vec<String>,
    pub(crate) connection: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) invitation: Option<String>,
    pub(crate) id_token_hint: Option<String>,
    pub(crate) code_challenge: Option<CodeChallenge>,
    pub(crate) correlation_id: Option<String>,
    /// Parameters of the application's own, whose names begin with `ext-`.
    pub(crate) extensions: BTreeMap<String, String>,
    /// All that was sent, for a tenant's code (`event.request.query`); what is secret is left out.
    pub(crate) query: Document,
}

impl AuthorizationRequest {
    /// Validates everything but what depends on records of the tenant.
    pub(crate) fn parse(
        client_id: &str,
        addressee: Addressee,
        parameters: &Parameters,
    ) -> Result<Self, AuthorizationError> {
        for (name, value) in parameters.iter() {
            let is_text = !value.chars().any(|letter| letter.is_control() && !letter.is_whitespace());
            if !is_text {
                return Err(AuthorizationError::invalid_request(format!("Invalid parameter: {name}")));
            }
            if value.len() > LONGEST && name != "id_token_hint" {
                return Err(AuthorizationError::invalid_request(format!("Parameter {name} is too long")));
            }
        }
        let response_type = parameters.get("response_type");
        let response_type = response_type
            .ok_or_else(|| AuthorizationError::invalid_request("Missing required parameter: response_type"))?;
        let response_type = ResponseType::parse(response_type)
            .ok_or_else(|| AuthorizationError::unsupported_response_type(response_type))?;
        if let Some(name) = parameters.get("response_mode")
            && ResponseMode::named(name).is_none()
        {
            return Err(AuthorizationError::invalid_request(format!("Unsupported response mode: {name}")));
        }
        // Tokens never stand in a query, which servers log (OAuth 2.0 Multiple Response Types §3).
        if addressee.response_mode == ResponseMode::Query && response_type.issues_tokens() {
            return Err(AuthorizationError::invalid_request("Unsupported response mode: query"));
        }
        let prompt = Prompt::parse(parameters.get("prompt").unwrap_or_default());
        let prompt = prompt.ok_or_else(|| AuthorizationError::invalid_request("prompt none must not be combined"))?;
        let nonce = parameters.get("nonce").map(str::to_owned);
        if response_type.id_token && nonce.is_none() {
            return Err(AuthorizationError::invalid_request("Missing required parameter: nonce"));
        }
        let words = |name: &str| -> Vec<String> {
            let mut words: Vec<String> = Vec::new();
            for word in parameters.get(name).unwrap_or_default().split_ascii_whitespace() {
                if !words.iter().any(|known| known == word) {
                    words.push(word.to_owned());
                }
            }
            words
        };
        let mut scope = words("scope");
        if scope.iter().any(|asked| asked == ONLINE) && scope.iter().any(|asked| asked == "offline_access") {
            let text = "Cannot request both online_access and offline_access scopes";
            return Err(AuthorizationError::invalid_request(text));
        }
        scope.retain(|asked| asked != ONLINE || response_type.code);
        let text = |name: &str| parameters.get(name).map(str::to_owned);
        let correlation_id = text("correlation_id");
        if correlation_id.as_deref().is_some_and(|id| !is_correlation_id(id)) {
            return Err(AuthorizationError::invalid_request("Invalid parameter: correlation_id"));
        }
        let extensions = parameters.iter().filter(|(name, value)| is_extension(name, value));
        let mut query = parameters.all();
        query.retain(|name, _| {
            !matches!(
                name.as_str(),
                "id_token_hint" | "login_ticket" | "co_verifier" | "co_state" | "session_transfer_token"
            )
        });
        Ok(Self {
            client_id: client_id.to_owned(),
            named_redirect_uri: parameters.get("redirect_uri").is_some(),
            addressee,
            response_type,
            scope,
            audience: text("audience"),
            nonce,
            prompt,
            max_age: max_age(parameters)?,
            acr_values: words("acr_values"),
            login_hint: text("login_hint"),
            screen_hint: text("screen_hint"),
            ui_locales: words("ui_locales"),
            connection: text("connection"),
            organization: text("organization"),
            invitation: text("invitation"),
            id_token_hint: text("id_token_hint"),
            code_challenge: code_challenge(parameters)?,
            correlation_id,
            extensions: extensions
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .take(MOST_EXTENSIONS)
                .collect(),
            query,
        })
    }

    /// Whether a scope was asked for.
    pub(crate) fn asks_for(&self, scope: &str) -> bool {
        self.scope.iter().any(|asked| asked == scope)
    }
}

fn max_age(parameters: &Parameters) -> Result<Option<i64>, AuthorizationError> {
    let Some(text) = parameters.get("max_age") else { return Ok(None) };
    let seconds = text.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
    seconds.map(Some).ok_or_else(|| AuthorizationError::invalid_request("max_age must be a number of seconds"))
}

fn code_challenge(parameters: &Parameters) -> Result<Option<CodeChallenge>, AuthorizationError> {
    let method = parameters.get("code_challenge_method");
    let Some(challenge) = parameters.get("code_challenge") else {
        return match method {
            Some(_) => Err(AuthorizationError::invalid_request("Missing required parameter: code_challenge")),
            None => Ok(None),
        };
    };
    let is_hashed = match method {
        Some("S256") => true,
        None | Some("plain") => false,
        Some(other) => {
            let text = format!("Unsupported code_challenge_method: {other}");
            return Err(AuthorizationError::invalid_request(text));
        }
    };
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !CHALLENGE.contains(&challenge.len()) || !challenge.bytes().all(is_unreserved) {
        return Err(AuthorizationError::invalid_request("Invalid parameter: code_challenge"));
    }
    Ok(Some(CodeChallenge { challenge: challenge.to_owned(), is_hashed }))
}

/// Whether a parameter is one of the application's own: others that begin so are left out.
fn is_extension(name: &str, value: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let name = name.strip_prefix("ext-").unwrap_or_default();
    let is_said = |byte: u8| is_word(byte) || b".*~@+ /:".contains(&byte);
    (1..=28).contains(&name.len())
        && name.bytes().all(is_word)
        && (1..=255).contains(&value.len())
        && value.bytes().all(is_said)
}

fn is_correlation_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*~@+/:".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<AuthorizationRequest, String> {
        let parameters = Parameters::of_query(Some(query)).map_err(|error| error.description.to_string())?;
        let addressee = Addressee::of(&parameters, "https://app.example/cb", false);
        let parsed = AuthorizationRequest::parse("app", addressee, &parameters);
        parsed.map_err(|error| format!("{}: {}", error.code, error.description))
    }

    #[test]
    fn response_types_decide_on_the_mode() {
        for (words, mode) in [
            ("code", ResponseMode::Query),
            ("token", ResponseMode::Fragment),
            ("id_token+token", ResponseMode::Fragment),
            ("id_token+code", ResponseMode::Fragment),
        ] {
            let request = parse(&format!("response_type={words}&nonce=n")).unwrap();
            assert_eq!(request.addressee.response_mode, mode, "{words}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, expected) in [
            ("", "invalid_request: Missing required parameter: response_type"),
            ("response_type=none", "unsupported_response_type: Unsupported response type: none"),
            ("response_type=code+code", "unsupported_response_type: Unsupported response type: code code"),
            ("response_type=id_token", "invalid_request: Missing required parameter: nonce"),
            ("response_type=token&response_mode=query", "invalid_request: Unsupported response mode: query"),
            ("response_type=code&response_mode=x", "invalid_request: Unsupported response mode: x"),
            ("response_type=code&prompt=none+login", "invalid_request: prompt none must not be combined"),
            ("response_type=code&max_age=-1", "invalid_request: max_age must be a number of seconds"),
            ("response_type=code&code_challenge=short", "invalid_request: Invalid parameter: code_challenge"),
            (
                "response_type=code&code_challenge_method=S256",
                "invalid_request: Missing required parameter: code_challenge",
            ),
            ("response_type=code&correlation_id=%22", "invalid_request: Invalid parameter: correlation_id"),
            ("response_type=code&login_hint=a%00b", "invalid_request: Invalid parameter: login_hint"),
        ] {
            assert_eq!(parse(query).unwrap_err(), expected, "{query}");
        }
    }

    #[test]
    fn scopes_stand_once_and_extensions_are_kept() {
        let request =
            parse("response_type=code&scope=openid+email+openid&ext-a=1&ext-b=2&other=3&ext-c=%3Cb%3E&ext-=4").unwrap();
        assert_eq!(request.scope, ["openid", "email"]);
        assert_eq!(
            request.extensions.into_iter().collect::<Vec<_>>(),
            [("ext-a".to_owned(), "1".to_owned()), ("ext-b".to_owned(), "2".to_owned())]
        );
    }
}
