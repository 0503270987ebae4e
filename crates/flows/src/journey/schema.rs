//! Whether a value is as a JSON Schema describes it: the keywords that fields are described by, evaluated within bounds.

use kernel::Value;

/// How deep schemas may lie in one another.
const DEPTH: usize = 32;

/// Whether the value fits. What a schema says in other words than these is not looked at.
pub(super) fn fits(schema: &Value, value: &Value) -> bool {
    let mut steps = 10_000;
    within(schema, value, DEPTH, &mut steps)
}

fn within(schema: &Value, value: &Value, depth: usize, steps: &mut u32) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 || depth == 0 {
        return false;
    }
    let Some(schema) = schema.as_object() else { return *schema != Value::Bool(false) };
    let at = |name: &str| schema.get(name);
    let number = |name: &str| at(name).and_then(Value::as_f64);
    let list = |name: &str| at(name).and_then(Value::as_array);
    let mut each = |schema: &Value, value: &Value| within(schema, value, depth - 1, steps);
    let is_typed = match at("type") {
        Some(Value::String(name)) => is(name, value),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(|name| is(name, value)),
        _ => true,
    };
    if !is_typed
        || list("enum").is_some_and(|values| !values.contains(value))
        || at("const").is_some_and(|only| only != value)
        || list("allOf").is_some_and(|all| !all.iter().all(|schema| each(schema, value)))
        || list("anyOf").is_some_and(|any| !any.iter().any(|schema| each(schema, value)))
        || list("oneOf").is_some_and(|one| one.iter().filter(|schema| each(schema, value)).count() != 1)
        || at("not").is_some_and(|schema| each(schema, value))
    {
        return false;
    }
    match value {
        Value::Number(known) => {
            let known = known.as_f64().unwrap_or(f64::NAN);
            number("minimum").is_none_or(|least| known >= least)
                && number("maximum").is_none_or(|most| known <= most)
                && number("exclusiveMinimum").is_none_or(|least| known > least)
                && number("exclusiveMaximum").is_none_or(|most| known < most)
                && number("multipleOf").is_none_or(|of| of > 0.0 && (known / of).fract() == 0.0)
        }
        Value::String(text) => {
            let length = text.chars().count();
            let matches = |pattern: &str| {
                let pattern = fancy_regex::RegexBuilder::new(pattern).backtrack_limit(10_000).build();
                pattern.is_ok_and(|pattern| pattern.is_match(text).unwrap_or(false))
            };
            is_between(length, number("minLength"), number("maxLength"))
                && at("pattern").and_then(Value::as_str).is_none_or(matches)
        }
        Value::Array(items) => {
            is_between(items.len(), number("minItems"), number("maxItems"))
                && (at("uniqueItems") != Some(&Value::Bool(true))
                    || items.iter().enumerate().all(|(place, item)| !items[..place].contains(item)))
                && at("items").is_none_or(|schema| items.iter().all(|item| each(schema, item)))
        }
        Value::Object(members) => {
            let described = at("properties").and_then(Value::as_object);
            let mut required = list("required").into_iter().flatten().filter_map(Value::as_str);
            is_between(members.len(), number("minProperties"), number("maxProperties"))
                && required.all(|name| members.contains_key(name))
                && members.iter().all(|(name, member)| {
                    match described.and_then(|described| described.get(name)).or_else(|| at("additionalProperties")) {
                        Some(schema) => each(schema, member),
                        None => true,
                    }
                })
        }
        Value::Null | Value::Bool(_) => true,
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn is_between(length: usize, least: Option<f64>, most: Option<f64>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "lengths are small")]
    let length = length as f64;
    least.is_none_or(|least| length >= least) && most.is_none_or(|most| length <= most)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_what_describes_them() {
        let schema = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3}, "b": {"type": "array", "items": {"type": "integer", "minimum": 2}}},
        });
        for (value, expected) in [
            (json!({"a": "abc"}), true),
            (json!({"a": "abcd"}), false),
            (json!({"a": "A"}), false),
            (json!({"b": [2]}), false),
            (json!({"a": "a", "b": [2, 3.0]}), true),
            (json!({"a": "a", "b": [1]}), false),
            (json!({"a": "a", "c": 1}), false),
            (json!("a"), false),
        ] {
            assert_eq!(fits(&schema, &value), expected, "{value}");
        }
        assert!(fits(&json!({"oneOf": [{"type": "string"}, {"const": 1}]}), &json!(1)));
        assert!(!fits(&json!({"anyOf": [{"enum": [1, 2]}]}), &json!(3)));
    }

    #[test]
    fn no_schema_takes_long() {
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"allOf": [deep]});
        }
        assert!(!fits(&deep, &json!("a")));
        assert!(!fits(&json!({"pattern": "(a+)+$"}), &json!(format!("{}b", "a".repeat(5_000)))));
    }
}
