//! The strategies of connections: where users prove who they are.

use std::fmt;

use kernel::Record;
use serde::Deserialize;

/// What kind of place users prove at who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyType {
    /// Passwords that the tenant keeps.
    Database,
    /// Codes that users are sent.
    Passwordless,
    /// The identity provider of a company.
    Enterprise,
    /// A network where anybody has an account.
    Social,
}

impl StrategyType {
    /// Its name in log entries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Passwordless => "passwordless",
            Self::Enterprise => "enterprise",
            Self::Social => "social",
        }
    }
}

/// The strategies, each with its type and its name.
macro_rules! strategies {
    ($($of:ident $variant:ident $name:literal)*) => {
        /// The strategy of a connection, which is the provider of its users' identities.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        #[expect(missing_docs, reason = "each is named as the contract names it")]
        pub enum Strategy {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl Strategy {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its type.
            pub fn strategy_type(self) -> StrategyType {
                match self { $(Self::$variant => StrategyType::$of,)* }
            }
        }
    };
}

strategies! {
    Database Database "auth0"
    Passwordless Email "email"
    Passwordless Sms "sms"
    Enterprise Ad "ad"
    Enterprise Adfs "adfs"
    Enterprise Auth0AdLdap "auth0-adldap"
    Enterprise Auth0Oidc "auth0-oidc"
    Enterprise Custom "custom"
    Enterprise GoogleApps "google-apps"
    Enterprise Ip "ip"
    Enterprise Office365 "office365"
    Enterprise Oidc "oidc"
    Enterprise Okta "okta"
    Enterprise Pingfederate "pingfederate"
    Enterprise Samlp "samlp"
    Enterprise Sharepoint "sharepoint"
    Enterprise Waad "waad"
    Social Amazon "amazon"
    Social Apple "apple"
    Social Baidu "baidu"
    Social Bitbucket "bitbucket"
    Social Bitly "bitly"
    Social Box "box"
    Social Daccount "daccount"
    Social Dropbox "dropbox"
    Social Dwolla "dwolla"
    Social Evernote "evernote"
    Social EvernoteSandbox "evernote-sandbox"
    Social Exact "exact"
    Social Facebook "facebook"
    Social Fitbit "fitbit"
    Social Github "github"
    Social GoogleOAuth2 "google-oauth2"
    Social Instagram "instagram"
    Social Line "line"
    Social Linkedin "linkedin"
    Social OAuth1 "oauth1"
    Social OAuth2 "oauth2"
    Social Paypal "paypal"
    Social PaypalSandbox "paypal-sandbox"
    Social Planningcenter "planningcenter"
    Social Salesforce "salesforce"
    Social SalesforceCommunity "salesforce-community"
    Social SalesforceSandbox "salesforce-sandbox"
    Social Shop "shop"
    Social Shopify "shopify"
    Social Soundcloud "soundcloud"
    Social Thirtysevensignals "thirtysevensignals"
    Social Twitter "twitter"
    Social Untappd "untappd"
    Social Vkontakte "vkontakte"
    Social Weibo "weibo"
    Social Windowslive "windowslive"
    Social Wordpress "wordpress"
    Social Yahoo "yahoo"
    Social Yandex "yandex"
}

impl Strategy {
    /// The strategy of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|strategy| strategy.name() == name)
    }

    /// The strategy of a stored connection.
    pub fn of(connection: &Record) -> Option<Self> {
        connection.text("strategy").and_then(Self::named)
    }

    /// Whether users sign in with passwords that the tenant keeps.
    pub fn is_database(self) -> bool {
        self.strategy_type() == StrategyType::Database
    }

    /// Whether users sign in with codes that they are sent.
    pub fn is_passwordless(self) -> bool {
        self.strategy_type() == StrategyType::Passwordless
    }

    /// Whether its users belong to a social network.
    pub fn is_social(self) -> bool {
        self.strategy_type() == StrategyType::Social
    }

    /// Whether its users belong to a company.
    pub fn is_enterprise(self) -> bool {
        self.strategy_type() == StrategyType::Enterprise
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_strategies_are_those_of_the_contract() {
        let contract: serde_json::Value =
            serde_json::from_str(include_str!("../../../../contract/management-v2.json")).unwrap();
        let named = contract["schemas"]["ConnectionStrategyEnum"]["enum"].as_array().unwrap();
        let named: BTreeSet<&str> = named.iter().filter_map(serde_json::Value::as_str).collect();
        assert_eq!(Strategy::ALL.iter().map(|strategy| strategy.name()).collect::<BTreeSet<_>>(), named);
        assert!(Strategy::ALL.iter().all(|strategy| Strategy::named(strategy.name()) == Some(*strategy)));
    }
}
