//! What executions do not show: values of secret parameters, transient fields, masked outputs, and of the vault.

use kernel::{Document, Value};
use serde::{Deserialize, Serialize};

use crate::expressions::HIDDEN;

/// A secret shorter than this is hidden where it stands alone: its letters may mean something else within a text.
const SHORT: usize = 4;
/// How many times over a secret may be escaped as JSON and is still known.
const ESCAPES: usize = 2;
/// Secrets of one run; those that are longest known stay.
const MOST: usize = 200;
/// The longest shown value of one input or output, in bytes.
const LONGEST: usize = 16 << 10;

/// Whether a member of this name is secret whatever it holds.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 8] =
        ["password", "secret", "token", "authorization", "cookie", "api_key", "api-key", "private_key"];
    let name = name.to_ascii_lowercase();
    // Where tokens come from is not one.
    PARTS.iter().any(|part| name.contains(part)) && !name.ends_with("_endpoint")
}

/// Texts that no execution of this run shows.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Veil(Vec<String>);

impl Veil {
    /// Hides a text from now on, also as it stands within JSON, and within JSON that is a text of JSON.
    pub(crate) fn hide(&mut self, text: impl Into<String>) {
        let mut text = text.into();
        for _ in 0..=ESCAPES {
            let within = Value::from(text.as_str()).to_string();
            let within = within[1..within.len() - 1].to_owned();
            let is_the_same = within == text;
            self.add(text);
            if is_the_same {
                break;
            }
            text = within;
        }
    }

    fn add(&mut self, text: String) {
        if !text.is_empty() && self.0.len() < MOST && !self.0.contains(&text) {
            // The longer ones first: one may be part of another.
            let place = self.0.partition_point(|known| known.len() >= text.len());
            self.0.insert(place, text);
        }
    }

    /// Hides all texts and numbers in a value.
    pub(crate) fn hide_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.hide(text.as_str()),
            Value::Number(number) => self.hide(number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.hide_all(item)),
            Value::Object(members) => members.values().for_each(|member| self.hide_all(member)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Hides what members of secret names hold, at any depth.
    pub(crate) fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(members) => self.learn_members(members),
            _ => {}
        }
    }

    /// The same for the members of one object.
    pub(crate) fn learn_members(&mut self, members: &Document) {
        for (name, member) in members {
            if is_secret(name) { self.hide_all(member) } else { self.learn(member) }
        }
    }

    /// A value as an execution shows it.
    pub(crate) fn over(&self, value: &Value) -> Value {
        let mut shown = value.clone();
        self.cover(&mut shown);
        if shown.to_string().len() > LONGEST {
            return "(too long to be shown)".into();
        }
        shown
    }

    /// A text as an execution and the log show it.
    pub(crate) fn over_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text == *secret {
                return HIDDEN.to_owned();
            }
            if secret.len() >= SHORT && text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }

    fn cover(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.over_text(text),
            Value::Number(number) if self.0.contains(&number.to_string()) => *value = HIDDEN.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.cover(item)),
            Value::Object(members) => {
                let covered = std::mem::take(members).into_iter().map(|(name, mut member)| {
                    if is_secret(&name) && !member.is_null() && !member.is_boolean() {
                        member = HIDDEN.into();
                    } else {
                        self.cover(&mut member);
                    }
                    (self.over_text(&name), member)
                });
                *members = covered.collect::<Document>();
            }
            _ => {}
        }
    }
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Veil(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_hidden_wherever_it_turns_up() {
        let mut veil = Veil::default();
        let input = json!({"basic": {"username": "u", "password": "p:word"}, "code": "12"});
        veil.learn(&input);
        veil.hide("12");
        assert_eq!(veil.over(&input), json!({"basic": {"username": "u", "password": HIDDEN}, "code": HIDDEN}));
        let echo =
            json!({"body": "you said p:word at 12 o'clock", "n": 12, "list": ["12"], "token_endpoint": "https://x"});
        let shown = json!({"body": format!("you said {HIDDEN} at 12 o'clock"), "n": HIDDEN, "list": [HIDDEN], "token_endpoint": "https://x"});
        assert_eq!(veil.over(&echo), shown);
        veil.hide(r#"pa"ss\word"#);
        let written = json!({"a": r#"pa"ss\word"#}).to_string();
        for text in [written.clone(), json!({"text": written}).to_string()] {
            let shown = veil.over_text(&text);
            assert!(shown.contains(HIDDEN) && !shown.contains("ss\\"), "{shown}");
        }
        veil.hide("key-1");
        veil.hide("key-1-and-more");
        assert_eq!(veil.over_text("it was key-1-and-more"), format!("it was {HIDDEN}"));
        assert_eq!(veil.over(&json!("x".repeat(20_000))), json!("(too long to be shown)"));
    }
}
