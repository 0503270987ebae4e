//! Languages: those that a tenant can have, which of them somebody means, and how they are written. What is known of
//! languages comes from ICU4X.

use std::sync::OnceLock;

use icu_locale::{
    LanguageIdentifier, Locale, LocaleCanonicalizer, LocaleDirectionality, LocaleExpander, LocaleFallbacker,
    fallback::LocaleFallbackConfig,
    subtags::{Language, Region, Script},
};

/// The language of tenants that have chosen none.
pub const DEFAULT: &str = "en";

/// The languages of pages, as `enabled_locales` and custom texts name them.
pub static LANGUAGES: [&str; 82] = [
    "am", "ar", "ar-EG", "ar-SA", "az", "bg", "bn", "bs", "ca-ES", "cnr", "cs", "cy", "da", "de", "el", "en", "en-CA",
    "es", "es-419", "es-AR", "es-MX", "et", "eu-ES", "fa", "fi", "fr", "fr-CA", "fr-FR", "gl-ES", "gu", "he", "hi",
    "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "kn", "ko", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "my",
    "nb", "nl", "nn", "no", "pa", "pl", "pt", "pt-BR", "pt-PT", "ro", "ru", "sk", "sl", "so", "sq", "sr", "sv", "sw",
    "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "zgh", "zh-CN", "zh-HK", "zh-MO", "zh-TW",
];

/// Longest tag that is read.
const LONGEST: usize = 35;

/// The language without its region: what `<html lang>` says.
pub fn short(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

/// Whether a language is written from right to left.
pub fn is_right_to_left(language: &str) -> bool {
    parsed(language).is_some_and(|locale| LocaleDirectionality::new_extended().is_right_to_left(&locale.id))
}

/// Which of these languages is meant by a tag: the same, one from which it inherits (`es-MX` → `es-419` → `es`), else
/// one of the same language in the same script (`pt-BR` for `pt`, `zh-HK` for `zh-TW`, `nb` for `no`).
pub fn nearest<'l>(known: &[&'l str], wanted: &str) -> Option<&'l str> {
    if let Some(same) = known.iter().find(|language| language.eq_ignore_ascii_case(wanted)) {
        return Some(same);
    }
    let wanted = Tag::of(wanted)?;
    let known: Vec<(&str, &Tag)> = known.iter().filter_map(|language| Some((*language, listed(language)?))).collect();
    let inherited = || {
        let of = |step: &LanguageIdentifier| known.iter().find(|(_, tag)| tag.chain.first() == Some(step));
        wanted.chain.iter().find_map(of)
    };
    let is_kin = |tag: &Tag| tag.script == wanted.script && tag.root() == wanted.root();
    // Of several, the one that is spoken where the wanted language is at home.
    let at_home = || known.iter().find(|(_, tag)| is_kin(tag) && tag.region == wanted.region);
    let kin = || known.iter().find(|(_, tag)| is_kin(tag));
    inherited().or_else(at_home).or_else(kin).map(|(language, _)| *language)
}

/// One of these languages that is the same as the wanted one in another script.
fn in_another_script<'l>(known: &[&'l str], wanted: &str) -> Option<&'l str> {
    let wanted = short(wanted);
    known.iter().copied().find(|language| short(language).eq_ignore_ascii_case(wanted))
}

/// The language of the pages: the first that was asked for if the tenant has it, else what the browser prefers of
/// those that the tenant has, else the tenant's first.
pub fn choose<'l>(enabled: &'l [String], asked: Option<&str>, accepted: &str) -> &'l str {
    let known: Vec<&str> = enabled.iter().map(String::as_str).collect();
    let loosely = |wanted: &str| nearest(&known, wanted).or_else(|| in_another_script(&known, wanted));
    if let Some(wanted) = asked.and_then(loosely) {
        return wanted;
    }
    if known.len() > 1 {
        let preferred = preferences(accepted);
        let strictly = preferred.iter().find_map(|wanted| nearest(&known, wanted));
        if let Some(language) = strictly.or_else(|| preferred.iter().find_map(|wanted| loosely(wanted))) {
            return language;
        }
    }
    known.first().copied().unwrap_or(DEFAULT)
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

/// What is known of a language tag.
struct Tag {
    /// The tag, and from what it inherits, the nearest first.
    chain: Vec<LanguageIdentifier>,
    script: Option<Script>,
    /// Where it is spoken most, if the tag does not say where.
    region: Option<Region>,
}

impl Tag {
    fn of(language: &str) -> Option<Self> {
        let locale = parsed(language)?;
        let mut full = locale.id.clone();
        LocaleExpander::new_extended().maximize(&mut full);
        let fallbacker = LocaleFallbacker::new();
        let mut steps = fallbacker.for_config(LocaleFallbackConfig::default()).fallback_for(locale.into());
        let mut chain = Vec::new();
        while !steps.get().is_unknown() {
            chain.push(steps.get().into_locale().id);
            steps.step();
        }
        Some(Self { chain, script: full.script, region: full.region })
    }

