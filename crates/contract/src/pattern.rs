//! Patterns of strings: ECMAScript regular expressions, compiled when first used.

use std::{collections::HashSet, sync::OnceLock};

use fancy_regex::Regex;

/// A `pattern` of the contract.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// The expression as the contract writes it, for messages.
    pub(crate) source: String,
    matcher: OnceLock<Matcher>,
}

#[derive(Debug)]
enum Matcher {
    /// `^((a)|(b))(,((a)|(b)))*$`: names joined by commas. Looking them up is faster than the huge expression.
    Names(HashSet<String>),
    Expression(Regex),
    /// Not an expression that can be compiled; a test makes sure that the contract has none.
    Broken,
}

impl Pattern {
    pub(crate) fn new(source: &str) -> Pattern {
        Pattern { source: source.to_owned(), matcher: OnceLock::new() }
    }

    /// Whether the text matches. A text on which matching takes too long does not.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self.matcher() {
            Matcher::Names(names) => text.split(',').all(|name| names.contains(name)),
            Matcher::Expression(regex) => regex.is_match(text).unwrap_or(false),
            Matcher::Broken => false,
        }
    }

    #[cfg(test)]
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.matcher(), Matcher::Broken)
    }

    fn matcher(&self) -> &Matcher {
        self.matcher.get_or_init(|| {
            names_joined_by_commas(&self.source).map_or_else(
                || Regex::new(&translated(&self.source)).map_or(Matcher::Broken, Matcher::Expression),
                Matcher::Names,
            )
        })
    }
}

fn names_joined_by_commas(source: &str) -> Option<HashSet<String>> {
    let (names, _) = source.strip_prefix("^(")?.split_once(")(,(")?;
    if source != format!("^({names})(,({names}))*$") {
        return None;
    }
    names
        .split('|')
        .map(|name| name.strip_prefix('(')?.strip_suffix(')'))
        .map(|name| name.filter(|name| name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')))
        .map(|name| name.map(str::to_owned))
        .collect()
}

/// ECMAScript's syntax in ours: `\d` and `\w` are ASCII there, and a class takes `[`, `&` and a stray `-` literally.
fn translated(source: &str) -> String {
    let mut result = String::with_capacity(source.len() + 16);
    let mut in_class = false;
    let mut after_set = false;
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        let follows_set = std::mem::take(&mut after_set);
        match character {
            '\\' => {
                let escaped = characters.next().unwrap_or('\\');
                let set = match escaped {
                    'd' => Some("0-9"),
                    'w' => Some("A-Za-z0-9_"),
                    _ => None,
                };
                match set {
                    Some(set) if in_class => {
                        result.push_str(set);
                        after_set = true;
                    }
                    Some(set) => result.extend(["[", set, "]"]),
                    None if escaped == '/' => result.push('/'),
                    None => result.extend(['\\', escaped]),
                }
            }
            '[' if !in_class => {
                in_class = true;
                result.push('[');
            }
            ']' if in_class => {
                in_class = false;
                result.push(']');
            }
            '-' if follows_set => result.push_str("\\-"),
            '[' | '&' | '~' if in_class => result.extend(['\\', character]),
            _ => result.push(character),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_joined_by_commas_are_looked_up() {
        let pattern = Pattern::new("^((name)|(app_type))(,((name)|(app_type)))*$");
        assert!(matches!(pattern.matcher(), Matcher::Names(_)));
        assert!(pattern.matches("name,app_type") && pattern.matches("name"));
        assert!(!pattern.matches("name,") && !pattern.matches("") && !pattern.matches("name, app_type"));
    }

    #[test]
    fn ecmascript_classes_keep_their_meaning() {
        assert!(Pattern::new(r"^[\w-\.~\d&]+$").matches("a-.~1&"));
        assert!(!Pattern::new(r"^\d+$").matches("١"));
        assert!(Pattern::new(r"^https:\/\/.*").matches("https://x"));
        assert!(Pattern::new(r"^(?!org_)[a-z0-9]([a-z0-9-_]*[a-z0-9])?$").matches("an-org"));
        assert!(!Pattern::new(r"^(?!org_)[a-z0-9]([a-z0-9-_]*[a-z0-9])?$").matches("org_1"));
        assert!(Pattern::new(r"^[[a]+$").matches("[a"));
    }
}
