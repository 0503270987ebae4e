//! How a screen is shown that a tenant's own scripts draw: the facts, and which elements may stand in the head of its page.

use kernel::{Value, host_name, is_loopback_name};
use serde::Deserialize;

/// What the pages of a screen are told when nobody has chosen.
pub static CONTEXT: &[&str] = &[
    "branding.settings",
    "branding.themes.default",
    "client.logo_uri",
    "client.description",
    "organization.display_name",
    "organization.branding",
    "screen.texts",
    "tenant.name",
    "tenant.friendly_name",
    "tenant.enabled_locales",
    "untrusted_data.submitted_form_data",
    "untrusted_data.authorization_params.login_hint",
    "untrusted_data.authorization_params.screen_hint",
    "untrusted_data.authorization_params.ui_locales",
    "user.organizations",
];

/// Screens that are ours alone.
static OURS: &[&str] = &[
    "async-approval-accepted",
    "async-approval-denied",
    "async-approval-error",
    "async-approval-wrong-user",
    "custom-form",
    "login-passwordless-email-link",
    "mfa-push-enrollment-code",
    "mfa-push-success",
    "mfa-sms-country-codes",
    "status",
];

/// Whether a tenant's own scripts may draw a screen.
pub fn is_open(screen: &str) -> bool {
    !OURS.contains(&screen)
}

/// The elements that a tenant may put into a head.
const ELEMENTS: [&str; 8] = ["base", "link", "meta", "noscript", "script", "style", "template", "title"];
/// Those of them that have no content.
const EMPTY: [&str; 3] = ["base", "link", "meta"];
/// The attributes that hold an address.
const ADDRESSES: [&str; 2] = ["href", "src"];

/// An element in the head of a page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HeadTag {
    /// Its name.
    pub tag: String,
    /// What stands in it.
    pub content: Option<String>,
    /// Its attributes.
    pub attributes: Option<kernel::Document>,
}

impl HeadTag {
    /// Whether it is an element without content.
    pub fn is_empty(&self) -> bool {
        EMPTY.contains(&self.tag.as_str())
    }

    /// Its attributes as they are written; `None` for one without a value. What is switched off is none.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, Option<String>)> {
        self.attributes.iter().flatten().filter_map(|(name, value)| match value {
            Value::Bool(true) => Some((name.as_str(), None)),
            Value::String(text) => Some((name.as_str(), Some(text.clone()))),
            Value::Number(number) => Some((name.as_str(), Some(number.to_string()))),
            Value::Array(parts) => {
                let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                Some((name.as_str(), Some(parts.join(" "))))
            }
            Value::Null | Value::Bool(false) | Value::Object(_) => None,
        })
    }

    /// What is wrong with it. Templates in it are taken as they stand: what they make is judged again.
    pub fn fault(&self) -> Option<String> {
        let tag = &self.tag;
        if !ELEMENTS.contains(&tag.as_str()) {
            return Some(format!("the element \"{tag}\" is none of {}", ELEMENTS.join(", ")));
        }
        let content = self.content.as_deref().unwrap_or_default();
        if self.is_empty() && !content.is_empty() {
            return Some(format!("the element \"{tag}\" has no content"));
        }
        let end = format!("</{tag}");
        if content.to_ascii_lowercase().contains(&end) {
            return Some(format!("the content of \"{tag}\" ends it"));
        }
        for (name, value) in self.attributes() {
            if !is_name(name) {
                return Some(format!("\"{name}\" is no name of an attribute"));
            }
            if name.to_ascii_lowercase().starts_with("on") {
                return Some(format!("the attribute \"{name}\" holds a script"));
            }
            let value = value.unwrap_or_default();
            if ADDRESSES.contains(&name.to_ascii_lowercase().as_str()) && is_script(tag, &value) {
                return Some(format!("the address in \"{name}\" is not https"));
            }
        }
        None
    }
}

fn is_name(name: &str) -> bool {
    let is_fitting = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte);
    name.len() <= 100
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.bytes().all(is_fitting)
}

