//! What a tenant has written for the pages at its custom domain: a template around them, and partials within them.

use std::collections::BTreeMap;

use delivery::liquid;
use kernel::{Document, Record, Value, change_texts, object};
use model::{
    languages,
    login::Transaction,
    screens::Screen,
    views::{TenantSettings, View as _},
};
use serde_json::json;
use store::{Snapshot, StoreResult};

use super::one;
use crate::screens::View;

/// The screens that have partials.
const SCREENS: [&str; 11] = [
    "login",
    "login-id",
    "login-password",
    "login-passwordless-sms-otp",
    "login-passwordless-email-code",
    "signup",
    "signup-id",
    "signup-password",
    "passkey-enrollment",
    "passkey-enrollment-local",
    "customized-consent",
];
/// The insertion points around the buttons of other connections.
const OF_CONNECTIONS: &str = "secondary-actions-";
/// Bytes of one partial that are rendered: as many as the API takes characters.
const LONGEST: usize = 40_000;
/// What a template is told of a user.
const OF_USER: [&str; 13] = [
    "user_id",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "email",
    "email_verified",
    "username",
    "picture",
    "phone_number",
    "phone_verified",
    "user_metadata",
    "app_metadata",
];

/// What a tenant has written for a page, and what it may say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    /// The template around the page.
    pub(crate) template: String,
    /// HTML in Liquid, by insertion point.
    pub(crate) partials: BTreeMap<String, String>,
    /// What both may name: all of it is escaped for HTML.
    pub(crate) variables: Document,
}

/// What the tenant has written for a screen at this custom domain. Without a template there is nothing: partials need one.
pub(crate) fn written(reader: &Snapshot, of: &Facts, domain: &Record) -> StoreResult<Option<Written>> {
    let template = reader.singleton(&model::UNIVERSAL_LOGIN_TEMPLATE)?;
    let Some(template) = template.as_ref().and_then(|template| template.text("body")) else { return Ok(None) };
    let partials = partials(reader, of)?;
    Ok(Some(Written { template: template.to_owned(), partials, variables: variables(reader, of, domain)? }))
}

/// What is known of a page before the tenant's part of it is read.
pub(crate) struct Facts {
    screen: &'static str,
    prompt: &'static str,
    language: String,
    state: String,
    has_connections: bool,
    /// What the page says, by key.
    texts: Document,
    /// The tenant's own texts, as HTML.
    named: Document,
    transaction: Transaction,
}

impl Facts {
    /// Those of a view of a screen.
    pub(crate) fn of(view: &View<'_>, screen: &'static str, language: &str) -> Self {
        Self {
            screen,
            prompt: Screen::named(screen).map_or("", |screen| screen.prompt),
            language: language.to_owned(),
            state: view.state.clone(),
            has_connections: !view.world.others.is_empty(),
            texts: view.texts.all(),
            named: view.texts.named(),
            transaction: view.transaction.clone(),
        }
    }
}

fn partials(reader: &Snapshot, of: &Facts) -> StoreResult<BTreeMap<String, String>> {
    if !SCREENS.contains(&of.screen) {
        return Ok(BTreeMap::new());
    }
    let stored = reader.get(&model::PROMPT_PARTIALS, of.prompt)?;
    let points = stored.as_ref().and_then(|stored| stored.document.get(of.screen)?.as_object());
    let texts = points.into_iter().flatten().filter_map(|(point, text)| Some((point, text.as_str()?)));
    let shown = texts
        .filter(|(point, text)| text.len() <= LONGEST && (of.has_connections || !point.starts_with(OF_CONNECTIONS)));
    Ok(shown.map(|(point, text)| (point.clone(), text.to_owned())).collect())
}

fn variables(reader: &Snapshot, of: &Facts, domain: &Record) -> StoreResult<Document> {
    let Transaction { request, progress, .. } = &of.transaction;
    let settings = reader.singleton(&model::TENANT_SETTINGS)?;
    let settings = settings.map(|settings| TenantSettings::of(&settings)).transpose()?.unwrap_or_default();
    let branding = reader.singleton(&model::BRANDING)?.map(|branding| branding.document).unwrap_or_default();
    let client = one(reader, &model::CLIENT, Some(&request.client_id))?;
    let organization = one(reader, &model::ORGANIZATION, request.organization.as_deref())?;
    let user = one(reader, &model::USER, progress.authentication.as_ref().map(|known| known.user_id.as_str()))?;
    let direction = if languages::is_right_to_left(&of.language) { "rtl" } else { "ltr" };
    let friendly_name = settings.friendly_name.unwrap_or_else(|| reader.tenant().as_str().to_owned());
    let logo = branding.get("logo_url").cloned().or_else(|| settings.picture_url.map(Value::from));
    let mut variables = object(json!({
        "application": client.as_ref().map(|client| json!({
            "id": client.id,
            "name": client.text("name"),
            "logo_url": client.text("logo_uri"),
            "metadata": client.document.get("client_metadata"),
        })),
        "branding": {"logo_url": logo, "colors": branding.get("colors")},
        "tenant": {
            "friendly_name": friendly_name,
            "support_email": settings.support_email,
            "support_url": settings.support_url,
            "enabled_locales": settings.enabled_locales.unwrap_or_else(|| vec![languages::DEFAULT.to_owned()]).join(","),
        },
        "organization": organization.as_ref().map(|organization| {
            let member = |name: &str| organization.document.get(name);
            json!({
                "id": organization.id,
                "name": member("name"),
                "display_name": member("display_name"),
                "metadata": member("metadata"),
                "branding": member("branding"),
            })
        }),
        "prompt": {"name": of.prompt, "screen": {"name": of.screen, "texts": of.texts}},
        "user": user.as_ref().map(user_of),
        "locale": of.language,
        "dir": direction,
        "state": of.state,
        "correlation_id": request.correlation_id,
        "transaction": {"params": request.extensions},
        "custom_domain": {"domain": domain.text("domain"), "domain_metadata": domain.document.get("domain_metadata")},
    }));
    variables.values_mut().for_each(escape);
    if let Some(screen) = variables.get_mut("prompt").and_then(|prompt| prompt.get_mut("screen")) {
        screen["text"] = of.named.clone().into();
    }
    Ok(variables)
}

fn user_of(user: &Record) -> Document {
    let known = OF_USER.iter().filter_map(|name| Some(((*name).to_owned(), user.document.get(*name)?.clone())));
    let mut shown: Document = known.collect();
    shown.entry("user_id").or_insert_with(|| user.id.as_str().into());
    shown
}

/// Makes all texts within a value such as they stand in HTML.
fn escape(value: &mut Value) {
    change_texts(value, &liquid::escaped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_escaped_however_deep_it_lies() {
        let mut value = json!({"a": ["<b>", {"c": "\"x\" & 'y'"}], "n": 1});
        escape(&mut value);
        assert_eq!(value, json!({"a": ["&lt;b&gt;", {"c": "&#34;x&#34; &amp; &#39;y&#39;"}], "n": 1}));
    }
}
