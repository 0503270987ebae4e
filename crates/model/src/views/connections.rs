//! The view of connections.

use kernel::{Document, Record, Value};
use serde::Deserialize;

use super::{Strategy, View, or_default};

/// A connection.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    /// Its identifier.
    #[serde(default)]
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name on its button.
    pub display_name: Option<String>,
    /// Where its users prove who they are.
    pub strategy: Strategy,
    /// Its options.
    #[serde(default, deserialize_with = "or_default")]
    pub options: ConnectionOptions,
}

/// The options of a connection that rules decide on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConnectionOptions {
    /// Whether users may not sign up.
    #[serde(deserialize_with = "or_default")]
    pub disable_signup: bool,
    /// Whether users may not set passwords themselves.
    #[serde(deserialize_with = "or_default")]
    pub disable_self_service_change_password: bool,
    /// Whether users have names, where nothing is said of attributes.
    #[serde(deserialize_with = "or_default")]
    pub requires_username: bool,
    /// What users are known by.
    pub attributes: Option<Attributes>,
    /// When the profile of the identity provider is taken over.
    pub set_user_root_attributes: Option<String>,
    /// Domains whose users are the connection's.
    #[serde(deserialize_with = "or_default")]
    pub domain_aliases: Vec<String>,
    /// The fields of the profile, in the order in which users are looked for by what may be any of them.
    #[serde(deserialize_with = "or_default")]
    pub precedence: Vec<String>,
    /// Attributes of users that are not kept.
    #[serde(deserialize_with = "or_default")]
    pub non_persistent_attrs: Vec<String>,
    /// What stands in for what an application does not say of a login by a link.
    #[serde(rename = "authParams", deserialize_with = "or_default")]
    pub auth_params: Document,
    /// What codes look like.
    #[serde(deserialize_with = "or_default")]
    pub totp: Totp,
    brute_force_protection: Option<bool>,
    validation: Option<Validation>,
    authentication_methods: Option<Methods>,
    #[serde(rename = "enabledDatabaseCustomization")]
    customization: Value,
    import_mode: Value,
    enable_script_context: Value,
    custom_password_hash: Value,
}

/// What codes of a connection look like, where it says so.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Totp {
    /// Their digits.
    pub length: Option<usize>,
    /// For how many seconds they are right.
    pub time_step: Option<u64>,
}

/// What the users of a database are known by.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// The address.
    pub email: Option<Attribute>,
    /// The name.
    pub username: Option<Attribute>,
    /// The phone number.
    pub phone_number: Option<Attribute>,
}

/// Something that the users of a database are known by.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attribute {
    identifier: Active,
    /// Whether every user must have it.
    #[serde(deserialize_with = "or_default")]
    pub profile_required: bool,
    unique: Option<bool>,
    signup: AttributeSignup,
    verification_method: Option<String>,
    validation: Option<AttributeValidation>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Active {
    active: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AttributeSignup {
    status: Option<String>,
    verification: Active,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct AttributeValidation {
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Methods {
    password: Option<PasswordMethod>,
    email_otp: Option<Enabled>,
    phone_otp: Option<Enabled>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Enabled {
    enabled: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PasswordMethod {
    enabled: Option<bool>,
    api_behavior: Option<String>,
}

impl Connection {
    /// The name that users see.
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.name)
    }
}

impl Attribute {
    /// Whether users sign in with it.
    pub fn is_identifier(&self) -> bool {
        self.identifier.active
    }

    /// Whether no two users share it.
    pub fn is_unique(&self) -> bool {
        self.unique != Some(false)
    }

    /// Whether whoever signs up must give it, or may; `None` where nobody is asked.
    pub fn is_required_at_signup(&self) -> Option<bool> {
        match self.signup.status.as_deref() {
            Some("required") => Some(true),
            Some("optional") => Some(false),
            _ => None,
        }
    }

    /// Whether whoever signs up must show to hold it first.
    pub fn is_verified_at_signup(&self) -> bool {
        self.signup.verification.active
    }

    /// Whether it is verified by a code instead of a link.
    pub fn is_verified_by_code(&self) -> bool {
        self.verification_method.as_deref() == Some("otp")
    }
}

impl ConnectionOptions {
    /// Fewest and most characters of a user name, where they are said.
    pub fn username_window(&self) -> (Option<usize>, Option<usize>) {
        let attribute = self.attributes.as_ref().and_then(|attributes| attributes.username.as_ref());
        let newer = attribute.and_then(|attribute| attribute.validation.as_ref());
        let older = self.validation.as_ref().and_then(|validation| validation.username.as_ref());
        match (newer, older) {
            (Some(newer), _) => (newer.min_length, newer.max_length),
            (None, Some(older)) => (older.min, older.max),
            (None, None) => (None, None),
        }
    }

    /// Whether users may sign in with passwords.
    pub fn has_passwords(&self) -> bool {
        self.password().is_none_or(|method| method.enabled != Some(false))
    }

    /// Whether users of a database are sent codes by mail that log in.
    pub fn has_codes_by_mail(&self) -> bool {
        let method = self.authentication_methods.as_ref().and_then(|methods| methods.email_otp.as_ref());
        method.is_some_and(|method| method.enabled == Some(true))
    }

    /// Whether users of a database are sent codes by text message that log in.
    pub fn has_codes_by_phone(&self) -> bool {
        let method = self.authentication_methods.as_ref().and_then(|methods| methods.phone_otp.as_ref());
        method.is_some_and(|method| method.enabled == Some(true))
    }

    /// Whether too many failures block an account.
    pub fn is_protected(&self) -> bool {
        self.brute_force_protection != Some(false)
    }

    /// Whether users who are made through the Management API need no password.
    pub fn is_password_optional(&self) -> bool {
        self.password().is_some_and(|method| method.api_behavior.as_deref() == Some("optional"))
    }

    /// Whether users are behind the tenant's own scripts.
    pub fn is_custom_database(&self) -> bool {
        self.customization == true
    }

    /// Whether users of such a database move here when they log in.
    pub fn imports_users(&self) -> bool {
        self.import_mode == true
    }

    /// Whether scripts are told where they run.
    pub fn has_script_context(&self) -> bool {
        self.enable_script_context == true
    }

    /// The Action that verifies passwords whose hashes are of another system.
    pub fn password_action(&self) -> Option<&str> {
        self.custom_password_hash.get("action_id")?.as_str().filter(|id| !id.is_empty())
    }

    fn password(&self) -> Option<&PasswordMethod> {
        self.authentication_methods.as_ref()?.password.as_ref()
    }
}

impl View for Connection {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self
    }
}
