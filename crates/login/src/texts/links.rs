//! Texts of a tenant's own names (`var-…`), which its templates show: links in Markdown become links, all else is text.

use delivery::liquid::escaped;

/// The name of such a text in templates: `var-my-text` is `varMyText`.
pub(super) fn name(key: &str) -> String {
    let mut parts = key.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let mut letters = part.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &capital.into_iter().chain(letters).collect::<String>()
    })
}

/// A text as HTML. `fill` fills the variables of a part of it: what they say is text, never a link.
pub(super) fn html(text: &str, fill: impl Fn(&str) -> String) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(link) = next(rest) {
        html.push_str(&escaped(&fill(link.before)));
        // Marks of direction are no part of an address.
        let address = fill(link.address).replace(['\u{2068}', '\u{2069}'], "");
        let [label, address] = [escaped(&fill(link.label)), escaped(&address)];
        html.extend(["<a href=\"", &address, "\">", &label, "</a>"]);
        rest = link.after;
    }
    html + &escaped(&fill(rest))
}

/// A link within a text, and what is around it.
struct Link<'t> {
    before: &'t str,
    label: &'t str,
    address: &'t str,
    after: &'t str,
}

/// The first link of a text that leads to a page or a mail.
fn next(text: &str) -> Option<Link<'_>> {
    let places = text.match_indices("](").take(20).map(|(place, _)| place);
    places.into_iter().find_map(|middle| {
        let start = text[..middle].rfind('[')?;
        let (address, after) = text[middle + 2..].split_once(')')?;
        let leads = ["https://", "http://", "mailto:"].iter().any(|scheme| address.starts_with(scheme));
        let is_one = leads && !address.contains(|letter: char| letter.is_whitespace() || letter.is_control());
        is_one.then(|| Link { before: &text[..start], label: &text[start + 1..middle], address, after })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_links_and_all_else_is_text() {
        let html = |text: &str| html(text, |part| part.replace("${userName}", "<i>[x](https://evil.example)"));
        assert_eq!(
            html("By going on you accept [our <terms>](https://example.com/t?a=1&b=2) & more."),
            "By going on you accept <a href=\"https://example.com/t?a=1&amp;b=2\">our &lt;terms&gt;</a> &amp; more."
        );
        assert_eq!(html("[a](javascript:alert(1))"), "[a](javascript:alert(1))");
        assert_eq!(html("${userName}"), "&lt;i&gt;[x](https://evil.example)");
        assert_eq!(html("[a](https://x.y \"onclick=1)"), "[a](https://x.y &#34;onclick=1)");
        assert_eq!(html("[a](https://x.y\"onclick=1)"), "<a href=\"https://x.y&#34;onclick=1\">a</a>");
        assert_eq!(html("[a] [b](mailto:b@c.de)[c"), "[a] <a href=\"mailto:b@c.de\">b</a>[c");
    }

    #[test]
    fn a_name_is_in_camel_case() {
        assert_eq!(name("var-terms-of-use"), "varTermsOfUse");
        assert_eq!(name("var-x"), "varX");
    }
}
