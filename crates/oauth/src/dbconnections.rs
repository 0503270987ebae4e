//! `/dbconnections/…`: users sign up at a database, and ask for a new password, without a page of ours
//! (reference: authentication-api §5). Refusals have shapes of their own.

mod refusal;
mod signup;

use axum::{
    body::{Body, to_bytes},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, Request, header};
use identity::{
    reset::{self, Asked, Forgotten},
    users::Identifier,
};
use kernel::{Document, Peer, Value};
use model::login::Browser;
use store::Tx;

pub(crate) use signup::sign_up;

use crate::{
    OAuthError, Site,
    authorize::browser,
    password,
    request::{Origin, Parameters},
    third_parties,
};
use refusal::Refusal;

/// Longest body that is read.
const LONGEST: usize = 128 * 1024;
/// Longest attribute, in characters.
const LONGEST_TEXT: usize = 512;

/// A request taken apart.
struct Input {
    members: Document,
    origin: Origin,
    browser: Browser,
}

impl Input {
    async fn read(request: Request<Body>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>();
        let origin = Origin::of(&parts.headers, peer);
        let bytes = to_bytes(body, LONGEST).await.map_err(|_| Refusal::too_large())?;
        Ok(Self { members: members(&parts.headers, &bytes)?, origin, browser: browser::visit(parts).browser })
    }

    /// Whether the puzzle is solved that a classic login page has shown in this browser.
    async fn solve(&self, site: &Site) -> Result<(), Refusal> {
        let (Some(captcha), Some(state)) = (self.text("captcha")?, self.text("state")?) else {
            return Err(Refusal::requires_verification());
        };
        if site.solves(state, captcha, &self.browser).await? { Ok(()) } else { Err(Refusal::invalid_captcha()) }
    }

    /// A text; one that is absent, `null` or empty counts as not sent.
    fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.chars().count() <= LONGEST_TEXT && !text.contains(char::is_control) => {
                Ok(Some(text))
            }
            Some(_) => Err(Refusal::invalid(name)),
        }
    }

    fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::missing(name))
    }
}

/// Members of a JSON object, or fields of a form.
fn members(headers: &HeaderMap, body: &[u8]) -> Result<Document, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
        return Ok(Parameters::parse(content_type, body).map_err(|_| Refusal::unreadable())?.all());
    }
    serde_json::from_slice(body).map_err(|_| Refusal::unreadable())
}

/// The client must be there, and no strict third party.
async fn admit(site: &Site, client_id: &str) -> Result<(), Refusal> {
    let client = site.store.cached(site.tenant.id(), &model::CLIENT, client_id).await?;
    let client = client.ok_or_else(Refusal::unknown_client)?;
    let client = site.views.clients.of(site.tenant.id(), &client).map_err(OAuthError::from)?;
    Ok(third_parties::admit_endpoint(&client, "Requests about users of databases")?)
}

/// `POST /dbconnections/change_password`: sends whoever has the identifier a mail with a link. Everybody is answered the same.
pub(crate) async fn change_password(site: Site, request: Request<Body>) -> Response {
    match ask(&site, request).await {
        Ok(()) => Html("We've just sent you an email to reset your password.").into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn ask(site: &Site, request: Request<Body>) -> Result<(), Refusal> {
    let input = Input::read(request).await?;
    let connection = input.require("connection")?.to_owned();
    let client_id = input.text("client_id")?;
    if let Some(client_id) = client_id {
        admit(site, client_id).await?;
    }
    let named = [
        ("email", Identifier::Email),
        ("username", Identifier::Username),
        ("phone_number", Identifier::Phone),
        ("phone", Identifier::Phone),
    ];
    let mut asked = None;
    for (field, kind) in named {
        if let (None, Some(identifier)) = (&asked, input.text(field)?) {
            asked = Some((identifier.to_owned(), kind));
        }
    }
    let (identifier, kind) = asked.ok_or_else(|| Refusal::missing("email"))?;
    if site.puzzles(&input.origin.ip).await?.reset {
        input.solve(site).await?;
    }
    // Older clients send the user name as the address.
    let kinds = if kind == Identifier::Email { Vec::new() } else { vec![kind] };
    let organization_id = input.text("organization")?.map(str::to_owned);
    let forgotten = Forgotten { connection, identifier, kinds, organization_id, ..Forgotten::default() };
    let actor = password::actor(site, &input.origin, client_id);
    let forgotten = reset::look_up(&site.services, &site.store, &actor, forgotten).await?;
    let ask = move |tx: &mut Tx| reset::ask(tx, &actor, &forgotten);
    match site.store.write(site.tenant.id(), ask).await? {
        Asked::TooOften { .. } => Err(Refusal::too_many()),
        Asked::Sent | Asked::Unreachable => Ok(()),
    }
}
