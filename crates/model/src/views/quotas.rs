//! The part of clients, organizations and settings that says how many tokens machines may get.

use serde::Deserialize;

/// How many tokens machines may get.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenQuota {
    /// With the client credentials grant.
    pub client_credentials: QuotaLimits,
}

/// How many tokens machines may get with a grant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QuotaLimits {
    /// In an hour.
    pub per_hour: Option<u64>,
    /// In a day.
    pub per_day: Option<u64>,
    /// Whether more are refused; `true` where nothing is said.
    #[serde(default = "yes")]
    pub enforce: bool,
}

fn yes() -> bool {
    true
}

/// The quotas of all clients and organizations that have none of their own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DefaultTokenQuota {
    /// Of each client.
    pub clients: Option<TokenQuota>,
    /// Of each organization.
    pub organizations: Option<TokenQuota>,
}
