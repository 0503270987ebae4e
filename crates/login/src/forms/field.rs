//! A field of a step, as its page shows it.

use flows::journey::{Choice, Component, Entered, FieldFault, Form, OTHER, RECAPTCHA, name_of};
use kernel::Value;
use serde_json::json;

use super::html::Written;
use crate::{page::Message, texts::Texts};

/// A field.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of its HTML")]
pub(crate) struct FieldView {
    /// The component's identifier.
    pub(crate) id: String,
    /// The name and the `id` of its input.
    pub(crate) name: String,
    /// The component's type.
    pub(crate) kind: String,
    /// Whether several inputs make it up, under one legend.
    pub(crate) is_group: bool,
    pub(crate) label: String,
    /// What it is called where no label is shown.
    pub(crate) spoken: String,
    pub(crate) hint: String,
    pub(crate) is_required: bool,
    pub(crate) placeholder: String,
    pub(crate) value: String,
    pub(crate) input_type: &'static str,
    pub(crate) input_mode: &'static str,
    pub(crate) autocomplete: &'static str,
    pub(crate) options: Vec<OptionView>,
    pub(crate) is_multiple: bool,
    pub(crate) hides_labels: bool,
    /// What may be entered instead of choosing.
    pub(crate) other: Option<Other>,
    /// Countries of telephone numbers, and the chosen one.
    pub(crate) countries: Vec<(String, String, bool)>,
    pub(crate) country_label: String,
    /// What a tick accepts, as HTML.
    pub(crate) legal: String,
    pub(crate) has_meter: bool,
    /// By what Google knows the form's author, who has it suggest addresses.
    pub(crate) maps_key: String,
    /// What files may end with: `accept`.
    pub(crate) accept: String,
    /// Names of files that were sent before.
    pub(crate) files: Vec<String>,
    /// What its script tells of faults, and by which rules, in JSON.
    pub(crate) rules: String,
    pub(crate) fault: Option<Message>,
}

/// Something to choose.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionView {
    pub(crate) id: String,
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) image: Option<String>,
    pub(crate) is_chosen: bool,
}

/// What may be entered instead of choosing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Other {
    pub(crate) label: String,
    pub(crate) placeholder: String,
    pub(crate) value: String,
    pub(crate) is_chosen: bool,
}

/// What fields are shown with.
pub(super) struct Around<'a> {
    pub(super) form: &'a Form,
    pub(super) written: &'a Written<'a>,
    /// Our own words in the form's language.
    pub(super) texts: &'a Texts,
    /// By what Google knows the form's author, by component.
    pub(super) maps_keys: &'a kernel::Document,
    /// What was just entered, where it was not accepted.
    pub(super) entered: Option<&'a Entered>,
    pub(super) faults: &'a [FieldFault],
}

