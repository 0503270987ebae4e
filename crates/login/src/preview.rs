//! A screen in each of its states, made from files instead of a store: what whoever writes a template, a theme or texts looks at.

mod forms;
mod sample;

use std::collections::BTreeMap;

use http::StatusCode;
use identity::protection::Puzzles;
use kernel::{Context, Document, id};

use crate::{
    brand::Brand,
    captcha,
    document::Sheet,
    load::{Setting, Written},
    page::Page,
    reply::{self, Reply},
    screens::{self, View},
    step::{Fault, Show},
    world::World,
};

pub use forms::{form_page, form_steps};

/// What is tried out.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The language of the page.
    pub language: String,
    /// A page template.
    pub template: Option<String>,
    /// The branding, as the API takes it.
    pub branding: Option<Document>,
    /// An organization, as the API takes it: its branding counts.
    pub organization: Option<Document>,
    /// A theme, as the API takes it.
    pub theme: Option<Document>,
    /// Texts by screen and key, as the API takes them.
    pub texts: Option<Document>,
    /// Partials by screen and insertion point, as the API takes them.
    pub partials: Option<Document>,
}

/// The state in which nothing is wrong.
pub const PLAIN: &str = "plain";
/// The state in which a puzzle is to be solved.
const PUZZLE: &str = "puzzle";
/// What a page has at its top when something is wrong with all of it.
const OF_FORMS: [&str; 5] =
    ["user-blocked", "ip-blocked", "custom-script-error-code", "too-many-requests", "server-busy"];
/// What can be wrong with a field. The fault of a field that stands here stands at it.
const OF_FIELDS: [(&str, &[&str]); 7] = [
    ("username", &["no-email", "invalid-email-format"]),
    ("email", &["no-email", "invalid-email-format", "email-in-use"]),
    ("phone_number", &["no-phone_number", "invalid-phone-number", "phone-in-use"]),
    ("password", &["no-password", "wrong-email-credentials", "password-too-weak", "password-previously-used"]),
    ("password-reset", &["no-password", "password-too-weak", "password-previously-used"]),
    ("code", &["no-code", "invalid-code", "code-expired"]),
    ("captcha", &["invalid-captcha"]),
];

/// The screens that can be shown.
pub fn screens() -> impl Iterator<Item = &'static str> {
    screens::names()
}

/// The states of a screen; none where there is no such screen.
pub fn states(context: &Context, draft: &Draft, screen: &str) -> Vec<String> {
    let Some(page) = page(context, draft, screen, PLAIN) else { return Vec::new() };
    let mut states = vec![PLAIN.to_owned()];
    if page.form.is_some() {
        states.extend(has_puzzle(screen).then(|| PUZZLE.to_owned()));
        let fields = fields(&page);
        let of_fields = OF_FIELDS.iter().filter(|(field, _)| fields.contains(field)).flat_map(|(_, codes)| *codes);
        states.extend(of_fields.chain(&OF_FORMS).map(|code| (*code).to_owned()));
    }
    let texts = sample::texts(draft, page.screen).all();
    // Texts of faults have names of small words; others have names of labels.
    let own = texts.keys().filter(|key| key.contains('-') && !key.starts_with("var-"));
    let own = own.filter(|key| sample::is_of_screen(draft, page.screen, key));
    states.extend(own.cloned());
    let mut seen = std::collections::BTreeSet::new();
    states.retain(|state| seen.insert(state.clone()));
    states
}

