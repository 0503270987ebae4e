//! What a page shows, and its HTML.

use std::collections::BTreeMap;

use askama::Template;

use model::screens::CAPABILITIES;

use crate::policy::Service;

/// A page: what the screen says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) screen: &'static str,
    /// The `state` of its forms.
    pub(crate) state: String,
    pub(crate) title: String,
    pub(crate) heading: String,
    pub(crate) logo_alt: String,
    /// The picture of the application that the page is about.
    pub(crate) client_logo: Option<String>,
    /// Its paragraphs.
    pub(crate) description: Vec<String>,
    /// Class of the icon of a page that tells a result.
    pub(crate) icon: Option<&'static str>,
    pub(crate) alert: Option<Message>,
    pub(crate) items: Vec<Item>,
    pub(crate) form: Option<Form>,
    pub(crate) alternate: Option<Alternate>,
    pub(crate) separator: String,
    pub(crate) connections: Vec<Connection>,
    /// What the user chooses among.
    pub(crate) choices: Vec<Choice>,
    pub(crate) actions: Vec<Action>,
    /// The only link of a page that tells a result.
    pub(crate) button: Option<Link>,
    /// Facts for whoever is asked for help.
    pub(crate) facts: Vec<(String, String)>,
    /// What stands there instead of the parts above: a form of the tenant.
    pub(crate) own: Option<Box<Own>>,
}

/// A form of the tenant within a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    /// Its HTML, of which nothing is left that does harm.
    pub(crate) html: String,
    /// Its style sheet.
    pub(crate) css: String,
    /// Addresses of its pictures.
    pub(crate) pictures: Vec<String>,
    /// Whether it has frames of this server.
    pub(crate) has_frames: bool,
    /// Services whose scripts it needs.
    pub(crate) services: Vec<Service>,
}

impl Page {
    /// The page without paragraphs of which a tenant left nothing.
    pub(crate) fn without_gaps(mut self) -> Self {
        self.description.retain(|line| !line.trim().is_empty());
        self
    }
}

/// A fault in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) code: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

/// The form that a page is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    pub(crate) hidden: Vec<(String, String)>,
    pub(crate) identifier: Option<Shown>,
    pub(crate) fields: Vec<Field>,
    pub(crate) show_text: String,
    pub(crate) hide_text: String,
    pub(crate) rules: Option<Rules>,
    pub(crate) captcha: Option<Captcha>,
    /// Whether the browser is asked for its capabilities.
    pub(crate) has_capabilities: bool,
    pub(crate) link: Option<Link>,
    pub(crate) buttons: Vec<Button>,
}

/// What was entered on the page before.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// As it is shown, which may be less.
    pub(crate) text: String,
    pub(crate) autocomplete: &'static str,
    /// Where it is changed, with what screen readers say; none for what cannot be changed.
    pub(crate) edit: Option<(String, Link)>,
    pub(crate) fault: Option<Message>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) is_password: bool,
    pub(crate) input_mode: Option<&'static str>,
    pub(crate) autocomplete: &'static str,
    pub(crate) is_required: bool,
    pub(crate) has_focus: bool,
    pub(crate) max_length: Option<u32>,
    pub(crate) checks: Vec<Check>,
    pub(crate) fault: Option<Message>,
}

/// What the script checks before the form is sent.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) code: &'static str,
    pub(crate) function: &'static str,
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) intro: String,
    pub(crate) items: Vec<Rule>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    pub(crate) text: String,
    /// A regular expression that a good password matches.
    pub(crate) pattern: Option<String>,
    pub(crate) parts: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(crate) struct Captcha {
    pub(crate) image: String,
    pub(crate) image_text: String,
    pub(crate) question: String,
    pub(crate) label: String,
    pub(crate) fault: Option<Message>,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) href: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Alternate {
    pub(crate) intro: String,
    pub(crate) link: Link,
}

#[derive(Clone, Debug)]
pub(crate) struct Button {
    pub(crate) value: &'static str,
    pub(crate) text: String,
    pub(crate) is_primary: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) strategy: String,
    pub(crate) text: String,
}

/// A line of a list from which the user chooses one.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) text: String,
}

/// A small form of one button.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) value: &'static str,
    pub(crate) intro: Option<String>,
    pub(crate) text: String,
}

/// What surrounds every page of a tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shell {
    pub(crate) language: String,
    pub(crate) is_right_to_left: bool,
    /// What screen readers say for the icon of an error.
    pub(crate) error_label: String,
    pub(crate) company: String,
    pub(crate) logo: String,
    pub(crate) favicon: String,
    /// The schemes that the colours are made for: `light dark`, or one of them.
    pub(crate) color_scheme: &'static str,
    /// How puzzles look: `light`, `dark` or `auto`.
    pub(crate) captcha_theme: &'static str,
    /// Whether the buttons of other connections stand before the form.
    pub(crate) has_connections_first: bool,
    /// Custom properties in CSS, made only from checked values.
    pub(crate) variables: String,
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) nonce: String,
}

/// HTML of the tenant within the parts of a page, by where it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inserted(pub(crate) BTreeMap<String, String>);

impl Inserted {
    /// What stands at an insertion point.
    fn at(&self, point: &str) -> &str {
        self.0.get(point).map_or("", String::as_str)
    }
}

#[derive(Template)]
#[template(path = "head.html")]
struct Head<'a> {
    shell: &'a Shell,
}

#[derive(Template)]
#[template(path = "widget.html")]
struct Widget<'a> {
    shell: &'a Shell,
    page: &'a Page,
    inserted: &'a Inserted,
    capabilities: &'static [&'static str],
}

#[derive(Template)]
#[template(path = "page.html")]
struct Html<'a> {
    language: &'a str,
    is_right_to_left: bool,
    title: &'a str,
    head: &'a str,
    widget: &'a str,
}

/// What every page has in its head: styles, icon and script. There is no title.
pub(crate) fn head(shell: &Shell) -> String {
    Head { shell }.render().expect(IN_MEMORY)
}

/// The page's own part: `main` with its forms.
pub(crate) fn widget(shell: &Shell, page: &Page, inserted: &Inserted) -> String {
    Widget { shell, page, inserted, capabilities: CAPABILITIES }.render().expect(IN_MEMORY)
}

/// The document of tenants that have no template.
pub(crate) fn html(shell: &Shell, title: &str, head: &str, widget: &str) -> String {
    let Shell { language, is_right_to_left, .. } = shell;
    Html { language, is_right_to_left: *is_right_to_left, title, head, widget }.render().expect(IN_MEMORY)
}

const IN_MEMORY: &str = "a template is written to memory";
