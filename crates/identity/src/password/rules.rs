//! Password rules of a database connection: `passwordPolicy` with its four companions, and `password_options`.

use kernel::{Document, Value, value_at};
use model::views::{PasswordOptions, PasswordPolicy, PasswordProfileData};
use serde::Deserialize;

use super::{LONGEST, PasswordHash, common};

/// What a password of a connection must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    min_length: usize,
    classes: Classes,
    /// Most identical characters in a row.
    identical: Option<usize>,
    /// Whether `abc`, `321` and the like are refused.
    refuses_sequences: bool,
    /// Whether a password longer than bcrypt reads is cut instead of refused.
    truncates: bool,
    /// How many former passwords are remembered; 0 when reuse is allowed.
    history: usize,
    /// Words of the connection's own; `None` when no dictionary is used at all.
    dictionary: Option<Vec<String>>,
    /// Profile fields whose values may not occur in the password.
    personal_fields: Vec<String>,
    /// Whether the connection's options could be read. Where not, no password is known to keep to them.
    is_readable: bool,
}

/// Which classes of characters must occur.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Classes {
    wanted: Vec<Class>,
    at_least: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Lower,
    Upper,
    Digit,
    Special,
}

const ALL_CLASSES: [Class; 4] = [Class::Lower, Class::Upper, Class::Digit, Class::Special];

/// Characters at most this many of which may stand in ascending or descending order.
const LONGEST_SEQUENCE: usize = 2;

/// Profile fields that `password_no_personal_info` looks at, beside the local part of the e-mail address.
pub const PERSONAL_FIELDS: [&str; 8] = [
    "name",
    "username",
    "nickname",
    "email",
    "phone_number",
    "user_metadata.name",
    "user_metadata.first",
    "user_metadata.last",
];

/// Shorter parts of a profile (initials, particles) say nothing about a person.
const SHORTEST_PERSONAL: usize = 3;

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// Too short, or lacking kinds of characters.
    Weak,
    /// More bytes than bcrypt reads.
    TooLong,
    /// With a character at which implementations of bcrypt stop reading.
    Nul,
    /// Used before.
    Reused,
    /// In the dictionary.
    Common,
    /// Made of the user's own data.
    Personal,
    /// The connection's rules cannot be read.
    Unreadable,
}

impl PasswordError {
    /// The service's name for the refusal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weak | Self::TooLong | Self::Nul => "PasswordStrengthError",
            Self::Reused => "PasswordHistoryError",
            Self::Common => "PasswordDictionaryError",
            Self::Personal => "PasswordNoUserInfoError",
            Self::Unreadable => "PasswordPolicyError",
        }
    }

    /// The service's text.
    pub fn message(self) -> &'static str {
        match self {
            Self::Weak => "Password is too weak",
            Self::TooLong => "Password is too long, the maximum is 72 bytes",
            Self::Nul => "Password contains a character that is not allowed",
            Self::Reused => "Password has previously been used",
            Self::Common => "Password is too common",
            Self::Personal => "Password contains user information",
            Self::Unreadable => "The connection's password policy cannot be read",
        }
    }
}

impl std::fmt::Display for PasswordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for PasswordError {}

impl PasswordRules {
    /// Fewest characters.
    pub fn min_length(&self) -> usize {
        self.min_length
    }

