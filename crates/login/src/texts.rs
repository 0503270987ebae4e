//! Texts of the pages: our own catalogues, over which a tenant's custom texts lie key by key.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

use kernel::{Document, Value};

/// Our own catalogues: language → JSON of screen → key → text. Keys under `*` are those of any screen.
const CATALOGUES: &[(&str, &str)] = &[("en", include_str!("../texts/en.json"))];
/// The language of tenants that have chosen none.
pub(crate) const DEFAULT: &str = "en";
/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 4] = ["ar", "fa", "he", "ur"];

type Catalogue = HashMap<String, HashMap<String, String>>;

/// The texts of one screen in one language.
#[derive(Clone, Debug)]
pub struct Texts {
    catalogue: &'static Catalogue,
    screen: &'static str,
    /// The tenant's own texts of the screen.
    custom: Document,
    variables: Vec<(&'static str, String)>,
}

impl Texts {
    /// The texts of a screen. `custom` is what the tenant wrote for its prompt in this language.
    pub fn new(language: &str, screen: &'static str, custom: Option<&Document>) -> Self {
        let own = custom.and_then(|custom| custom.get(screen)).and_then(Value::as_object);
        let custom = own.cloned().unwrap_or_default();
        Self { catalogue: catalogue(language), screen, custom, variables: Vec::new() }
    }

    /// Fills `${name}` with a value.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The text of a key; empty when there is none.
    pub fn get(&self, key: &str) -> String {
        self.find(key).unwrap_or_default()
    }

    /// The text of a key, if there is one.
    pub fn find(&self, key: &str) -> Option<String> {
        self.raw(key).map(|text| self.fill(&text))
    }

    /// A text of ours that no tenant can change, from a section of its own.
    pub fn own(&self, section: &str, key: &str) -> String {
        let text = self.catalogue.get(section).and_then(|texts| texts.get(key));
        text.map(|text| self.fill(text)).unwrap_or_default()
    }

    /// All texts of the screen, by key.
    pub(crate) fn all(&self) -> Document {
        let sections = ["*", self.screen].into_iter().filter_map(|section| self.catalogue.get(section));
        let keys = sections.flat_map(|texts| texts.keys()).chain(self.custom.keys());
        keys.map(|key| (key.clone(), self.get(key).into())).collect()
    }

    /// Whether a text of ours is the screen's alone.
    pub(crate) fn is_own(&self, key: &str) -> bool {
        self.catalogue.get(self.screen).is_some_and(|texts| texts.contains_key(key))
    }

    fn raw(&self, key: &str) -> Option<Cow<'_, str>> {
        if let Some(custom) = self.custom.get(key).and_then(Value::as_str) {
            return Some(custom.into());
        }
        let of = |section: &str| self.catalogue.get(section)?.get(key).map(|text| Cow::from(text.as_str()));
        of(self.screen).or_else(|| of("*"))
    }

    /// Replaces each `${name}` and `#{name}` that is known; what is not known stays. A value is never read as a text.
    fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['$', '#']) {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = rest[1..].strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
            let value = name.and_then(|name| self.variables.iter().find(|(known, _)| *known == name.trim()));
            let length = if let (Some(name), Some((_, value))) = (name, value) {
                filled.push_str(value);
                name.len() + 3
            } else {
                filled.push_str(&rest[..1]);
                1
            };
            rest = &rest[length..];
        }
        filled + rest
    }
}

/// The catalogue of a language: its own, that of its base language, or the English one.
fn catalogue(language: &str) -> &'static Catalogue {
    static READ: OnceLock<HashMap<&'static str, Catalogue>> = OnceLock::new();
    let all = READ.get_or_init(|| {
        let read = |text| serde_json::from_str(text).expect("a catalogue is JSON of texts by screen");
        CATALOGUES.iter().map(|(language, text)| (*language, read(text))).collect()
    });
    let found = all.get(language).or_else(|| all.get(short(language)));
    found.unwrap_or_else(|| all.get(DEFAULT).expect("there is an English catalogue"))
}

