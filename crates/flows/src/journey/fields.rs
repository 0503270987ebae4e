//! Values of fields: read from what a visitor sent, and validated. Browsers are told the same rules, and nobody relies on that.

mod files;
mod texts;

use std::collections::BTreeMap;

use kernel::{Document, Value};
use serde_json::json;

use super::{Component, Form, PAYMENT, RECAPTCHA, Step, schema};

pub use files::Upload;
pub use texts::countries;

/// What is chosen where something else is entered.
pub const OTHER: &str = "$other";
/// Longest text without a bound of its own, in characters.
const LONGEST: usize = 10_000;
/// Most values of one field.
const VALUES: usize = 100;

/// What a visitor entered, by the names of inputs.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    values: BTreeMap<String, Vec<String>>,
    uploads: BTreeMap<String, Vec<Upload>>,
}

/// Something that is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field.
    pub id: String,
    /// The key of its text.
    pub code: &'static str,
    /// What the text may name.
    pub details: Vec<(&'static str, String)>,
}

/// What is wrong with a value.
type Wrong = (&'static str, Vec<(&'static str, String)>);

impl FieldFault {
    /// A fault of a field without details.
    pub fn new(id: &str, code: &'static str) -> Self {
        Self { id: id.to_owned(), code, details: Vec::new() }
    }
}

/// The name of a field's input.
pub fn name_of(field: &str) -> String {
    format!("field-{field}")
}

impl Entered {
    /// What was sent; more than 100 values of a name are not read.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut entered = Self::default();
        for (name, value) in pairs {
            let values = entered.values.entry(name).or_default();
            if values.len() < VALUES {
                values.push(value);
            }
        }
        entered
    }

    /// With a file for the input of this name.
    pub fn upload(&mut self, name: String, upload: Upload) {
        self.uploads.entry(name).or_default().push(upload);
    }

    /// The first value of a name; empty where there is none.
    pub fn first(&self, name: &str) -> &str {
        self.all(name).first().map_or("", String::as_str)
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The files that a value of a field names, to be stored.
    pub fn uploads_of(&self, value: &Value) -> Vec<Upload> {
        let named = |upload: &&Upload| {
            value.as_array().into_iter().flatten().any(|file| file.get("id").is_some_and(|id| *id == *upload.id))
        };
        self.uploads.values().flatten().filter(named).cloned().collect()
    }
}

