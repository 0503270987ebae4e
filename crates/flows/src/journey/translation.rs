//! Languages of a form: which one a visitor sees, and its texts over those that the form was written in.

use kernel::{Document, Value, merge_deep, value_at};

/// The languages of a form, the first one for visitors who understand none of them.
pub fn languages_of(document: &Document) -> Vec<String> {
    let named = |name: &str| value_at(document, &format!("languages.{name}")).and_then(Value::as_str);
    let primary = named("primary").unwrap_or("en");
    let translations = document.get("translations").and_then(Value::as_object);
    let translated = translations.into_iter().flat_map(|all| all.keys().map(String::as_str));
    let mut known: Vec<&str> = std::iter::once(primary).chain(translated.filter(|other| *other != primary)).collect();
    // Of a default that was never written nobody has anything.
    if let Some(place) = named("default").and_then(|default| known.iter().position(|language| *language == default)) {
        let default = known.remove(place);
        known.insert(0, default);
    }
    known.into_iter().map(str::to_owned).collect()
}

/// The form with the texts of a language.
pub(super) fn translated(document: &Document, language: &str) -> Document {
    let mut form = document.clone();
    let texts = document.get("translations").and_then(|all| all.get(language)?.as_object());
    let Some(texts) = texts else { return form };
    for part in ["messages", "ending"] {
        if let Some(theirs @ Value::Object(_)) = texts.get(part) {
            merge_deep(&mut form, Document::from_iter([(part.to_owned(), theirs.clone())]));
        }
    }
    let Some(components) = texts.get("components").and_then(Value::as_object) else { return form };
    let nodes = form.get_mut("nodes").and_then(Value::as_array_mut).into_iter().flatten();
    for node in nodes {
        let shown = node.pointer_mut("/config/components").and_then(Value::as_array_mut).into_iter().flatten();
        for component in shown.filter_map(Value::as_object_mut) {
            let id = component.get("id").and_then(Value::as_str).unwrap_or_default();
            if let Some(theirs) = components.get(id).and_then(Value::as_object) {
                translate(component, theirs);
            }
        }
    }
    form
}

/// Texts that no visitor sees: what a component is, and what it names.
const FIXED: [&str; 5] = ["id", "type", "category", "next_node", "flow_id"];

/// Lays texts over members of the same name. Nothing but texts changes, and options are known by their values.
fn translate(own: &mut Document, theirs: &Document) {
    for (name, theirs) in theirs.iter().filter(|(name, _)| !FIXED.contains(&name.as_str())) {
        match (own.get_mut(name), theirs) {
            (Some(Value::Object(own)), Value::Object(theirs)) => translate(own, theirs),
            (Some(Value::Array(options)), Value::Array(theirs)) => translate_options(options, theirs),
            (Some(own @ Value::String(_)), Value::String(_)) => own.clone_from(theirs),
            (None, Value::String(_)) if matches!(name.as_str(), "label" | "hint" | "placeholder" | "text") => {
                own.insert(name.clone(), theirs.clone());
            }
            _ => {}
        }
    }
}

fn translate_options(options: &mut [Value], theirs: &[Value]) {
    for (place, option) in options.iter_mut().enumerate() {
        let value = option.get("value").cloned();
        let named = theirs.iter().find(|theirs| theirs.get("value").is_some() && theirs.get("value") == value.as_ref());
        let unnamed = || theirs.get(place).filter(|theirs| theirs.get("value").is_none());
        let label = named.or_else(unnamed).and_then(|theirs| theirs.get("label").filter(|label| label.is_string()));
        if let (Some(option), Some(label)) = (option.as_object_mut(), label) {
            option.insert("label".to_owned(), label.clone());
        }
    }
}
