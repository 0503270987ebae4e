//! The view of what a database connection's options say of passwords.

use serde::Deserialize;

/// The parts of a connection's options that concern passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordPolicy {
    /// `none`, `low`, `fair`, `good` or `excellent`.
    #[serde(rename = "passwordPolicy")]
    pub policy: Option<String>,
    /// The length that stands in for the policy's.
    #[serde(rename = "password_complexity_options")]
    pub complexity: Option<PasswordComplexityOptions>,
    /// Former passwords.
    #[serde(rename = "password_history")]
    pub history: Option<PasswordSwitch>,
    /// Words that are no passwords.
    #[serde(rename = "password_dictionary")]
    pub dictionary: Option<PasswordSwitch>,
    /// The user's own data.
    #[serde(rename = "password_no_personal_info")]
    pub no_personal_info: Option<PasswordSwitch>,
    /// What replaces all of the above.
    #[serde(rename = "password_options")]
    pub newer: Option<PasswordOptions>,
}

/// `password_complexity_options`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordComplexityOptions {
    /// Fewest characters.
    pub min_length: Option<usize>,
}

/// One of the older options; each uses a part of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordSwitch {
    /// Whether it acts.
    pub enable: bool,
    /// How many former passwords are remembered.
    pub size: Option<usize>,
    /// Words of the connection's own.
    pub dictionary: Vec<String>,
}

/// `password_options`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordOptions {
    /// Length and characters.
    pub complexity: PasswordComplexity,
    /// Former passwords.
    pub history: PasswordHistory,
    /// Words that are no passwords.
    pub dictionary: PasswordDictionary,
    /// The user's own data.
    pub profile_data: PasswordProfileData,
}

/// Length and characters of passwords.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct PasswordComplexity {
    /// Fewest characters.
    pub min_length: usize,
    /// `lowercase`, `uppercase`, `number`, `special`.
    pub character_types: Vec<String>,
    /// `all` or `three_of_four`.
    pub character_type_rule: String,
    /// `allow` or `block`.
    pub identical_characters: String,
    /// `allow` or `block`.
    pub sequential_characters: String,
    /// `error` or `truncate`.
    pub max_length_exceeded: String,
}

impl Default for PasswordComplexity {
    fn default() -> Self {
        Self {
            min_length: 15,
            character_types: Vec::new(),
            character_type_rule: "all".into(),
            identical_characters: "allow".into(),
            sequential_characters: "allow".into(),
            max_length_exceeded: "error".into(),
        }
    }
}

/// Former passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordHistory {
    /// Whether they are refused.
    pub active: bool,
    /// How many are remembered.
    pub size: Option<usize>,
}

/// Words that are no passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordDictionary {
    /// Whether they are refused.
    pub active: bool,
    /// Words of the connection's own.
    pub custom: Vec<String>,
}

/// The user's own data in passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordProfileData {
    /// Whether it is refused.
    pub active: bool,
    /// The fields that are looked at.
    pub blocked_fields: Option<Vec<String>>,
}
