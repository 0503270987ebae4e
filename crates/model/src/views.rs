//! Typed views: the fields of records that rules decide on, one struct for each kind.

mod clients;
mod connections;
mod lifetimes;
mod organizations;
mod passwords;
mod protection;
mod quotas;
mod refresh_tokens;
mod renderings;
mod resource_servers;
mod strategy;
mod tenants;
mod users;

use kernel::{Record, UnfitRecord};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

pub use self::{
    clients::{AndroidApp, Client, ClientGrant, ClientPages, DefaultOrganization, IosApp, JwtConfiguration, Mobile},
    connections::{Attribute, Attributes, Connection, ConnectionOptions, Totp},
    lifetimes::SessionLifetimes,
    organizations::Organization,
    passwords::{
        PasswordComplexity, PasswordComplexityOptions, PasswordDictionary, PasswordHistory, PasswordOptions,
        PasswordPolicy, PasswordProfileData, PasswordSwitch,
    },
    protection::{
        BotDetection, BreachedPasswordDetection, BreachedPasswordStages, BruteForceProtection, PuzzlePolicy, Shielded,
        SuspiciousIpThrottling, ThrottlingStage, ThrottlingStages,
    },
    quotas::{DefaultTokenQuota, QuotaLimits, TokenQuota},
    refresh_tokens::{RefreshTokenPolicy, RefreshTokenSettings},
    renderings::{Concerned, Rendering},
    resource_servers::{ProofOfPossession, ResourceServer},
    strategy::{Strategy, StrategyType},
    tenants::{ErrorPage, Flags, Mtls, OidcLogout, OwnPage, Sessions, TenantSettings, UniversalLogin},
    users::User,
};

/// A view of the records of a kind.
pub trait View: DeserializeOwned {
    /// The view with what the record holds beside its document.
    #[must_use]
    fn complete(self, record: &Record) -> Self;

    /// The view of a record.
    ///
    /// # Errors
    /// What cannot be read is a defect, and never read as if it were not there.
    fn of(record: &Record) -> Result<Self, UnfitRecord> {
        Ok(Self::complete(record.view()?, record))
    }
}

/// Reads `null` as if nothing were there, which it means in options.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use contract::Contract;
    use kernel::{Document, Value};
    use serde::{
        Deserializer,
        de::{Error as _, Visitor, value::Error},
        forward_to_deserialize_any,
    };

    use super::{
        clients::AuthenticationMethods,
        connections::{AttributeSignup, AttributeValidation, PasswordMethod},
        lifetimes::SessionCookie,
        renderings::Filters,
        resource_servers::SubjectTypes,
        *,
    };

    /// Takes the names of a struct's fields, and gives nothing.
    struct Names<'n>(&'n mut Vec<&'static str>);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            self.0.extend(fields);
            Err(Error::custom("only the names are wanted"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    /// The fields of a view that the answer of an operation does not have, at a place in it.
    fn unknown<T: for<'de> Deserialize<'de>>(operation: &str, place: &[&str]) -> Vec<&'static str> {
        let mut names = Vec::new();
        let _ = T::deserialize(Names(&mut names));
        assert!(!names.is_empty(), "a view of {operation} has fields");
        let fields = names.iter().map(|name| ((*name).to_owned(), Value::Bool(true))).collect::<Document>();
        let nest = |inner: Value, name: &&str| Value::from(Document::from_iter([((*name).to_owned(), inner)]));
        let answer = place.iter().rev().fold(Value::from(fields), nest);
        let operation = Contract::load().find(operation).unwrap_or_else(|| panic!("no operation {operation}"));
        let shown = operation.project(answer);
        let shown = place.iter().try_fold(&shown, |value, name| value.get(name));
        names.retain(|name| shown.and_then(|shown| shown.get(name)).is_none());
        names
    }

    #[test]
    fn views_read_what_the_contract_names() {
        let (connection, rendering) = ("GET /connections/{id}", "GET /prompts/{prompt}/screen/{screen}/rendering");
        let (client, server, settings) = ("GET /clients/{id}", "GET /resource-servers/{id}", "GET /tenants/settings");
        let protection = |name: &str| format!("GET /attack-protection/{name}");
        let unknown = [
            unknown::<Client>(client, &[]),
            unknown::<JwtConfiguration>(client, &["jwt_configuration"]),
            unknown::<DefaultOrganization>(client, &["default_organization"]),
            unknown::<AuthenticationMethods>(client, &["client_authentication_methods"]),
            unknown::<ClientPages>(client, &[]),
            unknown::<OwnPage>(settings, &["change_password"]),
            unknown::<ClientGrant>("PATCH /client-grants/{id}", &[]),
            unknown::<ResourceServer>(server, &[]),
            unknown::<SubjectTypes>(server, &["subject_type_authorization"]),
            unknown::<TenantSettings>(settings, &[]),
            unknown::<TokenQuota>(client, &["token_quota"]),
            unknown::<QuotaLimits>(client, &["token_quota", "client_credentials"]),
            unknown::<DefaultTokenQuota>(settings, &["default_token_quota"]),
            unknown::<Flags>(settings, &["flags"]),
            unknown::<OidcLogout>(settings, &["oidc_logout"]),
            unknown::<Mtls>(settings, &["mtls"]),
            unknown::<Sessions>(settings, &["sessions"]),
            unknown::<Connection>(connection, &[]),
            unknown::<ConnectionOptions>(connection, &["options"]),
            unknown::<Attributes>(connection, &["options", "attributes"]),
            unknown::<Attribute>(connection, &["options", "attributes", "email"]),
            unknown::<AttributeSignup>(connection, &["options", "attributes", "email", "signup"]),
            unknown::<AttributeValidation>(connection, &["options", "attributes", "username", "validation"]),
            unknown::<PasswordMethod>(connection, &["options", "authentication_methods", "password"]),
            unknown::<RefreshTokenSettings>(client, &["refresh_token"]),
            unknown::<SessionLifetimes>(settings, &[]),
            unknown::<SessionCookie>(settings, &["session_cookie"]),
            unknown::<PasswordPolicy>(connection, &["options"]),
            unknown::<PasswordComplexityOptions>(connection, &["options", "password_complexity_options"]),
            unknown::<PasswordOptions>(connection, &["options", "password_options"]),
            unknown::<PasswordComplexity>(connection, &["options", "password_options", "complexity"]),
            unknown::<PasswordHistory>(connection, &["options", "password_options", "history"]),
            unknown::<PasswordDictionary>(connection, &["options", "password_options", "dictionary"]),
            unknown::<PasswordProfileData>(connection, &["options", "password_options", "profile_data"]),
            unknown::<BruteForceProtection>(&protection("brute-force-protection"), &[]),
            unknown::<SuspiciousIpThrottling>(&protection("suspicious-ip-throttling"), &[]),
            unknown::<ThrottlingStages>(&protection("suspicious-ip-throttling"), &["stage"]),
            unknown::<ThrottlingStage>(&protection("suspicious-ip-throttling"), &["stage", "pre-login"]),
            unknown::<BreachedPasswordDetection>(&protection("breached-password-detection"), &[]),
            unknown::<BreachedPasswordStages>(&protection("breached-password-detection"), &["stage"]),
            unknown::<BotDetection>(&protection("bot-detection"), &[]),
            unknown::<Organization>("GET /organizations/{id}", &[]),
            unknown::<User>("GET /users/{id}", &[]),
            unknown::<Rendering>(rendering, &[]),
            unknown::<Filters>(rendering, &["filters"]),
        ];
        assert_eq!(unknown.concat(), Vec::<&str>::new());
    }
}
