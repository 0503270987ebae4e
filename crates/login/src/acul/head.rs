//! What a tenant puts into the head of a page: elements with templates in them, written so that none can be another element than it is.

use std::{collections::BTreeSet, fmt::Write as _};

use delivery::liquid;
use kernel::{Document, Value, change_texts};
use model::rendering::{HeadTag, origin_of};
use serde_json::json;

use super::known::{Known, metadata};
use crate::policy::hash;

/// Most elements of a head.
const MOST: usize = 60;

/// A head as it is written, and what a policy has to allow for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) html: String,
    /// Origins of scripts.
    pub(crate) scripts: BTreeSet<String>,
    /// All origins.
    pub(crate) origins: BTreeSet<String>,
    /// Where relative addresses lead.
    pub(crate) base: Option<String>,
    /// What stands in scripts, by its hash.
    pub(crate) hashes: Vec<String>,
    pub(crate) has_title: bool,
}

/// What templates in the head may name.
pub(crate) fn variables(known: &Known, language: &str) -> Document {
    let record = |record: Option<&kernel::Record>, field: &str| {
        record.map(|known| json!({"id": known.id, "name": known.text("name"), "metadata": metadata(known, field)}))
    };
    kernel::object(json!({
        "screen": {"name": known.screen},
        "prompt": {"name": known.prompt},
        "locale": language,
        "client": record(known.client.as_ref(), "client_metadata"),
        "organization": record(known.organization.as_ref(), "metadata"),
        "tenant": {"name": known.tenant, "friendly_name": known.settings.get("friendly_name")},
    }))
}

/// The head of a page. Templates may take a while: not for async threads.
pub(crate) fn head(tags: &[HeadTag], variables: &Document) -> Head {
    let (in_html, in_script) = (with(variables, &liquid::escaped), with(variables, &in_script));
    let mut head = Head::default();
    for tag in tags.iter().take(MOST) {
        let content_of = if tag.tag == "script" { &in_script } else { &in_html };
        let Some(tag) = filled(tag, variables, content_of) else { continue };
        // What the templates made of it is judged as what was written.
        if let Some(fault) = tag.fault() {
            tracing::debug!(%fault, "an element of a head is left out");
            continue;
        }
        head.take(&tag);
    }
    head
}

impl Head {
    fn take(&mut self, tag: &HeadTag) {
        let name = tag.tag.as_str();
        let attributes: Vec<(&str, Option<String>)> =
            tag.attributes().filter(|(name, _)| !name.eq_ignore_ascii_case("nonce")).collect();
        let value = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_deref())
        };
        let has = |wanted: &str| attributes.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let address = value("src").or_else(|| value("href"));
        let origin = address.and_then(origin_of);
        let runs = name == "script" || value("rel") == Some("modulepreload") || value("as") == Some("script");
        if name == "base" {
            self.base = self.base.take().or(origin);
        } else if let Some(origin) = origin {
            if runs {
                self.scripts.insert(origin.clone());
            }
            self.origins.insert(origin);
        }
        self.has_title |= name == "title";
        self.html.extend(["<", name]);
        for (name, value) in &attributes {
            self.html.extend([" ", name]);
            if let Some(value) = value {
                self.html.extend(["=\"", &liquid::escaped(value), "\""]);
            }
        }
        // Browsers compare what comes from elsewhere only where it may be read.
        if has("integrity") && address.is_some() && !has("crossorigin") {
            self.html.push_str(" crossorigin=\"anonymous\"");
        }
        self.html.push('>');
        if tag.is_empty() {
            self.html.push('\n');
            return;
        }
        let content = tag.content.as_deref().unwrap_or_default();
        if name == "script" && !content.is_empty() && !has("src") {
            self.hashes.push(hash(content));
        }
        self.html.extend([content, "</", name, ">\n"]);
    }
}

