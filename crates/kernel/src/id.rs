//! Identifiers: their alphabets and forms (reference: identifiers).

use crate::Context;

/// `A-Z a-z 0-9`.
pub const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// [`ALNUM`] without `0 O I l`.
pub const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The alphabet of RFC 4648 §5.
pub const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Lower-case hexadecimal digits.
pub const HEX: &[u8] = b"0123456789abcdef";
/// Crockford's base 32, the alphabet of a ULID.
const CROCKFORD: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How a kind's identifiers look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A prefix and 16 letters or digits: `con_…`, `org_…`, `rol_…`.
    Alnum16(&'static str),
    /// A prefix and 22 base-58 characters: `cred_…`, `acl_…`, `est_…`.
    Base58(&'static str),
    /// As [`Form::Base58`], ordered by the time of making: `uap_1c…`.
    Ordered58(&'static str),
    /// 32 letters or digits: `client_id`, tickets, themes.
    Alnum32,
    /// 24 lower-case hexadecimal digits: resource servers, user grants.
    Hex24,
    /// As [`Form::Hex24`], ordered by the second of making: users, whose entries in indexes then lie side by side.
    Ordered24,
    /// UUID version 4: actions, versions, bindings, encryption keys.
    Uuid,
    /// 26 characters of Crockford's base 32, ordered by time: hooks.
    Ulid,
}

impl Form {
    /// A new identifier of this form.
    pub fn make(self, context: &Context) -> String {
        match self {
            Self::Alnum16(prefix) => prefix.to_owned() + &context.text(ALNUM, 16),
            Self::Base58(prefix) => prefix.to_owned() + &context.text(BASE58, 22),
            Self::Ordered58(prefix) => ordered58(prefix, context),
            Self::Alnum32 => context.text(ALNUM, 32),
            Self::Hex24 => context.text(HEX, 24),
            Self::Ordered24 => in_base(context.now().millis().unsigned_abs() / 1_000, HEX, 8) + &context.text(HEX, 16),
            Self::Uuid => uuid(context),
            Self::Ulid => ulid(context),
        }
    }
}

/// `1c`, nine digits of milliseconds, eleven of chance: sorts by time, looks like the service's.
fn ordered58(prefix: &str, context: &Context) -> String {
    let millis = in_base(context.now().millis().unsigned_abs(), BASE58, 9);
    format!("{prefix}1c{millis}{}", context.text(BASE58, 11))
}

fn uuid(context: &Context) -> String {
    let mut bytes = context.bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn ulid(context: &Context) -> String {
    in_base(context.now().millis().unsigned_abs(), CROCKFORD, 10) + &context.text(CROCKFORD, 16)
}

/// `number` in the base of `alphabet`, padded to `width` digits.
fn in_base(mut number: u64, alphabet: &[u8], width: usize) -> String {
    let base = alphabet.len() as u64;
    let mut digits = vec![alphabet[0]; width];
    for digit in digits.iter_mut().rev() {
        *digit = alphabet[usize::try_from(number % base).expect("a digit is small")];
        number /= base;
    }
    String::from_utf8(digits).expect("alphabets are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_have_their_lengths() {
        let context = Context::system();
        let length = |form: Form| form.make(&context).len();
        assert_eq!(length(Form::Alnum16("con_")), 20);
        assert_eq!(length(Form::Base58("cred_")), 27);
        assert_eq!(length(Form::Ordered58("uap_")), 26);
        assert_eq!(length(Form::Alnum32), 32);
        assert_eq!(length(Form::Hex24), 24);
        assert_eq!(length(Form::Ordered24), 24);
        assert_eq!(length(Form::Uuid), 36);
        assert_eq!(length(Form::Ulid), 26);
    }
}