/// Whether an address holds what it leads to itself, as `javascript:` and `data:` do. A picture may.
fn is_script(tag: &str, address: &str) -> bool {
    // What browsers skip before and within a scheme.
    let bare: String = address.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
    let bare = bare.to_ascii_lowercase();
    let Some((scheme, _)) = bare.split_once(':') else { return false };
    match scheme {
        "javascript" | "vbscript" | "blob" | "filesystem" | "about" => true,
        "data" => tag != "link" || !bare.starts_with("data:image/"),
        _ => false,
    }
}

/// The origin that an address in a head names: of `https`, or on this machine.
pub fn origin_of(address: &str) -> Option<String> {
    let address = address.trim();
    let whole = if address.starts_with("//") { format!("https:{address}") } else { address.to_owned() };
    let url = url::Url::parse(&whole).ok()?;
    let host = url.host_str()?;
    let is_admitted = url.scheme() == "https" || (url.scheme() == "http" && is_loopback_name(&host_name(host)));
    let origin = url.origin().ascii_serialization();
    let is_plain = origin.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"*".contains(&byte));
    (is_admitted && is_plain).then_some(origin)
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;
    use crate::screens::Screen;

    fn tag(value: Value) -> HeadTag {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_the_service_takes_is_sound() {
        for sound in [
            json!({"tag": "script", "content": "", "attributes": {
                "src": "https://cdn.example.com/a.js", "async": true, "defer": false, "integrity": ["sha512-x==", "sha384-y"],
            }}),
            json!({"tag": "link", "attributes": {"rel": "icon", "href": "data:image/png;base64,AA"}}),
            json!({"tag": "script", "attributes": {"src": "http://localhost:5173/{{screen.name}}.js", "type": "module"}}),
            json!({"tag": "title", "content": "{{client.name}} — log in"}),
        ] {
            assert_eq!(tag(sound.clone()).fault(), None, "{sound}");
        }
        let attributes = object(json!({"integrity": ["a", "b"], "async": true, "defer": false, "n": 3, "o": {}}));
        let tag = HeadTag { attributes: Some(attributes), ..HeadTag::default() };
        let written: Vec<_> = tag.attributes().map(|(name, value)| (name.to_owned(), value)).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(written, [("integrity".into(), text("a b")), ("async".into(), None), ("n".into(), text("3"))]);
    }

    #[test]
    fn what_would_run_by_itself_or_break_out_is_refused() {
        for hostile in [
            json!({"tag": "iframe", "attributes": {"src": "https://a.example"}}),
            json!({"tag": "script", "attributes": {"src": "javascript:alert(1)"}}),
            json!({"tag": "script", "attributes": {"src": " java\nscript:alert(1)"}}),
            json!({"tag": "script", "attributes": {"src": "data:text/javascript,alert(1)"}}),
            json!({"tag": "link", "attributes": {"href": "data:text/css,*{}"}}),
            json!({"tag": "link", "attributes": {"onload": "alert(1)"}}),
            json!({"tag": "meta", "attributes": {"a\"><script>": "x"}}),
            json!({"tag": "meta", "content": "x"}),
            json!({"tag": "style", "content": "</STYLE><script>alert(1)</script>"}),
        ] {
            assert!(tag(hostile.clone()).fault().is_some(), "{hostile}");
        }
    }

    #[test]
    fn origins_are_of_https_or_of_this_machine() {
        let named = |address: &str| origin_of(address).unwrap_or_default();
        assert_eq!(named("https://cdn.example.com/a/b.js?c"), "https://cdn.example.com");
        assert_eq!(named("//cdn.example.com:8443/a.js"), "https://cdn.example.com:8443");
        assert_eq!(named("http://localhost:5173/a.js"), "http://localhost:5173");
        for none in
            ["http://cdn.example.com/a.js", "/a.js", "a.js", "javascript:1", "https://", "https://*.example.com/a.js"]
        {
            assert_eq!(origin_of(none), None, "{none}");
        }
    }

    #[test]
    fn screens_that_are_ours_are_screens() {
        assert!(OURS.iter().all(|name| Screen::named(name).is_some()));
        assert!(is_open("login-id") && !is_open("status"));
    }
}
