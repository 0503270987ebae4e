//! How a browser carries a login that is not stored yet: a transaction, compressed, encrypted and cut into cookies.
//!
//! Each transaction has cookies of its own, so that two tabs do not disturb one another. What a browser carries in all is
//! bounded: the oldest transactions go first.

use std::io::Read;

use flate2::{Compression, bufread::DeflateDecoder, write::DeflateEncoder};
use kernel::Timestamp;
use store::{Envelope, Snapshot, StoreResult};

use model::login::{Browser, PagesError, Transaction};

/// Begins the names of the cookies.
const PREFIX: &str = "auth0_txn_";
/// Characters of an identifier in a cookie's name.
const NAMED: usize = 12;
/// Longest value of a cookie: browsers take 4,096 bytes with name and attributes.
const LONGEST: usize = 3600;
/// Most cookies for one transaction.
const PARTS: usize = 3;
/// What all transactions of a browser may take, in bytes: servers and proxies refuse long headers.
const ALL: usize = 11_000;
/// Most transactions of a browser.
const TRANSACTIONS: usize = 8;
/// Longest JSON of a transaction.
const PLAIN: u64 = 64 * 1024;
/// For what the key encrypts.
const PURPOSE: &str = "login transaction of a browser";

/// Characters of an identifier.
pub(crate) const ID: usize = 32;

/// The `state` of a transaction at a step.
pub(crate) fn state(id: &str, step: u16) -> String {
    format!("{id}{step:02x}")
}

/// The identifier and the step of a `state`.
pub(crate) fn parse(state: &str) -> Option<(&str, u16)> {
    let is_sound =
        state.len() <= ID + 4 && state.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let (id, step) = state.split_at_checked(ID).filter(|_| is_sound)?;
    Some((id, u16::from_str_radix(step, 16).ok()?))
}

/// The transaction that a browser carries; `None` when it carries none of this identifier that this tenant encrypted and
/// that has not ended.
pub(crate) fn read(reader: &Snapshot, browser: &Browser, id: &str) -> StoreResult<Option<Transaction>> {
    let parts = (0..PARTS).map_while(|part| browser.cookie(&name(id, part)));
    let text: String = parts.collect();
    let Some((_, sealed)) = text.split_once('.') else { return Ok(None) };
    let Some(plain) = reader.open_envelope(PURPOSE, id, sealed)? else { return Ok(None) };
    let mut json = Vec::new();
    let inflated = DeflateDecoder::new(&plain[..]).take(PLAIN).read_to_end(&mut json);
    let transaction = inflated.ok().and_then(|_| serde_json::from_slice::<Transaction>(&json).ok());
    Ok(transaction.filter(|transaction| transaction.id == id && transaction.expires > reader.now()))
}

/// The cookies that have the browser carry a transaction, in place of what it carries of it and of the oldest others.
pub(crate) fn write(
    envelope: &Envelope,
    now: Timestamp,
    browser: &Browser,
    transaction: &Transaction,
) -> Result<Vec<String>, PagesError> {
    let json = serde_json::to_vec(transaction).map_err(store::StoreError::from)?;
    let sealed = envelope.close(PURPOSE, &transaction.id, &deflate(&json))?;
    let text = format!("{:x}.{sealed}", transaction.created.seconds());
    if text.len() > PARTS * LONGEST {
        return Err(PagesError::TooLong);
    }
    let length = text.len();
    let mut rest = text.as_str();
    let mut cookies = Vec::new();
    for part in 0..PARTS {
        let name = name(&transaction.id, part);
        if rest.is_empty() {
            if browser.cookie(&name).is_some() {
                cookies.push(removal(&name, browser));
            }
            continue;
        }
        let (part, later) = rest.split_at(rest.len().min(LONGEST));
        cookies.push(format!("{name}={part}{}", attributes(browser, Some(lifetime(transaction, now)))));
        rest = later;
    }
    cookies.extend(evicted(browser, &transaction.id, length).iter().map(|name| removal(name, browser)));
    Ok(cookies)
}

