//! Path and query parameters: from text to checked values.

use std::{borrow::Cow, sync::OnceLock};

use serde_json::{Value, value::RawValue};
use url::form_urlencoded;

use crate::{
    Refusal,
    overlay::{Location, ParameterSource},
    schema::{Schema, Schemas},
    validation::{self, Violation},
};

/// The values of the `{name}`s of a path, percent-decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathValues(pub(crate) Vec<(String, String)>);

impl PathValues {
    /// The value of a name of the operation's path.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All names with their values, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The parameters of a call, checked and typed by the contract; names that the operation does not have are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments(Vec<(String, Value)>);

impl Arguments {
    /// The text of a string parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// The number of an integer parameter.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name)?.as_i64()
    }

    /// The value of a boolean parameter.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    /// The texts of an array parameter; a string parameter counts as a list of one, an absent one as an empty list.
    pub fn list(&self, name: &str) -> Vec<&str> {
        match self.value(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => vec![text],
            _ => Vec::new(),
        }
    }

    /// Whether the caller sent the parameter.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) location: Location,
    required: bool,
    description: Option<String>,
    source: Box<RawValue>,
    schema: OnceLock<Schema>,
}

impl Parameter {
    pub(crate) fn new(source: ParameterSource) -> Parameter {
        let ParameterSource { name, location, required, description, schema } = source;
        Parameter { name, location, required, description, source: schema, schema: OnceLock::new() }
    }

    pub(crate) fn schema(&self, schemas: &Schemas) -> &Schema {
        self.schema.get_or_init(|| schemas.parse_raw(&self.source))
    }

    fn check(&self, schemas: &Schemas, value: &Value) -> Result<(), Refusal> {
        validation::check(schemas, self.schema(schemas), value).map_err(|violation| self.refusal(&violation))
    }

    fn refusal(&self, violation: &Violation) -> Refusal {
        let mut place = self.name.clone();
        let inner = violation.path();
        if !inner.is_empty() && !inner.starts_with('[') {
            place.push('.');
        }
        place.push_str(&inner);
        let description = violation.description.as_deref().or(self.description.as_deref());
        let message = |what| violation.message(what, &place, description);
        match self.location {
            Location::Path => Refusal::Path(message("Path")),
            Location::Query => Refusal::Query(message("Query")),
        }
    }
}

/// `<what> validation error: '<text>' on property <place> (<description>).`
pub(crate) fn refusal_text(what: &str, text: &str, place: &str, description: Option<&str>) -> String {
    let on = if place.is_empty() { String::new() } else { format!(" on property {place}") };
    let about = description
        .filter(|_| !place.is_empty())
        .map(|description| format!(" ({})", description.strip_suffix('.').unwrap_or(description)));
    format!("{what} validation error: '{text}'{on}{}.", about.unwrap_or_default())
}

/// Checks and types what a request brings. Query parameters that the operation does not have are ignored, as the service does.
pub(crate) fn arguments(
    schemas: &Schemas,
    parameters: &[Parameter],
    path: &PathValues,
    query: Option<&str>,
) -> Result<Arguments, Refusal> {
    let mut arguments = Vec::with_capacity(parameters.len());
    let sent: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    for parameter in parameters {
        let value = match parameter.location {
            Location::Path => path.get(&parameter.name).map(Value::from),
            Location::Query => {
                let texts: Vec<&str> =
                    sent.iter().filter(|(name, _)| *name == parameter.name).map(|(_, text)| text.as_ref()).collect();
                query_value(schemas, parameter.schema(schemas), &texts)
            }
        };
        if let Some(value) = value {
            parameter.check(schemas, &value)?;
            arguments.push((parameter.name.clone(), value));
        } else if parameter.required {
            let text = format!("Missing required property: {}", parameter.name);
            return Err(Refusal::Query(refusal_text("Query", &text, "", None)));
        }
    }
    Ok(Arguments(arguments))
}

/// The value that the texts of one parameter mean. An empty text says no more than an absent parameter.
fn query_value(schemas: &Schemas, schema: &Schema, texts: &[&str]) -> Option<Value> {
    let texts: Vec<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
    let parts = schemas.parts(schema);
    if parts.iter().any(|part| part.types.has("array")) {
        let items = parts.iter().find_map(|part| part.items.as_deref());
        // Lists are repeated parameters; where the items are words without commas, joined ones are understood too.
        let may_be_joined = items.is_some_and(|items| schemas.parts(items).iter().any(|part| part.allowed.is_some()));
        let typed = |text: &str| items.map_or_else(|| Value::from(text), |items| typed(schemas, items, text));
        let list: Vec<Value> = if may_be_joined {
            texts.iter().flat_map(|text| text.split(',')).map(typed).collect()
        } else {
            texts.iter().map(|text| typed(text)).collect()
        };
        return (!list.is_empty()).then_some(Value::Array(list));
    }
    match texts[..] {
        [] => None,
        [text] => Some(typed(schemas, schema, text)),
        [..] => Some(texts.iter().map(|text| typed(schemas, schema, text)).collect()),
    }
}

/// A text as the type that the schema wants; left as it is where it cannot be that, for validation to refuse.
pub(crate) fn typed(schemas: &Schemas, schema: &Schema, text: &str) -> Value {
    let wants = |name| accepts(schemas, schema, name, 0);
    if wants("string") {
        return text.into();
    }
    let value = match text {
        "true" if wants("boolean") => Some(true.into()),
        "false" if wants("boolean") => Some(false.into()),
        _ if wants("integer") => text.parse::<i64>().ok().map(Value::from),
        _ if wants("number") => {
            text.parse::<i64>().map_or_else(|_| text.parse::<f64>().ok().map(Value::from), |n| Some(n.into()))
        }
        "" | "null" if wants("null") => Some(Value::Null),
        _ if wants("object") || wants("array") => serde_json::from_str(text).ok(),
        _ => None,
    };
    value.unwrap_or_else(|| text.into())
}

/// Whether a schema takes values of a type; a schema that states no type takes any.
fn accepts(schemas: &Schemas, schema: &Schema, name: &str, depth: usize) -> bool {
    if depth > 8 {
        return false;
    }
    let parts = schemas.parts(schema);
    let branches = || parts.iter().flat_map(|part| part.any_of.iter().chain(&part.one_of));
    let stated = parts.iter().map(|part| part.types).find(|types| !types.is_any());
    match stated {
        Some(types) => types.has(name),
        None if branches().next().is_some() => branches().any(|branch| accepts(schemas, branch, name, depth + 1)),
        None => parts
            .iter()
            .find_map(|part| part.allowed.as_ref())
            .is_none_or(|allowed| allowed.iter().any(|value| crate::schema::type_name(value) == name)),
    }
}
