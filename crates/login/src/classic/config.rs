//! What a classic page is told: `@@config@@`, which pages read by `JSON.parse(decodeURIComponent(escape(window.atob('@@config@@'))))`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{Document, TenantId, Value};
use model::login::{Browser, LoginRequest};
use serde_json::json;

use super::settings;
use crate::load::Setting;

/// What stands for the configuration in a page.
const PLACE: &str = "@@config@@";

/// A page with its configuration.
pub(crate) fn embedded(html: &str, config: &Value) -> String {
    html.replace(PLACE, &encoded(config))
}

/// The configuration as pages decode it: Base64 of UTF-8.
pub(super) fn encoded(config: &Value) -> String {
    STANDARD.encode(config.to_string())
}

/// Where the tenant is, as the browser reached it.
pub(super) fn origin(browser: &Browser) -> String {
    let scheme = if browser.is_secure { "https" } else { "http" };
    format!("{scheme}://{}", browser.host)
}

/// The configuration of a login page. `proof` is the `state` of the login and what shows that a request comes from its page; a preview has none.
pub(super) fn of(
    tenant: &TenantId,
    setting: &Setting,
    request: &LoginRequest,
    browser: &Browser,
    language: &str,
    proof: Option<(&str, &str)>,
) -> Value {
    let parameters: Document = settings::asked(request).map(|(name, value)| (name.to_owned(), value.into())).collect();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let in_fragment = match text("response_mode") {
        "" => text("response_type").split(' ').any(|word| word != "code"),
        mode => mode == "fragment",
    };
    let mut extra = parameters.clone();
    extra.shift_remove("redirect_uri");
    extra.insert("protocol".into(), "oauth2".into());
    extra.insert("tenant".into(), tenant.as_str().into());
    extra.insert("_intstate".into(), "deprecated".into());
    if let Some((state, csrf)) = proof {
        extra.insert("state".into(), state.into());
        extra.insert("_csrf".into(), csrf.into());
    }
    let origin = origin(browser);
    let world = &setting.world;
    // Lock has English in itself; other languages it fetches.
    let dict =
        if language.starts_with("en") { json!({"signin": {"title": world.company}}) } else { Value::from(language) };
    let mut config = json!({
        "icon": setting.brand.logo,
        "assetsUrl": "",
        "auth0Domain": browser.host,
        "auth0Tenant": tenant.as_str(),
        "clientConfigurationBaseUrl": format!("{origin}/"),
        "callbackOnLocationHash": in_fragment,
        "callbackURL": request.redirect_uri,
        "cdn": "",
        "clientID": request.client_id,
        "dict": dict,
        "extraParams": extra,
        "internalOptions": extra,
        "widgetUrl": "",
        "languageBaseUrl": origin,
        "isThirdPartyClient": world.client.is_third_party,
        "authorizationServer": {"url": origin, "issuer": format!("https://{}/", browser.host)},
        "colors": setting.colors,
    });
    if let Some(connection) = &request.connection {
        config["connection"] = connection.as_str().into();
    }
    if request.prompt.iter().any(|prompt| prompt == "login" || prompt == "select_account") {
        config["prompt"] = true.into();
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_its_configuration_as_utf8_in_base64() {
        let html = embedded("a('@@config@@') b('@@config@@')", &json!({"name": "Zoë </script>"}));
        let text = html.split('\'').nth(1).unwrap();
        assert_eq!(STANDARD.decode(text).unwrap(), "{\"name\":\"Zoë </script>\"}".as_bytes());
        assert_eq!(html.matches(text).count(), 2);
    }
}
