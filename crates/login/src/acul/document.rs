//! The document of a page that a tenant's own scripts draw: almost empty, with the context that they draw it from.

use delivery::liquid;
use kernel::{Value, script_literal};
use model::languages;

use super::head::Head;
use crate::{
    load::Setting,
    named::Named,
    policy::{self, hash},
};

/// A document's parts.
pub(crate) struct Parts<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) language: &'a str,
    /// The host that the page is on.
    pub(crate) host: &'a str,
    pub(crate) title: &'a str,
    /// Whether the head has what our pages have there.
    pub(crate) has_default_head: bool,
    pub(crate) head: &'a Head,
    pub(crate) context: &'a Value,
    /// Where the protocol sends the browser in the end.
    pub(crate) target: Option<&'a str>,
}

/// The element that scripts draw the page in.
pub(crate) const ROOT: &str = "<div id=\"root\"></div>";

impl Parts<'_> {
    /// The script that sets the context.
    fn script(&self) -> String {
        format!("window.universal_login_context={};", script_literal(self.context))
    }

    /// What stands in the head, the context before all that the tenant puts there.
    pub(crate) fn head(&self) -> String {
        let mut head = String::new();
        if self.has_default_head {
            head.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
            if !self.head.has_title {
                head.extend(["<title>", &liquid::escaped(self.title), "</title>\n"]);
            }
            head.extend(["<link rel=\"icon\" href=\"", &liquid::escaped(&self.setting.brand.favicon), "\">\n"]);
        }
        head.extend(["<script>", &self.script(), "</script>\n", &self.head.html]);
        head
    }

    /// The whole document.
    pub(crate) fn html(&self) -> String {
        let language = languages::short(self.language);
        let direction = if languages::is_right_to_left(self.language) { " dir=\"rtl\"" } else { "" };
        format!(
            "<!DOCTYPE html>\n<html lang=\"{language}\"{direction}>\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"robots\" content=\"noindex, nofollow\">\n{}</head>\n<body>\n{ROOT}\n</body>\n</html>\n",
            self.head()
        )
    }

    /// What the page may fetch, run and send: what the tenant names, in the head and in the template around it, and the pages of the
    /// login. Scripts of ours and those in the head are known by their hashes, so that none can let in another one; those in a
    /// template by its nonce.
    pub(crate) fn policy(&self, template: Option<(&Named, &str)>) -> String {
        let Self { setting, head, host, .. } = self;
        let own = hash(&self.script());
        let hashes = policy::hashed(std::iter::once(&own).chain(&head.hashes));
        let nothing = Named::default();
        let (named, nonce) = template.unwrap_or((&nothing, ""));
        let nonce = if nonce.is_empty() { String::new() } else { format!(" 'nonce-{nonce}'") };
        let scripts = policy::joined(head.scripts.iter().chain(&named.scripts));
        let all = policy::joined(head.origins.iter().chain(&named.all));
        let base = head.base.as_deref().unwrap_or("'none'");
        let named = head.origins.iter().chain(&named.all).chain(&named.pictures);
        let pictures = policy::joined(named.chain(&setting.brand.image_origins));
        let fonts = policy::joined(&setting.brand.font_origin);
        let end = policy::end(setting, self.target);
        format!(
            "default-src 'none'; base-uri {base}; script-src{hashes}{nonce}{scripts}; style-src 'unsafe-inline'{all}; \
             connect-src {host}/u/{all}; img-src data:{pictures}; font-src data:{all}{fonts}; media-src data:{all}; {end}"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(head: &Head, context: &Value, has_default_head: bool) -> (String, String) {
        let setting = Setting::default();
        let parts = Parts {
            setting: &setting,
            language: "ar-EG",
            host: "shop.example.com:8443",
            title: "Log in | <b>",
            has_default_head,
            head,
            context,
            target: Some("http://localhost:3000/cb"),
        };
        (parts.html(), parts.policy(None))
    }

    #[test]
    fn a_context_cannot_end_its_script() {
        let context = json!({"untrusted_data": {"login_hint": "</script><script>alert(1)</script>\u{2028}<!--"}});
        let (html, _) = shown(&Head::default(), &context, true);
        assert_eq!(html.matches("<script").count(), 1);
        assert_eq!(html.matches("</script").count(), 1);
        assert!(
            html.contains("\\u003c/script\\u003e\\u003cscript\\u003ealert(1)") && !html.contains('\u{2028}'),
            "{html}"
        );
        assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">") && html.contains("<title>Log in | &lt;b&gt;</title>"));
    }

    #[test]
    fn a_page_may_do_what_its_head_names_and_nothing_else() {
        let mut head = Head { html: "<title>Own</title>\n".into(), has_title: true, ..Head::default() };
        head.scripts.insert("https://cdn.example.com".into());
        head.origins.extend(["https://cdn.example.com".into(), "https://img.example.com".into()]);
        let (html, policy) = shown(&head, &json!({}), true);
        assert_eq!(html.matches("<title>").count(), 1);
        let directive = |name: &str| {
            let found = policy.split("; ").find(|part| part.split(' ').next() == Some(name));
            found.unwrap_or_else(|| panic!("{name}: {policy}")).to_owned()
        };
        let own = hash("window.universal_login_context={};");
        assert_eq!(directive("script-src"), format!("script-src 'sha256-{own}' https://cdn.example.com"));
        assert_eq!(
            directive("connect-src"),
            "connect-src shop.example.com:8443/u/ https://cdn.example.com https://img.example.com"
        );
        assert_eq!(directive("base-uri"), "base-uri 'none'");
        assert!(directive("form-action").ends_with("http://localhost:3000"));
        let (bare, _) = shown(&Head::default(), &json!({}), false);
        assert!(!bare.contains("<title>") && !bare.contains("viewport") && bare.contains("charset"));
    }
}
