//! What a response to an authorization request holds, where it goes and how (OAuth 2.0 Multiple Response Types).

use crate::request::Parameters;

/// The longest value of a parameter that is kept, in bytes.
pub(super) const LONGEST: usize = 2048;

/// What is to be issued, by `response_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseType {
    /// An authorization code.
    pub(crate) code: bool,
    /// An access token.
    pub(crate) token: bool,
    /// An ID token.
    pub(crate) id_token: bool,
}

impl ResponseType {
    /// Reads the parameter; its words stand in any order.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut asked = Self::default();
        for word in text.split_ascii_whitespace() {
            let place = match word {
                "code" => &mut asked.code,
                "token" => &mut asked.token,
                "id_token" => &mut asked.id_token,
                _ => return None,
            };
            if std::mem::replace(place, true) {
                return None;
            }
        }
        (asked != Self::default()).then_some(asked)
    }

    /// Whether something is issued by the authorization endpoint itself.
    pub(crate) fn issues_tokens(self) -> bool {
        self.token || self.id_token
    }

    /// Its words, as they are told to a tenant's code.
    pub(crate) fn words(self) -> Vec<&'static str> {
        [(self.code, "code"), (self.token, "token"), (self.id_token, "id_token")]
            .into_iter()
            .filter_map(|(is_asked, word)| is_asked.then_some(word))
            .collect()
    }
}

/// Where the parameters of a response stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In its fragment.
    Fragment,
    /// In a form that the browser posts to it.
    FormPost,
    /// In a message to the window that opened or embeds this one.
    WebMessage,
}

impl ResponseMode {
    /// The mode with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            "web_message" => Some(Self::WebMessage),
            _ => None,
        }
    }

    /// The name of the mode.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::WebMessage => "web_message",
        }
    }
}

/// Where an error of the request goes, as soon as that is known.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    pub(crate) redirect_uri: String,
    pub(crate) response_mode: ResponseMode,
    pub(crate) state: Option<String>,
    /// The languages that were asked for.
    pub(crate) locales: Vec<String>,
    /// Whether the client allows web messages to the redirect URI's origin.
    pub(crate) can_receive_messages: bool,
    /// Whether errors are shown on a page instead: anybody may have registered the client, and could send users anywhere by requests that
    /// fail.
    pub(crate) shows_errors: bool,
}

impl Addressee {
    /// Whether the response is a message to a page of the application.
    pub(crate) fn is_message(&self) -> bool {
        self.response_mode == ResponseMode::WebMessage
    }

    /// Whom an error of these parameters concerns; faults of the parameters that say so themselves fall back to the defaults.
    pub(crate) fn of(parameters: &Parameters, redirect_uri: &str, can_receive_messages: bool) -> Self {
        let asked = parameters.get("response_type").and_then(ResponseType::parse);
        let default = default_mode(asked.unwrap_or(ResponseType { code: true, ..ResponseType::default() }));
        let response_mode = parameters.get("response_mode").and_then(ResponseMode::named).unwrap_or(default);
        let state = parameters.get("state").filter(|state| state.len() <= LONGEST).map(str::to_owned);
        let locales = parameters.get("ui_locales").unwrap_or_default();
        let locales = locales.split_ascii_whitespace().take(10).map(str::to_owned).collect();
        let redirect_uri = redirect_uri.to_owned();
        Self { redirect_uri, response_mode, state, locales, can_receive_messages, shows_errors: false }
    }
}

fn default_mode(asked: ResponseType) -> ResponseMode {
    if asked.issues_tokens() { ResponseMode::Fragment } else { ResponseMode::Query }
}