/// A tag with its templates filled in; `None` where one is none.
fn filled(tag: &HeadTag, in_attributes: &Document, in_content: &Document) -> Option<HeadTag> {
    let fill = |text: &str, variables: &Document| {
        if !text.contains("{{") && !text.contains("{%") {
            return Some(text.to_owned());
        }
        let rendered = liquid::render(text, variables);
        rendered.inspect_err(|error| tracing::debug!(%error, "an element of a head is left out")).ok()
    };
    let mut tag = tag.clone();
    if let Some(content) = &mut tag.content {
        *content = fill(content, in_content)?;
    }
    for value in tag.attributes.iter_mut().flat_map(Document::values_mut) {
        if let Value::String(text) = value {
            *text = fill(text, in_attributes)?;
        }
    }
    Some(tag)
}

/// The variables with all their texts changed.
fn with(variables: &Document, change: &dyn Fn(&str) -> String) -> Document {
    let mut changed = variables.clone();
    changed.values_mut().for_each(|value| change_texts(value, change));
    changed
}

/// A text as it can stand within the quotes of a script.
fn in_script(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '"' | '\'' | '`' | '$' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
            || letter.is_control()
        {
            // Writing to a text does not fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(letter));
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    fn of(tags: Value) -> Head {
        let tags: Vec<HeadTag> = serde_json::from_value(tags).unwrap();
        let client = json!({"id": "c1", "name": "</script>\"Shop'", "metadata": {"release": "1.2", "host": "javascript:alert(1)//"}});
        head(&tags, &object(json!({"screen": {"name": "login-id"}, "client": client})))
    }

    #[test]
    fn elements_are_written_with_their_attributes() {
        let head = of(json!([
            {"tag": "script", "attributes": {
                "src": "https://cdn.example.com/{{client.metadata.release}}/{{screen.name}}.js",
                "type": "module", "async": true, "defer": false, "integrity": ["sha512-a", "sha256-b"],
            }},
            {"tag": "link", "attributes": {"rel": "stylesheet", "href": "http://localhost:5173/a.css"}},
            {"tag": "base", "attributes": {"href": "https://base.example.com/x/"}},
            {"tag": "title", "content": "{{ client.name }}"},
        ]));
        let lines: Vec<&str> = head.html.lines().collect();
        assert_eq!(
            lines,
            [
                "<script src=\"https://cdn.example.com/1.2/login-id.js\" type=\"module\" async \
                 integrity=\"sha512-a sha256-b\" crossorigin=\"anonymous\"></script>",
                "<link rel=\"stylesheet\" href=\"http://localhost:5173/a.css\">",
                "<base href=\"https://base.example.com/x/\">",
                "<title>&lt;/script&gt;&#34;Shop&#39;</title>",
            ]
        );
        assert_eq!(head.scripts, BTreeSet::from(["https://cdn.example.com".to_owned()]));
        assert_eq!(head.origins.iter().collect::<Vec<_>>(), ["http://localhost:5173", "https://cdn.example.com"]);
        assert_eq!((head.base.as_deref(), head.has_title), (Some("https://base.example.com"), true));
    }

    #[test]
    fn no_value_is_more_than_a_value() {
        let head = of(json!([
            {"tag": "script", "content": "go(\"{{ client.name }}\")"},
            {"tag": "meta", "attributes": {"name": "a", "content": "\"><script>x</script> {{ client.name }}"}},
            {"tag": "script", "attributes": {"src": "{{ client.metadata.host }}"}},
            {"tag": "script", "content": "{% if %}"},
            {"tag": "script", "content": "{{ 'b' }}", "attributes": {"nonce": "n", "onerror": "x"}},
        ]));
        let script = "go(\"\\u003c/script\\u003e\\u0022Shop\\u0027\")";
        assert_eq!(head.hashes, [hash(script)]);
        assert_eq!(
            head.html,
            format!(
                "<script>{script}</script>\n<meta name=\"a\" content=\"&#34;&gt;&lt;script&gt;x&lt;/script&gt; \
                 &lt;/script&gt;&#34;Shop&#39;\">\n"
            )
        );
    }
}
