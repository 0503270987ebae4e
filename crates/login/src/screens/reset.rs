//! `reset-password-request`, `reset-password-email` and `reset-password`.

use flows::journey::Journey;
use identity::{reset::challenge::Judgement, triggers::Suspension};
use serde::Deserialize;
use serde_json::json;

use super::{Behaviour, View, login::invalid_identifier, parts};
use crate::{
    carrier,
    form::Form,
    page::{Action, Field, Link, Page},
    paths::{self, CONTINUE},
    step::{At, Done, Effect, Fault, SendReset, Show, Step},
    world::{Database, Identifier, World},
};
use model::login::{Stage, Transaction};

/// Where it is noted to whom a message was sent.
pub(crate) const SENT_TO: &str = "reset.to";
/// Where it is noted to whom a code was sent.
pub(crate) const CODE_FOR: &str = "reset.code";
/// Member of what the prompt shows: the ticket that was redeemed.
const TICKET: &str = "ticket";
/// The same: where the tenant's code waits.
const WAITING: &str = "waiting";
/// Where the same is noted while a form is filled in, with the ticket.
const WAITING_FORM: &str = "reset.form";
/// Member of what the prompt shows: where the browser goes afterwards.
const RESULT_URL: &str = "result_url";

/// The message that whoever has this identifier is sent.
pub(super) fn message(database: &Database, identifier: String, puzzle: Option<String>) -> SendReset {
    let (connection, kinds) = (database.name.clone(), database.kinds_of(&identifier));
    SendReset { connection, kinds, identifier, by_code: database.resets_by_code, puzzle }
}

