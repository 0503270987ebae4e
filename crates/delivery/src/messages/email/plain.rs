//! The text part of an e-mail whose tenant has written HTML alone.

use crate::liquid;

/// Elements whose content is not read.
const SILENT: [&str; 4] = ["head", "style", "script", "title"];
/// Elements that begin or end a line.
const LINES: [&str; 14] =
    ["br", "p", "div", "tr", "table", "h1", "h2", "h3", "h4", "li", "ul", "ol", "hr", "blockquote"];

/// What a person reads in HTML, with the addresses of its links.
pub(super) fn text_of(html: &str) -> String {
    let (mut text, mut link, mut rest) = (String::new(), None::<(String, usize)>, html);
    while let Some((before, after)) = rest.split_once('<') {
        push(&mut text, before);
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        rest = after;
        if tag.starts_with("!--") {
            if !tag.ends_with("--") {
                rest = rest.split_once("-->").map_or("", |(_, after)| after);
            }
            continue;
        }
        let is_end = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        if SILENT.contains(&name.as_str()) && !is_end {
            let end = format!("</{name}");
            let lower = rest.to_ascii_lowercase();
            rest = lower.find(&end).map_or("", |start| &rest[start..]);
        } else if LINES.contains(&name.as_str()) {
            text.push('\n');
        } else if name == "a" {
            if is_end {
                if let Some((address, start)) = link.take()
                    && text.get(start..).is_some_and(|shown| !shown.contains(&address))
                {
                    text.extend([" (", &address, ")"]);
                }
            } else {
                link = attribute(tag, "href").map(|address| (address, text.len()));
            }
        }
    }
    push(&mut text, rest);
    tidy(&text)
}

/// Adds what stands between tags; line ends there are blanks.
fn push(text: &mut String, part: &str) {
    let part = liquid::unescaped(part).replace("&nbsp;", " ");
    let mut words = part.split_whitespace().peekable();
    if part.starts_with(char::is_whitespace) && words.peek().is_some() {
        text.push(' ');
    }
    while let Some(word) = words.next() {
        text.push_str(word);
        if words.peek().is_some() || part.ends_with(char::is_whitespace) {
            text.push(' ');
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let start = lower.find(&format!("{name}="))? + name.len() + 1;
    let value = &tag[start..];
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    Some(liquid::unescaped(value).into_owned())
}

/// Without blanks at the ends of lines, and with one empty line where there are several.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 && !(tidy.is_empty() && line.is_empty()) {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn a_person_reads_what_is_shown() {
        let html = "<html><head><title>x</title><style>p{}</style></head><body><p>Hello <b>Ann</b> &amp; Bob,</p>\n\n\
                    <p>see\n <a href=\"https://a.example/?x=1&amp;y=2\">this page</a>.</p><!-- no <b> --><br>Bye</body></html>";
        assert_eq!(text_of(html), "Hello Ann & Bob,\n\nsee this page (https://a.example/?x=1&y=2).\n\nBye");
        assert_eq!(text_of("<a href='https://a.example/'>https://a.example/</a>"), "https://a.example/");
        assert_eq!(text_of("1 < 2 and <"), "1");
        assert_eq!(text_of("<b>ann@example.com</b>"), "ann@example.com");
    }
}
