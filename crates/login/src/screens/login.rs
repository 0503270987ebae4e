//! `login`, `login-id` and `login-password`.

use super::{
    Behaviour, View,
    parts::{self, LOG_IN},
    passwordless,
};
use crate::{
    form::Form,
    page::{Action, Field, Link, Page, Shown},
    paths,
    step::{At, Coded, Done, Effect, Fault, LogIn, SendLogin, Show, Step},
    world::{Database, Identifier, Passwordless},
};
use model::login::GivenIdentifier;

/// One of the screens that take a password.
pub(super) struct Login {
    name: &'static str,
    /// Whether the identifier was given on the page before.
    is_second: bool,
}

pub(super) static LOGIN: Login = Login { name: "login", is_second: false };
pub(super) static LOGIN_PASSWORD: Login = Login { name: "login-password", is_second: true };

/// The screen that takes the identifier alone.
pub(super) struct LoginId;

pub(super) static LOGIN_ID: LoginId = LoginId;

impl Behaviour for Login {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if self.is_second && at.world.invitation.is_none() && at.transaction.progress.identifier.is_none() {
            return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        }
        Step::Show(Show::of(self.name))
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let Some(database) = &at.world.database else {
            return Step::Show(Show::fault(self.name, Fault::whole("no-db-connection")));
        };
        // Where a puzzle is due, it is solved for a password.
        if self.is_second && form.action() == "switch-to-otp-auth" && !at.world.puzzles.passwordless {
            return send_code(at, None);
        }
        if !database.has_passwords {
            return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        }
        let identifier = self.identifier(at, form);
        let mut show = Show::of(self.name);
        if identifier.is_empty() {
            show.faults.push(Fault::at("username", database.missing_identifier()));
        }
        if form.get("password").is_empty() {
            show.faults.push(Fault::at("password", "no-password"));
        }
        let puzzle = at.solves_puzzle(form);
        if at.world.puzzles.password && puzzle.is_none() {
            show.faults.push(Fault::at("captcha", "invalid-captcha"));
        }
        if !show.faults.is_empty() {
            return Step::Show(show.value("username", &identifier));
        }
        at.progress().identifier = Some(GivenIdentifier { kind: None, value: identifier.clone() });
        let kinds = database.kinds_of(&identifier);
        let connection = database.name.clone();
        at.progress().fields.remove(LOG_IN);
        Step::Do(Effect::LogIn(LogIn { connection, kinds, identifier, password: form.secret("password"), puzzle }))
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        if let (Done::Well, Some(kind)) = (&done, sent_to(at)) {
            return Step::Go(paths::of(paths::challenge(kind)).to_owned());
        }
        let Done::Fault(fault) = done else { return Step::Resume };
        let given = at.transaction.progress.identifier.clone().map(|given| given.value).unwrap_or_default();
        let fault = match &at.world.database {
            Some(database) if fault.code == "wrong-credentials" => Fault::at("password", database.wrong_credentials()),
            _ => fault,
        };
        Step::Show(Show::fault(self.name, fault).value("username", &given))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        if let Some(database) = &view.world.database {
            let mut form = parts::form(view);
            if view.world.invitation.is_some() {
                form.identifier = parts::invited(view);
            } else if self.is_second {
                form.identifier = Some(shown(view, database));
            } else {
                form.fields.extend(parts::any_identifier(view));
                page.actions.extend(parts::switches(view));
            }
            form.fields.push(parts::password(view, "password", "passwordPlaceholder", "no-password"));
            form.captcha = parts::captcha(view);
            form.link = parts::to_reset(view);
            parts::focus(&mut form);
            page.form = Some(form);
            let given = view.transaction.progress.identifier.as_ref();
            let may_switch = self.is_second && !view.world.puzzles.passwordless;
            if may_switch && given.is_some_and(|given| database.code_for(&given.value).is_some()) {
                let text = view.text("useCodeText");
                page.actions.push(Action { value: "switch-to-otp-auth", intro: None, text });
            }
        }
        page.alternate = parts::to_signup(view, paths::of(paths::signup_screen(view.world)));
        page.connections = parts::connections(view);
        page.separator = view.text("separatorText");
        parts::invite(view, &mut page);
        page
    }
}

