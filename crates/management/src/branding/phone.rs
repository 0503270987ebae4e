//! Providers and templates of phone notifications (text and voice messages).

use delivery::messages::phone::{DEFAULT_TEXTS, default_body};
use identity::{PhoneNumber, messages::PhoneMessage};
use kernel::Record;
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, ListFilter, Resource, Times, Unique};
use serde_json::{Value, json};
use store::Tx;

use crate::{Services, actor::actor};

static PROVIDER: Kind = Kind::of(&model::PHONE_PROVIDER)
    .missing("Notification Resource not found", None)
    .filters(&[("disabled", ListFilter::Equals("disabled"))])
    .times(Times::Millis);

static TEMPLATE: Kind = Kind::of(&model::PHONE_TEMPLATE)
    .unique(&[Unique { field: "type", message: "Phone template already configured for tenant", code: None }])
    .missing("Notification Resource not found", None)
    .filters(&[("disabled", ListFilter::Equals("disabled"))])
    .times(Times::Millis);

pub(super) fn claim(area: Area, _: &Services) -> Area {
    area.collection("/branding/phone/providers", Providers)
        .collection("/branding/phone/templates", Templates)
        .write("PATCH /branding/phone/templates/{id}/reset", reset)
        .write("POST /branding/phone/providers/{id}/try", |tx, call| try_out(tx, call, &PROVIDER))
        .write("POST /branding/phone/templates/{id}/try", |tx, call| try_out(tx, call, &TEMPLATE))
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

fn set_common(new: &mut Record, tenant: &str) {
    new.document.insert("tenant".into(), tenant.into());
    new.document.insert("channel".into(), "phone".into());
}

/// The code in a message on trial.
const TRIAL_CODE: &str = "123456";

/// `POST /branding/phone/providers/{id}/try` and `…/templates/{id}/try`: has a message on trial sent.
fn try_out(tx: &mut Tx, call: &Call, kind: &Kind) -> ApiResult<Answer> {
    let of = rest::load(tx, kind, call.path("id"))?;
    if of.is("disabled") {
        return Err(ApiError::bad_request("Bad Operation on Notification Resource"));
    }
    let body = call.body();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let to = PhoneNumber::read(text("to").unwrap_or_default(), None);
    let to = to.ok_or_else(|| ApiError::bad_request("Bad Operation on Notification Resource"))?;
    let actor = actor(call);
    let message = PhoneMessage {
        is_voice: text("delivery_method") == Some("voice"),
        code: Some(TRIAL_CODE),
        client: None,
        ..PhoneMessage::new(&actor, of.text("type").unwrap_or(DEFAULT_TEXTS[0].0), &to)
    };
    // Without a provider the try is accepted as well; the tenant log tells what came of it.
    message.enqueue(tx)?;
    Ok(Answer::json(json!({"code": 202, "message": "Test notification successfully sent for processing"})))
}
