//! What a caller's program says of itself, as tenant logs keep it: `Chrome 107.0.0 / Windows 10.0.0` of a browser, name and
//! version of a library (reference: logs §1).

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

use crate::Document;

/// Longest `Auth0-Client` header that is read, in bytes.
const LONGEST_HEADER: usize = 2_048;
/// Most members of an object in it, and most characters of a text.
const MOST_MEMBERS: usize = 16;
const LONGEST_TEXT: usize = 128;

/// The `Auth0-Client` header, decoded: name and version of the library, and what they run in (`env`). `None` for a header
/// that is something else or too long.
pub fn library(header: &str) -> Option<Document> {
    if header.len() > LONGEST_HEADER {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(header.trim_end_matches('=')).or_else(|_| STANDARD.decode(header)).ok()?;
    let sent: Document = serde_json::from_slice(&bytes).ok()?;
    let cut = |value: Value| match value {
        Value::String(text) => Some(text.chars().take(LONGEST_TEXT).collect::<String>().into()),
        Value::Number(_) | Value::Bool(_) => Some(value),
        _ => None,
    };
    let members = |sent: Document| -> Document {
        let members = sent.into_iter().take(MOST_MEMBERS);
        members.filter_map(|(name, value)| Some((name.chars().take(LONGEST_TEXT).collect(), cut(value)?))).collect()
    };
    let mut library = Document::new();
    for (name, value) in sent.into_iter().take(MOST_MEMBERS) {
        match value {
            Value::Object(inner) if name == "env" => drop(library.insert(name, members(inner).into())),
            other => library.extend(members(Document::from_iter([(name, other)]))),
        }
    }
    (!library.is_empty()).then_some(library)
}

/// What tells a browser: a mark that is followed by its version, and the name that the log writes. The first mark
/// found counts, since browsers also carry the marks of those that they descend from.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge Mobile"),
    ("EdgiOS/", "Edge Mobile"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("CriOS/", "Chrome Mobile iOS"),
    ("FxiOS/", "Firefox iOS"),
    ("HeadlessChrome/", "HeadlessChrome"),
    ("Chrome/", "Chrome"),
    ("Firefox/", "Firefox"),
    ("Version/", "Safari"),
];

/// What tells an operating system, as in [`BROWSERS`].
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows NT ", "Windows"),
    ("iPhone OS ", "iOS"),
    ("CPU OS ", "iOS"),
    ("Mac OS X ", "Mac OS X"),
    ("Android ", "Android"),
    ("CrOS ", "Chrome OS"),
    ("Linux", "Linux"),
];

/// The short form of a `User-Agent`. Programs other than browsers are `Other 0.0.0 / Other 0.0.0`.
pub fn summary(user_agent: &str) -> String {
    let is_browser = user_agent.starts_with("Mozilla/");
    let found = |table: &[(&str, &str)]| {
        let row = table.iter().find(|(mark, _)| is_browser && user_agent.contains(mark));
        row.map_or_else(
            || "Other 0.0.0".to_owned(),
            |(mark, name)| format!("{name} {}", version_after(user_agent, mark)),
        )
    };
    format!("{} / {}", found(&BROWSERS), found(&SYSTEMS))
}

/// Whether the browser runs on a telephone or tablet.
pub fn is_mobile(user_agent: &str) -> bool {
    ["Mobile", "Android", "iPhone", "iPad"].iter().any(|mark| user_agent.contains(mark))
}

/// The three first parts of the version that follows `mark`.
fn version_after(user_agent: &str, mark: &str) -> String {
    let rest = user_agent.split_once(mark).map_or("", |(_, rest)| rest);
    let end =
        rest.find(|character: char| !character.is_ascii_digit() && !"._".contains(character)).unwrap_or(rest.len());
    let mut parts = rest[..end].split(['.', '_']).filter(|part| !part.is_empty());
    let mut part = || parts.next().unwrap_or("0");
    format!("{}.{}.{}", part(), part(), part())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;
    use serde_json::json;

    #[test]
    fn a_library_tells_its_name_and_its_version_and_not_much_more() {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let sent = json!({"name": "auth0.js", "version": "9.1", "env": {"node": "22", "deep": {}}});
        let shown = json!({"name": "auth0.js", "version": "9.1", "env": {"node": "22"}});
        assert_eq!(library(&encoded(&sent)), Some(object(shown.clone())));
        assert_eq!(library(&STANDARD.encode(sent.to_string())), Some(object(shown)));
        let long = library(&encoded(&json!({"name": "x".repeat(1_000), "deep": {"a": [1]}}))).unwrap();
        assert_eq!(Value::Object(long), json!({"name": "x".repeat(LONGEST_TEXT)}));
        for nothing in ["", "???", &encoded(&json!([])), &encoded(&json!({})), &"A".repeat(3_000)] {
            assert_eq!(library(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn browsers_are_named_with_their_system() {
        let cases = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36",
                "Chrome 107.0.0 / Windows 10.0.0",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Safari/605.1.15",
                "Safari 16.1.0 / Mac OS X 10.15.7",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", "Firefox 115.0.0 / Linux 0.0.0"),
            ("Mozilla/5.0 (compatible)", "Other 0.0.0 / Other 0.0.0"),
            ("Go-Auth0/1.0", "Other 0.0.0 / Other 0.0.0"),
            ("", "Other 0.0.0 / Other 0.0.0"),
        ];
        for (user_agent, expected) in cases {
            assert_eq!(summary(user_agent), expected);
        }
    }
}
