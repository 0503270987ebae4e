//! The view of resource servers.

use std::collections::HashSet;

use kernel::{Document, Record, Secret};
use serde::Deserialize;

use super::View;

/// A resource server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceServer {
    /// Its audience.
    pub identifier: String,
    /// Its name.
    pub name: Option<String>,
    /// Algorithm of its tokens.
    pub signing_alg: Option<String>,
    /// Seconds for which a token holds.
    pub token_lifetime: Option<i64>,
    /// The same for tokens that browsers get.
    pub token_lifetime_for_web: Option<i64>,
    /// Whether refresh tokens may be issued.
    pub allow_offline_access: bool,
    /// Whether refresh tokens may be issued that end with the session.
    pub allow_online_access: bool,
    /// Whether users need not consent to what clients of the tenant do.
    pub skip_consent_for_verifiable_first_party_clients: Option<bool>,
    /// What tokens hold beside the standard claims.
    pub token_dialect: Option<String>,
    /// Whether permissions of users decide about scopes.
    pub enforce_policies: bool,
    subject_type_authorization: SubjectTypes,
    scopes: Vec<Scope>,
    /// The values of its scopes.
    #[serde(skip)]
    pub scope_values: HashSet<String>,
    token_encryption: Option<TokenEncryption>,
    /// What its tokens must be bound to.
    pub proof_of_possession: Option<ProofOfPossession>,
    authorization_policy: Option<Document>,
    /// What signs its tokens with HS256.
    #[serde(skip)]
    pub signing_secret: Option<Secret>,
    /// The key that its tokens are encrypted to.
    #[serde(skip)]
    pub encryption_pem: Option<Secret>,
}

/// What the tokens of a resource server must be bound to.
#[derive(Debug, Deserialize)]
pub struct ProofOfPossession {
    /// `dpop` or `mtls`.
    pub mechanism: String,
    #[serde(default)]
    required: bool,
    required_for: Option<String>,
}

impl ProofOfPossession {
    /// Whether the tokens of a client must be bound, which has no secret or has one.
    pub fn is_demanded_of(&self, is_public: bool) -> bool {
        self.required && (is_public || self.required_for.as_deref() != Some("public_clients"))
    }
}

#[derive(Debug, Deserialize)]
struct TokenEncryption {
    encryption_key: EncryptionKey,
}

#[derive(Debug, Deserialize)]
struct EncryptionKey {
    alg: String,
    kid: Option<String>,
}

/// Where a resource server keeps the key that its tokens are encrypted to. It is never shown, so it is sealed.
const ENCRYPTION_PEM: &str = "token_encryption.encryption_key.pem";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SubjectTypes {
    client: Policy,
    user: Policy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Policy {
    policy: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Scope {
    value: String,
    description: Option<String>,
}

impl ResourceServer {
    /// What a machine needs to use the API: `deny_all`, `require_client_grant` (the default) or `allow_all`.
    pub fn client_policy(&self) -> &str {
        self.subject_type_authorization.client.policy.as_deref().unwrap_or("require_client_grant")
    }

    /// What a client needs to use the API for its users: `deny_all`, `require_client_grant` or `allow_all` (the default).
    pub fn user_policy(&self) -> &str {
        self.subject_type_authorization.user.policy.as_deref().unwrap_or("allow_all")
    }

    /// What a scope is for, in the API's words.
    pub fn description(&self, scope: &str) -> Option<&str> {
        let described = self.scopes.iter().find(|known| known.value == scope)?;
        described.description.as_deref().filter(|text| !text.is_empty())
    }

    /// Whether tokens are encrypted. Without a usable recipient none may be issued then.
    pub fn encrypts_tokens(&self) -> bool {
        self.token_encryption.is_some()
    }

    /// Algorithm of the encryption of tokens, and the identifier of its key where one is given.
    pub fn encryption(&self) -> Option<(&str, Option<&str>)> {
        let key = &self.token_encryption.as_ref()?.encryption_key;
        Some((&key.alg, key.kid.as_deref()))
    }

    /// Whether a policy decides about each of its tokens.
    pub fn has_authorization_policy(&self) -> bool {
        self.authorization_policy.is_some()
    }

    /// All scopes, in the order in which the API lists them.
    pub fn all_scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| scope.value.as_str())
    }
}

impl View for ResourceServer {
    fn complete(mut self, record: &Record) -> Self {
        self.scope_values = self.scopes.iter().map(|scope| scope.value.clone()).collect();
        self.encryption_pem = record.sealed.text(ENCRYPTION_PEM).map(Secret::new);
        self.signing_secret = record.sealed.text("signing_secret").map(Secret::new);
        self
    }
}
