//! `login`, `login-id` and `login-password`.

use super::{Behaviour, View, parts};
use crate::{
    form::Form,
    page::{Link, Page, Shown},
    paths,
    step::{At, Done, Effect, Fault, LogIn, Show, Step},
    world::Database,
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
        let identifier = self.identifier(at, form);
        let mut show = Show::of(self.name);
        if identifier.is_empty() {
            show.faults.push(Fault::at("username", database.missing_identifier()));
        }
        if form.get("password").is_empty() {
            show.faults.push(Fault::at("password", "no-password"));
        }
        let puzzle = at.solves_puzzle(form);
        if at.world.puzzles_password() && puzzle.is_none() {
            show.faults.push(Fault::at("captcha", "invalid-captcha"));
        }
        if !show.faults.is_empty() {
            return Step::Show(show.value("username", &identifier));
        }
        at.progress().identifier = Some(GivenIdentifier { kind: None, value: identifier.clone() });
        let kinds = database.kinds_of(&identifier);
        let connection = database.name.clone();
        Step::Do(Effect::LogIn(LogIn { connection, kinds, identifier, password: form.secret("password"), puzzle }))
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
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
            }
            form.fields.push(parts::password(view, "password", "passwordPlaceholder", "no-password"));
            form.captcha = parts::captcha(view);
            form.link = parts::to_reset(view);
            parts::focus(&mut form);
            page.form = Some(form);
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
        let entered = form.line("username");
        if self.is_second { given.unwrap_or(entered) } else { entered }
    }
}

/// The identifier of the page before.
fn shown(view: &View<'_>, database: &Database) -> Shown {
    let value = view.transaction.progress.identifier.clone().map(|given| given.value).unwrap_or_default();
    let is_email = database.kinds_of(&value) == [crate::world::Identifier::Email];
    Shown {
        name: "username",
        value,
        autocomplete: if is_email { "email" } else { "username" },
        edit: Some((
            if is_email { "Edit email address".to_owned() } else { view.text("editLinkScreenReadableText") },
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
        let identifier = form.line("username");
        let refuse = |fault| Step::Show(Show::fault("login-id", fault).value("username", &identifier));
        let domain = identifier.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        let is_of_domain = |domain: &String| {
            at.world.others.iter().any(|other| other.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)))
        };
        if domain.as_ref().is_some_and(is_of_domain) {
            return refuse(Fault::at("username", "invalid-connection"));
        }
        let Some(database) = &at.world.database else { return refuse(Fault::at("username", "no-hrd-connection")) };
        if identifier.is_empty() {
            return refuse(Fault::at("username", database.missing_identifier()));
        }
        if database.kinds_of(&identifier).is_empty() {
            return refuse(Fault::at("username", invalid_identifier(database)));
        }
        at.progress().identifier = Some(GivenIdentifier { kind: None, value: identifier });
        Step::Go(paths::of("login-password").to_owned())
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page("login-id");
        let mut form = parts::form(view);
        let mut field = parts::any_identifier(view);
        if let (Some(field), Some(given)) = (&mut field, &view.transaction.progress.identifier)
            && view.show.faults.is_empty()
        {
            field.value.clone_from(&given.value);
        }
        form.fields.extend(field);
        form.has_capabilities = true;
        form.link = parts::to_reset(view);
        parts::focus(&mut form);
        page.form = Some(form);
        page.alternate = parts::to_signup(view, "/u/signup/identifier");
        page.connections = parts::connections(view);
        page.separator = view.text("separatorText");
        page
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
