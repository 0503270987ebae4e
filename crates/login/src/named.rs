//! What a tenant's own HTML names: the origins that its pages may fetch from, and the scripts and styles that stand in it.

use std::collections::BTreeSet;

use kernel::{host_name, is_loopback_name};
use url::Url;

use crate::policy::hash;

/// Origins that one page may name: policies are headers, and headers have bounds.
const MOST: usize = 40;
/// Elements that may run, or change the looks of, a page.
const NONCED: [&str; 3] = ["script", "style", "link"];

/// What the texts of a page name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Named {
    /// Origins of scripts.
    pub(crate) scripts: BTreeSet<String>,
    /// All origins.
    pub(crate) all: BTreeSet<String>,
    /// Origins of pictures alone, which values may name.
    pub(crate) pictures: BTreeSet<String>,
    /// Hashes of what attributes such as `onclick` do.
    pub(crate) handlers: BTreeSet<String>,
}

impl Named {
    /// Takes what a text of the tenant names.
    pub(crate) fn take(&mut self, text: &str) {
        add(&mut self.all, text);
        for script in elements(text, "script") {
            let end = find(script, "</script").unwrap_or(script.len());
            add(&mut self.scripts, &script[..end]);
        }
        for handler in handlers(text).take(MOST) {
            self.handlers.insert(hash(handler));
        }
    }

    /// Takes the pictures of a page as it is shown: values of settings may name them, too.
    pub(crate) fn take_pictures(&mut self, html: &str) {
        for element in ["img", "source"] {
            for tag in elements(html, element) {
                add(&mut self.pictures, tag.split('>').next().unwrap_or_default());
            }
        }
    }
}

/// Marks the scripts and styles that stand in a text as the tenant's own.
pub(crate) fn with_nonce(text: &str, nonce: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let name = &rest[at + 1..];
        let found = NONCED.iter().find(|element| is_element(name, element));
        let end = at + 1 + found.map_or(0, |element| element.len());
        marked.push_str(&rest[..end]);
        if found.is_some() {
            // Without quotes, so that it fits into the texts of Liquid's tags.
            marked.extend([" nonce=", nonce]);
        }
        rest = &rest[end..];
    }
    marked + rest
}

/// Whether a text that follows `<` begins an element of this name.
fn is_element(text: &str, name: &str) -> bool {
    let begins = text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    begins && text[name.len()..].starts_with(|next: char| next.is_ascii_whitespace() || matches!(next, '>' | '/'))
}

/// The text after each beginning of an element.
fn elements<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices('<').map(|(at, _)| &text[at + 1..]).filter(move |rest| is_element(rest, name))
}

/// What the attributes of events do, where that stands in the text as it is.
fn handlers(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(" on").filter_map(|(at, _)| {
        let (name, value) = text[at + 3..].split_once('=')?;
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let name = name.trim_end();
        let is_event = !name.is_empty() && name.len() < 32 && name.bytes().all(|byte| byte.is_ascii_lowercase());
        let value = value[1..].split(quote).next()?;
        (is_event && !value.contains("{{") && !value.contains("{%")).then_some(value)
    })
}

fn find(text: &str, part: &str) -> Option<usize> {
    text.match_indices('<')
        .map(|(at, _)| at)
        .find(|at| text.get(*at..*at + part.len()).is_some_and(|found| found.eq_ignore_ascii_case(part)))
}

/// Adds the origins that stand in a text: by https, or of programs on the developer's own machine.
fn add(origins: &mut BTreeSet<String>, text: &str) {
    for (at, _) in text.match_indices("//") {
        if origins.len() >= MOST {
            return;
        }
        let before = &text[..at];
        let scheme = ["https:", "http:"].into_iter().find(|scheme| {
            let start = before.len().checked_sub(scheme.len());
            start.and_then(|start| before.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(scheme))
        });
        // An address without a scheme stands in quotes or brackets.
        let is_address = scheme.is_some() || before.ends_with(['"', '\'', '(', '=']);
        let is_host = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':' | '[' | ']');
        let host = &text[at + 2..];
        let end = host.find(|letter| !is_host(letter)).unwrap_or(host.len());
        // A name that Liquid or a script would go on with is not known here.
        let goes_on = host[end..].starts_with(['{', '$', '+', '%', '@', '_', '*']);
        let host = host[..end].trim_end_matches([':', '.']);
        if is_address && !goes_on && !host.is_empty() {
            origins.extend(origin(scheme.unwrap_or("https:"), host));
        }
    }
}

fn origin(scheme: &str, host: &str) -> Option<String> {
    let address = Url::parse(&format!("{scheme}//{host}")).ok()?;
    let is_secure = address.scheme() == "https" || is_loopback_name(&host_name(host));
    let origin = address.origin();
    let is_name = host.contains('.') || is_loopback_name(&host_name(host));
    (is_secure && is_name && origin.is_tuple()).then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        let mut named = Named::default();
        named.take(text);
        named
    }

    fn list(origins: &BTreeSet<String>) -> Vec<&str> {
        origins.iter().map(String::as_str).collect()
    }

    #[test]
    fn origins_that_stand_in_a_text_are_named() {
        let named = named(
            "<link href=\"https://fonts.example.com/css?x\"><img src=//cdn.example.com/a.png>\
             <SCRIPT src='https://js.example.com:8443/a.js'></SCRIPT><p>http://plain.example.com // not one \
             https://{{ host }}/x https://{{ a }}.example.com https://a{{ b }}.example.com\
             <script>fetch(\"http://localhost:3000/x\")</script><style>a{background:url(//bg.example.com/a)}</style>",
        );
        assert_eq!(
            list(&named.all),
            [
                "http://localhost:3000",
                "https://bg.example.com",
                "https://cdn.example.com",
                "https://fonts.example.com",
                "https://js.example.com:8443"
            ]
        );
        assert_eq!(list(&named.scripts), ["http://localhost:3000", "https://js.example.com:8443"]);
    }

    #[test]
    fn no_text_can_say_more_than_origins() {
        let hostile = named(
            "<img src=\"https://a.example; script-src *\"> https://*.example 'https://x.example' *\" //'unsafe-inline'",
        );
        assert_eq!(list(&hostile.all), ["https://a.example", "https://x.example"]);
        let many: Vec<String> = (0..500).map(|number| format!("https://h{number}.example.com ")).collect();
        assert_eq!(named(&many.concat()).all.len(), MOST);
    }

    #[test]
    fn what_stands_in_a_text_is_marked() {
        let text = "<Script>a</Script><style >b</style><link/><styles><p>{% if a contains \"<script>\" %}<";
        assert_eq!(
            with_nonce(text, "N"),
            "<Script nonce=N>a</Script><style nonce=N >b</style><link nonce=N/><styles><p>\
             {% if a contains \"<script nonce=N>\" %}<"
        );
    }

    #[test]
    fn what_an_attribute_does_is_known_by_its_hash() {
        let named = named("<a onclick=\"go()\" on=\"x\"><b onload='{{ user.name }}'>");
        assert_eq!(list(&named.handlers), [hash("go()")]);
    }
}
