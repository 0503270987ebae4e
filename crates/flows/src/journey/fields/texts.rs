//! Fields of text: lines, addresses, numbers of telephones, passwords.

use std::sync::LazyLock;

use identity::{password::is_common, users::is_email};
use kernel::Value;
use phonenumber::{Mode, country, metadata::DATABASE};
use serde_json::json;

use super::{Entered, LONGEST, Wrong, wrong};
use crate::journey::Component;

/// The countries that numbers of telephones belong to, with their codes.
pub fn countries() -> &'static [(String, u16)] {
    static COUNTRIES: LazyLock<Vec<(String, u16)>> = LazyLock::new(|| {
        let mut known: Vec<(String, u16)> = DATABASE
            .iter()
            .filter(|metadata| metadata.id().len() == 2 && metadata.id().bytes().all(|byte| byte.is_ascii_uppercase()))
            .map(|metadata| (metadata.id().to_owned(), metadata.country_code()))
            .collect();
        known.sort();
        known
    });
    &COUNTRIES
}

pub(super) fn read(field: &Component, entered: &Entered, name: &str) -> Result<Value, Wrong> {
    let sent = entered.first(name);
    let text = match field.kind.as_str() {
        // A password is what it is.
        "PASSWORD" => sent.to_owned(),
        "TEXT" if field.is("multiline") => sent.replace("\r\n", "\n").trim().to_owned(),
        _ => sent.trim().to_owned(),
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return wrong("ERR_INVALID_VALUE");
    }
    let length = text.chars().count();
    let bound = |name: &str| field.config(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
    if let Some(least) = bound("min_length").filter(|least| length < *least) {
        return Err(("ERR_TOO_SHORT_STRING", vec![("minLength", least.to_string())]));
    }
    let most = bound("max_length").unwrap_or(LONGEST).min(LONGEST);
    if length > most {
        return Err(("ERR_TOO_LONG_STRING", vec![("maxLength", most.to_string())]));
    }
    match field.kind.as_str() {
        "EMAIL" if !is_email(&text) => wrong("ERR_EMAIL_EXPECTED"),
        "URL" if !is_url(&text) => wrong("ERR_URL_EXPECTED"),
        "TEL" => number(field, &text, entered.first(&format!("{name}.country"))),
        "PASSWORD" => password(field, &text),
        _ => Ok(text.into()),
    }
}

fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The number of a telephone: as it was entered, or its parts where its country is chosen.
fn number(field: &Component, text: &str, country: &str) -> Result<Value, Wrong> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_written_well = text.chars().all(|letter| letter.is_ascii_digit() || "+ ()./-".contains(letter));
    if !is_written_well || !(3..=20).contains(&digits) {
        return wrong("ERR_TEL_EXPECTED");
    }
    if !field.is("country_picker") {
        return Ok(text.into());
    }
    let country = country.parse::<country::Id>().ok();
    let Ok(number) = phonenumber::parse(country, text) else { return wrong("ERR_TEL_EXPECTED") };
    if !number.is_valid() {
        return wrong("ERR_TEL_EXPECTED");
    }
    let written = |mode: Mode| number.format().mode(mode).to_string();
    let iso = number.country().id().map(|id| id.as_ref().to_owned());
    Ok(json!({
        "national_number": number.national().value().to_string(),
        "national_format": written(Mode::National),
        "international_number": written(Mode::E164),
        "international_format": written(Mode::International),
        "country_code_iso": iso,
        "country_code_number": number.code().value(),
    }))
}

fn password(field: &Component, text: &str) -> Result<Value, Wrong> {
    if field.is("complexity") {
        let has = |test: fn(char) -> bool| text.chars().any(test);
        let is_mixed = has(char::is_lowercase) && has(char::is_uppercase) && has(char::is_numeric);
        if !is_mixed || !has(|letter| !letter.is_alphanumeric()) {
            return wrong("ERR_PASSWORD_COMPLEXITY");
        }
    }
    // What is in every list of attackers is no password (NIST SP 800-63B §5.1.1.2).
    if field.is("nist") && (text.chars().count() < 8 || is_common(&text.to_lowercase())) {
        return wrong("ERR_PASSWORD_COMMON");
    }
    let hash = field.text("hash").unwrap_or("NONE");
    Ok(match hash {
        "MD5" => hex::<md5::Md5>(text),
        "SHA1" => hex::<sha1::Sha1>(text),
        "SHA256" => hex::<sha2::Sha256>(text),
        "SHA512" => hex::<sha2::Sha512>(text),
        _ => text.to_owned(),
    }
    .into())
}

fn hex<D: sha2::Digest>(text: &str) -> String {
    identity::hash::hex(&D::digest(text.as_bytes()))
}
