//! Our own catalogues: the words of every page in a few languages, each read when it is first asked for.

use std::{collections::HashMap, sync::OnceLock};

use icu_list::{ListFormatter, options::ListFormatterOptions};
use icu_locale::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use model::languages;
use serde::Deserialize;

/// Section of what any screen may say.
pub(super) const ANY: &str = "*";

/// The words of all pages in one language: screen → key → text.
pub(crate) struct Catalogue {
    /// Its language.
    pub(crate) language: &'static str,
    json: &'static str,
    sections: OnceLock<HashMap<String, Section>>,
}

type Section = HashMap<String, Entry>;

/// A text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    /// One that is always the same.
    Plain(String),
    /// One that depends on a count: the variable that holds it, and the text by category of plural.
    Counted {
        by: String,
        #[serde(flatten)]
        forms: HashMap<String, String>,
    },
}

impl Catalogue {
    const fn new(language: &'static str, json: &'static str) -> Self {
        Self { language, json, sections: OnceLock::new() }
    }

    fn sections(&self) -> &HashMap<String, Section> {
        self.sections.get_or_init(|| serde_json::from_str(self.json).expect("a catalogue is JSON of texts by screen"))
    }

    /// The text of a section's key.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.sections().get(section)?.get(key)
    }

    /// The keys of a section.
    pub(super) fn keys(&self, section: &str) -> impl Iterator<Item = &str> {
        self.sections().get(section).into_iter().flat_map(|texts| texts.keys().map(String::as_str))
    }

    /// The text for a count of `entry`, by the rules of the language.
    pub(super) fn form<'e>(&self, entry: &'e Entry, count: impl Fn(&str) -> usize) -> &'e str {
        match entry {
            Entry::Plain(text) => text,
            Entry::Counted { by, forms } => {
                let form = forms.get(self.category(count(by)));
                form.or_else(|| forms.get("other")).map_or("", String::as_str)
            }
        }
    }

    fn category(&self, count: usize) -> &'static str {
        let Ok(rules) = PluralRules::try_new_cardinal(self.locale().into()) else { return "other" };
        match rules.category_for(count) {
            PluralCategory::Zero => "zero",
            PluralCategory::One => "one",
            PluralCategory::Two => "two",
            PluralCategory::Few => "few",
            PluralCategory::Many => "many",
            PluralCategory::Other => "other",
        }
    }

    /// A list of which one may be taken: `a, b, or c`.
    pub(super) fn alternatives(&self, items: &[String]) -> String {
        match ListFormatter::try_new_or(self.locale().into(), ListFormatterOptions::default()) {
            Ok(formatter) => formatter.format_to_string(items.iter()),
            Err(_) => items.join(", "),
        }
    }

    fn locale(&self) -> Locale {
        Locale::try_from_str(self.language).expect("a catalogue's language is a language")
    }
}

static CATALOGUES: [Catalogue; 7] = [
    Catalogue::new("en", include_str!("../../texts/en.json")),
    Catalogue::new("ar", include_str!("../../texts/ar.json")),
    Catalogue::new("de", include_str!("../../texts/de.json")),
    Catalogue::new("es", include_str!("../../texts/es.json")),
    Catalogue::new("fr", include_str!("../../texts/fr.json")),
    Catalogue::new("ja", include_str!("../../texts/ja.json")),
    Catalogue::new("pt", include_str!("../../texts/pt.json")),
];