/// Goes on as the tenant's code says: to the page for the new password, which a ticket opens, elsewhere, or to a page that refuses.
pub(crate) fn judged(at: &mut At<'_>, ticket: &str, judgement: Judgement) -> Step {
    let id = at.transaction.id.clone();
    let progress = at.progress();
    progress.stage = Stage::Prompt;
    progress.form = None;
    progress.fields.remove(WAITING_FORM);
    match judgement {
        Judgement::Passed(result_url) => {
            "reset-password".clone_into(&mut progress.screen);
            progress.shown = json!({TICKET: ticket, RESULT_URL: result_url});
            Step::Go(paths::of("reset-password").to_owned())
        }
        Judgement::Away(waiting) if waiting.form.is_some() => {
            let begun = waiting.form.clone().unwrap_or_default();
            progress.step = progress.step.saturating_add(1);
            progress.fields.insert(WAITING_FORM.to_owned(), json!({TICKET: ticket, WAITING: waiting}).to_string());
            paths::FORM.clone_into(&mut progress.screen);
            progress.shown = Journey::of(begun).to_value();
            let state = carrier::state(&id, progress.step);
            Step::Leave(format!("{}?state={state}", paths::of_prompt(progress)))
        }
        Judgement::Away(waiting) => {
            let Some(mut address) =
                url::Url::parse(&waiting.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
            else {
                return denied(at, "The address of the redirect is invalid".to_owned());
            };
            "reset-password".clone_into(&mut progress.screen);
            progress.step = progress.step.saturating_add(1);
            address.query_pairs_mut().append_pair("state", &carrier::state(&id, progress.step));
            progress.shown = json!({TICKET: ticket, WAITING: waiting});
            Step::Leave(address.into())
        }
        Judgement::Denied(reason) => denied(at, reason),
    }
}

fn denied(at: &mut At<'_>, reason: String) -> Step {
    let progress = at.progress();
    progress.shown = kernel::Value::Null;
    progress.fields.insert(REASON.to_owned(), reason);
    failed(at, DENIED)
}

/// Goes on to the page that tells why a reset failed.
pub(crate) fn failed(at: &mut At<'_>, why: &str) -> Step {
    let progress = at.progress();
    progress.stage = Stage::Prompt;
    "reset-password-error".clone_into(&mut progress.screen);
    progress.fields.insert(FAILURE.to_owned(), why.to_owned());
    Step::Go(paths::of("reset-password-error").to_owned())
}

/// Where the tenant's code waits for the user of a reset, and for which ticket.
pub(crate) fn waiting(transaction: &Transaction) -> Option<(String, Suspension)> {
    let noted = transaction.progress.fields.get(WAITING_FORM).and_then(|noted| serde_json::from_str(noted).ok());
    let shown = noted.as_ref().unwrap_or(&transaction.progress.shown);
    let waiting = Suspension::deserialize(shown.get(WAITING)?).ok()?;
    Some((shown.get(TICKET)?.as_str()?.to_owned(), waiting))
}

pub(super) struct Request;

impl Behaviour for Request {
    fn name(&self) -> &'static str {
        "reset-password-request"
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if at.world.database.as_ref().is_some_and(|database| database.allows_reset) {
            Step::Show(Show::of(self.name()))
        } else {
            Step::Go(paths::of(paths::login_screen(at.world)).to_owned())
        }
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let login = || Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        let Some(database) = at.world.database.as_ref().filter(|database| database.allows_reset) else {
            return login();
        };
        if form.action() == "back-to-login" {
            return login();
        }
        let field = field(database);
        // Some clients know only one of the two names.
        let other = if field == "email" { "username" } else { "email" };
        let identifier = if form.has(field) { form.line(field) } else { form.line(other) };
        let mut show = Show::of(self.name());
        let kinds = database.kinds_of(&identifier);
        if identifier.is_empty() {
            show.faults.push(Fault::at(field, database.missing_identifier()));
        } else if kinds.is_empty() {
            show.faults.push(Fault::at(field, invalid_identifier(database)));
        }
        let puzzle = at.solves_puzzle(form);
        if at.world.puzzles.reset && puzzle.is_none() {
            show.faults.push(Fault::at("captcha", "invalid-captcha"));
        }
        if !show.faults.is_empty() {
            return Step::Show(show.value(field, &identifier));
        }
        let message = message(database, identifier.clone(), puzzle);
        let fields = &mut at.progress().fields;
        fields.remove(CODE_FOR);
        fields.insert(SENT_TO.to_owned(), identifier);
        Step::Do(Effect::SendReset(message))
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        match done {
            Done::Fault(fault) => {
                let given = at.transaction.progress.fields.get(SENT_TO).cloned().unwrap_or_default();
                let field = at.world.database.as_ref().map_or("email", field);
                Step::Show(Show::fault(self.name(), fault).value(field, &given))
            }
            _ if at.world.database.as_ref().is_some_and(|database| database.resets_by_code) => {
                let fields = &mut at.progress().fields;
                let identifier = fields.get(SENT_TO).cloned().unwrap_or_default();
                fields.remove(parts::LOG_IN);
                fields.insert(CODE_FOR.to_owned(), identifier);
                Step::Go(paths::of("email-identifier-challenge").to_owned())
            }
            _ => Step::Go(paths::of("reset-password-email").to_owned()),
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        let Some(database) = &view.world.database else { return page };
        let (label, description) = labels(database);
        page.description = vec![view.text(description)];
        let mut form = parts::form(view);
        let name = field(database);
        let entered = view.value(name);
        let known = view.transaction.progress.identifier.as_ref().map(|given| given.value.clone());
        let hint = || view.transaction.request.login_hint.clone();
        let is_only_email = database.identifiers == [Identifier::Email];
        form.fields.push(Field {
            name,
            label: view.text(label),
            value: if entered.is_empty() { known.or_else(hint).unwrap_or_default() } else { entered },
            input_mode: is_only_email.then_some("email"),
            autocomplete: if is_only_email { "email" } else { "username" },
            is_required: true,
            has_focus: true,
            checks: vec![parts::required(
                view,
                if name == "email" { "email-required" } else { "username-required" },
                database.missing_identifier(),
            )],
            fault: view.fault(name),
            ..Field::default()
        });
        form.captcha = parts::captcha(view);
        page.form = Some(form);
        page.actions = vec![Action { value: "back-to-login", intro: None, text: view.text("backToLoginLinkText") }];
        page
    }
}

/// The name of the field: plain databases ask for the address.
fn field(database: &Database) -> &'static str {
    if !database.is_flexible && database.identifiers == [Identifier::Email] { "email" } else { "username" }
}

/// The keys of label and description.
fn labels(database: &Database) -> (&'static str, &'static str) {
    use Identifier::{Email, PhoneNumber, Username};
    let has = |identifier| database.identifiers.contains(&identifier);
    if !database.is_flexible {
        let is_by_name = has(Username);
        return if is_by_name {
            ("placeholderUsername", "descriptionUsername")
        } else {
            ("placeholderEmail", "descriptionEmail")
        };
    }
    match (has(Email), has(PhoneNumber), has(Username)) {
        (true, true, true) => ("phoneOrUsernameOrEmailPlaceholder", "phoneOrUsernameOrEmailDescription"),
        (true, true, false) => ("phoneOrEmailPlaceholder", "phoneOrEmailDescription"),
        (false, true, true) => ("phoneOrUsernamePlaceholder", "phoneOrUsernameDescription"),
        (true, false, true) => ("usernameOrEmailPlaceholder", "usernameOrEmailDescription"),
        (false, true, false) => ("phonePlaceholder", "phoneDescription"),
        (false, false, true) => ("usernamePlaceholder", "usernameDescription"),
        (_, false, false) => ("emailPlaceholder", "emailDescription"),
    }
}

pub(super) struct Sent;

