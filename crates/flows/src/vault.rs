//! The vault: connections that vouch for requests, and the tokens that are fetched for them.

mod authorization;
mod google;
mod providers;
mod renewal;
mod tokens;

pub use authorization::{Authorizations, Begun, CALLBACK, Prepared, Returned};

use kernel::{Document, Secret, Value};
use model::FLOW_VAULT_CONNECTION;

use crate::{Failure, doing::Doing, outgoing::Auth, params::Params};

/// Members of set-ups that are no secrets.
const PUBLIC: &[&str] = &[
    "type",
    "domain",
    "audience",
    "in",
    "name",
    "client_id",
    "base_url",
    "algorithm",
    "scope",
    "environment",
    "redirect_uri",
    "instance_url",
    "api_domain",
    "dc",
    "expires_at",
];

/// A connection that is set up.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: String,
    /// Changes whenever the set-up does.
    fingerprint: String,
    setup: Setup,
}

/// The set-up of a connection. It prints as dots.
#[derive(Clone)]
pub(crate) struct Setup(Document);

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Setup(…)")
    }
}

impl Connection {
    /// A text of the set-up that must be there.
    pub(crate) fn text(&self, name: &str) -> Result<String, Failure> {
        self.optional(name).ok_or_else(|| not_ready(&self.id))
    }

    /// A text of the set-up.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Params(&self.setup.0).text(name)
    }

    /// `setup.type`.
    pub(crate) fn kind(&self) -> String {
        self.optional("type").unwrap_or_default()
    }

    /// A secret of the set-up that must be there.
    pub(crate) fn secret(&self, name: &str) -> Result<Secret, Failure> {
        self.text(name).map(Secret::new)
    }
}

fn not_ready(id: &str) -> Failure {
    Failure::new("CONNECTION_NOT_READY", format!("The vault connection {id} is not set up."))
}

impl Doing<'_> {
    /// A connection of the vault, if it is one to this app and set up.
    pub(crate) async fn open(&mut self, id: &str, app: &str) -> Result<Connection, Failure> {
        let wanted = id.to_owned();
        let store = &self.services.store;
        let read = store.read(self.tenant.id(), move |reader| reader.get(&FLOW_VAULT_CONNECTION, &wanted));
        let record = read
            .await?
            .ok_or_else(|| Failure::new("CONNECTION_NOT_FOUND", format!("There is no vault connection {id}.")))?;
        if record.text("app_id") != Some(app) {
            return Err(Failure::new(
                "CONNECTION_OF_OTHER_APP",
                format!("The vault connection {id} is not one to {app}."),
            ));
        }
        let setup = record.sealed.get("setup").and_then(Value::as_object).ok_or_else(|| not_ready(id))?;
        // A server may send back what it was sent.
        for (name, value) in setup {
            if !PUBLIC.contains(&name.as_str()) {
                self.veil.hide_all(value);
            }
        }
        Ok(Connection {
            id: record.id.clone(),
            fingerprint: record.text("fingerprint").unwrap_or_default().to_owned(),
            setup: Setup(setup.clone()),
        })
    }

    /// What a connection to any server by HTTP adds to a request.
    pub(crate) async fn auth(&mut self, connection: &Connection) -> Result<Auth, Failure> {
        Ok(match connection.kind().as_str() {
            "BEARER" => Auth::Bearer(connection.secret("token")?),
            "BASIC_AUTH" => {
                let password = connection.optional("password").unwrap_or_default();
                Auth::Basic(connection.text("username")?, Secret::new(password))
            }
            "API_KEY" => {
                let (name, value) = (connection.text("name")?, connection.secret("value")?);
                if connection.optional("in").as_deref() == Some("QUERY") {
                    Auth::Query(name, value)
                } else {
                    Auth::Header(name, value)
                }
            }
            "OAUTH_CLIENT_CREDENTIALS" => Auth::Bearer(self.token(connection).await?),
            _ => return Err(not_ready(&connection.id)),
        })
    }
}
