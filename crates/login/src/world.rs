//! What a page depends on beside its transaction: the client, its connections, and the tenant's settings.

use serde::{Deserialize, Serialize};

/// What pages are made from. It is read once for each request.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The client.
    pub client: Client,
    /// How the tenant calls itself.
    pub company: String,
    /// Whether the identifier is asked for on a page of its own.
    pub identifier_first: bool,
    /// The database connection that the pages sign in to.
    pub database: Option<Database>,
    /// The other connections of the client.
    pub others: Vec<Other>,
    /// When a puzzle must be solved.
    pub captcha: Captcha,
    /// Whether this browser's address has failed lately.
    pub is_risky: bool,
    /// Where a login begins, when the client does not say so.
    pub default_redirection_uri: Option<String>,
    /// Where users get help.
    pub support: Vec<String>,
}

/// The client that the user signs in to.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its login begins.
    pub initiate_login_uri: Option<String>,
}

/// A database connection.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Database {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// By what users sign in.
    pub identifiers: Vec<Identifier>,
    /// What sign-up asks for.
    pub signup: Vec<Asked>,
    /// Whether the connection says more about identifiers than whether user names are required.
    pub is_flexible: bool,
    /// Whether users can sign up.
    pub allows_signup: bool,
    /// Whether users can reset their password.
    pub allows_reset: bool,
    /// Whether an address is verified by a code while its user signs up.
    pub verifies_email: bool,
    /// What passwords must be.
    pub rules: Rules,
    /// Fewest and most characters of a user name.
    pub username_window: (usize, usize),
}

/// By what a user is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifier {
    /// The e-mail address.
    Email,
    /// The telephone number.
    PhoneNumber,
    /// The user name.
    Username,
}

impl Identifier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Email, Self::PhoneNumber, Self::Username];

    /// The field of the profile and of the forms.
    pub fn field(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::Username => "username",
        }
    }

    /// The identifier whose field this is.
    pub fn of_field(field: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|identifier| identifier.field() == field)
    }
}

/// A field of sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub identifier: Identifier,
    /// Whether nobody signs up without it.
    pub is_required: bool,
}

/// What passwords must be, as a page tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Fewest characters.
    pub min_length: usize,
    /// Kinds of characters: `lower`, `upper`, `digit`, `special`.
    pub classes: Vec<&'static str>,
    /// How many of them must occur.
    pub at_least: usize,
    /// Most identical characters in a row.
    pub identical: Option<usize>,
    /// Whether `abc` and the like are refused.
    pub refuses_sequences: bool,
}

/// A connection that is not the database of the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub name: String,
    /// What its button says.
    pub display_name: String,
    /// Its strategy.
    pub strategy: String,
    /// Whether it is shown as a button.
    pub has_button: bool,
    /// Domains whose users it signs in.
    pub domains: Vec<String>,
}

/// When a puzzle must be solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captcha {
    /// At login and sign-up.
    pub password: Challenge,
    /// At a reset.
    pub reset: Challenge,
}

/// How often something is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Challenge {
    /// Never.
    #[default]
    Never,
    /// When the request looks automatic.
    WhenRisky,
    /// Always.
    Always,
}

impl World {
    /// Whether a puzzle must be solved to log in or sign up.
    pub fn puzzles_password(&self) -> bool {
        self.is_due(self.captcha.password)
    }

    /// Whether a puzzle must be solved to reset a password.
    pub fn puzzles_reset(&self) -> bool {
        self.is_due(self.captcha.reset)
    }

    fn is_due(&self, challenge: Challenge) -> bool {
        challenge == Challenge::Always || (challenge == Challenge::WhenRisky && self.is_risky)
    }

    /// Where a lost user begins again.
    pub fn start(&self) -> Option<&str> {
        self.client.initiate_login_uri.as_deref().or(self.default_redirection_uri.as_deref())
    }
}

