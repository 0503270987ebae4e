//! The page that a tried login ends with: what the tokens are, what they say, who signed them, and until when they hold.

use axum::response::{IntoResponse, Response};
use identity::jwt::Jwt;
use kernel::{Tenant, Timestamp, Value};

use super::PATH;
use crate::developer::html::{Page, escaped};

/// How a tried login ended.
pub(super) enum Outcome {
    LoggedIn(Box<LoggedIn>),
    /// Error and description.
    Refused(String, String),
    /// The browser did not begin this login, or began another one since.
    Foreign,
}

/// A login that succeeded.
pub(super) struct LoggedIn {
    pub(super) client_id: String,
    pub(super) nonce: String,
    /// The answer of the token endpoint.
    pub(super) tokens: Value,
    /// The answer of `/userinfo`.
    pub(super) profile: Value,
    /// The keys of this tenant by which the tokens are signed, where their signatures hold.
    pub(super) id_token_by: Option<String>,
    pub(super) access_token_by: Option<String>,
}

/// What claims mean.
const CLAIMS: [(&str, &str); 22] = [
    ("iss", "Who issued the token: the issuer of this tenant. Verifiers compare it with what they expect."),
    ("sub", "Who logged in: the user's identifier, which never changes."),
    ("aud", "Who may use the token: an application (ID token) or APIs (access token). Others must refuse it."),
    ("exp", "Until when it holds."),
    ("iat", "When it was issued."),
    ("azp", "The application that it was issued to."),
    ("client_id", "The application that it was issued to."),
    ("nonce", "What the application sent with its request: the token belongs to that login, and is not replayed."),
    ("sid", "The session on this server, which a logout ends."),
    ("auth_time", "When the user proved who they are."),
    ("scope", "What the application may do for the user."),
    ("permissions", "What the user may do with the API."),
    ("at_hash", "Half of the hash of the access token that belongs to it."),
    ("acr", "How strong the proof was."),
    ("amr", "By what the user proved who they are."),
    ("org_id", "The organization that the user logged in to."),
    ("org_name", "The name of that organization."),
    ("email", "The user's e-mail address."),
    ("email_verified", "Whether the user has shown that the address is theirs."),
    ("name", "The user's name."),
    ("nickname", "What the user is called."),
    ("updated_at", "When the profile changed last."),
];

/// The page.
pub(super) fn page(tenant: &Tenant, token: &str, now: Timestamp, outcome: &Outcome) -> Response {
    let told = match outcome {
        Outcome::LoggedIn(login) => login.told(tenant, now),
        Outcome::Refused(error, description) => format!(
            "<h2>Nobody was logged in</h2><dl><dt>Error</dt><dd><code>{}</code></dd><dt>Description</dt><dd>{}</dd></dl>",
            escaped(error),
            escaped(description)
        ),
        Outcome::Foreign => {
            "<h2>Nobody was logged in</h2><p>This response belongs to no login that this browser has begun: its \
                             <code>state</code> is another one. An application must refuse it, too.</p>"
                .to_owned()
        }
    };
    let body = format!(
        "<header><h1>Try login: {domain}</h1></header><main><nav aria-label=\"Tools\"><ul><li><a href=\"/\">Start page</a></li>\
         <li><a href=\"/v2/logout\">Log out of this server</a></li></ul>\
         <form method=\"post\" action=\"{PATH}?page={token}\"><button>Try again</button></form></nav>\
         <article id=\"outcome\">{told}</article></main>",
        domain = escaped(tenant.host()),
    );
    Page { title: "Try login", body: &body, may: &["form-action 'self'"], ..Page::default() }.into_response()
}