    /// The kinds of characters of which some must occur: `lower`, `upper`, `digit`, `special`.
    pub fn classes(&self) -> Vec<&'static str> {
        self.classes.wanted.iter().map(|class| class.name()).collect()
    }

    /// The classes themselves, and how many of them must occur.
    pub(super) fn wanted_classes(&self) -> (&[Class], usize) {
        (&self.classes.wanted, self.classes.at_least)
    }

    /// How many of [`PasswordRules::classes`] must occur.
    pub fn classes_at_least(&self) -> usize {
        self.classes.at_least
    }

    /// Most identical characters in a row.
    pub fn identical(&self) -> Option<usize> {
        self.identical
    }

    /// Whether `abc`, `321` and the like are refused.
    pub fn refuses_sequences(&self) -> bool {
        self.refuses_sequences
    }

    /// The rules that a connection's `options` set. `password_options` replaces everything older. By options that validation
    /// would have refused every password is.
    pub fn from_connection_options(options: &Value) -> Self {
        match Option::<PasswordPolicy>::deserialize(options) {
            Ok(Some(PasswordPolicy { newer: Some(newer), .. })) => Self::newer(newer),
            Ok(options) => Self::older(options.unwrap_or_default()),
            Err(error) => {
                tracing::error!(%error, "the password policy of a connection cannot be read");
                Self { is_readable: false, ..Self::of_policy("none") }
            }
        }
    }

    fn older(options: PasswordPolicy) -> Self {
        let mut rules = Self::of_policy(options.policy.as_deref().unwrap_or("none"));
        if let Some(length) = options.complexity.and_then(|complexity| complexity.min_length) {
            rules.min_length = length;
        }
        let history = options.history.filter(|history| history.enable);
        rules.history = history.map_or(0, |history| history.size.unwrap_or(5));
        let dictionary = options.dictionary.filter(|dictionary| dictionary.enable);
        rules.dictionary = dictionary.map(|dictionary| lower_case(&dictionary.dictionary));
        if options.no_personal_info.is_some_and(|personal| personal.enable) {
            rules.personal_fields = PERSONAL_FIELDS.map(str::to_owned).to_vec();
        }
        rules
    }

    /// The five policies. Lengths and classes are the service's documented ones.
    fn of_policy(policy: &str) -> Self {
        let (min_length, wanted, at_least): (usize, &[Class], usize) = match policy {
            "low" => (6, &[], 0),
            "fair" => (8, &ALL_CLASSES[..3], 3),
            "good" => (8, &ALL_CLASSES, 3),
            "excellent" => (10, &ALL_CLASSES, 3),
            _ => (1, &[], 0),
        };
        Self {
            min_length,
            classes: Classes { wanted: wanted.to_vec(), at_least },
            identical: (policy == "excellent").then_some(2),
            refuses_sequences: false,
            truncates: false,
            history: 0,
            dictionary: None,
            personal_fields: Vec::new(),
            is_readable: true,
        }
    }

    fn newer(options: PasswordOptions) -> Self {
        let complexity = options.complexity;
        let wanted: Vec<Class> = complexity.character_types.iter().filter_map(|name| Class::named(name)).collect();
        let at_least = match complexity.character_type_rule.as_str() {
            "three_of_four" => wanted.len().min(3),
            _ => wanted.len(),
        };
        Self {
            min_length: complexity.min_length,
            classes: Classes { wanted, at_least },
            identical: (complexity.identical_characters == "block").then_some(2),
            refuses_sequences: complexity.sequential_characters == "block",
            truncates: complexity.max_length_exceeded == "truncate",
            history: if options.history.active { options.history.size.unwrap_or(3) } else { 0 },
            dictionary: options.dictionary.active.then(|| lower_case(&options.dictionary.custom)),
            personal_fields: match options.profile_data {
                PasswordProfileData { active: false, .. } => Vec::new(),
                PasswordProfileData { blocked_fields, .. } => {
                    blocked_fields.unwrap_or_else(|| PERSONAL_FIELDS.map(str::to_owned).to_vec())
                }
            },
            is_readable: true,
        }
    }

    /// How many former hashes the user's record must keep for [`PasswordRules::check`].
    pub fn history_size(&self) -> usize {
        self.history
    }

    /// Judges a password for a user with this profile and these former hashes, latest first. Comparing with a former
    /// hash is as slow as hashing: servers use [`Passwords::admit`](super::Passwords::admit).
    pub fn check(&self, password: &str, profile: &Document, history: &[PasswordHash]) -> Result<(), PasswordError> {
        if !self.is_readable {
            return Err(PasswordError::Unreadable);
        }
        if password.contains('\0') {
            return Err(PasswordError::Nul);
        }
        let length = password.chars().count();
        if length < self.min_length.max(1) || !self.classes.occur_in(password) {
            return Err(PasswordError::Weak);
        }
        if self.identical.is_some_and(|most| !has_few_identical(password, most)) {
            return Err(PasswordError::Weak);
        }
        if self.refuses_sequences && has_sequence(password) {
            return Err(PasswordError::Weak);
        }
        if password.len() > LONGEST && !self.truncates {
            return Err(PasswordError::TooLong);
        }
        if self.is_in_dictionary(password) {
            return Err(PasswordError::Common);
        }
        if self.tells_of(password, profile) {
            return Err(PasswordError::Personal);
        }
        self.check_history(password, history)
    }

    pub(super) fn check_history(&self, password: &str, history: &[PasswordHash]) -> Result<(), PasswordError> {
        let password = self.hashed_part(password);
        let is_reused = history.iter().take(self.history).any(|hash| hash.matches(password));
        if is_reused { Err(PasswordError::Reused) } else { Ok(()) }
    }

    /// The part of a password that is hashed: all of it, or what bcrypt reads where the connection cuts.
    pub fn hashed_part<'p>(&self, password: &'p str) -> &'p str {
        if password.len() <= LONGEST || !self.truncates {
            return password;
        }
        let end = (0..=LONGEST).rev().find(|end| password.is_char_boundary(*end)).unwrap_or(0);
        &password[..end]
    }

    fn is_in_dictionary(&self, password: &str) -> bool {
        let Some(own) = &self.dictionary else { return false };
        let password = password.to_lowercase();
        own.contains(&password) || common::is_common(&password)
    }

    fn tells_of(&self, password: &str, profile: &Document) -> bool {
        let password = password.to_lowercase();
        let values = self.personal_fields.iter().filter_map(|field| Some((field, value_at(profile, field)?.as_str()?)));
        values.flat_map(|(field, value)| parts(field, &value.to_lowercase())).any(|part| {
            let says_something = part.chars().count() >= SHORTEST_PERSONAL;
            says_something && password.contains(&part)
        })
    }
}

