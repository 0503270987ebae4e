//! Telephone numbers, as messages are sent to them and as users are known by them: in the form of E.164, `+491701234567`.

use std::fmt;

use phonenumber::{Mode, Type, country, metadata::DATABASE};

/// Characters of a number as people write it.
const LONGEST: usize = 40;
/// Digits of E.164.
const DIGITS: usize = 15;

/// A number that can be called. Only reading one makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber {
    text: String,
    country: u16,
    is_costly: bool,
}

impl PhoneNumber {
    /// Reads a number as people write it. Without its country's code it is one of `region`, such as `DE`; where that is not known
    /// either, its digits begin with the code.
    pub fn read(text: &str, region: Option<&str>) -> Option<Self> {
        let text = text.trim();
        if text.len() > LONGEST {
            return None;
        }
        let region = region.and_then(|region| region.to_uppercase().parse::<country::Id>().ok());
        let number = if text.starts_with('+') || region.is_some() {
            phonenumber::parse(region, text)
        } else {
            phonenumber::parse(None, format!("+{text}"))
        };
        let number = number.ok()?;
        let text = number.format().mode(Mode::E164).to_string();
        let digits = text.strip_prefix('+')?;
        let is_sound = digits.len() <= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_costly = matches!(number.number_type(&DATABASE), Type::PremiumRate | Type::SharedCost);
        is_sound.then(|| Self { country: number.country().code(), is_costly, text: text.clone() })
    }

    /// Reads a number with its country's code and nothing but digits after the plus sign.
    pub fn exact(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let is_number = (6..=DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { Self::read(text, None) } else { None }
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The code of its country, such as 49.
    pub fn country(&self) -> u16 {
        self.country
    }

    /// All but the last four digits.
    pub fn range(&self) -> &str {
        &self.text[..self.text.len().saturating_sub(4)]
    }

    /// Whether somebody earns from whoever calls it.
    pub fn is_costly(&self) -> bool {
        self.is_costly
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_write_it() {
        let read = |text: &str, region: Option<&str>| PhoneNumber::read(text, region).map(|number| number.to_string());
        for (text, region, expected) in [
            ("+49 (0)170 123-4567", None, "+491701234567"),
            ("0170 1234567", Some("de"), "+491701234567"),
            ("+1 415 555 2671", Some("DE"), "+14155552671"),
            ("911234567890", None, "+911234567890"),
            (" +39 06 698 12345 ", None, "+390669812345"),
        ] {
            assert_eq!(read(text, region).as_deref(), Some(expected), "{text}");
        }
        let long = "+1".repeat(30);
        for text in ["", "+", "abc", "+49", "+0123456789", "+999123456789", "ann@example.com", &long] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_somebody_earns_from_are_known() {
        assert!(PhoneNumber::read("+49 900 1 234567", None).unwrap().is_costly());
        let usual = PhoneNumber::read("+49 170 1234567", None).unwrap();
        assert_eq!((usual.is_costly(), usual.country(), usual.range()), (false, 49, "+49170123"));
    }
}
