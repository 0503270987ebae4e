//! What tokens need of the login that they come from, after it is over: kept with codes and refresh tokens.

use kernel::{Document, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::issue::{CustomClaims, Organization};

/// The facts of a login.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// The session: `sid`.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    /// When the user proved who they are, in microseconds since 1970.
    #[serde(rename = "t")]
    pub(crate) authenticated: i64,
    /// Whether ID tokens tell that time: the request named `max_age` or demanded a login.
    #[serde(rename = "a", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tells_time: bool,
    /// Name of the connection.
    #[serde(rename = "n", skip_serializing_if = "String::is_empty")]
    pub(crate) connection: String,
    /// The organization that the user signed in to.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<Organization>,
    /// Methods of authentication, as ID tokens show them.
    #[serde(rename = "m", skip_serializing_if = "Vec::is_empty")]
    pub(crate) amr: Vec<String>,
    /// Who acts for the user, where somebody does.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<Value>,
    /// Claims of the tenant's code.
    #[serde(rename = "x")]
    pub(crate) custom: CustomClaims,
}

impl Facts {
    /// When the user proved who they are, where ID tokens tell it.
    pub(crate) fn auth_time(&self) -> Option<Timestamp> {
        self.tells_time.then(|| Timestamp::from_micros(self.authenticated))
    }

    /// As it is kept.
    pub(crate) fn to_document(&self) -> Document {
        match serde_json::to_value(self).expect("facts are texts and numbers") {
            Value::Object(document) => document,
            _ => Document::new(),
        }
    }

    /// Reads what [`Facts::to_document`] wrote.
    pub(crate) fn from_document(document: &Document) -> Option<Self> {
        Self::deserialize(document).ok()
    }
}