/// The catalogue of a language: its own, that of the language from which it inherits, or the English one.
pub(crate) fn of(language: &str) -> &'static Catalogue {
    let known = CATALOGUES.each_ref().map(|catalogue| catalogue.language);
    let found = languages::nearest(&known, language);
    let found = CATALOGUES.iter().find(|catalogue| Some(catalogue.language) == found);
    found.unwrap_or(&CATALOGUES[0])
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use model::{languages::LANGUAGES, screens};

    use super::*;

    /// Sections that are no screen's, and that no tenant can change.
    const OURS: [&str; 6] = [ANY, "error", "captcha", "rules", "labels", "forms"];

    fn forms(entry: &Entry) -> Vec<(&str, &str)> {
        match entry {
            Entry::Plain(text) => vec![("", text)],
            Entry::Counted { forms, .. } => forms.iter().map(|(form, text)| (form.as_str(), text.as_str())).collect(),
        }
    }

    /// The variables of a text: `${name}` and `#{name}`.
    fn variables(text: &str) -> BTreeSet<&str> {
        let inner = text.split(['$', '#']).skip(1).filter_map(|rest| rest.strip_prefix('{'));
        inner.filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_catalogue_has_the_keys_and_variables_of_the_english_one() {
        let keys = |catalogue: &Catalogue| -> BTreeMap<String, BTreeSet<String>> {
            let sections = catalogue.sections().iter();
            sections.map(|(name, texts)| (name.clone(), texts.keys().cloned().collect())).collect()
        };
        let english = &CATALOGUES[0];
        for catalogue in &CATALOGUES {
            assert_eq!(keys(catalogue), keys(english), "{}", catalogue.language);
            for (section, texts) in catalogue.sections() {
                for (key, entry) in texts {
                    let place = format!("{} {section} {key}", catalogue.language);
                    let original = english.entry(section, key).expect("compared above");
                    let wanted: BTreeSet<&str> =
                        forms(original).into_iter().flat_map(|(_, text)| variables(text)).collect();
                    if let (Entry::Plain(text), Entry::Plain(_)) = (entry, original) {
                        assert_eq!(variables(text), wanted, "{place}");
                        assert!(!text.trim().is_empty(), "{place}");
                        continue;
                    }
                    let (Entry::Counted { by, .. }, Entry::Counted { by: first, .. }) = (entry, original) else {
                        panic!("{place}: only one of them depends on a count")
                    };
                    assert_eq!(by, first, "{place}");
                    for (_, text) in forms(entry) {
                        // `one` may say the count in words.
                        assert!(variables(text).is_subset(&wanted) && !text.trim().is_empty(), "{place}");
                    }
                }
            }
        }
    }

    #[test]
    fn texts_that_depend_on_a_count_have_the_forms_of_their_language() {
        for catalogue in &CATALOGUES {
            // Each category that a small whole number has.
            let wanted: BTreeSet<&str> = (0..200).map(|count| catalogue.category(count)).collect();
            let (wanted, other) = (wanted, BTreeSet::from(["other"]));
            for entry in catalogue.sections().values().flat_map(HashMap::values) {
                let Entry::Counted { .. } = entry else { continue };
                let has: BTreeSet<&str> = forms(entry).into_iter().map(|(form, _)| form).collect();
                assert!(has.contains("other"), "{} {entry:?}", catalogue.language);
                assert!(has.is_subset(&wanted.union(&other).copied().collect()), "{} {entry:?}", catalogue.language);
            }
        }
    }

    #[test]
    fn every_section_is_a_screen_or_ours_and_tenants_can_change_its_keys() {
        for section in CATALOGUES[0].sections().keys().filter(|section| !OURS.contains(&section.as_str())) {
            let screen = screens::Screen::named(section).unwrap_or_else(|| panic!("{section} is no screen"));
            for key in CATALOGUES[0].keys(section) {
                assert!(screen.has_text(key), "{section} {key}");
            }
        }
        for screen in screens::SCREENS.iter().filter(|screen| screen.path.is_some()) {
            assert!(CATALOGUES[0].entry(screen.name, "pageTitle").is_some(), "{}", screen.name);
        }
    }

    #[test]
    fn every_documented_text_of_a_served_screen_has_words() {
        for screen in screens::SCREENS {
            if CATALOGUES[0].keys(screen.name).next().is_none() {
                continue;
            }
            for key in screen.texts() {
                let has = [screen.name, ANY].iter().any(|section| CATALOGUES[0].entry(section, key).is_some());
                assert!(has, "{} {key}", screen.name);
            }
        }
    }

    #[test]
    fn a_language_without_a_catalogue_gets_the_nearest() {
        for (language, expected) in
            [("es-419", "es"), ("pt-BR", "pt"), ("pt-PT", "pt"), ("ar-EG", "ar"), ("fr-CA", "fr"), ("en-CA", "en")]
        {
            assert_eq!(of(language).language, expected, "{language}");
        }
        for language in LANGUAGES {
            let expected = languages::short(language);
            let has = CATALOGUES.iter().any(|catalogue| catalogue.language == expected);
            assert_eq!(of(language).language, if has { expected } else { "en" }, "{language}");
        }
    }

    #[test]
    fn counts_and_lists_follow_the_language() {
        let length = |language: &str, count: usize| {
            let catalogue = of(language);
            let entry = catalogue.entry("rules", "length").expect("there is such a rule");
            catalogue.form(entry, |_| count).to_owned()
        };
        assert_eq!(length("en", 1), "At least ${min} character");
        assert_eq!(length("en", 8), "At least ${min} characters");
        let arabic: BTreeSet<String> = [1, 2, 3, 11, 100].map(|count| length("ar", count)).into();
        assert_eq!(arabic.len(), 5);
        assert_eq!(length("ja", 1), length("ja", 8));
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(of("en").alternatives(&items), "a, b, or c");
        assert_eq!(of("de").alternatives(&items), "a, b oder c");
        assert_eq!(of("ja").alternatives(&items), "a、b、またはc");
        assert_eq!(of("en").alternatives(&items[..1]), "a");
    }
}