impl Login {
    /// The identifier of the form, or the one that was given before: a second page cannot change it, nor can whoever is invited.
    fn identifier(&self, at: &At<'_>, form: &Form) -> String {
        if let Some(invitation) = &at.world.invitation {
            return invitation.email.clone();
        }
        let given = at.transaction.progress.identifier.as_ref().map(|given| given.value.clone());
        let entered = parts::entered(form);
        if self.is_second { given.unwrap_or(entered) } else { entered }
    }
}

/// The identifier of the page before.
fn shown(view: &View<'_>, database: &Database) -> Shown {
    let value = view.transaction.progress.identifier.clone().map(|given| given.value).unwrap_or_default();
    let is_email = database.kinds_of(&value) == [crate::world::Identifier::Email];
    Shown {
        name: "username",
        text: view.world.display.of(&value),
        value,
        autocomplete: if is_email { "email" } else { "username" },
        edit: Some((
            if is_email { view.texts.own("labels", "editEmail") } else { view.text("editLinkScreenReadableText") },
            Link { text: view.text("editEmailText"), href: view.href("/u/login/identifier") },
        )),
        fault: view.fault("username"),
    }
}

impl Behaviour for LoginId {
    fn name(&self) -> &'static str {
        "login-id"
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if at.world.invitation.is_some() {
            // The address is known, and no other is invited.
            return Step::Go(paths::of("login-password").to_owned());
        }
        Step::Show(Show::of("login-id"))
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        if at.world.invitation.is_some() {
            return self.visit(at);
        }
        let identifier = parts::entered(form);
        let refuse = |fault| Step::Show(Show::fault("login-id", fault).value("username", &identifier));
        let domain = identifier.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        let is_of_domain = |domain: &String| {
            at.world.others.iter().any(|other| other.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)))
        };
        if domain.as_ref().is_some_and(is_of_domain) {
            return refuse(Fault::at("username", "invalid-connection"));
        }
        if let Some(connection) = &at.world.passwordless {
            return post_passwordless(at, connection, form);
        }
        let Some(database) = &at.world.database else { return refuse(Fault::at("username", "no-hrd-connection")) };
        if identifier.is_empty() {
            return refuse(Fault::at("username", database.missing_identifier()));
        }
        if database.kinds_of(&identifier).is_empty() {
            return refuse(Fault::at("username", invalid_identifier(database)));
        }
        let code_for = database.code_for(&identifier);
        if !database.has_passwords && code_for.is_none() {
            return refuse(Fault::at("username", "password-not-allowed"));
        }
        let value = code_for.map_or_else(|| identifier.clone(), |kind| kind.normal(&identifier));
        if database.has_passwords {
            at.progress().identifier = Some(GivenIdentifier { kind: None, value });
            at.progress().fields.remove(LOG_IN);
            return Step::Go(paths::of("login-password").to_owned());
        }
        let puzzle = at.solves_puzzle(form);
        if at.world.puzzles_codes() && puzzle.is_none() {
            return refuse(Fault::at("captcha", "invalid-captcha"));
        }
        at.progress().identifier = Some(GivenIdentifier { kind: None, value });
        send_code(at, puzzle)
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        let given = at.transaction.progress.identifier.clone().map(|given| given.value).unwrap_or_default();
        match (done, &at.world.passwordless) {
            (Done::Well, Some(connection)) => {
                Step::Go(paths::of(connection.challenge(passwordless::is_link(at))).to_owned())
            }
            (Done::Well, None) => {
                let kind = sent_to(at).unwrap_or(Identifier::Email);
                Step::Go(paths::of(paths::challenge(kind)).to_owned())
            }
            (Done::Fault(fault), _) => Step::Show(Show::fault("login-id", fault).value("username", &given)),
            _ => Step::Resume,
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page("login-id");
        let mut form = parts::form(view);
        let mut field = match &view.world.passwordless {
            Some(connection) => Some(field_of(view, connection)),
            None => parts::any_identifier(view),
        };
        if let (Some(field), Some(given)) = (&mut field, &view.transaction.progress.identifier)
            && view.show.faults.is_empty()
            && view.world.database.as_ref().is_none_or(|database| !database.kinds_of(&given.value).is_empty())
        {
            field.value.clone_from(&given.value);
        }
        form.fields.extend(field);
        page.actions.extend(parts::switches(view));
        form.has_capabilities = true;
        form.captcha = parts::captcha(view);
        form.link = parts::to_reset(view);
        parts::focus(&mut form);
        page.form = Some(form);
        page.alternate = parts::to_signup(view, "/u/signup/identifier");
        page.connections = parts::connections(view);
        page.separator = view.text("separatorText");
        page
    }
}