    /// The language from which it inherits in the end.
    fn root(&self) -> Option<Language> {
        self.chain.last().map(|last| last.language)
    }
}

/// A tag in its canonical form: `iw` is `he`, and `pt_BR` is `pt-BR`.
fn parsed(language: &str) -> Option<Locale> {
    if language.len() > LONGEST {
        return None;
    }
    let mut locale = Locale::try_from_str(&language.replace('_', "-")).ok()?;
    LocaleCanonicalizer::new_extended().canonicalize(&mut locale);
    Some(locale)
}

/// What is known of a language of the list; each is looked up once.
fn listed(language: &str) -> Option<&'static Tag> {
    static TAGS: [OnceLock<Option<Tag>>; LANGUAGES.len()] = [const { OnceLock::new() }; LANGUAGES.len()];
    let place = LANGUAGES.iter().position(|known| *known == language)?;
    TAGS[place].get_or_init(|| Tag::of(language)).as_ref()
}

#[cfg(test)]
mod tests {
    use contract::Contract;

    use super::*;

    #[test]
    fn the_languages_are_those_of_the_contract() {
        for language in LANGUAGES {
            for name in ["PromptLanguageEnum", "TenantSettingsSupportedLocalesEnum"] {
                assert!(Contract::load().breach(name, &language.into()).is_none(), "{name} {language}");
            }
            assert!(listed(language).is_some_and(|tag| !tag.chain.is_empty()), "{language}");
        }
    }

    #[test]
    fn a_tag_means_the_language_that_is_nearest_to_it() {
        let enabled = ["en", "es", "es-419", "pt-PT", "pt-BR", "zh-CN", "zh-HK", "nb", "he", "tl", "sr", "fr-CA"];
        for (wanted, meant) in [
            ("EN", Some("en")),
            ("en-GB", Some("en")),
            ("es-MX", Some("es-419")),
            ("es-ES", Some("es")),
            ("pt", Some("pt-BR")),
            ("pt_PT", Some("pt-PT")),
            ("pt-AO", Some("pt-PT")),
            ("zh-TW", Some("zh-HK")),
            ("zh-Hant", Some("zh-HK")),
            ("zh", Some("zh-CN")),
            ("zh-SG", Some("zh-CN")),
            ("no", Some("nb")),
            ("nn", Some("nb")),
            ("iw", Some("he")),
            ("fil", Some("tl")),
            ("sr-Cyrl-RS", Some("sr")),
            ("sr-Latn", None),
            ("fr", Some("fr-CA")),
            ("it", None),
            ("", None),
            ("x", None),
            ("\r\nX: 1", None),
            ("e\u{301}", None),
        ] {
            assert_eq!(nearest(&enabled, wanted), meant, "{wanted}");
        }
        assert_eq!(nearest(&LANGUAGES, &"en-".repeat(100)), None);
    }

    #[test]
    fn each_language_of_the_list_means_itself() {
        for language in LANGUAGES {
            assert_eq!(nearest(&LANGUAGES, language), Some(language));
            let enabled = ["en".to_owned(), language.to_owned()];
            assert_eq!(choose(&enabled, Some(language), ""), language);
            assert_eq!(choose(&enabled, None, &format!("{language}, en;q=0.5")), language);
        }
    }

    #[test]
    fn the_language_is_chosen_among_those_of_the_tenant() {
        let enabled: Vec<String> = ["en", "de", "pt-BR"].map(str::to_owned).into();
        assert_eq!(choose(&enabled, Some("de"), "pt"), "de");
        assert_eq!(choose(&enabled, Some("fr"), "pt-PT;q=0.5, it"), "pt-BR");
        assert_eq!(choose(&enabled, None, "it, de-AT;q=0.3, en;q=0.2"), "de");
        assert_eq!(choose(&enabled, None, ""), "en");
        assert_eq!(choose(&[], Some("de"), "de"), "en");
        // Another script is better than another language, and worse than one that the browser names.
        let enabled: Vec<String> = ["en", "zh-CN"].map(str::to_owned).into();
        assert_eq!(choose(&enabled, None, "zh-TW, en;q=0.5"), "en");
        assert_eq!(choose(&enabled, None, "zh-TW, it;q=0.5"), "zh-CN");
    }

    #[test]
    fn some_languages_are_written_from_right_to_left() {
        let from_right: Vec<&str> = LANGUAGES.into_iter().filter(|language| is_right_to_left(language)).collect();
        assert_eq!(from_right, ["ar", "ar-EG", "ar-SA", "fa", "he", "ur"]);
        assert!(is_right_to_left("ckb") && is_right_to_left("az-Arab") && !is_right_to_left("nonsense"));
    }
}
