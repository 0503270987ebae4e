//! The functions that expressions may call.

use identity::hash;
use kernel::{Document, Value, id::Form};
use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{
    Evaluator, LARGEST, Unevaluated,
    text::{self, number_of, size_of, text_of, truth_of},
};

/// What `encodeURIComponent` leaves as it is, beside letters and digits.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

type Called = Result<Option<Value>, Unevaluated>;

/// Calls a function; one that is not known is undefined.
pub(super) fn call(evaluator: &Evaluator<'_>, name: &str, arguments: Vec<Option<Value>>) -> Called {
    let given = Given(arguments);
    let value = match name {
        "toArray" => Some(match given.value(0) {
            None | Some(Value::Null) => Value::Array(Vec::new()),
            Some(items @ Value::Array(_)) => items.clone(),
            Some(other) => vec![other.clone()].into(),
        }),
        "toBoolean" => Some(given.value(0).is_some_and(truth_of).into()),
        "toNumber" => given.number(0).and_then(text::number),
        "toString" => Some(given.text(0).into()),
        "length" => given.value(0).and_then(length).map(Value::from),
        "mask" => {
            evaluator.hide(given.value(0));
            given.value(0).cloned()
        }
        "random" => random(evaluator, &given),
        "slice" => slice(&given),
        "substring" => Some(substring(&given).into()),
        "toTimestamp" => given.seconds(evaluator).map(Value::from),
        "now" => Some(evaluator.context().now().into()),
        "toLowerCase" => Some(given.text(0).to_lowercase().into()),
        "toUpperCase" => Some(given.text(0).to_uppercase().into()),
        "replace" => Some(given.text(0).replacen(&given.text(1), &given.text(2), 1).into()),
        "replaceAll" => Some(replace_all(&given.text(0), &given.text(1), &given.text(2))?.into()),
        "split" => Some(split(&given)?),
        "includes" => Some(position(&given).is_some().into()),
        "indexOf" => Some(position(&given).map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX)).into()),
        "merge" => merge(&given),
        "md5" => Some(hash::hex(&Md5::digest(given.text(0))).into()),
        "sha1" => Some(hash::hex(&Sha1::digest(given.text(0))).into()),
        "sha256" => Some(hash::hex(&Sha256::digest(given.text(0))).into()),
        "sha512" => Some(hash::hex(&Sha512::digest(given.text(0))).into()),
        "uuid" => Some(evaluator.context().id(Form::Uuid).into()),
        "encodeURIComponent" => Some(utf8_percent_encode(&given.text(0), ENCODED).to_string().into()),
        _ => None,
    };
    Ok(value)
}

/// The arguments of a call.
struct Given(Vec<Option<Value>>);

impl Given {
    fn value(&self, at: usize) -> Option<&Value> {
        self.0.get(at)?.as_ref()
    }

    fn text(&self, at: usize) -> String {
        self.value(at).map(text_of).unwrap_or_default()
    }

    fn number(&self, at: usize) -> Option<f64> {
        self.value(at).and_then(number_of)
    }

    /// A position, which may count from the end; fractions are dropped.
    fn index(&self, at: usize) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond is at the end all the same")]
        self.number(at).map(|number| number as i64)
    }

    /// Seconds since 1970 of a date; of now without one.
    fn seconds(&self, evaluator: &Evaluator<'_>) -> Option<i64> {
        match self.value(0) {
            None | Some(Value::Null) => Some(evaluator.context().now().seconds()),
            // Numbers are milliseconds, as dates have them in JavaScript.
            Some(Value::Number(_)) => self.index(0).map(|millis| millis.div_euclid(1000)),
            Some(other) => {
                let text = text_of(other);
                let time = text.parse::<kernel::Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse());
                time.ok().map(kernel::Timestamp::seconds)
            }
        }
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.encode_utf16().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