impl LoggedIn {
    fn told(&self, tenant: &Tenant, now: Timestamp) -> String {
        let text = |name: &str| self.tokens[name].as_str().unwrap_or_default();
        let lifetime = self.tokens["expires_in"].as_i64().unwrap_or_default();
        let (id_token, access_token) = (text("id_token"), text("access_token"));
        let profile = serde_json::to_string_pretty(&self.profile).unwrap_or_default();
        format!(
            "<h2>Logged in</h2>\
             <p>The application <code>{client}</code> sent this browser to <code>/authorize</code> with the hash of a secret of its own \
             (PKCE), a <code>state</code> and a <code>nonce</code>. It got a code back, compared the <code>state</code>, and exchanged \
             code and secret at <code>/oauth/token</code> for these tokens.</p>\
             <section aria-labelledby=\"id-token\"><h2 id=\"id-token\">ID token: who logged in</h2>{id_token}{checks}</section>\
             <section aria-labelledby=\"access-token\"><h2 id=\"access-token\">Access token: what an API is shown</h2>\
             <p>It holds for {lifetime} seconds.</p>{access_token}</section>\
             <section aria-labelledby=\"profile\"><h2 id=\"profile\">Profile: what /userinfo answers to the access token</h2>\
             <pre tabindex=\"0\">{profile}</pre></section>",
            client = escaped(&self.client_id),
            id_token = token(id_token, self.id_token_by.as_deref(), now),
            checks = self.checks(tenant, id_token, now),
            access_token = token(access_token, self.access_token_by.as_deref(), now),
            profile = escaped(&profile),
        )
    }

    /// What an application checks of an ID token before it believes it.
    fn checks(&self, tenant: &Tenant, token: &str, now: Timestamp) -> String {
        let Some(token) = Jwt::parse(token) else { return String::new() };
        let checks = [
            ("A key of this tenant signed it", self.id_token_by.is_some()),
            ("<code>iss</code> is this tenant's issuer", token.text("iss") == Some(tenant.issuer())),
            ("<code>aud</code> is the application", token.audiences() == [self.client_id.as_str()]),
            ("<code>nonce</code> is the one that was sent", token.text("nonce") == Some(&self.nonce)),
            ("<code>exp</code> is to come", token.seconds("exp").is_some_and(|end| end > now.seconds())),
        ];
        let line = |(what, holds): &(&str, bool)| {
            format!("<li>{what}: <strong>{}</strong></li>", if *holds { "yes" } else { "no" })
        };
        format!(
            "<h3>What an application checks</h3><ul id=\"checks\">{}</ul>",
            checks.iter().map(line).collect::<String>()
        )
    }
}

/// A token: as it is, who signed it, and what it says.
fn token(text: &str, signed_by: Option<&str>, now: Timestamp) -> String {
    let raw = format!("<pre tabindex=\"0\">{}</pre>", escaped(text));
    let Some(token) = Jwt::parse(text) else {
        return format!(
            "{raw}<p>It is opaque: no API was named, so this server alone can read it, at <code>/userinfo</code>. Name an API on the \
             start page to get one that the API verifies by itself.</p>"
        );
    };
    let algorithm = token.algorithm.map(identity::Algorithm::name).unwrap_or_default();
    let signature = signed_by.map_or_else(
        || "<p>No key of this tenant's has signed it.</p>".to_owned(),
        |kid| {
            format!(
                "<p>Signed with {algorithm} by the key <code>{}</code>, which is published among the \
                 <a href=\"/.well-known/jwks.json\">signing keys</a>: the signature holds.</p>",
                escaped(kid)
            )
        },
    );
    let line = |(name, value): (&String, &Value)| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let time = matches!(name.as_str(), "exp" | "iat" | "auth_time").then(|| value.as_i64()).flatten();
        let time = time.map(|seconds| when(seconds, now)).unwrap_or_default();
        let meaning = CLAIMS.iter().find(|(known, _)| known == name).map(|(_, meaning)| *meaning).unwrap_or_default();
        format!("<dt><code>{}</code></dt><dd>{}{time}<br><small>{meaning}</small></dd>", escaped(name), escaped(&shown))
    };
    format!("{raw}{signature}<dl>{}</dl>", token.claims.iter().map(line).collect::<String>())
}

/// A time in words that people read.
fn when(seconds: i64, now: Timestamp) -> String {
    let distance = seconds - now.seconds();
    let distance = if distance > 0 {
        format!("in {distance} seconds")
    } else {
        format!("{} seconds ago", distance.unsigned_abs())
    };
    format!(" (<time>{}</time>, {distance})", Timestamp::from_seconds(seconds))
}