/// The cookies that end what a browser carries of a transaction.
pub(crate) fn forget(browser: &Browser, id: &str) -> Vec<String> {
    let names = (0..PARTS).map(|part| name(id, part));
    names.filter(|name| browser.cookie(name).is_some()).map(|name| removal(&name, browser)).collect()
}

fn deflate(json: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json).and_then(|()| encoder.finish()).expect("a vector takes what it is given")
}

fn name(id: &str, part: usize) -> String {
    let short = id.get(..NAMED).unwrap_or(id);
    format!("{PREFIX}{short}{}", ["", "_1", "_2"][part])
}

/// Names of the cookies that must go, so that another transaction of this length fits.
fn evicted(browser: &Browser, id: &str, length: usize) -> Vec<String> {
    let own = name(id, 0);
    // When each began stands before its first cookie's value; what has none is of somebody else, or broken.
    let mut others: Vec<(u64, usize, Vec<String>)> = Vec::new();
    for (first, value) in browser.all_cookies().filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(&own))
    {
        if first.len() != PREFIX.len() + NAMED {
            continue;
        }
        let began =
            value.split_once('.').and_then(|(began, _)| u64::from_str_radix(began, 16).ok()).unwrap_or_default();
        let parts: Vec<(String, usize)> = browser
            .all_cookies()
            .filter(|(name, _)| name.starts_with(first))
            .map(|(name, value)| (name.to_owned(), name.len() + value.len()))
            .collect();
        let size = parts.iter().map(|(_, size)| size).sum();
        others.push((began, size, parts.into_iter().map(|(name, _)| name).collect()));
    }
    others.sort_by(|(one, ..), (other, ..)| other.cmp(one));
    let (mut kept, mut size) = (1, length);
    let mut gone = Vec::new();
    for (_, bytes, names) in others {
        if kept < TRANSACTIONS && size + bytes <= ALL {
            kept += 1;
            size += bytes;
        } else {
            gone.extend(names);
        }
    }
    gone
}

fn lifetime(transaction: &Transaction, now: Timestamp) -> i64 {
    (transaction.expires.seconds() - now.seconds()).max(0)
}

fn removal(name: &str, browser: &Browser) -> String {
    format!("{name}={}", attributes(browser, Some(0)))
}

/// What follows a cookie's value. Identity providers come back by a POST from their own site, hence `SameSite=None`.
pub(crate) fn attributes(browser: &Browser, lifetime: Option<i64>) -> String {
    let age = lifetime.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let site = if browser.is_secure { "; Secure; SameSite=None" } else { "; SameSite=Lax" };
    format!("; Path=/{age}; HttpOnly{site}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_an_identifier_and_a_step() {
        let id = "abcdefghijklmnopqrstuvwxyzABCD-_";
        assert_eq!(parse(&state(id, 0)), Some((id, 0)));
        assert_eq!(parse(&state(id, 300)), Some((id, 300)));
        for wrong in ["", "x", id, &id[1..], &format!("{id}zz"), &format!("{id}00000"), &format!("{}é00", &id[2..])] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_oldest_transactions_make_room() {
        let cookie =
            |number: usize, began: u64, length: usize| format!("{PREFIX}{number:012}={began:x}.{}", "x".repeat(length));
        let many: Vec<String> = (0..9).map(|number| cookie(number, 100 + number as u64, 50)).collect();
        let browser = Browser { cookies: many.join("; "), ..Browser::default() };
        let gone = evicted(&browser, "abcdefghijklmnop", 50);
        assert_eq!(gone, [format!("{PREFIX}{:012}", 1), format!("{PREFIX}{:012}", 0)]);
        let large: Vec<String> = (0..3).map(|number| cookie(number, 100 + number as u64, 3500)).collect();
        let browser = Browser { cookies: large.join("; "), ..Browser::default() };
        let gone = evicted(&browser, "abcdefghijklmnop", 3500);
        assert_eq!(gone, [format!("{PREFIX}{:012}", 0)]);
    }
}
