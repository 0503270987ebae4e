//! Prompts: experience, texts, partials, rendering.

use kernel::{Document, Value, object};
use model::{
    rendering::{self, CONTEXT, HeadTag},
    screens::{Screen, is_own_text},
};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource, page_of, upsert};
use serde_json::json;
use store::{Query, Snapshot, Tx};

use crate::Services;

/// What is served of `prompts`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("prompts")
        .singleton("/prompts", Settings)
        .singleton("/prompts/mfa-push", PushApp)
        .read("GET /prompts/{prompt}/custom-text/{language}", texts)
        .write("PUT /prompts/{prompt}/custom-text/{language}", set_texts)
        .read("GET /prompts/{prompt}/partials", partials)
        .write("PUT /prompts/{prompt}/partials", set_partials)
        .read("GET /prompts/{prompt}/screen/{screen}/rendering", rendering)
        .write("PATCH /prompts/{prompt}/screen/{screen}/rendering", set_rendering)
        .read("GET /prompts/rendering", renderings)
        .write("PATCH /prompts/rendering", set_renderings)
}

static PROMPT_SETTINGS: Kind = Kind::of(&model::PROMPT_SETTINGS);
static PUSH_APP: Kind = Kind::of(&model::PUSH_APP);
/// Texts of a prompt in a language; the id is `prompt/language`.
pub(crate) static CUSTOM_TEXT: Kind = Kind::of(&model::CUSTOM_TEXT);
/// Partials of a prompt; the id is the prompt.
pub(crate) static PARTIALS: Kind = Kind::of(&model::PROMPT_PARTIALS);
/// How a screen is rendered; the id is `prompt/screen`.
pub(crate) static RENDERING: Kind = Kind::of(&model::RENDERING);

/// Most texts that a tenant names itself, of a screen in a language.
const MOST_OWN_TEXTS: usize = 30;

struct Settings;

impl Resource for Settings {
    fn kind(&self) -> &'static Kind {
        &PROMPT_SETTINGS
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(object(json!({
            "universal_login_experience": "new",
            "identifier_first": true,
            "webauthn_platform_first_factor": false,
        })))
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &kernel::Record, shown: &mut Document) -> ApiResult {
        for name in ["identifier_first", "webauthn_platform_first_factor"] {
            shown.entry(name).or_insert_with(|| false.into());
        }
        Ok(())
    }
}

/// The application that push messages of MFA name.
struct PushApp;

impl Resource for PushApp {
    fn kind(&self) -> &'static Kind {
        &PUSH_APP
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(Document::new())
    }
}

fn texts(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    Ok(Answer::json(stored(reader, &CUSTOM_TEXT, &text_id(call))?))
}

/// `PUT /prompts/{prompt}/custom-text/{language}`: replaces all texts; screens without text are not kept.
fn set_texts(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let prompt = call.path("prompt");
    let mut texts = call.document().into_owned();
    for (name, texts) in &texts {
        let screen = Screen::named(name).filter(|screen| screen.prompt == prompt);
        let screen = screen.ok_or_else(|| ApiError::invalid_body(format!("Invalid screen \"{name}\".")))?;
        check_texts(screen, texts)?;
    }
    texts.retain(|_, texts| texts.as_object().is_some_and(|texts| !texts.is_empty()));
    upsert(tx, &CUSTOM_TEXT, &text_id(call), |record| record.document.clone_from(&texts))?;
    Ok(Answer::json(texts))
}

/// A screen's texts have keys that it knows. Keys that it had in former times or may have in future are accepted: a text that no
/// page shows does no harm, and clients send whole lists.
fn check_texts(screen: &Screen, texts: &Value) -> ApiResult {
    let keys = texts.as_object().into_iter().flat_map(Document::keys);
    if let Some(key) = keys.clone().find(|key| !screen.has_text(key)) {
        return Err(ApiError::invalid_body(format!("Invalid key \"{key}\" in screen \"{}\".", screen.name)));
    }
    if keys.filter(|key| is_own_text(key)).count() > MOST_OWN_TEXTS {
        let message = format!("Too many custom variables in screen \"{}\".", screen.name);
        return Err(ApiError::invalid_body(message));
    }
    Ok(())
}