/// A screen in one of its states; `None` where there is no such screen.
pub async fn show(context: &Context, draft: Draft, screen: &str, state: &str, host: &str) -> Option<Reply> {
    let page = page(context, &draft, screen, state)?;
    let (branding, theme) = sample::looks(&draft);
    let setting = Setting { world: sample::world(), brand: Brand::of(&branding, theme.as_ref()), ..Setting::default() };
    let (name, texts) = (page.screen, sample::texts(&draft, page.screen));
    let nonce = context.text(id::BASE64URL, 22);
    let status = if state == PLAIN || state == PUZZLE { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let sheet = Sheet { setting: &setting, language: &draft.language, page, status, target: None, nonce };
    let points = draft.partials.as_ref().and_then(|partials| partials.get(name)?.as_object());
    let points =
        points.into_iter().flatten().filter_map(|(point, text)| Some((point.clone(), text.as_str()?.to_owned())));
    let partials: BTreeMap<String, String> = points.collect();
    let template = match (draft.template, partials.is_empty()) {
        (Some(template), _) => template,
        (None, true) => return Some(sheet.plain()),
        (None, false) => sample::TEMPLATE.to_owned(),
    };
    let variables = sample::variables(name, &draft.language, &texts);
    Some(sheet.written(Written { template, partials, variables }, host).await)
}

/// A file that the pages need, with its type.
pub fn asset(path: &str) -> Option<(&'static str, &'static str)> {
    reply::asset_at(path)
}

fn has_puzzle(screen: &str) -> bool {
    let puzzles = Puzzles { password: true, reset: true, passwordless: true };
    World { puzzles, ..sample::world() }.is_puzzled(screen)
}

fn page(context: &Context, draft: &Draft, screen: &str, state: &str) -> Option<Page> {
    let behaviour = screens::named(screen)?;
    let name = behaviour.name();
    let (world, transaction) = (sample::world_of(draft, name), sample::transaction(name));
    let texts = sample::texts(draft, name);
    let captcha = (state == PUZZLE || state == "invalid-captcha").then(|| captcha::of(context, &texts).1);
    let plain = Show::of(name);
    let state_of_forms = sample::STATE.to_owned();
    let mut view =
        View { world: &world, transaction: &transaction, state: state_of_forms, texts, show: &plain, captcha };
    let page = behaviour.page(&view);
    if state == PLAIN || state == PUZZLE {
        return Some(page);
    }
    let fields = fields(&page);
    let field = OF_FIELDS.iter().find(|(field, codes)| codes.contains(&state) && fields.contains(field));
    let fault = field.map_or_else(|| Fault::whole(state), |(field, _)| Fault::at(field, state));
    let wrong = Show::fault(name, fault);
    view.show = &wrong;
    Some(behaviour.page(&view))
}

/// The fields that a page asks for.
fn fields(page: &Page) -> Vec<&'static str> {
    let form = page.form.iter();
    let mut fields: Vec<&'static str> = form.flat_map(|form| form.fields.iter().map(|field| field.name)).collect();
    fields.extend(has_puzzle(page.screen).then_some("captcha"));
    fields
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    fn draft() -> Draft {
        Draft { language: "en".to_owned(), ..Draft::default() }
    }

    async fn html(draft: Draft, screen: &str, state: &str) -> String {
        let reply = show(&Context::system(), draft, screen, state, "localhost:1").await.unwrap();
        reply.response().into_body()
    }

    #[tokio::test]
    async fn every_screen_is_shown_in_each_of_its_states() {
        let context = Context::system();
        for screen in screens() {
            let states = states(&context, &draft(), screen);
            assert_eq!(states.first().map(String::as_str), Some(PLAIN), "{screen}");
            for state in states {
                let html = html(draft(), screen, &state).await;
                assert!(html.contains(&format!("<main class=\"_widget {screen}\">")), "{screen} {state}");
                let is_wrong = html.contains(&format!("data-error-code=\"{state}\"")) || screen.contains("failure");
                assert!(
                    state == PLAIN || state == PUZZLE || is_wrong || !html.contains("<form"),
                    "{screen} {state}\n{html}"
                );
            }
        }
        assert!(states(&context, &draft(), "nothing").is_empty());
    }

    #[tokio::test]
    async fn brandings_are_shown() {
        let draft = Draft {
            branding: Some(object(json!({
                "colors": {"primary": "#112233"},
                "identifiers": {
                    "login_display": "separate", "phone_display": {"masking": "hide_country_code", "formatting": "regional"},
                },
            }))),
            organization: Some(object(
                json!({"name": "acme", "branding": {"colors": {"page_background": "#445566"}, "logo_url": "https://a.example/l.png"}}),
            )),
            ..draft()
        };
        let page = html(draft.clone(), "login-id", PLAIN).await;
        for part in [
            "--primary-color:#112233;",
            "--page-background-color:#445566;",
            "https://a.example/l.png",
            "value=\"pick-phone\"",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        let page = html(draft, "phone-identifier-challenge", PLAIN).await;
        assert!(page.contains("(415) 555-2671") && !page.contains("+1"), "{page}");
    }

    #[tokio::test]
    async fn drafts_are_shown() {
        let draft = Draft {
            template: Some("<body><i>{{ tenant.friendly_name }}</i>{%- auth0:head -%}{%- auth0:widget -%}".to_owned()),
            theme: Some(object(json!({"colors": {"header": "#123456"}}))),
            texts: Some(object(json!({"login-id": {"title": "Hi"}}))),
            partials: Some(object(json!({"login-id": {"form-content-start": "<b>{{ prompt.name }}</b>"}}))),
            ..draft()
        };
        let html = html(draft, "login-id", PLAIN).await;
        for part in ["<body><i>Acme</i>", "--title-font-color:#123456;", "<h1>Hi</h1>", "<b>login-id</b>"] {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }
}