impl Database {
    /// The label of the field that takes any of the identifiers.
    pub fn identifier_label(&self) -> &'static str {
        use Identifier::{Email, PhoneNumber, Username};
        let has = |identifier| self.identifiers.contains(&identifier);
        if !self.is_flexible {
            return if has(Username) { "usernamePlaceholder" } else { "emailPlaceholder" };
        }
        match (has(Email), has(PhoneNumber), has(Username)) {
            (true, true, true) => "phoneOrUsernameOrEmailPlaceholder",
            (true, true, false) => "phoneOrEmailPlaceholder",
            (false, true, true) => "phoneOrUsernamePlaceholder",
            (true, false, true) => "usernameOrEmailPlaceholder",
            (false, true, false) => "phonePlaceholder",
            (false, false, true) => "usernameOnlyPlaceholder",
            (_, false, false) => "emailPlaceholder",
        }
    }

    /// The code of the fault that says that identifier and password do not belong together.
    pub fn wrong_credentials(&self) -> &'static str {
        use Identifier::{Email, PhoneNumber, Username};
        let has = |identifier| self.identifiers.contains(&identifier);
        if !self.is_flexible {
            return if has(Username) { "wrong-credentials" } else { "wrong-email-credentials" };
        }
        match (has(Email), has(PhoneNumber), has(Username)) {
            (true, true, true) => "wrong-email-phone-username-credentials",
            (true, true, false) => "wrong-email-phone-credentials",
            (false, true, true) => "wrong-phone-username-credentials",
            (true, false, true) => "wrong-email-username-credentials",
            (false, true, false) => "wrong-phone-credentials",
            (false, false, true) => "wrong-username-credentials",
            (_, false, false) => "wrong-email-credentials",
        }
    }

    /// The code of the fault that says that no identifier was entered.
    pub fn missing_identifier(&self) -> &'static str {
        match self.identifiers.as_slice() {
            [Identifier::Email] => "no-email",
            [Identifier::PhoneNumber] => "no-phone",
            _ => "no-username",
        }
    }

    /// What a text can be, of what users are known by. Nothing when it cannot be any.
    pub fn kinds_of(&self, text: &str) -> Vec<Identifier> {
        let fits = |identifier: &Identifier| match identifier {
            Identifier::Email => is_email(text),
            Identifier::PhoneNumber => is_phone(text),
            Identifier::Username => !is_email(text),
        };
        self.identifiers.iter().copied().filter(fits).collect()
    }
}

/// Whether a text has the form of an e-mail address.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    // What RFC 5322 §3.2.3 lets stand without quotes, and letters of all scripts (RFC 6531 §3.3): nothing that is
    // invisible or ends a header.
    let is_local = |letter: char| match letter {
        letter if letter.is_ascii() => letter.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(letter),
        letter => letter.is_alphanumeric(),
    };
    !local.is_empty()
        && local.len() <= 64
        && local.chars().all(is_local)
        && domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
        })
}

/// Whether a text has the form of a telephone number with its country code.
pub fn is_phone(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_faults_follow_the_identifiers() {
        use Identifier::{Email, PhoneNumber, Username};
        let of = |is_flexible, identifiers: &[Identifier]| {
            let database = Database { is_flexible, identifiers: identifiers.to_vec(), ..Database::default() };
            (database.identifier_label(), database.wrong_credentials(), database.missing_identifier())
        };
        assert_eq!(of(false, &[Email]), ("emailPlaceholder", "wrong-email-credentials", "no-email"));
        assert_eq!(of(false, &[Email, Username]), ("usernamePlaceholder", "wrong-credentials", "no-username"));
        assert_eq!(of(true, &[PhoneNumber]), ("phonePlaceholder", "wrong-phone-credentials", "no-phone"));
        let all = ("phoneOrUsernameOrEmailPlaceholder", "wrong-email-phone-username-credentials", "no-username");
        assert_eq!(of(true, &[Email, PhoneNumber, Username]), all);
    }

    #[test]
    fn an_address_and_a_number_are_told_by_their_form() {
        for address in ["a@b.co", "Jane.Doe+x@mail.example.com", "jörg@müller.de"] {
            assert!(is_email(address), "{address}");
        }
        for other in [
            "",
            "a",
            "a@b",
            "a@@b.co",
            "a b@c.de",
            "a@b..c",
            "@b.co",
            "a@b.co\r\nBcc: x@y.z",
            "a\0@b.co",
            "a\u{202e}@b.co",
            "<b>@c.de",
        ] {
            assert!(!is_email(other), "{other:?}");
        }
        assert!(is_phone("+491701234567"));
        assert!(!is_phone("01701234567"));
        assert!(!is_phone("+49170 1234567"));
    }
}