/// Whether a kind of characters (`lower`, `upper`, `digit`, `special`) occurs in a password.
pub fn has_class(password: &str, name: &str) -> bool {
    ALL_CLASSES.into_iter().any(|class| class.name() == name && class.occurs_in(password))
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Digit => "digit",
            Self::Special => "special",
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "lowercase" => Some(Self::Lower),
            "uppercase" => Some(Self::Upper),
            "number" => Some(Self::Digit),
            "special" => Some(Self::Special),
            _ => None,
        }
    }

    /// Whether a character of the class occurs.
    pub(super) fn occurs_in(self, password: &str) -> bool {
        password.chars().any(|character| self.has(character))
    }

    fn has(self, character: char) -> bool {
        match self {
            Self::Lower => character.is_ascii_lowercase(),
            Self::Upper => character.is_ascii_uppercase(),
            Self::Digit => character.is_ascii_digit(),
            Self::Special => character.is_ascii_punctuation() || character == ' ',
        }
    }
}

impl Classes {
    fn occur_in(&self, password: &str) -> bool {
        self.wanted.iter().filter(|class| class.occurs_in(password)).count() >= self.at_least
    }
}

/// The values that a field contributes: the whole, its words, and of an address the local part.
fn parts(field: &str, value: &str) -> Vec<String> {
    let whole = if field == "email" { value.split('@').next().unwrap_or(value) } else { value };
    let mut parts: Vec<String> = whole.split_whitespace().map(str::to_owned).collect();
    parts.push(whole.to_owned());
    parts
}

/// Whether no character of a password stands more often than this in a row.
pub fn has_few_identical(password: &str, most: usize) -> bool {
    longest_run(password, |a, b| a == b) <= most
}

pub(super) fn longest_run(password: &str, continues: impl Fn(char, char) -> bool) -> usize {
    let mut longest = 0;
    let mut run = 0;
    let mut previous = None;
    for character in password.chars() {
        run = if previous.is_some_and(|previous| continues(previous, character)) { run + 1 } else { 1 };
        longest = longest.max(run);
        previous = Some(character);
    }
    longest
}

/// Whether `abc`, `321` and the like stand in a password.
pub fn has_sequence(password: &str) -> bool {
    let password = password.to_lowercase();
    let step = |by: i64| {
        move |a: char, b: char| {
            a.is_ascii_alphanumeric()
                && b.is_ascii_alphanumeric()
                && i64::from(u32::from(b)) - i64::from(u32::from(a)) == by
        }
    };
    longest_run(&password, step(1)) > LONGEST_SEQUENCE || longest_run(&password, step(-1)) > LONGEST_SEQUENCE
}

