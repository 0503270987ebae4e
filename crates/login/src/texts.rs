//! Texts of the pages: our own catalogues, over which a tenant's custom texts lie key by key.

mod catalogue;
mod links;

use std::borrow::Cow;

use kernel::{Document, Value};
use model::{
    languages,
    screens::{self, Screen},
};

use catalogue::{ANY, Catalogue, Entry};

/// The texts of one screen in one language.
#[derive(Clone)]
pub struct Texts {
    catalogue: &'static Catalogue,
    screen: &'static str,
    /// The tenant's own texts of the screen.
    custom: Document,
    variables: Vec<(&'static str, String)>,
    /// Whether values are kept apart from the words around them: most are written from left to right.
    isolates: bool,
}

impl Texts {
    /// The texts of a screen. `custom` is what the tenant wrote for its prompt in this language.
    pub fn new(language: &str, screen: &'static str, custom: Option<&Document>) -> Self {
        let own = custom.and_then(|custom| custom.get(screen)).and_then(Value::as_object);
        let custom = own.cloned().unwrap_or_default();
        let isolates = languages::is_right_to_left(language);
        Self { catalogue: catalogue::of(language), screen, custom, variables: Vec::new(), isolates }
    }

    /// Fills `${name}` with a value.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| *known != name);
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

    /// All texts of the screen, also those that no page of ours shows: ours, and the tenant's over them.
    pub fn all(&self) -> Document {
        let documented = Screen::named(self.screen).into_iter().flat_map(|screen| screen.texts().iter().copied());
        let custom = self.custom.keys().map(String::as_str);
        let mut keys: Vec<&str> = documented.chain(self.catalogue.keys(self.screen)).chain(custom).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter_map(|key| Some((key.to_owned(), self.find(key)?.into()))).collect()
    }

    /// The texts that the tenant named itself (`var-…`), as HTML, by the name that its templates know.
    pub fn named(&self) -> Document {
        let named = self.custom.iter().filter(|(key, _)| screens::is_own_text(key));
        named
            .filter_map(|(key, text)| {
                Some((links::name(key), links::html(text.as_str()?, |part| self.fill(part)).into()))
            })
            .collect()
    }

    /// A text of ours that no tenant can change, from a section of its own.
    pub(crate) fn own(&self, section: &str, key: &str) -> String {
        let entry = self.catalogue.entry(section, key);
        entry.map(|entry| self.fill(self.form(entry))).unwrap_or_default()
    }

    /// A list of which one may be taken, as the language has it.
    pub(crate) fn alternatives(&self, items: &[String]) -> String {
        self.catalogue.alternatives(items)
    }

    /// Whether our words are the English ones, also for want of others.
    pub(crate) fn is_english(&self) -> bool {
        self.catalogue.language == languages::DEFAULT
    }

    /// Whether a text of ours is the screen's alone.
    pub(crate) fn is_own(&self, key: &str) -> bool {
        self.catalogue.entry(self.screen, key).is_some()
    }

    fn raw(&self, key: &str) -> Option<Cow<'_, str>> {
        // Nothing in place of an explanation is a page without it; nothing in place of a name would be a button without one.
        let is_shown = |text: &&str| !text.trim().is_empty() || key.to_ascii_lowercase().contains("description");
        if let Some(custom) = self.custom.get(key).and_then(Value::as_str).filter(is_shown) {
            return Some(custom.into());
        }
        let of = |section: &str| self.catalogue.entry(section, key).map(|entry| Cow::from(self.form(entry)));
        of(self.screen).or_else(|| of(ANY))
    }

    /// The form of a text for the count that it names.
    fn form<'e>(&self, entry: &'e Entry) -> &'e str {
        self.catalogue.form(entry, |name| self.value(name).and_then(|count| count.parse().ok()).unwrap_or_default())
    }

    /// What a variable stands for: the value that was given last.
    fn value(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// What is written in place of a variable.
    fn value_in(&self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        let is_plain = !self.isolates || value.bytes().all(|byte| byte.is_ascii_digit());
        Some(if is_plain { value.to_owned() } else { format!("\u{2068}{value}\u{2069}") })
    }

    fn fill(&self, text: &str) -> String {
        // A text may name another one of its screen, whose words then name none.
        let other = |name: &str| self.raw(name).map(|other| fill(&other, |name, _| self.value_in(name)));
        fill(text, |name, sign| self.value_in(name).or_else(|| if sign == '$' { other(name) } else { None }))
    }
}

