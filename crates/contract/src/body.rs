//! Request bodies: JSON or forms, typed and validated.

use std::sync::OnceLock;

use indexmap::IndexMap;
use kernel::Document;
use serde_json::{Value, value::RawValue};
use url::form_urlencoded;

use crate::{
    Refusal,
    overlay::RequestSource,
    parameters::typed,
    schema::{Additional, Schema, Schemas, type_name},
    validation::{self, Violation},
};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// The body that an operation takes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) is_multipart: bool,
    source: Option<Box<RawValue>>,
    schema: OnceLock<Schema>,
}

impl Request {
    pub(crate) fn new(source: RequestSource) -> Request {
        let is_multipart = source.content.contains_key(MULTIPART);
        let schema = source.content.into_values().next().and_then(|media| media.schema);
        Request { is_multipart, source: schema, schema: OnceLock::new() }
    }

    pub(crate) fn schema(&self, schemas: &Schemas) -> &Schema {
        self.schema.get_or_init(|| self.source.as_ref().map(|raw| schemas.parse_raw(raw)).unwrap_or_default())
    }

    /// Reads and judges a body. An empty one is none, which is refused where something in it is required.
    pub(crate) fn read(
        &self,
        schemas: &Schemas,
        content_type: Option<&str>,
        bytes: &[u8],
    ) -> Result<Option<Value>, Refusal> {
        let schema = self.schema(schemas);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            let nothing = Value::Object(Document::new());
            if validation::check(schemas, schema, &nothing).is_ok() {
                return Ok(None);
            }
            let types = schemas.parts(schema).iter().map(|part| part.types).find(|types| !types.is_any());
            let wanted = types.map_or_else(|| "object".to_owned(), |types| types.to_string());
            let text = format!("Expected type {wanted} but found type {}", type_name(&Value::Null));
            return Err(refusal(&Violation::new(schema, text)));
        }
        let kind = content_type.and_then(|kind| kind.parse::<mime::Mime>().ok());
        let value = match kind.as_ref().map(mime::Mime::essence_str) {
            Some(FORM) => from_form(schemas, schema, bytes),
            // Page templates may be sent as they are.
            Some("text/html" | "text/plain") if takes_text(schemas, schema) => {
                String::from_utf8_lossy(bytes).into_owned().into()
            }
            Some("text/plain" | "application/octet-stream") | None => from_json(bytes)?,
            Some(kind) if kind == "application/json" || kind.ends_with("+json") => from_json(bytes)?,
            Some(_) => return Err(Refusal::MediaType),
        };
        validation::check(schemas, schema, &value).map_err(|violation| refusal(&violation))?;
        Ok(Some(value))
    }
}

fn refusal(violation: &Violation) -> Refusal {
    let place = violation.path();
    Refusal::Body(violation.message("Payload", &place, violation.description.as_deref()))
}

fn from_json(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::NotJson(error.to_string()))
}

fn takes_text(schemas: &Schemas, schema: &Schema) -> bool {
    schemas.parts(schema).iter().any(|part| {
        let branches = part.one_of.iter().chain(&part.any_of);
        part.types.has("string")
            || branches.flat_map(|branch| schemas.parts(branch)).any(|part| part.types.has("string"))
    })
}

/// A form as an object: `a=1&b[c]=2&d[]=3`, each text typed by its schema.
fn from_form(schemas: &Schemas, schema: &Schema, bytes: &[u8]) -> Value {
    let mut root = Field::default();
    for (name, text) in form_urlencoded::parse(bytes) {
        let (first, rest) = name.split_at(name.find('[').unwrap_or(name.len()));
        // More steps than any schema has are one odd name, which validation refuses.
        let steps = rest.matches('[').count();
        let is_nested = !rest.is_empty() && rest.ends_with(']') && steps <= 16;
        let mut field = root.members.entry(if is_nested { first } else { &name }.to_owned()).or_default();
        if is_nested {
            for step in rest[1..rest.len() - 1].split("][") {
                if step.is_empty() {
                    break;
                }
                field = field.members.entry(step.to_owned()).or_default();
            }
        }
        field.texts.push(text.into_owned());
    }
    root.into_value(schemas, Some(schema), true)
}

/// What a form says about one value.
#[derive(Default)]
struct Field {
    texts: Vec<String>,
    members: IndexMap<String, Field>,
}

impl Field {
    fn into_value(self, schemas: &Schemas, schema: Option<&Schema>, is_object: bool) -> Value {
        let parts = schema.map(|schema| schemas.parts(schema)).unwrap_or_default();
        let items = parts.iter().find_map(|part| part.items.as_deref());
        let is_array = parts.iter().any(|part| part.types.has("array"));
        if is_object || !self.members.is_empty() {
            let are_indexes = !is_object && self.members.keys().all(|key| key.bytes().all(|c| c.is_ascii_digit()));
            if is_array && are_indexes {
                return self.members.into_values().map(|field| field.into_value(schemas, items, false)).collect();
            }
            let member = |name: &str| {
                let listed = parts.iter().find_map(|part| part.properties.get(name));
                listed.or_else(|| {
                    parts.iter().find_map(|part| match &part.additional {
                        Additional::Each(each) => Some(each.as_ref()),
                        _ => None,
                    })
                })
            };
            let members = self.members.into_iter();
            return Value::Object(
                members
                    .map(|(name, field)| {
                        let value = field.into_value(schemas, member(&name), false);
                        (name, value)
                    })
                    .collect(),
            );
        }
        let one = |text: &str, schema: Option<&Schema>| {
            schema.map_or_else(|| text.into(), |schema| typed(schemas, schema, text))
        };
        if is_array {
            let looks_like_json = |text: &String| text.starts_with('[');
            if let [text] = &self.texts[..]
                && looks_like_json(text)
                && let Ok(list @ Value::Array(_)) = serde_json::from_str(text)
            {
                return list;
            }
            return self.texts.iter().map(|text| one(text, items)).collect();
        }
        match &self.texts[..] {
            [text] => one(text, schema),
            texts => texts.iter().map(|text| one(text, schema)).collect(),
        }
    }
}
