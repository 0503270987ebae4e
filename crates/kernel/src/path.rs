//! Paths into documents: steps between dots. A step is a member's name or an item's position; `*` in a pattern is any of them, and `**`
//! any number of any of them, none too.
//!
//! In the paths of values that were found, a dot within a member's name is written `~1` and a tilde `~0`.

use std::borrow::Cow;

use serde_json::Value;

/// Whether a path is one of those that a pattern means.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (wanted, steps): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), path.split('.').collect());
    leads(&wanted, &steps)
}

fn leads(wanted: &[&str], steps: &[&str]) -> bool {
    match (wanted, steps) {
        ([], []) => true,
        (["**", wanted @ ..], steps) => (0..=steps.len()).any(|taken| leads(wanted, &steps[taken..])),
        ([one, wanted @ ..], [step, steps @ ..]) if *one == "*" || one == step => leads(wanted, steps),
        _ => false,
    }
}

/// The paths of all values in `value` that a pattern means.
pub fn find(value: &Value, pattern: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut steps: Vec<&str> = pattern.split('.').collect();
    steps.reverse();
    collect(value, steps, String::new(), &mut found);
    found
}

fn collect<'p>(value: &Value, mut steps: Vec<&'p str>, path: String, found: &mut Vec<String>) {
    let Some(step) = steps.pop() else {
        found.push(path);
        return;
    };
    let join = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
    let deeper = |mut steps: Vec<&'p str>| {
        // Below `**`, it is looked for again.
        if step == "**" {
            steps.push(step);
        }
        steps
    };
    if step == "**" {
        collect(value, steps.clone(), path.clone(), found);
    }
    match (value, step) {
        (Value::Object(members), "*" | "**") => {
            for (name, member) in members {
                collect(member, deeper(steps.clone()), join(&escaped(name)), found);
            }
        }
        (Value::Array(items), "*" | "**") => {
            for (position, item) in items.iter().enumerate() {
                collect(item, deeper(steps.clone()), join(&position.to_string()), found);
            }
        }
        (_, "**") => {}
        _ => {
            if let Some(member) = child(value, step) {
                collect(member, steps, join(step), found);
            }
        }
    }
}

/// The value at a path, if every step is there.
pub fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, child)
}

/// The same, to be changed.
pub fn get_mut<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(value, child_mut)
}

fn child<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(&*unescaped(step)),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

fn child_mut<'a>(value: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(members) => members.get_mut(&*unescaped(step)),
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    }
}

fn escaped(name: &str) -> Cow<'_, str> {
    if name.contains(['.', '~']) { name.replace('~', "~0").replace('.', "~1").into() } else { name.into() }
}

/// The member's name that a step of a path writes.
pub(crate) fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') { step.replace("~1", ".").replace("~0", "~").into() } else { step.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_is_any_member_and_any_item() {
        let value = json!({"a": [{"k": 1}, {"x": 2}, {"k": {"y": 3}}], "m": {"one.two~": {"k": 4}, "s": "text"}});
        assert_eq!(find(&value, "a.*.k"), ["a.0.k", "a.2.k"]);
        assert_eq!(find(&value, "m.*.k"), ["m.one~1two~0.k"]);
        assert_eq!(find(&value, "m.s"), ["m.s"]);
        assert_eq!(find(&value, "m.s.k"), Vec::<String>::new());
        for path in ["a.0.k", "a.2.k", "m.one~1two~0.k"] {
            assert!(matches("*.*.k", path) && get(&value, path).is_some(), "{path}");
        }
        assert_eq!(get(&value, "m.one~1two~0.k"), Some(&json!(4)));
        assert!(!matches("a.*", "a.0.k") && !matches("a.*.k.y", "a.0.k"));
    }

    #[test]
    fn two_stars_are_any_number_of_steps() {
        let value =
            json!({"a": [{"p": {"k": 1, "then": [{"p": {"k": 2}}, {"p": {"else": [{"p": {"k": 3}}]}}]}}], "k": 4});
        let found = find(&value, "a.**.p.k");
        assert_eq!(found, ["a.0.p.k", "a.0.p.then.0.p.k", "a.0.p.then.1.p.else.0.p.k"]);
        assert!(found.iter().all(|path| matches("a.**.p.k", path)));
        assert_eq!(find(&value, "**.k").len(), 4);
        assert!(matches("**", "a.b") && matches("a.**", "a") && !matches("a.**.p", "a.0.k"));
    }
}
