//! Texts of forms: expressions in them are evaluated and escaped for where they stand, and HTML keeps what cannot do harm.

use std::collections::HashSet;

use ammonia::Builder;
use delivery::liquid::escaped;
use flows::{
    Scope,
    expressions::Evaluator,
    journey::{Form, Journey, Known},
};
use kernel::Value;

/// What texts of a form are made with.
pub(crate) struct Written<'a> {
    known: &'a Known<'a>,
    scope: Scope,
}

impl<'a> Written<'a> {
    pub(crate) fn of(known: &'a Known<'a>, journey: &Journey, form: &Form) -> Self {
        Self { known, scope: known.scope(journey, form) }
    }

    /// With one more name that expressions know.
    pub(super) fn with(&self, name: &str, value: impl Into<Value>) -> Self {
        let mut scope = self.scope.clone();
        scope.extra.insert(name.to_owned(), value.into());
        Self { known: self.known, scope }
    }

    /// A plain text, to be escaped by whoever shows it.
    pub(crate) fn text(&self, text: &str) -> String {
        Evaluator::new(&self.scope, self.known.of).text(text).unwrap_or_default()
    }

    /// A value with its expressions evaluated; null where there is none.
    pub(crate) fn value(&self, value: &Value) -> Value {
        let resolved = Evaluator::new(&self.scope, self.known.of).resolve(value).ok();
        resolved.and_then(|resolved| resolved.value).unwrap_or_default()
    }

    /// HTML of the tenant around values of anybody, which are text.
    pub(crate) fn html(&self, html: &str) -> String {
        let evaluator = Evaluator::new(&self.scope, self.known.of);
        sanitized(&evaluator.written(html, escaped).unwrap_or_default())
    }
}

/// HTML without what runs, sends, frames, or looks like the pages themselves.
fn sanitized(html: &str) -> String {
    let mut builder = Builder::default();
    builder
        .add_tags(["section", "u", "figure", "figcaption", "small"])
        .add_generic_attributes(["class", "lang", "dir"])
        .add_tag_attributes("a", ["target"])
        .url_schemes(HashSet::from(["https", "http", "mailto", "tel", "data"]))
        .attribute_filter(|element, attribute, value| {
            // Pictures may be within the page; nothing else may come out of an address.
            let is_data = value.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
            (!is_data || (element, attribute) == ("img", "src")).then(|| value.into())
        })
        .link_rel(Some("noopener noreferrer"));
    builder.clean(html).to_string()
}

/// The origins of pictures in HTML of this page.
pub(super) fn pictures(html: &str) -> impl Iterator<Item = &str> {
    html.split("<img").skip(1).filter_map(|tag| {
        let tag = tag.split('>').next()?;
        tag.split("src=\"").nth(1)?.split('"').next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_keeps_what_does_no_harm() {
        for (html, expected) in [
            ("<h2 class=\"a\">Hi <b>you</b></h2>", "<h2 class=\"a\">Hi <b>you</b></h2>"),
            ("<script>alert(1)</script><p onclick=\"x()\">a</p>", "<p>a</p>"),
            ("<a href=\"javascript:alert(1)\">a</a>", "<a rel=\"noopener noreferrer\">a</a>"),
            ("<a href=\" DATA:text/html,x\">a</a>", "<a rel=\"noopener noreferrer\">a</a>"),
            ("<iframe src=\"https://a.example\"></iframe><form action=\"/x\"><input name=\"state\"></form>", ""),
            ("<style>*{display:none}</style><b style=\"position:fixed\">b</b>", "<b>b</b>"),
            (
                "<img src=\"https://a.example/b.png\" alt=\"\" onerror=\"x()\">",
                "<img src=\"https://a.example/b.png\" alt=\"\">",
            ),
            ("</form></div><p>a", "<p>a</p>"),
        ] {
            assert_eq!(sanitized(html), expected, "{html}");
        }
        let found: Vec<&str> = pictures("<p></p><img alt=\"a\" src=\"https://a.example/b.png\"><img>").collect();
        assert_eq!(found, ["https://a.example/b.png"]);
    }
}