/// Replaces each `${name}` and `#{name}` that is known; what is not known stays. A value is never read as a text.
fn fill(text: &str, value: impl Fn(&str, char) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '#']) {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let sign = if rest.starts_with('$') { '$' } else { '#' };
        let name = rest[1..].strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
        let known = name.and_then(|name| Some((name.len() + 3, value(name.trim(), sign)?)));
        let length = known.as_ref().map_or(1, |(length, _)| *length);
        filled.push_str(known.as_ref().map_or(&rest[..1], |(_, value)| value));
        rest = &rest[length..];
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    fn custom() -> Document {
        object(json!({"login": {"title": "Hi ${clientName}", "no-password": "Which?"}}))
    }

    /// The login page of a tenant that wrote these texts for it.
    fn login(texts: &Value) -> Texts {
        Texts::new("en", "login", Some(&object(json!({"login": texts})))).with("clientName", "Shop")
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
        let texts = login(&json!({"title": "a ${b} $c ${d #{clientName} ü#"}));
        assert_eq!(texts.get("title"), "a ${b} $c ${d Shop ü#");
    }

    #[test]
    fn a_text_may_name_another_one_of_its_screen_once() {
        let texts = login(&json!({
            "title": "${footerText} ${title} #{title}",
            "footerText": "New at ${clientName}? ${buttonText}",
        }));
        let expected = "New at Shop? ${buttonText} ${footerText} ${title} #{title} #{title}";
        assert_eq!(texts.get("title"), expected);
    }

    #[test]
    fn nothing_stands_only_for_an_explanation() {
        let texts = login(&json!({"title": " ", "buttonText": "", "description": "", "no-password": ""}));
        assert_eq!((texts.get("title"), texts.get("buttonText")), ("Welcome".to_owned(), "Continue".to_owned()));
        assert_eq!(
            (texts.get("description"), texts.get("no-password")),
            (String::new(), "Password is required".to_owned())
        );
    }

    #[test]
    fn all_texts_of_a_screen_are_those_that_are_documented_and_the_tenants() {
        let all = login(&json!({"title": "Hi", "var-note": "Note", "flag": true})).all();
        assert_eq!((&all["title"], &all["var-note"]), (&json!("Hi"), &json!("Note")));
        assert_eq!(all["pageTitle"], "Log in | Shop");
        assert_eq!(
            (&all["wrong-email-credentials"], &all["signupActionLinkText"]),
            (&json!("Wrong email or password"), &json!("Sign up"))
        );
        assert_eq!(all.get("password-mismatch"), None);
        assert_eq!(all.get("flag"), None);
    }

    #[test]
    fn texts_of_own_names_are_html() {
        let texts = login(&json!({"var-terms": "${clientName} [terms](https://example.com/) <b>", "title": "x"}));
        let expected = json!({"varTerms": "Shop <a href=\"https://example.com/\">terms</a> &lt;b&gt;"});
        assert_eq!(Value::from(texts.named()), expected);
    }

    #[test]
    fn values_do_not_turn_the_words_around_them() {
        let sent = |language: &str| {
            Texts::new(language, "phone-identifier-challenge", None).with("phone", "+49 1").get("smsDescription")
        };
        assert!(sent("ar").ends_with("\u{2068}+49 1\u{2069}") && sent("en").ends_with(" +49 1"));
        let rule = Texts::new("ar", "signup", None).with("min", "8").own("rules", "length");
        assert!(rule.starts_with("8 "), "{rule}");
    }

    #[test]
    fn a_count_decides_on_the_form() {
        let minimum =
            |count: &str| Texts::new("en", "signup", None).with("min", count).get("invalid-username-min-length");
        assert_eq!(minimum("1"), "Username must have at least 1 character");
        assert_eq!(minimum("3"), "Username must have at least 3 characters");
    }
}