/// The values of all fields of a step; null for those that are empty.
pub(super) fn read(step: &Step, entered: &Entered, before: &Document) -> Result<Document, Vec<FieldFault>> {
    let (mut values, mut faults) = (Document::new(), Vec::new());
    for field in step.fields() {
        match value_of(field, entered, before.get(&field.id)) {
            Ok(value) => {
                values.insert(field.id.clone(), value);
            }
            Err((code, details)) => faults.push(FieldFault { id: field.id.clone(), code, details }),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// The values of those fields that hold something sound, or nothing.
pub(super) fn sound(step: &Step, entered: &Entered, before: &Document) -> Document {
    let values = step.fields().filter_map(|field| match value_of(field, entered, before.get(&field.id)) {
        Ok(value) => Some((field.id.clone(), value)),
        Err(("ERR_REQUIRED_PROPERTY" | "ERR_ACCEPTANCE_REQUIRED", _)) => Some((field.id.clone(), Value::Null)),
        Err(_) => None,
    });
    values.filter(|(_, value)| size_of(value) <= 4 * LONGEST).collect()
}

/// Hidden fields that a component of the tenant's own script has set, as JSON. What no such component stands beside sets none.
pub(super) fn hidden(form: &Form, step: &Step, entered: &Entered) -> Document {
    let sets = |field: &Component| {
        field.kind == "CUSTOM" && field.text("code").is_some_and(|code| code.contains("setHiddenField"))
    };
    if !step.fields().any(sets) {
        return Document::new();
    }
    let set = form.hidden.iter().filter_map(|hidden| {
        let sent = entered.first(&format!("hidden-{}", hidden.key));
        let value: Value = serde_json::from_str(sent).ok()?;
        (sent.len() <= LONGEST).then(|| (hidden.key.clone(), value))
    });
    set.collect()
}

/// How long the JSON of members is, in bytes.
pub(super) fn size(members: &Document) -> usize {
    members.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &Value) -> usize {
    value.to_string().len()
}

fn value_of(field: &Component, entered: &Entered, before: Option<&Value>) -> Result<Value, Wrong> {
    let name = name_of(&field.id);
    let value = match field.kind.as_str() {
        "NUMBER" => number(field, entered.first(&name).trim())?,
        "BOOLEAN" => match entered.first(&name) {
            "" => Value::Null,
            "true" => true.into(),
            "false" => false.into(),
            _ => return wrong("ERR_BOOLEAN_EXPECTED"),
        },
        "LEGAL" => {
            let is_accepted = entered.first(&name) == "true";
            if field.is_required && !is_accepted {
                return wrong("ERR_ACCEPTANCE_REQUIRED");
            }
            is_accepted.into()
        }
        "DATE" => date(field, entered.first(&name).trim())?,
        "CHOICE" | "CARDS" | "DROPDOWN" => chosen(field, entered, &name)?,
        "CUSTOM" => custom(field, entered.first(&name))?,
        "FILE" => files::read(field, entered.uploads.get(&name).map_or(&[], Vec::as_slice), before)?,
        PAYMENT => card(entered.first(&name), before)?,
        // Whether it is solved is asked later; a puzzle that can be left out keeps nobody out.
        RECAPTCHA if entered.first(&name).is_empty() => return wrong("ERR_REQUIRED_PROPERTY"),
        RECAPTCHA => return Ok(Value::Null),
        // What is not described: nobody passes where it is demanded.
        "AUTH0_VERIFIABLE_CREDENTIALS" if field.is_required => return wrong("ERR_NOT_AVAILABLE"),
        "AUTH0_VERIFIABLE_CREDENTIALS" | "SOCIAL" => return Ok(Value::Null),
        _ => texts::read(field, entered, &name)?,
    };
    let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if field.is_required && is_empty { wrong("ERR_REQUIRED_PROPERTY") } else { Ok(value) }
}

/// What a browser was given for a card; what was given or paid before stays.
fn card(sent: &str, before: Option<&Value>) -> Result<Value, Wrong> {
    if sent.is_empty() || before.is_some_and(Value::is_object) {
        return Ok(before.cloned().unwrap_or_default());
    }
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_method = sent.starts_with("pm_") && sent.len() <= 100 && sent.bytes().all(is_ours);
    if is_method { Ok(sent.into()) } else { wrong("ERR_INVALID_VALUE") }
}

fn wrong<T>(code: &'static str) -> Result<T, Wrong> {
    Err((code, Vec::new()))
}

fn number(field: &Component, text: &str) -> Result<Value, Wrong> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let is_plain = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = text.parse::<f64>().ok().filter(|number| is_plain && number.is_finite());
    let Some(number) = number else { return wrong("ERR_NUMBER_EXPECTED") };
    if let Some(least) = field.number("min_value").filter(|least| number < *least) {
        return Err(("ERR_TOO_SMALL_NUMBER", vec![("minValue", least.to_string())]));
    }
    if let Some(most) = field.number("max_value").filter(|most| number > *most) {
        return Err(("ERR_TOO_LARGE_NUMBER", vec![("maxValue", most.to_string())]));
    }
    Ok(text.parse::<i64>().map_or_else(|_| json!(number), Value::from))
}

fn date(field: &Component, text: &str) -> Result<Value, Wrong> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if field.text("format") == Some("TIME") {
        let is_time = text.len() <= 8 && text.parse::<jiff::civil::Time>().is_ok() && text.contains(':');
        return if is_time { Ok(text.into()) } else { wrong("ERR_TIME_EXPECTED") };
    }
    let is_date = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    if is_date { Ok(text.into()) } else { wrong("ERR_DATE_EXPECTED") }
}

fn chosen(field: &Component, entered: &Entered, name: &str) -> Result<Value, Wrong> {
    let choices = field.choices();
    let mut values: Vec<Value> = Vec::new();
    for value in entered.all(name).iter().filter(|value| !value.is_empty()) {
        let value = if value == OTHER && field.other("label").is_some() {
            let other = entered.first(&format!("{name}.other")).trim().chars().take(LONGEST).collect::<String>();
            if other.is_empty() {
                return wrong("ERR_REQUIRED_PROPERTY");
            }
            other
        } else if choices.iter().any(|choice| choice.value == *value) {
            value.clone()
        } else {
            return wrong("ERR_OPTION_EXPECTED");
        };
        if !values.iter().any(|known| *known == value) {
            values.push(value.into());
        }
    }
    if field.is("multiple") {
        return Ok(values.into());
    }
    Ok(values.into_iter().next().unwrap_or_default())
}

/// What a component of the tenant's own script sent, in JSON.
fn custom(field: &Component, text: &str) -> Result<Value, Wrong> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if text.len() > 8 * LONGEST {
        return wrong("ERR_TOO_LARGE");
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return wrong("ERR_INVALID_VALUE") };
    if value.is_null() || value == "" {
        return Ok(Value::Null);
    }
    let fits = field.config("schema").is_none_or(|described| schema::fits(described, &value));
    if fits { Ok(value) } else { wrong("ERR_INVALID_VALUE") }
}