/// The language without its region: what `<html lang>` says.
pub(crate) fn short(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

/// Whether a language is written from right to left.
pub(crate) fn is_right_to_left(language: &str) -> bool {
    RIGHT_TO_LEFT.contains(&short(language))
}

/// The language of the pages: the first that was asked for if the tenant has it, else what the browser prefers of
/// those that the tenant has, else the tenant's first.
pub fn choose<'l>(enabled: &'l [String], asked: &[String], accepted: &str) -> &'l str {
    let first = asked.first().and_then(|asked| matching(enabled, asked));
    let of_browser = || preferences(accepted).into_iter().find_map(|language| matching(enabled, language));
    first.or_else(of_browser).or_else(|| enabled.first().map(String::as_str)).unwrap_or(DEFAULT)
}

/// The enabled language that is meant: the same, else one of the same base.
fn matching<'l>(enabled: &'l [String], wanted: &str) -> Option<&'l str> {
    let same = enabled.iter().find(|language| language.eq_ignore_ascii_case(wanted));
    let base = || enabled.iter().find(|language| short(language).eq_ignore_ascii_case(short(wanted)));
    same.or_else(base).map(String::as_str)
}

/// The languages of an `Accept-Language` header, the preferred first; at most 20 of them are read.
fn preferences(header: &str) -> Vec<&str> {
    let mut items: Vec<(f32, &str)> = header.split(',').take(20).filter_map(preference).collect();
    items.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    items.into_iter().map(|(_, language)| language).collect()
}

fn preference(item: &str) -> Option<(f32, &str)> {
    let (language, parameters) = item.split_once(';').unwrap_or((item, ""));
    let quality = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |quality| quality.parse().ok())?;
    let language = language.trim();
    (!language.is_empty() && language != "*" && quality > 0.0).then_some((quality, language))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::screens::SCREENS;

    fn custom() -> Document {
        let texts = serde_json::json!({"login": {"title": "Hi ${clientName}", "no-password": "Which?"}});
        texts.as_object().unwrap().clone()
    }

    #[test]
    fn a_custom_text_replaces_one_key_of_one_screen() {
        let login = Texts::new("en", "login", Some(&custom())).with("clientName", "Shop");
        assert_eq!(login.get("title"), "Hi Shop");
        assert_eq!(login.get("no-password"), "Which?");
        assert_eq!(login.get("no-username"), "Username is required");
        let password = Texts::new("en", "login-password", Some(&custom()));
        assert_eq!(password.get("no-password"), "Password is required");
        assert_eq!(password.get("nothing"), "");
    }

    #[test]
    fn a_value_is_not_read_as_a_text() {
        let texts =
            Texts::new("en", "login", Some(&custom())).with("clientName", "${companyName}").with("companyName", "x");
        assert_eq!(texts.get("title"), "Hi ${companyName}");
    }

    #[test]
    fn unknown_variables_stay() {
        let custom = serde_json::json!({"login": {"title": "a ${b} $c ${d #{clientName}"}});
        let texts = Texts::new("en", "login", custom.as_object()).with("clientName", "S");
        assert_eq!(texts.get("title"), "a ${b} $c ${d S");
    }

    #[test]
    fn the_language_is_chosen_among_those_of_the_tenant() {
        let enabled: Vec<String> = ["en", "de", "pt-BR"].map(str::to_owned).into();
        let asked = |languages: &[&str]| languages.iter().map(|language| (*language).to_owned()).collect::<Vec<_>>();
        assert_eq!(choose(&enabled, &asked(&["de"]), "pt"), "de");
        assert_eq!(choose(&enabled, &asked(&["fr", "de"]), "pt-PT;q=0.5, it"), "pt-BR");
        assert_eq!(choose(&enabled, &[], "it, de-AT;q=0.3, en;q=0.2"), "de");
        assert_eq!(choose(&enabled, &[], ""), "en");
        assert_eq!(choose(&[], &asked(&["de"]), "de"), "en");
    }

    #[test]
    fn every_section_of_a_catalogue_is_a_screen_or_ours() {
        let ours = ["*", "error", "captcha", "rules"];
        for (language, _) in CATALOGUES {
            for section in catalogue(language).keys() {
                let is_screen = SCREENS.iter().any(|screen| screen.name == section);
                assert!(is_screen || ours.contains(&section.as_str()), "{language} {section}");
            }
            for screen in SCREENS.iter().filter(|screen| screen.path.is_some()) {
                let texts = Texts::new(language, screen.name, None);
                assert!(texts.find("pageTitle").is_some(), "{language} {}", screen.name);
            }
        }
    }
}
