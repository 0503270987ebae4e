//! By what users are known.

/// By what a user of a connection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// The e-mail address.
    Email,
    /// The user name.
    Username,
    /// The telephone number.
    Phone,
}

impl Identifier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Email, Self::Username, Self::Phone];

    /// The field of the profile that holds it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::Phone => "phone_number",
        }
    }

    /// The identifier that a field of the profile holds.
    pub fn of_field(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.field() == name)
    }

    /// The field of the profile that tells whether it is verified; names are not.
    pub fn verified_field(self) -> Option<&'static str> {
        match self {
            Self::Email => Some("email_verified"),
            Self::Username => None,
            Self::Phone => Some("phone_verified"),
        }
    }

    /// The word for it in keys.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::Phone => "phone",
        }
    }
}
