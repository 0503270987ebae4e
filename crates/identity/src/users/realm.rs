//! What a connection says about its users: how they are identified and which attributes they have.

use kernel::{Document, Record, UnfitRecord, Value};
use serde::Deserialize;

use super::Identifier;
use crate::PasswordRules;

/// The part of a connection that concerns its users.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Identifier of the connection.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its strategy, which is the provider of its identities.
    pub strategy: String,
    options: Options,
    rules: PasswordRules,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    requires_username: bool,
    attributes: Option<Attributes>,
    validation: Option<Validation>,
    set_user_root_attributes: Option<String>,
    authentication_methods: Option<Methods>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Methods {
    password: Option<PasswordMethod>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PasswordMethod {
    enabled: Option<bool>,
    api_behavior: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    email: Option<Attribute>,
    username: Option<Attribute>,
    phone_number: Option<Attribute>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Attribute {
    identifier: Active,
    profile_required: bool,
    unique: Option<bool>,
    validation: Option<AttributeValidation>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Active {
    active: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct AttributeValidation {
    min_length: Option<usize>,
    max_length: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Validation {
    username: Option<Window>,
}

#[derive(Clone, Debug, Deserialize)]
struct Window {
    min: Option<usize>,
    max: Option<usize>,
}

const SOCIAL: &[&str] = &[
    "amazon",
    "apple",
    "baidu",
    "bitbucket",
    "bitly",
    "box",
    "daccount",
    "dropbox",
    "dwolla",
    "evernote",
    "evernote-sandbox",
    "exact",
    "facebook",
    "fitbit",
    "github",
    "google-oauth2",
    "instagram",
    "line",
    "linkedin",
    "oauth1",
    "oauth2",
    "paypal",
    "paypal-sandbox",
    "planningcenter",
    "salesforce",
    "salesforce-community",
    "salesforce-sandbox",
    "shopify",
    "shop",
    "soundcloud",
    "thirtysevensignals",
    "twitter",
    "untappd",
    "vkontakte",
    "weibo",
    "windowslive",
    "wordpress",
    "yahoo",
    "yandex",
];

impl Realm {
    /// What a stored connection says.
    ///
    /// # Errors
    /// Options that cannot be read: nobody gets in, or is created, by rules that nobody chose.
    pub fn of(connection: &Record) -> Result<Self, UnfitRecord> {
        let text = |field: &str| connection.text(field).unwrap_or_default().to_owned();
        let none = Value::Object(Document::new());
        let options = connection.document.get("options").filter(|options| !options.is_null()).unwrap_or(&none);
        let read = Options::deserialize(options).map_err(|error| {
            tracing::error!(connection = connection.id, %error, "the options of a connection cannot be read");
            UnfitRecord { id: connection.id.clone(), reason: error.to_string() }
        })?;
        Ok(Self {
            id: connection.id.clone(),
            name: text("name"),
            strategy: text("strategy"),
            options: read,
            rules: PasswordRules::from_connection_options(options),
        })
    }

    /// Whether users sign in with passwords that the tenant keeps.
    pub fn is_database(&self) -> bool {
        self.strategy == "auth0"
    }

    /// Whether users sign in with codes that they are sent.
    pub fn is_passwordless(&self) -> bool {
        matches!(self.strategy.as_str(), "sms" | "email")
    }

    /// Whether its users belong to a social network.
    pub fn is_social(&self) -> bool {
        SOCIAL.contains(&self.strategy.as_str())
    }

    /// `database`, `passwordless`, `social` or `enterprise`.
    pub fn strategy_type(&self) -> &'static str {
        match self {
            realm if realm.is_database() => "database",
            realm if realm.is_passwordless() => "passwordless",
            realm if realm.is_social() => "social",
            _ => "enterprise",
        }
    }

    /// Whether a user who is made through the Management API must have a password.
    pub fn demands_password(&self) -> bool {
        let method = self.options.authentication_methods.as_ref().and_then(|methods| methods.password.as_ref());
        let is_off = method.is_some_and(|method| method.enabled == Some(false));
        let is_optional = method.is_some_and(|method| method.api_behavior.as_deref() == Some("optional"));
        self.is_database() && !is_off && !is_optional
    }

    /// What passwords must be.
    pub fn password_rules(&self) -> &PasswordRules {
        &self.rules
    }

    /// Whether the profile of a user belongs to the tenant, not to the identity provider.
    pub fn owns_profiles(&self) -> bool {
        let keeps = |when: &str| when == "on_first_login" || when == "never_on_login";
        self.is_database()
            || self.is_passwordless()
            || self.options.set_user_root_attributes.as_deref().is_some_and(keeps)
    }

    /// Whether users have this attribute at all.
    pub fn has(&self, identifier: Identifier) -> bool {
        match (&self.options.attributes, identifier) {
            _ if !self.is_database() => true,
            (Some(attributes), identifier) => attributes.get(identifier).is_some(),
            (None, Identifier::Username) => self.options.requires_username,
            (None, _) => true,
        }
    }

    /// Whether users are known by this and no two share it.
    pub fn is_active(&self, identifier: Identifier) -> bool {
        match self.strategy.as_str() {
            "sms" => identifier == Identifier::Phone,
            "email" => identifier == Identifier::Email,
            "auth0" => match (&self.options.attributes, identifier) {
                (Some(attributes), identifier) => attributes
                    .get(identifier)
                    .is_some_and(|attribute| attribute.identifier.active && attribute.unique != Some(false)),
                (None, Identifier::Email) => true,
                (None, Identifier::Username) => self.options.requires_username,
                (None, Identifier::Phone) => false,
            },
            _ => false,
        }
    }

    /// Whether every user must have this.
    pub fn requires(&self, identifier: Identifier) -> bool {
        match (&self.options.attributes, self.is_database()) {
            (Some(attributes), true) => attributes.get(identifier).is_some_and(|attribute| attribute.profile_required),
            (None, true) => self.is_active(identifier),
            (_, false) => self.is_passwordless() && self.is_active(identifier),
        }
    }

    /// Fewest and most characters of a user name, where the connection says so.
    pub fn username_window(&self) -> (usize, usize) {
        let attribute = self.options.attributes.as_ref().and_then(|attributes| attributes.username.as_ref());
        let newer = attribute.and_then(|attribute| attribute.validation.as_ref());
        let older = self.options.validation.as_ref().and_then(|validation| validation.username.as_ref());
        let (min, max) = match (newer, older) {
            (Some(newer), _) => (newer.min_length, newer.max_length),
            (None, Some(older)) => (older.min, older.max),
            (None, None) => (None, None),
        };
        (min.unwrap_or(1), max.unwrap_or(128))
    }

    /// The unique key of an identifier.
    pub fn key(&self, identifier: Identifier, value: &str) -> String {
        format!("{} {} {}", self.id, identifier.word(), value.to_lowercase())
    }

    /// The unique keys of a profile's active identifiers.
    pub fn keys(&self, profile: &Document) -> Vec<String> {
        let active = Identifier::ALL.into_iter().filter(|identifier| self.is_active(*identifier));
        active.filter_map(|identifier| Some(self.key(identifier, profile.get(identifier.field())?.as_str()?))).collect()
    }
}

impl Attributes {
    fn get(&self, identifier: Identifier) -> Option<&Attribute> {
        match identifier {
            Identifier::Email => self.email.as_ref(),
            Identifier::Username => self.username.as_ref(),
            Identifier::Phone => self.phone_number.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Timestamp, object};
    use serde_json::json;

    fn realm(strategy: &str, options: &Value) -> Realm {
        let document = object(json!({"name": "Users", "strategy": strategy, "options": options}));
        Realm::of(&Record::new("con_1", document, Timestamp::EPOCH)).unwrap()
    }

    fn keys(realm: &Realm) -> Vec<String> {
        realm.keys(&object(json!({"email": "Jane@X.com", "username": "jane", "phone_number": "+1"})))
    }

    #[test]
    fn the_active_identifiers_are_unique() {
        assert_eq!(keys(&realm("auth0", &json!({}))), ["con_1 email jane@x.com"]);
        assert_eq!(keys(&realm("auth0", &json!({"requires_username": true}))).len(), 2);
        assert_eq!(keys(&realm("sms", &json!({}))), ["con_1 phone +1"]);
        assert_eq!(keys(&realm("samlp", &json!({}))), [""; 0]);
        let flexible = json!({"attributes": {
            "email": {"identifier": {"active": true}, "unique": false},
            "phone_number": {"identifier": {"active": true}},
            "username": {"identifier": {"active": false}},
        }});
        assert_eq!(keys(&realm("auth0", &flexible)), ["con_1 phone +1"]);
    }

    #[test]
    fn a_connection_whose_options_cannot_be_read_lets_nobody_in() {
        let options = json!({"name": "db", "strategy": "auth0", "options": {"requires_username": "perhaps"}});
        let connection = Record::new("con_1", kernel::object(options), Timestamp::EPOCH);
        assert!(Realm::of(&connection).is_err());
    }
}
