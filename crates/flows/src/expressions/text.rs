//! Values as texts, numbers and truths, as JavaScript has them.

use kernel::Value;

/// A value within text: texts as they are, objects and arrays as JSON, nothing for null.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            // JavaScript has one kind of number: 3.0 is 3.
            let whole = number.as_f64().filter(|_| number.is_f64()).and_then(whole);
            whole.map_or_else(|| number.to_string(), |whole| whole.to_string())
        }
        other => other.to_string(),
    }
}

/// The number that a value stands for; none where it stands for none.
pub fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim();
            let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            text.parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
        }
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    }
}

/// Whether a value counts as true: not nothing, zero, an empty text or one that says false.
pub fn truth_of(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !matches!(text.trim(), "" | "0") && !text.trim().eq_ignore_ascii_case("false"),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A number as JSON has it: whole ones without a fraction.
pub(super) fn number(number: f64) -> Option<Value> {
    match whole(number) {
        Some(whole) => Some(whole.into()),
        None => serde_json::Number::from_f64(number).map(Value::Number),
    }
}

fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within what is exact")]
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// About how many bytes a value takes.
pub(super) fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size_of(item) + 8).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, member)| name.len() + size_of(member) + 8).sum::<usize>() + 2
        }
        _ => 8,
    }
}
