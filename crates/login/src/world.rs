//! What a page depends on beside its transaction: the client, its connections, and the tenant's settings.

pub use identity::users::{is_email, is_phone};
use identity::{PhoneForm, PhoneNumber, password, protection::Puzzles};
use model::login::Progress;
use serde::{Deserialize, Serialize};

/// The screens that can ask for one kind of identifier.
const ONE_KIND: [&str; 3] = ["login", "login-id", "login-password"];
/// Where the kind of identifier is noted that the user chose.
pub(crate) const CHOSEN: &str = "login.identifier";

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
    /// The connection without passwords that the pages sign in to, where it is not the database.
    pub passwordless: Option<Passwordless>,
    /// Whether a link that logs in may be opened in another browser than the one that asked for it.
    pub allows_links_elsewhere: bool,
    /// The other connections of the client.
    pub others: Vec<Other>,
    /// Which puzzles must be solved.
    pub puzzles: Puzzles,
    /// Where a login begins, when the client does not say so.
    pub default_redirection_uri: Option<String>,
    /// The organization that the user signs in to.
    pub organization: Option<Organization>,
    /// The invitation that the user accepts, as long as it can be.
    pub invitation: Option<Invitation>,
    /// Where users get help.
    pub support: Vec<String>,
    /// How identifiers and codes are asked for and shown.
    pub display: Display,
    /// The kinds of identifier that the user can give in place of the one that is asked for.
    pub switches: Vec<Identifier>,
}

/// How identifiers and codes are asked for and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Display {
    /// Whether browsers are kept from filling in codes that they have seen in messages.
    pub refuses_code_completion: bool,
    /// Whether each kind of identifier is asked for by itself.
    pub is_separate: bool,
    /// How telephone numbers are written; as they were entered, where the tenant has not said.
    pub phone: Option<PhoneForm>,
}

impl Display {
    /// An identifier as a page shows it.
    pub fn of(&self, identifier: &str) -> String {
        let number = self.phone.and_then(|form| Some((PhoneNumber::exact(identifier)?, form)));
        number.map_or_else(|| identifier.to_owned(), |(number, form)| number.shown(form))
    }
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
    /// Its picture.
    pub logo: Option<String>,
    /// Whether somebody else than the tenant has it.
    pub is_third_party: bool,
}

/// An organization.
#[derive(Clone, Debug, Default)]
pub struct Organization {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is called.
    pub display_name: String,
}

/// An invitation to the organization.
#[derive(Clone, Debug, Default)]
pub struct Invitation {
    /// Whom it invites.
    pub email: String,
    /// Who invites.
    pub inviter: String,
    /// Whether somebody has an account with that address.
    pub has_account: bool,
    /// Whether its link was mailed to the address.
    pub proves_address: bool,
}

/// A connection whose users are sent codes or links.
#[derive(Clone, Debug)]
pub struct Passwordless {
    /// Its name.
    pub name: String,
    /// Whether they are sent to an address or to a number.
    pub kind: Identifier,
    /// Whether a link is sent where the request does not say.
    pub sends_links: bool,
}

impl Passwordless {
    /// The screen on which its code is entered, or that tells of its link.
    pub fn challenge(&self, is_link: bool) -> &'static str {
        match (self.kind, is_link) {
            (Identifier::PhoneNumber, _) => "login-passwordless-sms-otp",
            (_, true) => "login-passwordless-email-link",
            (_, false) => "login-passwordless-email-code",
        }
    }
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
    /// Whether a password is reset by a code instead of a link.
    pub resets_by_code: bool,
    /// Whether an address is verified by a code while its user signs up.
    pub verifies_email: bool,
    /// Whether a telephone number is.
    pub verifies_phone: bool,
    /// Whether users have passwords.
    pub has_passwords: bool,
    /// By which identifiers users may be sent codes that log in.
    pub by_code: Vec<Identifier>,
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

    /// The action by which a user chooses this kind, with the text that names it.
    pub(crate) fn switch(self) -> (&'static str, &'static str) {
        match self {
            Self::Email => ("pick-email", "emailPlaceholder"),
            Self::PhoneNumber => ("pick-phone", "phonePlaceholder"),
            Self::Username => ("pick-username", "usernameOnlyPlaceholder"),
        }
    }

    /// An identifier of this kind in the form in which it is stored.
    pub fn normal(self, text: &str) -> String {
        let normal = identity::passwordless::normal(self.into(), text);
        normal.unwrap_or_else(|| text.to_owned())
    }

    /// The identifier whose field this is.
    pub fn of_field(field: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|identifier| identifier.field() == field)
    }
}