impl Behaviour for Sent {
    fn name(&self) -> &'static str {
        "reset-password-email"
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if at.transaction.progress.fields.contains_key(SENT_TO) {
            Step::Show(Show::of(self.name()))
        } else {
            Step::Go(paths::of("reset-password-request").to_owned())
        }
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let identifier = at.transaction.progress.fields.get(SENT_TO).cloned();
        let database = at.world.database.as_ref().filter(|database| database.allows_reset);
        let (Some(identifier), Some(database)) = (identifier, database) else {
            return Step::Go(paths::of("reset-password-request").to_owned());
        };
        // Sending again is a second chance to tell a program from a person.
        if form.action() != "resend-email-action" || at.world.puzzles.reset {
            return Step::Go(paths::of("reset-password-request").to_owned());
        }
        Step::Do(Effect::SendReset(message(database, identifier, None)))
    }

    fn done(&self, _: &mut At<'_>, done: Done) -> Step {
        match done {
            Done::Fault(fault) => Step::Show(Show::fault(self.name(), Fault { field: None, ..fault })),
            _ => Step::Show(Show::of(self.name())),
        }
    }

    fn variable(&self, _: &World, transaction: &Transaction) -> Option<(&'static str, String)> {
        Some(("email", transaction.progress.fields.get(SENT_TO).cloned().unwrap_or_default()))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        let given = view.transaction.progress.fields.get(SENT_TO).map_or("", String::as_str);
        let is_by_name = view.world.database.as_ref().is_some_and(|database| field(database) == "username");
        let key = if is_by_name && !given.contains('@') { "usernameDescription" } else { "emailDescription" };
        page.description = vec![view.text(key)];
        page.icon = Some("success-email");
        page.actions = vec![Action { value: "resend-email-action", intro: None, text: view.text("resendLinkText") }];
        page
    }
}

/// The new password. Its transaction was begun by a ticket.
pub(super) struct Change;

impl Behaviour for Change {
    fn name(&self) -> &'static str {
        "reset-password"
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        // What the tenant's code waits for cannot be left out.
        match waiting(at.transaction) {
            // The form has ended: its page was left before the code went on.
            Some((_, suspended)) if suspended.form.is_some() => {
                let state = carrier::state(&at.transaction.id, at.transaction.progress.step);
                Step::Leave(format!("{CONTINUE}?state={state}"))
            }
            Some((ticket, suspended)) => judged(at, &ticket, Judgement::Away(Box::new(suspended))),
            None => Step::Show(Show::of(self.name())),
        }
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        if waiting(at.transaction).is_some() {
            return self.visit(at);
        }
        let Some(ticket) = at.transaction.progress.shown.get(TICKET).and_then(kernel::Value::as_str) else {
            return Step::Lost;
        };
        let (new, again) = (form.get("password-reset"), form.get("re-enter-password"));
        let mut faults = Vec::new();
        if new.is_empty() {
            faults.push(Fault::at("password-reset", "no-password-reset"));
        }
        if again.is_empty() {
            faults.push(Fault::at("re-enter-password", "no-re-enter-password"));
        } else if new != again {
            faults.push(Fault::at("re-enter-password", "password-mismatch"));
        }
        if !faults.is_empty() {
            return Step::Show(Show { screen: self.name(), faults, ..Show::default() });
        }
        Step::Do(Effect::SetPassword { ticket: ticket.to_owned(), password: form.secret("password-reset") })
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        match done {
            Done::Fault(fault) if fault.code.ends_with("-ticket") => failed(at, &fault.code),
            Done::Fault(fault) => Step::Show(Show::fault(self.name(), fault)),
            _ => {
                "reset-password-success".clone_into(&mut at.progress().screen);
                let result_url = at.progress().shown.get(RESULT_URL).and_then(kernel::Value::as_str);
                if let Some(address) = result_url {
                    return Step::Leave(address.to_owned());
                }
                Step::Go(paths::of("reset-password-success").to_owned())
            }
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        let mut form = parts::form(view);
        let fields = [
            ("password-reset", "passwordPlaceholder", "no-password-reset"),
            ("re-enter-password", "reEnterpasswordPlaceholder", "no-re-enter-password"),
        ];
        for (name, label, missing) in fields {
            form.fields.push(Field { autocomplete: "new-password", ..parts::password(view, name, label, missing) });
        }
        form.rules = parts::rules(view);
        parts::focus(&mut form);
        page.form = Some(form);
        page
    }
}

/// Where it is noted why a reset failed.
pub(crate) const FAILURE: &str = "reset.failure";
/// That the tenant's code has refused it.
pub(super) const DENIED: &str = "denied";
/// Where its reason is noted.
pub(super) const REASON: &str = "reset.reason";

/// The link back to where the client's login begins.
pub(super) fn back(view: &View<'_>, key: &str) -> Option<Link> {
    Some(Link { text: view.text(key), href: view.world.start()?.to_owned() })
}