/// The identifier of somebody who is sent a code or a link, where there are no passwords.
fn post_passwordless(at: &mut At<'_>, connection: &Passwordless, form: &Form) -> Step {
    let entered = parts::entered(form);
    let refuse = |fault| Step::Show(Show::fault("login-id", fault).value("username", &entered));
    let (missing, invalid) = match connection.kind {
        Identifier::PhoneNumber => ("no-phone", "invalid-phone-number"),
        _ => ("no-email", "invalid-email-format"),
    };
    if entered.is_empty() {
        return refuse(Fault::at("username", missing));
    }
    let Some(value) = identity::passwordless::normal(connection.kind.into(), &entered) else {
        return refuse(Fault::at("username", invalid));
    };
    let puzzle = at.solves_puzzle(form);
    if at.world.puzzles_codes() && puzzle.is_none() {
        return refuse(Fault::at("captcha", "invalid-captcha"));
    }
    let kind = connection.kind;
    at.progress().identifier = Some(GivenIdentifier { kind: Some(kind.field().to_owned()), value: value.clone() });
    let to = Coded { connection: connection.name.clone(), kind, identifier: value };
    Step::Do(Effect::SendLogin(SendLogin { to, is_link: passwordless::is_link(at), puzzle }))
}

/// Sends a database's user a code to log in with, by the identifier that was given.
fn send_code(at: &mut At<'_>, puzzle: Option<String>) -> Step {
    let given = at.transaction.progress.identifier.as_ref().map(|given| given.value.clone());
    let database = at.world.database.as_ref();
    let found = database.zip(given).and_then(|(database, given)| Some((database, database.code_for(&given)?, given)));
    let Some((database, kind, given)) = found else {
        return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
    };
    let to = Coded { connection: database.name.clone(), kind, identifier: given };
    at.progress().fields.insert(LOG_IN.to_owned(), kind.field().to_owned());
    Step::Do(Effect::SendLogin(SendLogin { to, is_link: false, puzzle }))
}

/// The kind of identifier that was sent a code to log in with.
fn sent_to(at: &At<'_>) -> Option<Identifier> {
    at.transaction.progress.fields.get(LOG_IN).and_then(|field| Identifier::of_field(field))
}

/// The field for the address or the number to which something is sent.
fn field_of(view: &View<'_>, connection: &Passwordless) -> Field {
    let (label, code, missing) = match connection.kind {
        Identifier::PhoneNumber => ("phonePlaceholder", "phone-required", "no-phone"),
        _ => ("emailPlaceholder", "email-required", "no-email"),
    };
    let (autocomplete, input_mode) = parts::tokens(connection.kind);
    let (entered, hint) = (view.value("username"), view.transaction.request.login_hint.clone());
    Field {
        name: "username",
        label: view.text(label),
        value: if entered.is_empty() { hint.unwrap_or_default() } else { entered },
        input_mode,
        autocomplete,
        is_required: true,
        checks: vec![parts::required(view, code, missing)],
        fault: view.fault("username"),
        ..Field::default()
    }
}

/// The fault of a text that is none of what users are known by.
pub(super) fn invalid_identifier(database: &Database) -> &'static str {
    use crate::world::Identifier::{Email, PhoneNumber};
    match database.identifiers.as_slice() {
        [Email] => "invalid-email-format",
        [PhoneNumber] => "invalid-phone-number",
        [Email, PhoneNumber] => "invalid-email-phone",
        _ => "invalid-login-id",
    }
}
