//! What a user sends: the fields of a form, within bounds.

use std::collections::BTreeMap;

use kernel::Secret;

/// What a user sent: the fields of a form.
#[derive(Clone, Debug, Default)]
pub struct Form(BTreeMap<String, String>);

/// Longest line of text that is looked at, in characters.
const LONGEST_LINE: usize = 512;
/// Longest code that is looked at, in characters.
pub const LONGEST_CODE: usize = 64;
/// Most fields of a form that are read.
const FIELDS: usize = 100;

/// A code, or the solution of a puzzle: without any blanks, and not too long.
pub(crate) fn code(entered: &str) -> String {
    entered.chars().filter(|letter| !letter.is_whitespace()).take(LONGEST_CODE).collect()
}

/// Most fields of a form that are shown again.
const SUBMITTED: usize = 40;
/// Fields that are never shown again, beside passwords: proofs, puzzles, and what the pages know anyway.
const SECRETS: [&str; 7] = ["captcha", "code", "one_tap_credential", "passkey", "response", "state", "acul-sdk"];

impl Form {
    /// Reads an urlencoded body. Of a field that occurs twice the first counts.
    pub fn parse(body: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body).take(FIELDS) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// Reads the members of a JSON object that are texts.
    pub(crate) fn of_json(body: &[u8]) -> Option<Self> {
        let members: kernel::Document = serde_json::from_slice(body).ok()?;
        let text = |(name, value): (String, kernel::Value)| Some((name, value.as_str()?.to_owned()));
        Some(Self(members.into_iter().filter_map(text).take(FIELDS).collect()))
    }

    /// A field as it was sent; empty when it was not.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A line of text: without the blanks around it, without control characters, and not too long.
    pub fn line(&self, name: &str) -> String {
        self.get(name).trim().chars().filter(|letter| !letter.is_control()).take(LONGEST_LINE).collect()
    }

    /// A code, or the solution of a puzzle: without any blanks, and not too long.
    pub fn code(&self, name: &str) -> String {
        code(self.get(name))
    }

    /// A password.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.get(name))
    }

    /// Whether a field was sent.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What the user pressed. Some clients send nothing, and mean the main button.
    pub fn action(&self) -> &str {
        match self.get("action") {
            "" => "default",
            "decline" => "deny",
            "re-send-email" => "resend-email-action",
            action => action,
        }
    }

    /// What was sent, for pages that show it again: lines of text, and no secrets.
    pub fn submitted(&self) -> BTreeMap<String, String> {
        let is_shown = |name: &str| !name.contains("password") && !SECRETS.contains(&name) && name.len() <= 100;
        let fields = self.0.keys().filter(|name| is_shown(name)).take(SUBMITTED);
        fields.map(|name| (name.clone(), self.line(name))).collect()
    }

    /// The fields whose names begin like this, at most `count` of them, each at most `length` bytes long.
    pub fn beginning(&self, prefix: &str, count: usize, length: usize) -> BTreeMap<String, String> {
        let fitting = self
            .0
            .iter()
            .filter(|(name, value)| name.starts_with(prefix) && name.len() <= 100 && value.len() <= length);
        fitting.take(count).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Form {
    fn from(fields: [(&str, &str); N]) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown_again() {
        let form = Form::parse(
            b"username=a%0Ab&password=p&password-reset=p&re-enter-password=p&code=1&passkey=%7B%7D&state=s&ulp-x=%3Cb%3E&js-available=true",
        );
        let expected = [("js-available", "true"), ("ulp-x", "<b>"), ("username", "ab")];
        assert_eq!(form.submitted(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
