//! What other services vouch for in a form: that a visitor is a person, and that a payment was made.

use kernel::{Document, Secret, Value};

/// The largest payment, in hundredths of a currency: as much as Stripe takes.
const MOST: u64 = 99_999_999;

/// A puzzle of Google's that a visitor says to have solved.
#[derive(Clone, Debug)]
pub struct Solved {
    /// Vouches for the form's author.
    pub secret_key: Secret,
    /// What the visitor's browser was given.
    pub response: String,
    /// Address of the visitor on the network.
    pub ip: String,
}

/// A payment with a card.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Vouches for the form's author.
    pub private_key: Secret,
    /// What it is known by: however often it is asked for, it is made once.
    pub key: String,
    /// What the visitor's browser was given for the card.
    pub method: String,
    /// What is paid.
    pub charge: Charge,
    /// Who pays: the identifier of a customer as `id`, or what a new one is made of. Empty where nobody is noted.
    pub customer: Document,
}

/// What is paid.
#[derive(Clone, Debug, PartialEq)]
pub enum Charge {
    /// An amount, once.
    OneOff {
        /// In hundredths of the currency.
        amount: u64,
        /// Three letters.
        currency: String,
    },
    /// A subscription, as Stripe describes one.
    Subscription(Document),
}

/// What came of a payment.
#[derive(Clone, Debug, PartialEq)]
pub enum Paid {
    /// It was made; what flows may know of it.
    Made(Value),
    /// The card was refused; in words for its owner.
    Refused(String),
    /// It failed in another way; in words for the form's author.
    Failed(String),
}

impl Charge {
    /// An amount as forms have it, in units of the currency: `9.99`. `None` where it is none that can be paid.
    pub fn one_off(amount: &str, currency: &str) -> Option<Self> {
        let (units, rest) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if units.len() + rest.len() > 12 || units.is_empty() || rest.len() > 2 || !is_number(units) || !is_number(rest)
        {
            return None;
        }
        let amount: u64 = format!("{units}{rest:0<2}").parse().ok()?;
        let is_currency = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic());
        let may_be_paid = is_currency && (1..=MOST).contains(&amount);
        may_be_paid.then(|| Self::OneOff { amount, currency: currency.to_ascii_lowercase() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_hundredth() {
        let amount = |text: &str| match Charge::one_off(text, "EUR") {
            Some(Charge::OneOff { amount, .. }) => Some(amount),
            _ => None,
        };
        for (text, expected) in [
            ("9.99", Some(999)),
            ("10", Some(1000)),
            ("0.5", Some(50)),
            (" 12.30 ", Some(1230)),
            ("0", None),
            ("-1", None),
            ("1e3", None),
            ("1.001", None),
            ("9999999999", None),
            ("", None),
            (".5", None),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
        assert_eq!(Charge::one_off("1", "EURO"), None);
    }
}
