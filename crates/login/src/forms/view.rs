//! What a form shows: its step, how it waits, and where it sends its visitor in the end.

use askama::Template;
use flows::journey::{Component, Entered, Fault, FieldFault, Form, Journey, Known, PAYMENT, RECAPTCHA, Resend};
use kernel::Document;
use model::{languages, login::Transaction};
use url::Url;

use super::{
    card, css,
    field::{Around, FieldView},
    html::{self, Written},
};
use crate::{
    page::{Message, Own, Page},
    paths,
    policy::Service,
    reply,
    texts::Texts,
};

/// What a step is shown with.
pub(crate) struct Shown<'a> {
    pub(crate) form: &'a Form,
    pub(crate) journey: &'a Journey,
    pub(crate) known: &'a Known<'a>,
    /// The `state` of its login.
    pub(crate) state: String,
    /// What was just entered and not accepted, with what is wrong with it.
    pub(crate) refused: Option<(&'a Entered, &'a [FieldFault])>,
    /// By what Google knows the form's author, by component.
    pub(crate) maps_keys: Document,
    /// The texts of the page around it.
    pub(crate) frame: PageTexts,
}

/// The texts of the page around a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageTexts {
    pub(crate) title: String,
    pub(crate) again: String,
    pub(crate) error_label: String,
}

/// What stands on a step, from top to bottom.
enum Part {
    Html(String),
    Divider(String),
    Image {
        src: String,
        alignment: &'static str,
        height: Option<u64>,
    },
    Field(Box<FieldView>),
    /// A puzzle of Google's.
    Puzzle {
        field: Box<FieldView>,
        key: String,
    },
    /// What Stripe's script takes a card with.
    Card {
        field: Box<FieldView>,
        key: String,
        lines: Vec<card::Line>,
        /// What was given or paid before.
        given: Option<String>,
    },
    /// A component of the tenant's own script, in a frame.
    Custom {
        field: Box<FieldView>,
        address: String,
    },
    Button {
        action: String,
        text: String,
        class: &'static str,
        color: Option<String>,
    },
    Resend {
        action: String,
        active: String,
        button: String,
        waiting: String,
        template: String,
        left: i64,
        alignment: &'static str,
    },
}

#[derive(Template)]
#[template(path = "journey.html")]
struct Html<'a> {
    state: &'a str,
    turn: u32,
    language: &'a str,
    is_right_to_left: bool,
    script: &'a str,
    style: &'a str,
    parts: Vec<Part>,
    error_label: &'a str,
    /// What stands where script is needed and missing.
    script_text: String,
    has_files: bool,
    address: String,
    /// The text of the button where no step is shown.
    again: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "journey-wait.html")]
struct Wait<'a> {
    text: &'a str,
    target: Option<&'a str>,
    seconds: u64,
}

const IN_MEMORY: &str = "a template is written to memory";

/// The page of a journey as it stands.
pub(crate) fn page(shown: &Shown<'_>) -> Page {
    let Shown { form, journey, known, state, refused, frame, .. } = shown;
    let written = Written::of(known, journey, form);
    let texts = texts_in(&form.language);
    let around = Around {
        form,
        written: &written,
        texts: &texts,
        maps_keys: &shown.maps_keys,
        entered: refused.map(|(entered, _)| entered),
        faults: refused.map_or(&[][..], |(_, faults)| faults),
    };
    let step = journey.step(form);
    let parts: Vec<Part> =
        step.into_iter().flat_map(|step| &step.components).filter_map(|part| part_of(part, &around, shown)).collect();
    let [style, script] = reply::form_assets();
    let alert = journey.fault.as_ref().filter(|_| refused.is_none()).map(|fault| match fault {
        Fault::Told(message) => Message { code: "flow-error".to_owned(), text: message.clone() },
        Fault::Failed => Message { code: "flow-failed".to_owned(), text: around.fault_text("ERR_FLOW_FAILED", &[]) },
        Fault::Unpaid => Message { code: "payment-failed".to_owned(), text: around.fault_text("ERR_PAYMENT", &[]) },
    });
    let html = Html {
        state,
        turn: journey.turn,
        language: &form.language,
        is_right_to_left: languages::is_right_to_left(&form.language),
        script,
        style,
        has_files: parts.iter().any(|part| matches!(part, Part::Field(field) if field.kind == "FILE")),
        error_label: &frame.error_label,
        script_text: around.word("scriptText"),
        again: step.is_none().then_some(frame.again.as_str()),
        address: format!("{}?state={state}", paths::of_form(&form.id)),
        parts,
    };
    let services = services(&html.parts);
    let has_frames = html.parts.iter().any(|part| matches!(part, Part::Custom { .. }));
    let css = style_sheet(form, &html.parts);
    let html = html.render().expect(IN_MEMORY);
    let pictures = html::pictures(&html).map(str::to_owned).collect();
    let own = Own { html, css, pictures, has_frames, services };
    Page { alert, ..around_own(frame, state, own) }
}

/// A page that asks again until a flow has come to its end.
pub(crate) fn waiting(frame: &PageTexts, state: &str, language: &str) -> Page {
    let text = texts_in(language).own("forms", "wait");
    let html = Wait { text: &text, target: None, seconds: 1 }.render().expect(IN_MEMORY);
    around_own(frame, state, Own { html, ..Own::default() })
}