fn text_id(call: &Call) -> String {
    format!("{}/{}", call.path("prompt"), call.path("language"))
}

fn partials(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    Ok(Answer::json(stored(reader, &PARTIALS, call.path("prompt"))?))
}

/// `PUT /prompts/{prompt}/partials`: replaces all; screens without insertion points disappear.
fn set_partials(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut partials = call.document().into_owned();
    partials.retain(|_, points| points.as_object().is_some_and(|points| !points.is_empty()));
    upsert(tx, &PARTIALS, call.path("prompt"), |record| record.document.clone_from(&partials))?;
    Ok(Answer::json(partials))
}

fn rendering(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let (prompt, screen) = (call.path("prompt"), call.path("screen"));
    let mut shown = object(json!({"tenant": reader.tenant().as_str()}));
    shown.extend(completed(prompt, screen, stored(reader, &RENDERING, &format!("{prompt}/{screen}"))?));
    Ok(Answer::json(shown))
}

/// `PATCH …/rendering`: answers what was sent; a `null` is applied and not echoed.
fn set_rendering(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut change = call.document().into_owned();
    change_rendering(tx, call.path("prompt"), call.path("screen"), change.clone())?;
    change.retain(|_, value| !value.is_null());
    Ok(Answer::json(change))
}

fn renderings(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let mut items = Vec::new();
    for record in reader.list(&RENDERING, &Query::default())?.items {
        let Some((prompt, screen)) = record.id.split_once('/') else { continue };
        let shown = completed(prompt, screen, record.document);
        let is_wanted = |name: &str| call.text(name).is_none_or(|wanted| shown[name] == wanted);
        if ["prompt", "screen", "rendering_mode"].into_iter().all(is_wanted) {
            items.push(shown);
        }
    }
    Ok(Answer::json(page_of(call, items)?))
}

/// `PATCH /prompts/rendering`: several screens at once, all or none.
fn set_renderings(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let configs = call.body().get("configs").and_then(Value::as_array).cloned().unwrap_or_default();
    for config in &configs {
        let mut change = config.as_object().cloned().unwrap_or_default();
        let mut taken = |name: &str| {
            change.shift_remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (prompt, screen) = (taken("prompt"), taken("screen"));
        change_rendering(tx, &prompt, &screen, change)?;
    }
    Ok(Answer::json(json!({"configs": configs})))
}

fn change_rendering(tx: &mut Tx, prompt: &str, screen: &str, change: Document) -> ApiResult {
    if !Screen::is_of(screen, prompt) {
        return Err(ApiError::invalid_body(format!("Invalid screen \"{screen}\".")));
    }
    if !rendering::is_open(screen) {
        return Err(ApiError::forbidden("This screen is not available in Advanced Customizations."));
    }
    check_head(&change)?;
    upsert(tx, &RENDERING, &format!("{prompt}/{screen}"), |record| {
        kernel::merge_first_level(&mut record.document, change);
    })?;
    Ok(())
}

/// Refuses what may not stand in the head of a page.
fn check_head(change: &Document) -> ApiResult {
    let tags = change.get("head_tags").and_then(Value::as_array);
    for (place, tag) in tags.into_iter().flatten().enumerate() {
        let fault = match serde_json::from_value::<HeadTag>(tag.clone()) {
            Ok(tag) => tag.fault(),
            Err(error) => Some(error.to_string()),
        };
        if let Some(fault) = fault {
            return Err(ApiError::invalid_body(format!("Invalid head_tags[{place}]: {fault}.")));
        }
    }
    Ok(())
}

/// A screen's rendering with what was never set filled in, in the service's order.
fn completed(prompt: &str, screen: &str, stored: Document) -> Document {
    let mut shown = object(json!({
        "prompt": prompt,
        "screen": screen,
        "rendering_mode": "standard",
        "context_configuration": CONTEXT,
        "default_head_tags_disabled": false,
        "head_tags": [],
        "filters": null,
        "use_page_template": false,
    }));
    shown.extend(stored);
    shown
}

/// The document under an id; empty when nobody has written one.
fn stored(reader: &Snapshot, kind: &Kind, id: &str) -> ApiResult<Document> {
    Ok(reader.get(kind, id)?.map(|record| record.document).unwrap_or_default())
}
