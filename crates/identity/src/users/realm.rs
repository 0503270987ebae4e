//! What a connection says about its users: how they are identified and which attributes they have.

use kernel::{Document, Record, Timestamp, UnfitRecord, Value};
use model::{
    login::{Authentication, Method},
    user::{IDENTIFIERS, LINKED},
    views::{Attribute, Attributes, Connection, ConnectionOptions, Strategy, Totp, View as _},
};

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
    pub strategy: Strategy,
    options: ConnectionOptions,
    rules: PasswordRules,
}

/// A database of the tenant's own, behind scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomDatabase {
    /// Whether users move here when they log in; otherwise they stay where they are.
    pub imports: bool,
    /// Whether scripts are told of the organization.
    pub has_context: bool,
}

/// When the attributes that a script or a provider gives are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// At each login.
    Always,
    /// At the first one.
    First,
    /// Never.
    Never,
}

impl Realm {
    /// What a stored connection says.
    ///
    /// # Errors
    /// Options that cannot be read: nobody gets in, or is created, by rules that nobody chose.
    pub fn of(connection: &Record) -> Result<Self, UnfitRecord> {
        let Connection { id, name, strategy, options, .. } = Connection::of(connection).inspect_err(|error| {
            tracing::error!(connection = connection.id, %error, "a connection cannot be read");
        })?;
        let rules = match connection.document.get("options") {
            Some(options) if !options.is_null() => PasswordRules::from_connection_options(options),
            _ => PasswordRules::from_connection_options(&Value::Object(Document::new())),
        };
        Ok(Self { id, name, strategy, options, rules })
    }

    /// The proof of a user who has just shown who it is, in this way.
    pub fn authentication(&self, user: &Record, method: &str, now: Timestamp, is_new: bool) -> Authentication {
        Authentication {
            user_id: user.id.clone(),
            connection_id: self.id.clone(),
            connection: self.name.clone(),
            strategy: self.strategy.to_string(),
            methods: vec![Method { name: method.to_owned(), timestamp: now }],
            at: now,
            is_new,
            session_id: None,
        }
    }

    /// Whether users sign in with passwords that the tenant keeps, here or in a database of its own.
    pub fn is_database(&self) -> bool {
        self.strategy.is_database()
    }

    /// Whether users sign in with codes that they are sent.
    pub fn is_passwordless(&self) -> bool {
        self.strategy.is_passwordless()
    }

    /// Whether its users belong to a social network.
    pub fn is_social(&self) -> bool {
        self.strategy.is_social()
    }

