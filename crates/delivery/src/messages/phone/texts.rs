//! The words of messages to telephones: from the tenant's template, else from the settings that the message is sent by, else built in.

use identity::messages::{Carrier, Route, is_consolidated};
use kernel::{Document, Value, object, value_at};
use model::{FACTOR_SETTINGS, PHONE_TEMPLATE};
use serde_json::json;
use store::{Job, Snapshot, StoreResult};

use crate::{
    liquid::{self, Unreadable, without_macros},
    messages::{
        known::Known,
        variables::{self, Form},
    },
};

/// How a pause is written in a text that is read aloud.
const PAUSE: &str = ",";
/// Types of messages that nobody waits for: a tenant may do without them.
const NOTICES: [&str; 2] = ["blocked_account", "password_breach"];

/// The texts that a template has until it is changed, and again after a reset: type, text, voice.
pub const DEFAULT_TEXTS: &[(&str, &str, &str)] = &[
    (
        "otp_verify",
        "{{ code | escape }} is your verification code for {{ friendly_name | escape }}",
        "Hello. Your verification code for {{ friendly_name | escape }} is {{ pause }} {{ code | escape }}. I repeat, your verification code is {{ pause }} {{ code | escape }}",
    ),
    (
        "otp_enroll",
        "{{ code | escape }} is your verification code for {{ friendly_name | escape }}. Please enter this code to verify your enrollment.",
        "Hello. Your verification code for {{ friendly_name | escape }} is {{ pause }} {{ code | escape }}. I repeat, your verification code is {{ pause }} {{ code | escape }}",
    ),
    (
        "change_password",
        "{{ code | escape }} is your password change code for {{ friendly_name | escape }}",
        "Hello. Your password change code for {{ friendly_name | escape }} is {{ pause }} {{ code | escape }}. I repeat, your password change code is {{ pause }} {{ code | escape }}",
    ),
    (
        "blocked_account",
        "We detected suspicious activity on your {{ friendly_name | escape }} account and blocked further attempts.",
        "Hello. We detected suspicious activity on your {{ friendly_name | escape }} account and blocked further attempts.",
    ),
    (
        "password_breach",
        "The password of your {{ friendly_name | escape }} account was found in a breach. Please change it.",
        "Hello. The password of your {{ friendly_name | escape }} account was found in a breach. Please change it.",
    ),
];

/// The built-in texts of a type of message, by form.
pub fn default_body(kind: &str) -> Document {
    let Template { text, voice, .. } = built_in(kind);
    object(json!({"text": text, "voice": voice}))
}

/// A template, and who the message is from.
#[derive(Clone)]
pub(super) struct Template {
    text: String,
    voice: String,
    from: Option<String>,
    /// Whether it is one of the phone factor's own, which call some things otherwise.
    is_of_factor: bool,
}

/// A message in words.
pub(super) struct Words {
    pub(super) text: String,
    pub(super) voice: String,
    pub(super) from: Option<String>,
    pub(super) language: String,
}

/// The template of a message; none where the tenant does without such messages.
pub(super) fn template(
    reader: &Snapshot,
    job: &Job,
    known: &Known,
    carrier: Option<&Carrier>,
) -> StoreResult<Option<Template>> {
    let wanted = job.payload.get("message_type").and_then(Value::as_str).unwrap_or_default();
    let mut template = built_in(wanted);
    if let Some(own) = job.payload.get("own").and_then(Value::as_object) {
        let text = |name: &str| own.get(name).and_then(Value::as_str).map(str::to_owned);
        let body = text("body").unwrap_or_default();
        return Ok(Some(Template { text: body.clone(), voice: body, from: text("from"), is_of_factor: false }));
    }
    match Route::of(&job.payload) {
        Route::Factor if matches!(carrier, Some(Carrier::Factor(_) | Carrier::Code)) => {
            let own = reader.get(&FACTOR_SETTINGS, "templates")?;
            let name = if wanted == "otp_enroll" { "enrollment_message" } else { "verification_message" };
            if let Some(own) = own.as_ref().and_then(|own| own.text(name)) {
                own.clone_into(&mut template.text);
            }
            template.is_of_factor = true;
            return Ok(Some(template));
        }
        Route::Connection(_) if !is_consolidated(reader)? => {
            let connection = known.connection.as_ref();
            let own = connection.and_then(|own| value_at(&own.document, "options.template")?.as_str());
            if let Some(text) = own.filter(|text| !text.is_empty()) {
                template.text = without_macros(text);
                return Ok(Some(template));
            }
        }
        _ => {}
    }
    let Some(own) = reader.find(&PHONE_TEMPLATE, "type", wanted)? else { return Ok(Some(template)) };
    if own.is("disabled") {
        return Ok((!NOTICES.contains(&wanted)).then_some(template));
    }
    let text = |path: &str| value_at(&own.document, path).and_then(Value::as_str).map(str::to_owned);
    template.text = text("content.body.text").unwrap_or(template.text);
    template.voice = text("content.body.voice").unwrap_or(template.voice);
    template.from = text("content.from").filter(|from| !from.is_empty());
    Ok(Some(template))
}

fn built_in(kind: &str) -> Template {
    let texts = DEFAULT_TEXTS.iter().find(|(name, ..)| *name == kind).unwrap_or(&DEFAULT_TEXTS[0]);
    Template { text: texts.1.to_owned(), voice: texts.2.to_owned(), from: None, is_of_factor: false }
}

/// Writes a message. It may take a while: not for async threads.
pub(super) fn write(job: &Job, known: &Known, template: &Template) -> Result<Words, Unreadable> {
    let language = known.languages(&job.payload).swap_remove(0);
    let mut variables = variables::of(job, known, &language, Form::Plain);
    if let Some(code) = variables.get("code").cloned() {
        variables.insert("password".into(), code);
    }
    variables.insert("phone_number".into(), job.payload.get("to").cloned().unwrap_or_default());
    if let Some(lists) = job.payload.get("language").filter(|language| language.is_string()) {
        variables.insert("request_language".into(), lists.clone());
    }
    if template.is_of_factor {
        let name = variables.get("friendly_name").cloned().unwrap_or_default();
        variables.insert("tenant".into(), json!({"friendly_name": name, "friendlyName": name}));
        variables.insert("requestInfo".into(), json!({"lang": language}));
    }
    // Templates escape for HTML what they name, and telephones show it as it is.
    let text = liquid::unescaped(&liquid::render(&template.text, &variables)?).trim().to_owned();
    variables.insert("pause".into(), PAUSE.into());
    let voice = liquid::render(&template.voice, &variables)?;
    Ok(Words { text, voice, from: template.from.clone(), language })
}