/// A page that sends its visitor elsewhere after some seconds.
pub(crate) fn ending(frame: &PageTexts, state: &str, target: &str, seconds: u64) -> Page {
    let html = Wait { text: &frame.again, target: Some(target), seconds }.render().expect(IN_MEMORY);
    around_own(frame, state, Own { html, ..Own::default() })
}

/// The tenant's style sheet, and the colours of buttons.
fn style_sheet(form: &Form, parts: &[Part]) -> String {
    let mut css = String::new();
    for part in parts {
        if let Part::Button { color: Some(color), .. } = part {
            let readable = delivery::colors::readable_on(color);
            let rule = format!(
                ".af-form button[data-color=\"{color}\"]{{background:{color};border-color:{color};color:{readable}}}"
            );
            css += &rule;
        }
    }
    css.extend(form.css.as_deref().and_then(css::confined));
    css
}

fn around_own(frame: &PageTexts, state: &str, own: Own) -> Page {
    Page {
        screen: paths::FORM,
        state: state.to_owned(),
        title: frame.title.clone(),
        heading: frame.title.clone(),
        own: Some(Box::new(own)),
        ..Page::default()
    }
}

fn part_of(part: &Component, around: &Around<'_>, shown: &Shown<'_>) -> Option<Part> {
    let written = around.written;
    let text = |name: &str| written.text(part.text(name).unwrap_or_default());
    let button = |action: String, class, color| Part::Button { action, text: text("text"), class, color };
    Some(match part.kind.as_str() {
        "RICH_TEXT" | "HTML" => Part::Html(written.html(part.text("content").unwrap_or_default())),
        "DIVIDER" => Part::Divider(text("text")),
        "IMAGE" => {
            let src = Url::parse(&text("src")).ok().filter(|src| matches!(src.scheme(), "https" | "data"))?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels, bounded")]
            let height = part.number("height").map(|height| height.clamp(1.0, 500.0) as u64);
            Part::Image { src: src.into(), alignment: alignment(part.text("position")), height }
        }
        "NEXT_BUTTON" => button("next".to_owned(), "af-next-button", None),
        "PREVIOUS_BUTTON" => button("previous".to_owned(), "af-previous-button secondary", None),
        "JUMP_BUTTON" => {
            let color = part.config("style").and_then(|style| style.get("background_color")?.as_str());
            let color = color.filter(|color| delivery::colors::is_color(color)).map(str::to_owned);
            button(format!("jump:{}", part.id), "af-jump-button secondary", color)
        }
        "RESEND_BUTTON" => {
            let left = match shown.journey.resend(part, shown.known.of.now()) {
                Resend::Ready => 0,
                Resend::Waiting(left) => left,
                Resend::Exhausted => return None,
            };
            let waiting = part.text("waiting_text").unwrap_or_default();
            let in_seconds = |left: &str| written.with("remaining_seconds", left).text(waiting);
            Part::Resend {
                action: format!("resend:{}", part.id),
                active: text("active_text"),
                button: text("button_text"),
                waiting: in_seconds(&left.to_string()),
                // The page's script counts down.
                template: in_seconds("\u{e000}"),
                left,
                alignment: alignment(part.text("text_alignment")),
            }
        }
        "SOCIAL" => return None,
        RECAPTCHA => {
            let field = around.field(part, None);
            Part::Puzzle { field: Box::new(field), key: text("site_key") }
        }
        PAYMENT => Part::Card {
            field: Box::new(around.field(part, None)),
            key: part
                .config("credentials")
                .and_then(|keys| keys.get("public_key")?.as_str())
                .unwrap_or_default()
                .to_owned(),
            lines: card::lines(part, around),
            given: card::given(shown.journey.fields.get(&part.id)),
        },
        "CUSTOM" => {
            let field = around.field(part, shown.journey.fields.get(&part.id));
            let address = format!(
                "{}/component/{}?state={}",
                paths::of_form(&shown.form.id),
                paths::encoded(&part.id),
                shown.state
            );
            Part::Custom { field: Box::new(field), address }
        }
        _ => Part::Field(Box::new(around.field(part, shown.journey.fields.get(&part.id)))),
    })
}

/// The services whose scripts the parts of a step need.
fn services(parts: &[Part]) -> Vec<Service> {
    let needed = [
        (Service::Maps, parts.iter().any(|part| matches!(part, Part::Field(field) if !field.maps_key.is_empty()))),
        (Service::Recaptcha, parts.iter().any(|part| matches!(part, Part::Puzzle { .. }))),
        (Service::Stripe, parts.iter().any(|part| matches!(part, Part::Card { .. }))),
    ];
    needed.into_iter().filter(|(_, is_needed)| *is_needed).map(|(service, _)| service).collect()
}

/// Our own words in a language.
fn texts_in(language: &str) -> Texts {
    Texts::new(language, paths::FORM, None)
}

fn alignment(name: Option<&str>) -> &'static str {
    match name {
        Some("CENTER") => "center",
        Some("RIGHT") => "end",
        _ => "start",
    }
}

/// Where a form sends its visitor: a page of the web.
pub(crate) fn destination(address: &str) -> Option<String> {
    let address = Url::parse(address.trim()).ok()?;
    (matches!(address.scheme(), "http" | "https") && address.has_host()).then(|| address.into())
}

/// The `state` of a login, as expressions and forms know it.
pub(crate) fn state_of(transaction: &Transaction) -> String {
    crate::carrier::state(&transaction.id, transaction.progress.step)
}
