//! The view of what a client says of its refresh tokens.

use serde::Deserialize;

/// What a client's `refresh_token` says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct RefreshTokenSettings {
    rotation_type: String,
    expiration_type: String,
    /// Seconds for which a token can be presented again after it was replaced.
    pub leeway: u64,
    token_lifetime: u64,
    idle_token_lifetime: u64,
    infinite_token_lifetime: bool,
    infinite_idle_token_lifetime: bool,
    /// What a token may be exchanged for beyond what the login granted.
    pub policies: Vec<RefreshTokenPolicy>,
}

/// An API that a client may ask a token for without a further login, and with which scopes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct RefreshTokenPolicy {
    /// The API's identifier.
    pub audience: String,
    /// The scopes.
    pub scope: Vec<String>,
}

impl Default for RefreshTokenSettings {
    fn default() -> Self {
        Self {
            rotation_type: "non-rotating".to_owned(),
            expiration_type: "non-expiring".to_owned(),
            leeway: 0,
            token_lifetime: 2_592_000,
            idle_token_lifetime: 1_296_000,
            infinite_token_lifetime: true,
            infinite_idle_token_lifetime: true,
            policies: Vec::new(),
        }
    }
}

impl RefreshTokenSettings {
    /// Whether each exchange replaces a token.
    pub fn is_rotating(&self) -> bool {
        self.rotation_type == "rotating"
    }

    /// Seconds after which a token ends in any case; none where it does not.
    pub fn lifetime(&self) -> Option<u64> {
        (self.is_expiring() && !self.infinite_token_lifetime).then_some(self.token_lifetime)
    }

    /// Seconds after which a token ends that is not exchanged; none where it does not.
    pub fn idle_lifetime(&self) -> Option<u64> {
        (self.is_expiring() && !self.infinite_idle_token_lifetime).then_some(self.idle_token_lifetime)
    }

    /// Whether tokens end at all.
    pub fn is_expiring(&self) -> bool {
        self.expiration_type == "expiring"
    }
}