/// A number between two, both included; a whole one unless a fraction is asked for.
fn random(evaluator: &Evaluator<'_>, given: &Given) -> Option<Value> {
    let (low, high) = (given.number(0).unwrap_or(0.0), given.number(1).unwrap_or(1.0));
    let (low, high) = (low.min(high), low.max(high));
    let wants_fraction = given.value(2).is_some_and(truth_of) || low.fract() != 0.0 || high.fract() != 0.0;
    let chance = u64::from_be_bytes(evaluator.context().bytes::<8>());
    if wants_fraction {
        #[expect(clippy::cast_precision_loss, reason = "53 bits of chance fit")]
        let part = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        return text::number(low + part * (high - low));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers beyond 64 bits become the largest")]
    let (low, high) = (low as i64, high as i64);
    let width = u128::from(high.abs_diff(low)) + 1;
    let offset = i128::try_from(u128::from(chance) % width).ok()?;
    i64::try_from(i128::from(low) + offset).ok().map(Value::from)
}

/// As `slice` of JavaScript: negative positions count from the end, swapped ones give nothing.
fn slice(given: &Given) -> Option<Value> {
    let place = |at: Option<i64>, otherwise: usize, length: usize| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let at =
            at.map_or_else(|| i64::try_from(otherwise).unwrap_or(i64::MAX), |at| if at < 0 { length + at } else { at });
        usize::try_from(at.clamp(0, length)).unwrap_or_default()
    };
    match given.value(0)? {
        Value::Array(items) => {
            let (from, to) = (place(given.index(1), 0, items.len()), place(given.index(2), items.len(), items.len()));
            Some(items.get(from..to).unwrap_or_default().to_vec().into())
        }
        other => {
            let units: Vec<u16> = text_of(other).encode_utf16().collect();
            let (from, to) = (place(given.index(1), 0, units.len()), place(given.index(2), units.len(), units.len()));
            Some(String::from_utf16_lossy(units.get(from..to).unwrap_or_default()).into())
        }
    }
}

/// As `substring` of JavaScript: negative positions are the start, swapped ones are swapped back.
fn substring(given: &Given) -> String {
    let units: Vec<u16> = given.text(0).encode_utf16().collect();
    let place = |at: Option<i64>, otherwise: usize| {
        at.map_or(otherwise, |at| usize::try_from(at.max(0)).unwrap_or_default().min(units.len()))
    };
    let (from, to) = (place(given.index(1), 0), place(given.index(2), units.len()));
    String::from_utf16_lossy(&units[from.min(to)..from.max(to)])
}

fn replace_all(text: &str, wanted: &str, replacement: &str) -> Result<String, Unevaluated> {
    // An empty text is found between all letters.
    let found = if wanted.is_empty() { text.chars().count() + 1 } else { text.matches(wanted).count() };
    if text.len() + found.saturating_mul(replacement.len()) > 2 * LARGEST {
        return Err(Unevaluated::TooLarge);
    }
    Ok(text.replace(wanted, replacement))
}

fn split(given: &Given) -> Result<Value, Unevaluated> {
    let text = given.text(0);
    let most = given.index(2).map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let Some(separator) = given.value(1).map(text_of) else { return Ok(vec![Value::from(text)].into()) };
    let count = if separator.is_empty() { text.len() } else { text.matches(&separator).count() };
    // Each part is a value of its own, whatever it holds.
    if count.min(most).saturating_mul(16) > LARGEST {
        return Err(Unevaluated::TooLarge);
    }
    let parts: Vec<Value> = if separator.is_empty() {
        text.chars().take(most).map(|letter| letter.to_string().into()).collect()
    } else {
        text.split(&separator).take(most).map(Value::from).collect()
    };
    Ok(parts.into())
}

/// Where an item stands in an array, or a text in a text.
fn position(given: &Given) -> Option<usize> {
    let wanted = given.value(1)?;
    let from = given.index(2).unwrap_or(0);
    let start = |length: usize| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        usize::try_from(if from < 0 { (length + from).max(0) } else { from.min(length) }).unwrap_or_default()
    };
    match given.value(0)? {
        Value::Array(items) => {
            let from = start(items.len());
            items.iter().skip(from).position(|item| item == wanted).map(|at| from + at)
        }
        Value::String(text) => {
            let units: Vec<u16> = text.encode_utf16().collect();
            let from = start(units.len());
            let rest = String::from_utf16_lossy(&units[from..]);
            let at = rest.find(&text_of(wanted))?;
            Some(from + rest[..at].encode_utf16().count())
        }
        Value::Object(members) => members.keys().position(|name| *name == text_of(wanted)),
        _ => None,
    }
}

/// Arrays one after the other, members of objects over one another, texts one after the other.
fn merge(given: &Given) -> Option<Value> {
    match (given.value(0), given.value(1)) {
        (base, None | Some(Value::Null)) => base.cloned(),
        (None | Some(Value::Null), value) => value.cloned(),
        (Some(Value::Array(base)), Some(Value::Array(more))) => Some([base.as_slice(), more].concat().into()),
        (Some(Value::Array(base)), Some(one)) => Some([base.as_slice(), std::slice::from_ref(one)].concat().into()),
        (Some(Value::Object(base)), Some(Value::Object(more))) => {
            let members = base.iter().chain(more).map(|(name, value)| (name.clone(), value.clone()));
            Some(members.collect::<Document>().into())
        }
        (Some(base), Some(more)) => Some((text_of(base) + &text_of(more)).into()),
    }
    .filter(|merged| size_of(merged) <= 2 * LARGEST)
}
