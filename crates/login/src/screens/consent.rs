//! `consent`: may the client have what it asks for; and whether the user wants to go on to an application on this device.

use kernel::Value;

use super::{Behaviour, View};
use crate::{
    form::Form,
    page::{self, Button, Item, Page},
    step::{At, Fault, Show, Step},
};
use model::login::{ConsentScope, Stage};

/// Member of what the prompt shows: the name of the answer, `consent` or `confirmation`.
pub(crate) const QUESTION: &str = "question";
/// Member of what the prompt shows: the lines of the page.
pub(crate) const SCOPES: &str = "scopes";
/// Member of what the prompt shows: how the user is called.
pub(crate) const USER: &str = "user";

pub(super) struct Consent;

impl Behaviour for Consent {
    fn name(&self) -> &'static str {
        "consent"
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let answer = match form.action() {
            // Enter in a page without a field presses no button that refuses.
            "accept" => "accept",
            "deny" => "deny",
            _ => return Step::Show(Show::fault(self.name(), Fault::whole("invalid-action"))),
        };
        let question = question(&at.transaction.progress.shown).to_owned();
        let progress = at.progress();
        progress.answers.insert(question, answer.to_owned());
        progress.completed.push(self.name().to_owned());
        progress.stage = Stage::Resume;
        Step::Resume
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        page.client_logo.clone_from(&view.world.client.logo);
        let shown = &view.transaction.progress.shown;
        if question(shown) == "confirmation" {
            page.heading = view.text("confirmationTitle");
            page.description = vec![view.text("confirmationDescription")];
        } else {
            page.description = vec![view.text("pickerTitle"), view.text("messageSingleTenant")];
            let scopes = shown.get(SCOPES).cloned().unwrap_or_default();
            let scopes: Vec<ConsentScope> = serde_json::from_value(scopes).unwrap_or_default();
            page.items = scopes.into_iter().map(|scope| item(view, scope)).collect();
        }
        page.form = Some(page::Form {
            buttons: vec![
                Button { value: "accept", text: view.text("acceptButtonText"), is_primary: true },
                Button { value: "deny", text: view.text("declineButtonText"), is_primary: false },
            ],
            ..page::Form::default()
        });
        page
    }
}

fn question(shown: &Value) -> &str {
    shown.get(QUESTION).and_then(Value::as_str).unwrap_or("consent")
}

/// A line: our own words for the standard scopes, else what the API says.
fn item(view: &View<'_>, scope: ConsentScope) -> Item {
    match (view.texts.find(&scope.name), scope.description) {
        (Some(text), None) => Item { name: text, description: None },
        (_, description) => Item { name: scope.name, description },
    }
}