fn lower_case(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Context, object};
    use serde_json::json;

    fn judge(options: &Value, password: &str) -> Result<(), PasswordError> {
        let profile = object(json!({
            "email": "jane.roe@example.com",
            "name": "Jane Roe",
            "user_metadata": {"first": "Janet"},
        }));
        PasswordRules::from_connection_options(options).check(password, &profile, &[])
    }

    #[test]
    fn policies_ask_for_length_and_kinds_of_characters() {
        let cases = [
            ("none", "", false),
            ("none", "a", true),
            ("low", "abcde", false),
            ("low", "abcdef", true),
            ("fair", "Abcdefg1", true),
            ("fair", "abcdefg1", false),
            ("good", "abcdef1!", true),
            ("good", "Abcdefg1", true),
            ("good", "abcdefg1", false),
            ("good", "Abcde1!", false),
            ("excellent", "Abcdefg1!x", true),
            ("excellent", "Abcdefg1!", false),
            ("excellent", "Abcdefg111", false),
        ];
        for (policy, password, is_accepted) in cases {
            let expected = if is_accepted { Ok(()) } else { Err(PasswordError::Weak) };
            assert_eq!(judge(&json!({"passwordPolicy": policy}), password), expected, "{policy} {password}");
        }
    }

    #[test]
    fn the_companions_of_a_policy_refine_it() {
        let long = json!({"passwordPolicy": "low", "password_complexity_options": {"min_length": 12}});
        assert_eq!(judge(&long, "abcdefghijk"), Err(PasswordError::Weak));
        let dictionary = json!({"password_dictionary": {"enable": true, "dictionary": ["Acme-2024"]}});
        assert_eq!(judge(&dictionary, "acme-2024"), Err(PasswordError::Common));
        assert_eq!(judge(&dictionary, "Password123"), Err(PasswordError::Common));
        assert_eq!(judge(&dictionary, "fjord-lantern-92"), Ok(()));
        let personal = json!({"password_no_personal_info": {"enable": true}});
        assert_eq!(judge(&personal, "xxJANETxx"), Err(PasswordError::Personal));
        assert_eq!(judge(&personal, "my-roe-1"), Err(PasswordError::Personal));
        assert_eq!(judge(&personal, "unrelated"), Ok(()));
    }

    #[test]
    fn newer_options_replace_the_policy() {
        let defaults = json!({"passwordPolicy": "low", "password_options": {}});
        assert_eq!(judge(&defaults, "fourteen-chars"), Err(PasswordError::Weak));
        assert_eq!(judge(&defaults, "fifteen-chars-x"), Ok(()));
        let strict = json!({"password_options": {"complexity": {
            "min_length": 4,
            "character_types": ["lowercase", "uppercase", "number", "special"],
            "character_type_rule": "three_of_four",
            "identical_characters": "block",
            "sequential_characters": "block",
        }}});
        assert_eq!(judge(&strict, "aX7k"), Ok(()));
        assert_eq!(judge(&strict, "ax7k"), Err(PasswordError::Weak));
        assert_eq!(judge(&strict, "aX777"), Err(PasswordError::Weak));
        assert_eq!(judge(&strict, "aX789"), Err(PasswordError::Weak));
        assert_eq!(judge(&strict, "cbaX7"), Err(PasswordError::Weak));
    }

    #[test]
    fn rules_that_cannot_be_read_admit_no_password() {
        for options in [json!({"passwordPolicy": 7}), json!({"password_options": 7}), json!("x")] {
            assert_eq!(judge(&options, "Correct-Horse-Battery-7"), Err(PasswordError::Unreadable), "{options}");
        }
        assert_eq!(judge(&Value::Null, "Correct-Horse-Battery-7"), Ok(()));
        assert_eq!(judge(&json!({}), "Correct\0Horse"), Err(PasswordError::Nul));
    }

    #[test]
    fn a_password_longer_than_bcrypt_reads_is_refused_or_cut() {
        let long = "é".repeat(40);
        assert_eq!(judge(&json!({}), &long), Err(PasswordError::TooLong));
        let cutting = json!({"password_options": {"complexity": {"max_length_exceeded": "truncate"}}});
        assert_eq!(judge(&cutting, &long), Ok(()));
        let rules = PasswordRules::from_connection_options(&cutting);
        assert_eq!(rules.hashed_part(&long).len(), 72);
    }

    #[test]
    fn former_passwords_are_refused_as_far_back_as_the_history_reaches() {
        let rules = PasswordRules::from_connection_options(&json!({"password_history": {"enable": true, "size": 1}}));
        let hashes = ["second", "first"].map(|password| PasswordHash::of(&Context::system(), password));
        assert_eq!(rules.check("second", &Document::new(), &hashes), Err(PasswordError::Reused));
        assert_eq!(rules.check("first", &Document::new(), &hashes), Ok(()));
    }
}
