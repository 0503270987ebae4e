//! The forms that identifiers have.

use crate::phone::PhoneNumber;

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
    PhoneNumber::exact(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

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
