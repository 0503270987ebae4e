//! The e-mails of tenants that have no templates of their own: one design, with the tenant's or the organization's logo and
//! colours, and its texts in several languages.

use kernel::{Document, Value, object, value_at};
use model::languages;
use serde_json::json;

use crate::colors;

const HTML: &str = include_str!("design.html");
const TEXT: &str = include_str!("design.txt");
/// The texts by language.
const TEXTS: [(&str, &str); 7] = [
    ("en", include_str!("texts/en.txt")),
    ("ar", include_str!("texts/ar.txt")),
    ("de", include_str!("texts/de.txt")),
    ("es", include_str!("texts/es.txt")),
    ("fr", include_str!("texts/fr.txt")),
    ("ja", include_str!("texts/ja.txt")),
    ("pt", include_str!("texts/pt.txt")),
];

/// What colours are where nobody has chosen any.
const PRIMARY: &str = "#3f45d8";
const BACKGROUND: &str = "#f4f5f7";

/// An e-mail of the design, as Liquid templates.
pub(super) struct Designed {
    pub(super) subject: String,
    pub(super) html: String,
    pub(super) text: String,
    /// The language of its texts.
    pub(super) language: &'static str,
}

/// The design of a template's e-mail in the first language of these that there is, else in English.
pub(super) fn of(template: &str, wanted: &[String]) -> Designed {
    let subject = format!("{template}.subject");
    let known = TEXTS.map(|(language, _)| language);
    let named = |language: &String| {
        let name = languages::nearest(&known, language)?;
        TEXTS.iter().find(|(known, _)| *known == name)
    };
    let (language, texts) = wanted.iter().find_map(named).unwrap_or(&TEXTS[0]);
    let of_key = |key: &str| text(texts, key).unwrap_or_default();
    let fill = |design: &str| {
        let mut filled = design.to_owned();
        for part in ["heading", "lead", "button"] {
            filled = filled.replace(&format!("[[{part}]]"), of_key(&format!("{template}.{part}")));
        }
        for part in ["copy", "code", "ignore", "expiry", "support", "sent"] {
            filled = filled.replace(&format!("[[common.{part}]]"), of_key(&format!("common.{part}")));
        }
        filled
    };
    Designed { subject: of_key(&subject).to_owned(), html: fill(HTML), text: fill(TEXT), language }
}

fn text<'t>(texts: &'t str, key: &str) -> Option<&'t str> {
    texts.lines().find_map(|line| line.split_once(" = ").filter(|(own, _)| *own == key)).map(|(_, text)| text)
}

/// What the design is told beside what templates may say: direction, colours and logo, from checked values alone.
pub(super) fn facts(template: &str, language: &str, variables: &Document, branding: &Document) -> Document {
    let of_organization = |path: &str| {
        let organization = variables.get("organization").and_then(Value::as_object)?;
        value_at(organization, path).and_then(Value::as_str)
    };
    let own = |path: &str| value_at(branding, path).and_then(Value::as_str);
    let color = |path: &str| {
        [of_organization(&format!("branding.{path}")), own(path)].into_iter().flatten().find(|text| is_opaque(text))
    };
    let logo = [of_organization("branding.logo_url"), variables.get("logo_url").and_then(Value::as_str)];
    let logo = logo.into_iter().flatten().find(|url| url.starts_with("https://"));
    let primary = color("colors.primary").unwrap_or(PRIMARY);
    let name = of_organization("display_name").or(variables.get("friendly_name").and_then(Value::as_str));
    let is_code = template.ends_with("_code") || variables.get("send").and_then(Value::as_str) == Some("code");
    object(json!({
        "direction": if languages::is_right_to_left(language) { "rtl" } else { "ltr" },
        "logo": logo,
        "name": name,
        "primary": primary,
        "on_primary": colors::readable_on(primary),
        "background": color("colors.page_background").unwrap_or(BACKGROUND),
        "shows_code": is_code,
        "shows_link": !is_code,
    }))
}

/// Whether a text is a colour that mail programs know: they know none that shines through.
fn is_opaque(text: &str) -> bool {
    colors::is_color(text) && matches!(text.len(), 4 | 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_its_place() {
        for template in super::super::templates::NAMES {
            let english = of(template, &[]);
            assert!(!english.subject.is_empty(), "{template}");
            for part in ["heading", "lead"] {
                assert!(text(TEXTS[0].1, &format!("{template}.{part}")).is_some(), "{template}.{part}");
            }
        }
        let keys = |texts: &'static str| -> Vec<&str> {
            let lines = texts.lines().filter(|line| !line.is_empty());
            let mut keys: Vec<&str> = lines.map(|line| line.split_once(" = ").expect("a key and a text").0).collect();
            keys.sort_unstable();
            keys
        };
        for (language, texts) in TEXTS {
            assert_eq!(keys(texts), keys(TEXTS[0].1), "{language}");
        }
    }

    #[test]
    fn a_mail_is_in_the_nearest_language_that_there_is() {
        let language = |template: &str, wanted: &str| of(template, &[wanted.to_owned()]).language;
        assert_eq!(language("verify_email", "de-CH"), "de");
        for (wanted, expected) in [("ar", "ar"), ("es-MX", "es"), ("fr_CA", "fr"), ("pt-BR", "pt"), ("ja", "ja")] {
            assert_eq!(language("verify_email", wanted), expected);
            assert_eq!(language("passwordless", wanted), expected);
        }
        assert_eq!(language("user_invitation", "ar-EG"), "ar");
        assert_eq!(language("verify_email", "tlh"), "en");
    }

    #[test]
    fn every_file_of_texts_is_used() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/messages/email/texts");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<String> =
            files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        let mut listed = TEXTS.map(|(language, _)| language);
        found.sort();
        listed.sort_unstable();
        assert_eq!(found, listed);
    }

    #[test]
    fn colours_are_taken_when_they_are_colours() {
        let branding = object(json!({"colors": {"primary": "#fd0", "page_background": "red;x:url(y)"}}));
        let facts = facts("verify_email", "ar", &Document::new(), &branding);
        assert_eq!((&facts["primary"], &facts["on_primary"]), (&json!("#fd0"), &json!("#000000")));
        assert_eq!((&facts["background"], &facts["direction"]), (&json!(BACKGROUND), &json!("rtl")));
    }
}
