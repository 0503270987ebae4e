//! What stands on a step: a field, a block, a widget.

use kernel::{Document, Value};

/// A component of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Component {
    /// Its identifier; of a field, the name of its value.
    pub id: String,
    /// `FIELD`, `BLOCK` or `WIDGET`.
    pub category: String,
    /// `TEXT`, `RICH_TEXT` …
    pub kind: String,
    /// What it is called.
    pub label: Option<String>,
    /// What explains it.
    pub hint: Option<String>,
    /// Whether it must be filled in.
    pub is_required: bool,
    is_sensitive: bool,
    config: Document,
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is stored.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// The picture on a card.
    pub image: Option<String>,
}

impl Component {
    pub(super) fn of(component: &Value) -> Option<Self> {
        let text = |name: &str| component.get(name).and_then(Value::as_str).map(str::to_owned);
        let is = |name: &str| component.get(name) == Some(&Value::Bool(true));
        Some(Self {
            id: text("id")?,
            category: text("category")?,
            kind: text("type")?,
            label: text("label"),
            hint: text("hint"),
            is_required: is("required"),
            is_sensitive: is("sensitive"),
            config: component.get("config").and_then(Value::as_object).cloned().unwrap_or_default(),
        })
    }

    /// Whether its value is used and not told: transient fields, and passwords.
    pub fn is_transient(&self) -> bool {
        self.is_sensitive || self.kind == "PASSWORD"
    }

    /// A member of its configuration.
    pub fn config(&self, name: &str) -> Option<&Value> {
        self.config.get(name)
    }

    /// A text of its configuration.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.config(name)?.as_str()
    }

    /// A number of its configuration.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.config(name)?.as_f64()
    }

    /// Whether its configuration says so.
    pub fn is(&self, name: &str) -> bool {
        self.config(name) == Some(&Value::Bool(true))
    }

    /// What can be chosen.
    pub fn choices(&self) -> Vec<Choice> {
        let options = self.config("options").and_then(Value::as_array).into_iter().flatten();
        let choice = |option: &Value| {
            let text = |name: &str| option.get(name).and_then(Value::as_str).map(str::to_owned);
            let value = text("value")?;
            Some(Choice { label: text("label").unwrap_or_else(|| value.clone()), image: text("image_url"), value })
        };
        options.filter_map(choice).collect()
    }

    /// A member of `allow_other`, where something else may be chosen.
    pub fn other(&self, name: &str) -> Option<&str> {
        let other = self.config("allow_other")?;
        if other.get("enabled") != Some(&Value::Bool(true)) {
            return None;
        }
        Some(other.get(name).and_then(Value::as_str).unwrap_or_default())
    }
}
