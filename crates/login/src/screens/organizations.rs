//! `organization-selection`, `pre-login-organization-picker` and `organization-picker`: to which organization the user signs in.

use kernel::Value;
use serde_json::json;

use super::{Behaviour, View, parts};
use crate::{
    form::Form,
    page::{Choice, Field, Page},
    paths,
    step::{At, Done, Effect, Fault, Show, Step},
    world::is_email,
};
use model::login::{OrganizationChoice, Stage};

/// Member of what a picker shows: the organizations.
pub(crate) const CHOICES: &str = "organizations";
/// Member of what a picker shows: whether users may sign in to none.
pub(crate) const MAY_SKIP: &str = "may_skip";
/// The answer of those who sign in to no organization, and the field by which they say so.
const ANSWER: &str = "organization";
const SKIPPED: &str = "organizationSkipped";

/// The screen on which a user names the organization.
pub(super) struct Selection;

/// A screen on which the user chooses among organizations.
pub(super) struct Picker {
    name: &'static str,
    /// Whether the user is not known yet.
    is_before: bool,
}

pub(super) static PICKER: Picker = Picker { name: "organization-picker", is_before: false };
pub(super) static PRE_PICKER: Picker = Picker { name: "pre-login-organization-picker", is_before: true };

impl Behaviour for Selection {
    fn name(&self) -> &'static str {
        "organization-selection"
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if at.transaction.request.organization_prompt.is_none() {
            return onwards(at);
        }
        Step::Show(Show::of(self.name()))
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let Some(prompt) = at.transaction.request.organization_prompt else { return onwards(at) };
        if form.get(SKIPPED) == "true" && prompt.may_skip {
            return skip(at);
        }
        let entered = form.line("organizationName");
        let (by_email, by_name) = (prompt.by_email && is_email(&entered), prompt.by_name && !entered.contains('@'));
        if !(by_email || by_name) || entered.is_empty() {
            return Step::Show(invalid().value("organizationName", &entered));
        }
        at.progress().fields.insert("organizationName".into(), entered.clone());
        Step::Do(Effect::FindOrganizations { entered, by_email })
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        let entered = at.progress().fields.remove("organizationName").unwrap_or_default();
        match done {
            Done::Organizations(found) => match found.as_slice() {
                [] => Step::Show(invalid().value("organizationName", &entered)),
                [only] => {
                    note_address(at, &entered);
                    choose(at, only.id.clone())
                }
                _ => {
                    note_address(at, &entered);
                    let progress = at.progress();
                    progress.shown = json!({CHOICES: found});
                    "pre-login-organization-picker".clone_into(&mut progress.screen);
                    Step::Go(paths::of("pre-login-organization-picker").to_owned())
                }
            },
            Done::Fault(fault) => Step::Show(Show::fault(self.name(), fault).value("organizationName", &entered)),
            _ => Step::Resume,
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        let prompt = view.transaction.request.organization_prompt.unwrap_or_default();
        let label = match (prompt.by_name, prompt.by_email) {
            (false, true) => "emailPlaceholder",
            (true, true) => "nameOrEmailPlaceholder",
            _ => "placeholder",
        };
        let mut form = parts::form(view);
        form.fields.push(Field {
            name: "organizationName",
            label: view.text(label),
            value: view.value("organizationName"),
            input_mode: (prompt.by_email && !prompt.by_name).then_some("email"),
            autocomplete: if prompt.by_email { "email" } else { "organization" },
            is_required: true,
            checks: vec![parts::required(view, "organizationName-required", "invalid-organization")],
            fault: view.fault("organizationName"),
            ..Field::default()
        });
        parts::focus(&mut form);
        page.form = Some(form);
        if prompt.may_skip {
            page.separator = view.text("separatorText");
            page.choices = vec![personal(view)];
        }
        page
    }
}

impl Behaviour for Picker {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_entry(&self) -> bool {
        self.is_before
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if self.is_before && at.transaction.request.organization_prompt.is_none() {
            return onwards(at);
        }
        if choices(&at.transaction.progress.shown).is_empty() {
            return Step::Go(paths::of("organization-selection").to_owned());
        }
        Step::Show(Show::of(self.name))
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let shown = &at.transaction.progress.shown;
        if form.get(SKIPPED) == "true" && shown.get(MAY_SKIP) == Some(&true.into()) {
            return skip(at);
        }
        // Only what was shown can be chosen.
        match choices(shown).into_iter().find(|choice| choice.id == form.get("organization")) {
            Some(choice) => choose(at, choice.id),
            None => Step::Show(Show::fault(self.name, Fault::whole("invalid-organization"))),
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        let shown = &view.transaction.progress.shown;
        let choice = |choice: OrganizationChoice| Choice { name: "organization", value: choice.id, text: choice.name };
        page.choices = choices(shown).into_iter().map(choice).collect();
        if shown.get(MAY_SKIP) == Some(&true.into()) {
            page.heading = view.text("titleB2C");
            page.choices.push(personal(view));
        }
        if !self.is_before {
            let key = if page.choices.iter().any(|choice| choice.name == SKIPPED) {
                "loggedInTextB2C"
            } else {
                "loggedInText"
            };
            page.description = vec![view.text(key)];
        }
        page
    }
}

fn personal(view: &View<'_>) -> Choice {
    Choice { name: SKIPPED, value: "true".to_owned(), text: view.text("continueTextB2C") }
}

fn invalid() -> Show {
    Show::fault("organization-selection", Fault::at("organizationName", "invalid-organization"))
}

fn choices(shown: &Value) -> Vec<OrganizationChoice> {
    shown.get(CHOICES).cloned().and_then(|choices| serde_json::from_value(choices).ok()).unwrap_or_default()
}

/// Who was found by an address is not asked for it again.
fn note_address(at: &mut At<'_>, entered: &str) {
    if is_email(entered) && at.transaction.request.login_hint.is_none() {
        at.transaction.request.login_hint = Some(entered.to_owned());
    }
}

fn choose(at: &mut At<'_>, id: String) -> Step {
    at.transaction.request.organization = Some(id);
    settled(at)
}

fn skip(at: &mut At<'_>) -> Step {
    at.progress().answers.insert(ANSWER.to_owned(), String::new());
    settled(at)
}

/// It is known which organization is meant: to the login, or to where the prompt came from.
fn settled(at: &mut At<'_>) -> Step {
    at.transaction.request.organization_prompt = None;
    let progress = at.progress();
    progress.shown = Value::Null;
    if progress.stage == Stage::Prompt {
        let screen = progress.screen.clone();
        progress.completed.push(screen);
        progress.stage = Stage::Resume;
    }
    onwards(at)
}

fn onwards(at: &At<'_>) -> Step {
    match at.transaction.progress.stage {
        Stage::Entry => Step::Go(paths::of(paths::login_screen(at.world)).to_owned()),
        _ => Step::Resume,
    }
}
