//! Providers and templates of phone notifications (text and voice messages).

use kernel::{Document, Record, object};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, ListFilter, Resource, Times, Unique};
use serde_json::{Value, json};
use store::Tx;

use crate::{Services, messages};

/// The texts that a template has until it is changed, and again after a reset: type, text, voice.
pub(crate) const DEFAULT_TEXTS: &[(&str, &str, &str)] = &[
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

pub(crate) static PROVIDER: Kind = Kind::of(&model::PHONE_PROVIDER)
    .missing("Notification Resource not found", None)
    .filters(&[("disabled", ListFilter::Equals("disabled"))])
    .times(Times::Millis);

pub(crate) static TEMPLATE: Kind = Kind::of(&model::PHONE_TEMPLATE)
    .unique(&[Unique { field: "type", message: "Phone template already configured for tenant", code: None }])
    .missing("Notification Resource not found", None)
    .filters(&[("disabled", ListFilter::Equals("disabled"))])
    .times(Times::Millis);

pub(super) fn claim(area: Area, _: &Services) -> Area {
    area.collection("/branding/phone/providers", Providers)
        .collection("/branding/phone/templates", Templates)
        .write("PATCH /branding/phone/templates/{id}/reset", reset)
        .write("POST /branding/phone/providers/{id}/try", |tx, call| messages::try_out(tx, call, &PROVIDER))
        .write("POST /branding/phone/templates/{id}/try", |tx, call| messages::try_out(tx, call, &TEMPLATE))
}

struct Providers;

impl Resource for Providers {
    fn kind(&self) -> &'static Kind {
        &PROVIDER
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            if tx.count(&PROVIDER, &store::Filter::All)? > 0 {
                return Err(ApiError::conflict("Custom phone provider conflict."));
            }
            set_common(new, tx.tenant().as_str());
        }
        Ok(())
    }

    fn check(&self, _: &mut Tx, _: &Call, _: Option<&Record>, new: &Record) -> ApiResult {
        let configuration = new.document.get("configuration");
        let has = |name: &str| configuration.and_then(|configuration| configuration.get(name)).is_some();
        if new.text("name") == Some("twilio") && !has("default_from") && !has("mssid") {
            return Err(ApiError::bad_request("Bad Operation on Notification Resource"));
        }
        Ok(())
    }
}

struct Templates;

impl Resource for Templates {
    fn kind(&self) -> &'static Kind {
        &TEMPLATE
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            set_common(new, tx.tenant().as_str());
            new.document.entry("disabled").or_insert_with(|| false.into());
        }
        let before = old.and_then(|old| old.document.get("content")).and_then(Value::as_object);
        let mut content = before.cloned().unwrap_or_default();
        content.entry("syntax").or_insert_with(|| "liquid".into());
        if let Some(Value::Object(change)) = new.document.shift_remove("content") {
            kernel::merge_first_level(&mut content, change);
        }
        new.document.insert("content".into(), content.into());
        Ok(())
    }
}

/// `PATCH /branding/phone/templates/{id}/reset`: the texts are the built-in ones again; the sender stays.
fn reset(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let old = rest::load(tx, &TEMPLATE, call.path("id"))?;
    let mut new = old.clone();
    if let Some(content) = new.document.get_mut("content").and_then(Value::as_object_mut) {
        content.insert("body".into(), default_body(old.text("type").unwrap_or_default()).into());
    }
    let record = rest::save(tx, call, &Templates, &old, new)?;
    Ok(Answer::json(rest::presented(tx, call, &Templates, &record)?))
}

/// The built-in texts of a type of message, by form.
pub(crate) fn default_body(kind: &str) -> Document {
    let texts = DEFAULT_TEXTS.iter().find(|(name, ..)| *name == kind).unwrap_or(&DEFAULT_TEXTS[0]);
    object(json!({"text": texts.1, "voice": texts.2}))
}

fn set_common(new: &mut Record, tenant: &str) {
    new.document.insert("tenant".into(), tenant.into());
    new.document.insert("channel".into(), "phone".into());
}