    /// `database`, `passwordless`, `social` or `enterprise`.
    pub fn strategy_type(&self) -> &'static str {
        self.strategy.strategy_type().name()
    }

    /// Whether a user who is made through the Management API must have a password.
    pub fn demands_password(&self) -> bool {
        self.is_database() && self.options.has_passwords() && !self.options.is_password_optional()
    }

    /// Whether strangers may sign up.
    pub fn allows_signup(&self) -> bool {
        !self.options.disable_signup
    }

    /// Whether users may set passwords themselves.
    pub fn allows_reset(&self) -> bool {
        !self.options.disable_self_service_change_password
    }

    /// Whether too many failures block an account.
    pub fn is_protected(&self) -> bool {
        self.options.is_protected()
    }

    /// Whether users may be sent codes that log in to this identifier.
    pub fn sends_codes(&self, identifier: Identifier) -> bool {
        let is_on = match identifier {
            Identifier::Email => self.options.has_codes_by_mail(),
            Identifier::Phone => self.options.has_codes_by_phone(),
            Identifier::Username => false,
        };
        self.is_active(identifier) && (self.is_passwordless() || (self.is_database() && is_on))
    }

    /// What codes look like, where the connection says so.
    pub fn totp(&self) -> Totp {
        self.options.totp
    }

    /// Takes what the connection does not want to be kept out of a profile: never what users are known by, nor what is not theirs.
    pub fn forget(&self, profile: &mut Document) {
        const KEPT: [&str; 7] = ["user_id", "identities", IDENTIFIERS, LINKED, "created_at", "updated_at", "blocked"];
        for name in &self.options.non_persistent_attrs {
            let is_identifier = Identifier::ALL.iter().any(|kind| kind.field() == name && self.is_active(*kind));
            let is_of_identifier = name == "email_verified" || name == "phone_verified";
            if !is_identifier && !is_of_identifier && !KEPT.contains(&name.as_str()) {
                profile.shift_remove(name);
            }
        }
    }

    /// What passwords must be.
    pub fn password_rules(&self) -> &PasswordRules {
        &self.rules
    }

    /// Whether the profile of a user belongs to the tenant, not to the identity provider.
    pub fn owns_profiles(&self) -> bool {
        let is_ours = self.is_database() && !self.is_external();
        is_ours || self.is_passwordless() || self.sync() != Sync::Always
    }

    /// When the attributes that come from elsewhere are taken over.
    pub fn sync(&self) -> Sync {
        match self.options.set_user_root_attributes.as_deref() {
            Some("on_first_login") => Sync::First,
            Some("never_on_login") => Sync::Never,
            _ => Sync::Always,
        }
    }

    /// The tenant's own database that stands behind this one, if there is one.
    pub fn custom_database(&self) -> Option<CustomDatabase> {
        let options = &self.options;
        (self.is_database() && options.is_custom_database())
            .then(|| CustomDatabase { imports: options.imports_users(), has_context: options.has_script_context() })
    }

    /// Whether users are in the tenant's own database, and what is stored here is no more than its shadow.
    pub fn is_external(&self) -> bool {
        self.custom_database().is_some_and(|database| !database.imports)
    }

    /// The Action that verifies passwords whose hashes are of another system.
    pub fn password_action(&self) -> Option<&str> {
        self.options.password_action().filter(|_| self.is_database())
    }

    /// Whether users have this attribute at all.
    pub fn has(&self, identifier: Identifier) -> bool {
        match (&self.options.attributes, identifier) {
            _ if !self.is_database() => true,
            (Some(attributes), identifier) => attribute(attributes, identifier).is_some(),
            (None, Identifier::Username) => self.options.requires_username,
            (None, _) => true,
        }
    }

    /// By what a user is looked for whose identifier may be any of several, in order.
    pub fn precedence(&self) -> Vec<Identifier> {
        let named = self.options.precedence.iter().filter_map(|name| Identifier::of_field(name));
        let mut order: Vec<Identifier> = named.collect();
        order.extend(Identifier::ALL.into_iter().filter(|kind| !order.contains(kind)).collect::<Vec<_>>());
        order
    }

    /// Whether users are known by this and no two share it.
    pub fn is_active(&self, identifier: Identifier) -> bool {
        match self.strategy {
            Strategy::Sms => identifier == Identifier::Phone,
            Strategy::Email => identifier == Identifier::Email,
            Strategy::Database => match (&self.options.attributes, identifier) {
                (Some(attributes), identifier) => attribute(attributes, identifier)
                    .is_some_and(|attribute| attribute.is_identifier() && attribute.is_unique()),
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
            (Some(attributes), true) => {
                attribute(attributes, identifier).is_some_and(|attribute| attribute.profile_required)
            }
            (None, true) => self.is_active(identifier),
            (_, false) => self.is_passwordless() && self.is_active(identifier),
        }
    }

    /// Fewest and most characters of a user name, where the connection says so.
    pub fn username_window(&self) -> (usize, usize) {
        let (min, max) = self.options.username_window();
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

fn attribute(attributes: &Attributes, identifier: Identifier) -> Option<&Attribute> {
    match identifier {
        Identifier::Email => attributes.email.as_ref(),
        Identifier::Username => attributes.username.as_ref(),
        Identifier::Phone => attributes.phone_number.as_ref(),
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
    fn a_custom_database_keeps_its_users_unless_they_are_imported() {
        let custom = |more: Value| {
            let mut options = object(json!({"enabledDatabaseCustomization": true}));
            options.extend(object(more));
            realm("auth0", &options.into())
        };
        assert!(!realm("auth0", &json!({"import_mode": true})).is_external());
        assert!(!realm("auth0", &json!({"enabledDatabaseCustomization": "true"})).is_external());
        let kept = custom(json!({}));
        assert!(kept.is_external() && !kept.owns_profiles());
        assert!(custom(json!({"set_user_root_attributes": "on_first_login"})).owns_profiles());
        let imported = custom(json!({"import_mode": true, "enable_script_context": true}));
        assert!(!imported.is_external() && imported.owns_profiles());
        assert_eq!(imported.custom_database(), Some(CustomDatabase { imports: true, has_context: true }));
        assert_eq!(realm("samlp", &json!({"enabledDatabaseCustomization": true})).custom_database(), None);
    }

    #[test]
    fn a_connection_whose_options_cannot_be_read_lets_nobody_in() {
        let options = json!({"name": "db", "strategy": "auth0", "options": {"requires_username": "perhaps"}});
        let connection = Record::new("con_1", kernel::object(options), Timestamp::EPOCH);
        assert!(Realm::of(&connection).is_err());
    }
}