impl From<Identifier> for identity::users::Identifier {
    fn from(identifier: Identifier) -> Self {
        match identifier {
            Identifier::Email => Self::Email,
            Identifier::PhoneNumber => Self::Phone,
            Identifier::Username => Self::Username,
        }
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

/// The rules of passwords about kinds of characters: how pages know each, and the kind.
pub(crate) const CLASS_RULES: [(&str, &str); 4] = [
    ("password-policy-lower-case", "lower"),
    ("password-policy-upper-case", "upper"),
    ("password-policy-numbers", "digit"),
    ("password-policy-special-characters", "special"),
];

impl Rules {
    /// The rules that a password keeps, as pages know them.
    pub(crate) fn kept_by(&self, text: &str) -> Vec<&'static str> {
        let classes = CLASS_RULES.iter().filter(|(_, class)| password::has_class(text, class));
        let mut kept: Vec<&'static str> = classes.map(|(code, _)| *code).collect();
        let of_wanted = self.classes.iter().filter(|class| password::has_class(text, class)).count();
        let others = [
            ("password-policy-length-at-least", text.chars().count() >= self.min_length),
            ("password-policy-contains-at-least", of_wanted >= self.at_least),
            (
                "password-policy-identical-chars",
                self.identical.is_none_or(|most| password::has_few_identical(text, most)),
            ),
            ("password-policy-sequential-chars", !password::has_sequence(text)),
        ];
        kept.extend(others.iter().filter(|(_, is_kept)| *is_kept).map(|(code, _)| *code));
        kept
    }
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

impl World {
    /// Whether a puzzle must be solved on the page that asks for an identifier, since it has a code sent.
    pub fn puzzles_codes(&self) -> bool {
        let is_by_code = self.database.as_ref().is_some_and(|database| !database.has_passwords);
        self.puzzles.passwordless && (self.passwordless.is_some() || is_by_code)
    }

    /// Whether a puzzle must be solved on a screen.
    pub(crate) fn is_puzzled(&self, screen: &str) -> bool {
        match screen {
            "login" | "login-password" | "signup" | "signup-password" => self.puzzles.password,
            "login-id" => self.puzzles_codes(),
            "reset-password-request" => self.puzzles.reset,
            _ => false,
        }
    }

    /// Where each kind of identifier is asked for by itself, leaves the one that the user chose, else the first.
    pub(crate) fn narrow(&mut self, screen: &str, progress: &Progress) {
        let is_flexible = |database: &&mut Database| database.is_flexible && database.identifiers.len() > 1;
        let Some(database) = self.database.as_mut().filter(is_flexible) else { return };
        if !self.display.is_separate || !ONE_KIND.contains(&screen) {
            return;
        }
        let chosen = progress.fields.get(CHOSEN).and_then(|field| Identifier::of_field(field));
        let chosen = chosen.filter(|chosen| database.identifiers.contains(chosen)).unwrap_or(database.identifiers[0]);
        self.switches = database.identifiers.iter().copied().filter(|kind| *kind != chosen).collect();
        database.identifiers = vec![chosen];
    }

    /// Whether there is any way to sign in.
    pub fn has_connection(&self) -> bool {
        self.database.is_some() || self.passwordless.is_some() || !self.others.is_empty()
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
            Identifier::PhoneNumber => is_phone(&identifier.normal(text)),
            Identifier::Username => !is_email(text),
        };
        self.identifiers.iter().copied().filter(fits).collect()
    }

    /// The identifier by which whoever entered this can be sent a code that logs in.
    pub fn code_for(&self, text: &str) -> Option<Identifier> {
        self.kinds_of(text).into_iter().find(|kind| self.by_code.contains(kind))
    }
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
}
