//! `logout`: whether the user wants to log out.

use super::{Behaviour, View, consent};
use crate::{
    form::Form,
    page::{self, Button, Page},
    step::{At, Fault, Show, Step},
};
use model::login::Stage;

pub(super) struct Logout;

impl Behaviour for Logout {
    fn name(&self) -> &'static str {
        "logout"
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let answer = match form.action() {
            "accept" => "accept",
            "deny" => "deny",
            _ => return Step::Show(Show::fault(self.name(), Fault::whole("invalid-action"))),
        };
        let progress = at.progress();
        progress.answers.insert("logout".to_owned(), answer.to_owned());
        progress.stage = Stage::Resume;
        Step::Resume
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        if view.transaction.progress.shown.get(consent::USER).is_some() {
            page.description.insert(0, view.text("userSalute"));
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
