//! Addresses and numbers in the one form in which they are stored, and to which messages go: whatever is written for the same mailbox
//! or telephone finds the same user, and what is sent reaches nobody else.

use crate::{
    PhoneNumber,
    users::{Identifier, is_email},
};

/// Longest text that is looked at, in characters.
const LONGEST: usize = 320;

/// The identifier in its one form; `None` when it is none of its kind. User names have none.
pub fn normal(kind: Identifier, text: &str) -> Option<String> {
    if text.chars().count() > LONGEST {
        return None;
    }
    match kind {
        Identifier::Email => {
            // Before it is judged: letters such as the sign for Kelvin become another one in lower case.
            let address = text.trim().to_lowercase();
            is_email(&address).then_some(address)
        }
        Identifier::Phone => normal_phone(text),
        Identifier::Username => None,
    }
}

fn normal_phone(text: &str) -> Option<String> {
    let is_between = |letter: char| letter.is_whitespace() || "-./()\u{2010}\u{2011}\u{2013}".contains(letter);
    // The zero that is dialled within a country alone.
    let compact: String = text.trim().replace("(0)", "").chars().filter(|letter| !is_between(*letter)).collect();
    let number = match compact.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => compact,
    };
    PhoneNumber::exact(&number).map(|number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_differently_and_means_the_same_is_the_same() {
        let of = |text: &str| normal(Identifier::Phone, text);
        for text in [
            "+49 170 1234567",
            "0049-170-1234567",
            "+49 (0) 170 / 123.45.67",
            "+491701234567",
            " +49\u{a0}170\u{2011}1234567 ",
        ] {
            assert_eq!(of(text).as_deref(), Some("+491701234567"), "{text}");
        }
        for text in ["0170 1234567", "+49", "+49170abc", "", "+\u{664}\u{669}1701234567", "+491701234567;ext=1"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_is_lower_case_before_it_is_anything() {
        let of = |text: &str| normal(Identifier::Email, text);
        assert_eq!(of(" Jane@Example.COM ").as_deref(), Some("jane@example.com"));
        // The sign for Kelvin: the mail goes to whom the account belongs.
        assert_eq!(of("\u{212a}ate@example.com").as_deref(), Some("kate@example.com"));
        assert_eq!(of("jane+shop@example.com").as_deref(), Some("jane+shop@example.com"));
        assert_eq!(of("jane@example.com, joe@example.com"), None);
        assert_eq!(of("jane@example.com\r\nBcc: joe@example.com"), None);
        assert_eq!(of(&format!("{}@example.com", "x".repeat(400))), None);
    }
}
