//! Telephone numbers, as messages are sent to them and as users are known by them: in the form of E.164, `+491701234567`.

use std::fmt;

use phonenumber::{Mode, Type, country, metadata::DATABASE};

/// Characters of a number as people write it.
const LONGEST: usize = 40;
/// Digits of E.164.
const DIGITS: usize = 15;

/// How a page shows numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhoneForm {
    /// What of them is hidden.
    pub masking: Masking,
    /// Whether they are written as within their country.
    pub is_regional: bool,
}

/// What of a number is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Masking {
    /// Nothing.
    #[default]
    None,
    /// The code of its country.
    CountryCode,
    /// All digits but the last four.
    Digits,
}

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

    /// The number as a page shows it.
    pub fn shown(&self, form: PhoneForm) -> String {
        let Ok(number) = phonenumber::parse(None, &self.text) else { return self.text.clone() };
        let mode = if form.is_regional { Mode::National } else { Mode::International };
        let text = number.format().mode(mode).to_string();
        match form.masking {
            Masking::None => text,
            Masking::CountryCode => {
                let rest = text.strip_prefix(&format!("+{}", self.country));
                rest.unwrap_or(&text).trim_start().to_owned()
            }
            Masking::Digits => {
                let hidden = text.bytes().filter(u8::is_ascii_digit).count().saturating_sub(4);
                let mut left = hidden;
                let masked = text.chars().map(|letter| {
                    let is_hidden = letter.is_ascii_digit() && left > 0;
                    left -= usize::from(is_hidden);
                    if is_hidden { 'X' } else { letter }
                });
                masked.collect()
            }
        }
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
    fn a_number_is_shown_as_the_tenant_wants_it() {
        let number = PhoneNumber::exact("+14155552671").unwrap();
        let shown = |masking, is_regional| number.shown(PhoneForm { masking, is_regional });
        assert_eq!(shown(Masking::None, false), "+1 415-555-2671");
        assert_eq!(shown(Masking::None, true), "(415) 555-2671");
        assert_eq!(shown(Masking::CountryCode, false), "415-555-2671");
        assert_eq!(shown(Masking::CountryCode, true), "(415) 555-2671");
        assert_eq!(shown(Masking::Digits, false), "+X XXX-XXX-2671");
        assert_eq!(shown(Masking::Digits, true), "(XXX) XXX-2671");
    }

    #[test]
    fn numbers_that_somebody_earns_from_are_known() {
        assert!(PhoneNumber::read("+49 900 1 234567", None).unwrap().is_costly());
        let usual = PhoneNumber::read("+49 170 1234567", None).unwrap();
        assert_eq!((usual.is_costly(), usual.country(), usual.range()), (false, 49, "+49170123"));
    }
}