/// The bounds of fields that the page's own script knows.
const RULES: [&str; 6] = ["min_length", "max_length", "min_value", "max_value", "maxSize", "maxFiles"];
/// The faults that the page's own script finds, with the detail that a text may name and the bound that it tells.
const FOUND: [(&str, Option<(&'static str, &str)>); 12] = [
    ("ERR_REQUIRED_PROPERTY", None),
    ("ERR_ACCEPTANCE_REQUIRED", None),
    ("ERR_TOO_SHORT_STRING", Some(("minLength", "min_length"))),
    ("ERR_TOO_LONG_STRING", Some(("maxLength", "max_length"))),
    ("ERR_EMAIL_EXPECTED", None),
    ("ERR_URL_EXPECTED", None),
    ("ERR_TEL_EXPECTED", None),
    ("ERR_NUMBER_EXPECTED", None),
    ("ERR_TOO_SMALL_NUMBER", Some(("minValue", "min_value"))),
    ("ERR_TOO_LARGE_NUMBER", Some(("maxValue", "max_value"))),
    ("ERR_TOO_MANY_FILES", Some(("maxFiles", "maxFiles"))),
    ("ERR_FILE_TOO_LARGE", Some(("maxSize", "maxSize"))),
];

impl Around<'_> {
    /// What is told of a fault: what the form says, else what we say.
    pub(super) fn fault_text(&self, code: &str, details: &[(&'static str, String)]) -> String {
        let own = self.form.errors.get(code).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(own) = own else {
            let texts =
                details.iter().fold(self.texts.clone(), |texts, (name, value)| texts.with(name, value.as_str()));
            return texts.own("forms", code);
        };
        let name = |text: String, (name, value): &(&str, String)| text.replace(&format!("{{{{{name}}}}}"), value);
        self.written.text(&details.iter().fold(own.to_owned(), name))
    }

    pub(super) fn field(&self, field: &Component, stored: Option<&Value>) -> FieldView {
        let text = |name: &str| field.text(name).map(|text| self.written.text(text)).unwrap_or_default();
        let plain = |text: &Option<String>| text.as_deref().map(|text| self.written.text(text)).unwrap_or_default();
        let fault = self.faults.iter().find(|fault| fault.id == field.id);
        let label = plain(&field.label);
        let placeholder = text("placeholder");
        let spoken = [&label, &placeholder].into_iter().find(|text| !text.is_empty()).unwrap_or(&field.id).clone();
        let mut view = FieldView {
            id: field.id.clone(),
            name: name_of(&field.id),
            kind: field.kind.clone(),
            label,
            spoken,
            hint: plain(&field.hint),
            is_required: field.is_required,
            placeholder,
            is_multiple: field.is("multiple"),
            fault: fault.map(|fault| Message {
                code: fault.code.to_owned(),
                text: self.fault_text(fault.code, &fault.details),
            }),
            rules: self.rules(field),
            ..FieldView::default()
        };
        let values = self.values(field, stored);
        view.value = values.first().cloned().unwrap_or_default();
        self.shape(field, &values, stored, &mut view);
        view
    }

    fn shape(&self, field: &Component, values: &[String], stored: Option<&Value>, view: &mut FieldView) {
        if field.kind == "TEXT" && field.is("multiline") {
            "TEXT_AREA".clone_into(&mut view.kind);
        }
        (view.input_type, view.input_mode, view.autocomplete) = match field.kind.as_str() {
            "EMAIL" => ("email", "email", "email"),
            "URL" => ("url", "url", "url"),
            "TEL" => ("tel", "tel", "tel"),
            "NUMBER" => ("text", "decimal", "off"),
            "DATE" if field.text("format") == Some("TIME") => ("time", "", "off"),
            "DATE" => ("date", "", "off"),
            "PASSWORD" => ("password", "", "new-password"),
            "FILE" => ("file", "", "off"),
            "GMAPS_ADDRESS" => ("text", "", "street-address"),
            _ => ("text", "", "off"),
        };
        match field.kind.as_str() {
            "CHOICE" | "CARDS" | "DROPDOWN" => {
                view.is_group = field.kind != "DROPDOWN";
                view.hides_labels = field.is("hide_labels");
                view.options = self.options(field, values);
                let sent = self.entered.map(|entered| entered.all(&view.name));
                let was_other = sent.is_some_and(|values| values.iter().any(|value| value == OTHER));
                let known: Vec<&str> = view.options.iter().map(|option| option.value.as_str()).collect();
                view.other = field.other("label").map(|label| {
                    let entered = values.iter().find(|value| !known.contains(&value.as_str()));
                    let sent = self.entered.map(|entered| entered.first(&format!("{}.other", view.name)).to_owned());
                    Other {
                        label: if label.is_empty() { self.word("other") } else { self.written.text(label) },
                        placeholder: self.written.text(field.other("placeholder").unwrap_or_default()),
                        is_chosen: was_other || entered.is_some(),
                        value: sent.unwrap_or_else(|| entered.cloned().unwrap_or_default()),
                    }
                });
            }
            "BOOLEAN" => {
                view.is_group = true;
                let label = |value: &str| field.config("options").and_then(|labels| labels.get(value)?.as_str());
                view.options = [("true", "yes"), ("false", "no")]
                    .into_iter()
                    .map(|(value, word)| OptionView {
                        id: format!("{}-{value}", view.name),
                        label: label(value).map_or_else(|| self.word(word), |label| self.written.text(label)),
                        is_chosen: view.value == value,
                        value: value.to_owned(),
                        image: None,
                    })
                    .collect();
            }
            "LEGAL" => view.legal = self.written.html(field.text("text").unwrap_or_default()),
            "TEL" if field.is("country_picker") => {
                let chosen = self.entered.map(|entered| entered.first(&format!("{}.country", view.name)).to_owned());
                let chosen = chosen.or_else(|| Some(stored?.get("country_code_iso")?.as_str()?.to_owned()));
                view.countries = countries(chosen.as_deref().unwrap_or_default());
                view.country_label = self.word("country");
            }
            "PASSWORD" => view.has_meter = field.is("strength_meter"),
            "GMAPS_ADDRESS" => {
                let key = self.maps_keys.get(&field.id).and_then(Value::as_str);
                key.unwrap_or_default().clone_into(&mut view.maps_key);
            }
            "FILE" => {
                view.accept =
                    field.extensions().iter().map(|extension| format!(".{extension}")).collect::<Vec<_>>().join(",");
                view.is_multiple = field.most_files() > 1;
                let files = stored.and_then(Value::as_array).into_iter().flatten();
                view.files = files.filter_map(|file| Some(file.get("name")?.as_str()?.to_owned())).collect();
                view.value.clear();
            }
            _ => {}
        }
        // A transient value is not sent to a browser again.
        if field.is_transient() {
            view.value.clear();
        }
    }

    /// A word of ours.
    pub(super) fn word(&self, key: &str) -> String {
        self.texts.own("forms", key)
    }

    fn options(&self, field: &Component, values: &[String]) -> Vec<OptionView> {
        let option = |(place, choice): (usize, Choice)| OptionView {
            id: format!("{}-{place}", name_of(&field.id)),
            is_chosen: values.contains(&choice.value),
            label: self.written.text(&choice.label),
            image: choice.image,
            value: choice.value,
        };
        field.choices().into_iter().enumerate().map(option).collect()
    }

    /// What the input holds: what was just entered, else what is kept, else what the form says.
    fn values(&self, field: &Component, stored: Option<&Value>) -> Vec<String> {
        if let Some(entered) = self.entered {
            return entered.all(&name_of(&field.id)).iter().filter(|value| *value != OTHER).cloned().collect();
        }
        let default = || field.config("default_value").cloned();
        match stored.cloned().or_else(default) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(written).collect(),
            Some(Value::String(text)) if stored.is_none() => vec![self.written.text(&text)],
            // The parts of a number: as it is written abroad.
            Some(Value::Object(parts)) if field.kind == "TEL" => {
                parts.get("international_format").map(written).into_iter().collect()
            }
            Some(value) => vec![written(&value)],
        }
    }

    /// What the page's script needs to find the same faults, and to tell them in the same words.
    fn rules(&self, field: &Component) -> String {
        let mut rules = kernel::Document::new();
        for name in RULES {
            if let Some(bound) = field.config(name) {
                rules.insert(name.to_owned(), bound.clone());
            }
        }
        if field.kind == "FILE" {
            rules.insert("maxSize".to_owned(), field.most_bytes().into());
            rules.insert("maxFiles".to_owned(), field.most_files().into());
        }
        let texts: kernel::Document = FOUND
            .iter()
            .map(|(code, named)| {
                let detail = named.and_then(|(name, rule)| Some((name, rules.get(rule)?.as_f64()?.to_string())));
                ((*code).to_owned(), self.fault_text(code, detail.as_slice()).into())
            })
            .collect();
        let is_required = field.is_required || field.kind == RECAPTCHA;
        json!({"required": is_required, "type": field.kind, "rules": rules, "texts": texts}).to_string()
    }
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The countries that telephone numbers belong to.
fn countries(chosen: &str) -> Vec<(String, String, bool)> {
    let known = flows::journey::countries().iter();
    known.map(|(iso, code)| (iso.clone(), format!("{iso} +{code}"), iso == chosen)).collect()
}
