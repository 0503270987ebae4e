//! The steps of a form, made from its document instead of a store.

use flows::{
    Outcome, Paid,
    journey::{Act, Form, Journey, Known, Next, languages_of},
};
use http::StatusCode;
use kernel::{Context, Document, id, object};
use serde_json::json;

use super::sample;
use crate::{
    brand::Brand,
    document::Sheet,
    forms::{self, PageTexts, Shown},
    load::Setting,
    paths,
    reply::Reply,
    service::Sent,
};

const FORM: &str = "ap_preview";

/// The steps of a form, in their order.
pub fn form_steps(document: &Document) -> Vec<String> {
    Form::of(FORM, document, "").steps().map(|(id, _)| id.to_owned()).collect()
}

/// A step of a form: as nobody has entered anything, or what follows what was sent. Flows count as completed, payments as made. `None` where there is no
/// such step.
pub fn form_page(
    context: &Context,
    document: &Document,
    language: Option<&str>,
    step: &str,
    sent: Option<&[u8]>,
) -> Option<Reply> {
    let languages = languages_of(document);
    let language = language.or(languages.first().map(String::as_str)).unwrap_or("en");
    let form = Form::of(FORM, document, language);
    form.step(step)?;
    let told = object(json!({
        "user": {"user_id": "auth0|preview", "email": "jane@example.com", "given_name": "Jane", "name": "Jane Doe"},
        "client": {"client_id": "client", "name": "Shop"},
        "tenant": {"name": "acme"},
        "transaction": {"state": sample::STATE},
    }));
    let known = Known { context: &told, of: context };
    let mut journey = Journey::at_step(FORM, step);
    let mut refused = None;
    if let Some(sent) = sent {
        let Sent { entered } = Sent::without_files(sent);
        match journey.act(&form, &Act::of(entered.first("action")), &entered, &known) {
            Ok(mut next) => {
                loop {
                    next = match next {
                        Next::Run(_) => {
                            let outcome = Outcome::Completed { vars: journey.vars.clone(), returned: None };
                            journey.ran(&form, outcome, &known)
                        }
                        Next::Pay(_) => journey.paid(&form, Paid::Made(json!({"id": "pi_preview"})), context.now()),
                        _ => break,
                    };
                }
                let at = journey.at.as_deref().unwrap_or_default();
                let is_step = next == Next::Show || matches!(next, Next::Broken(_));
                return Some(Reply::to(if is_step {
                    format!("/u/preview/step/{}", paths::encoded(at))
                } else {
                    "/".to_owned()
                }));
            }
            Err(faults) => refused = Some((entered, faults)),
        }
    }
    let shown = Shown {
        form: &form,
        journey: &journey,
        known: &known,
        state: sample::STATE.to_owned(),
        refused: refused.as_ref().map(|(entered, faults)| (entered, faults.as_slice())),
        maps_keys: Document::new(),
        frame: PageTexts { title: form.name.clone(), ..PageTexts::default() },
    };
    let setting = Setting { world: sample::world(), brand: Brand::of(&Document::new(), None), ..Setting::default() };
    let nonce = context.text(id::BASE64URL, 22);
    let status = if refused.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let sheet = Sheet { setting: &setting, language, page: forms::page(&shown), status, target: None, nonce };
    Some(sheet.plain())
}
