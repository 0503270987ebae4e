//! The login as a state machine: pure functions from a transaction and what the user did to what comes next.
//!
//! Screens of the entry (login, sign-up, reset) are told apart by their path, since a user moves among them by links and
//! in several tabs. At every later stage the transaction decides, and a path is only a hint.

use model::{
    login::{Authentication, LoginRequest, Progress, Refusal, Stage},
    screens::SCREENS,
};

use crate::{
    form::Form,
    paths::{self, login_screen, signup_screen},
    screens::{self, Behaviour},
    step::{At, Done, Fault, Show, Step},
    world::{CHOSEN, World},
};

/// The first screen of a request.
pub fn first(world: &World, request: &LoginRequest) -> &'static str {
    if request.organization_prompt.is_some() {
        return "organization-selection";
    }
    if request.asks_to_accept {
        return "accept-invitation";
    }
    if world.invitation.is_some() {
        return screens::invitation::next(world);
    }
    let hint = request.screen_hint.as_deref().unwrap_or_default();
    let database = world.database.as_ref();
    match hint {
        "signup" if database.is_some_and(|database| database.allows_signup) => signup_screen(world),
        "reset-password" if database.is_some_and(|database| database.allows_reset) => "reset-password-request",
        _ => login_screen(world),
    }
}

/// A page is visited.
pub fn visit(at: &mut At<'_>, path: &str) -> Step {
    if let Some(connection) = path.strip_prefix("/u/login/password-reset-start/") {
        let step = format!("/u/reset-password/request/{connection}");
        return if at.transaction.progress.stage == Stage::Entry { Step::Go(step) } else { current(at) };
    }
    match at.transaction.progress.stage {
        Stage::Entry => match screen_at(path) {
            Some(behaviour) if behaviour.is_entry() => match before(at, behaviour.name()) {
                Some(step) => step,
                None => behaviour.visit(at),
            },
            _ => Step::Go(paths::of(login_screen(at.world)).to_owned()),
        },
        Stage::Prompt if screen_at(path).is_some_and(|screen| screen.name() == at.transaction.progress.screen) => {
            match screens::named(&at.transaction.progress.screen) {
                Some(behaviour) => behaviour.visit(at),
                None => Step::Lost,
            }
        }
        _ => current(at),
    }
}

/// A form is sent.
pub fn post(at: &mut At<'_>, path: &str, form: &Form) -> Step {
    let behaviour = match at.transaction.progress.stage {
        Stage::Entry => screen_at(path).filter(|behaviour| behaviour.is_entry()),
        Stage::Prompt => {
            let here = screens::named(&at.transaction.progress.screen);
            here.filter(|behaviour| screen_at(path).is_some_and(|shown| shown.name() == behaviour.name()))
        }
        Stage::Resume | Stage::Finished => None,
    };
    let Some(behaviour) = behaviour else { return current(at) };
    if at.transaction.progress.stage == Stage::Entry
        && let Some(step) = before(at, behaviour.name())
    {
        return step;
    }
    if form.action() == "change-language" {
        let language = form.get("language").chars().take(16).collect();
        at.progress().language = Some(language);
        return match behaviour.visit(at) {
            // What is shown now was read for the language from before.
            Step::Show(_) => Step::Go(path.to_owned()),
            step => step,
        };
    }
    // There is no page of countries: a number is entered with its code.
    if form.action() == "pick-country-code" {
        return behaviour.visit(at);
    }
    let chosen = at.world.switches.iter().find(|kind| kind.switch().0 == form.action());
    if let Some(kind) = chosen {
        let field = kind.field().to_owned();
        at.progress().fields.insert(CHOSEN.to_owned(), field);
        return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
    }
    if at.transaction.progress.stage == Stage::Entry && !form.get("connection").is_empty() {
        return other_connection(at, behaviour.name(), form.get("connection"));
    }
    let partials = form.beginning("ulp-", 20, 255);
    at.progress().fields.extend(partials);
    behaviour.post(at, form)
}

/// An effect that a screen asked for has come to an end.
pub fn done(at: &mut At<'_>, path: &str, done: Done) -> Step {
    match done {
        Done::Authenticated => Step::Resume,
        Done::Refused(refusal) => {
            at.progress().refusal = Some(refusal);
            at.progress().stage = Stage::Resume;
            Step::Resume
        }
        done => match screen_at(path) {
            Some(behaviour) => behaviour.done(at, done),
            None => Step::Lost,
        },
    }
}

/// The user is known.
pub fn logged_in(progress: &mut Progress, screen: &str, authentication: Authentication) {
    progress.authentication = Some(authentication);
    progress.stage = Stage::Resume;
    progress.captcha = None;
    progress.completed.push(screen.to_owned());
}

/// What comes before any other screen of the entry: the organization, and the invitation to it. Where either is gone meanwhile, so is the
/// login.
fn before(at: &mut At<'_>, screen: &str) -> Option<Step> {
    const ABOUT_ORGANIZATIONS: [&str; 2] = ["organization-selection", "pre-login-organization-picker"];
    let request = &at.transaction.request;
    if ABOUT_ORGANIZATIONS.contains(&screen) {
        return None;
    }
    if request.organization_prompt.is_some() {
        return Some(Step::Go(paths::of("organization-selection").to_owned()));
    }
    let id = request.organization.as_ref()?;
    let gone = match (&at.world.organization, &request.invitation, &at.world.invitation) {
        (None, ..) => Some(format!("parameter organization is invalid: {id}")),
        (Some(_), Some(_), None) => Some("invitation not found or already used".to_owned()),
        _ if !at.world.has_connection() => Some("no connections enabled for the organization".to_owned()),
        _ => None,
    };
    if let Some(description) = gone {
        let progress = at.progress();
        progress.refusal = Some(Refusal { error: "invalid_request".to_owned(), description });
        progress.stage = Stage::Resume;
        return Some(Step::Resume);
    }
    let is_asked = request.asks_to_accept && screen != "accept-invitation";
    is_asked.then(|| Step::Go(paths::of("accept-invitation").to_owned()))
}

/// Where a user belongs who is somewhere else.
fn current(at: &At<'_>) -> Step {
    match at.transaction.progress.stage {
        Stage::Entry => Step::Go(paths::start(at.world, first(at.world, &at.transaction.request))),
        Stage::Prompt => Step::Go(paths::of_prompt(&at.transaction.progress)),
        Stage::Resume | Stage::Finished => Step::Resume,
    }
}

/// Another connection was chosen by its button. None of them is served yet.
fn other_connection(at: &At<'_>, screen: &'static str, name: &str) -> Step {
    let is_ours = at.world.database.as_ref().is_some_and(|database| database.name == name);
    if is_ours {
        return Step::Go(paths::of(login_screen(at.world)).to_owned());
    }
    Step::Show(Show::fault(screen, Fault::whole("invalid-connection")))
}

/// The screen whose page has this path.
pub(crate) fn screen_at(path: &str) -> Option<&'static dyn Behaviour> {
    let bare = if path.starts_with("/u/reset-password/request/") { "/u/reset-password/request" } else { path };
    let screen = SCREENS.iter().find(|screen| screen.path == Some(bare))?;
    screens::named(screen.name)
}

#[cfg(test)]
mod tests;
