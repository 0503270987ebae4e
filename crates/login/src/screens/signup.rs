//! `signup`, `signup-id` and `signup-password`.

use std::collections::BTreeMap;

use super::{
    Behaviour, View,
    parts::{self, tokens},
    reset,
};
use crate::{
    form::Form,
    page::{Field, Link, Page, Shown},
    paths,
    step::{At, Coded, Done, Effect, Fault, Show, SignUp, Step},
    world::{Asked, Database, Identifier, Invitation, is_email, is_phone},
};

/// Begins the names of what sign-up remembers between its pages.
pub(crate) const REMEMBERED: &str = "signup.";
/// The address that was verified by a code.
pub(super) const VERIFIED: &str = "signup.verified";
/// The number that was.
const VERIFIED_PHONE: &str = "signup.verified_phone";
/// What a user name may hold beside letters and digits.
const CHARACTERS: &str = "_+-.!#$^~`'@";

/// One of the screens of sign-up.
pub(super) struct Signup {
    name: &'static str,
    asks_identifiers: bool,
    asks_password: bool,
}

pub(super) static SIGNUP: Signup = Signup { name: "signup", asks_identifiers: true, asks_password: true };
pub(super) static SIGNUP_ID: Signup = Signup { name: "signup-id", asks_identifiers: true, asks_password: false };
pub(super) static SIGNUP_PASSWORD: Signup =
    Signup { name: "signup-password", asks_identifiers: false, asks_password: true };

impl Behaviour for Signup {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if !at.world.database.as_ref().is_some_and(|database| database.allows_signup) {
            return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        }
        if !self.asks_identifiers && remembered(at).is_empty() {
            return Step::Go(paths::of(paths::signup_screen(at.world)).to_owned());
        }
        if !self.asks_identifiers
            && let Some(to) = to_verify(at)
        {
            return Step::Go(paths::of(paths::challenge(to.kind)).to_owned());
        }
        Step::Show(Show::of(self.name))
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let world = at.world;
        let Some(database) = world.database.as_ref().filter(|database| database.allows_signup) else {
            return Step::Show(Show::fault(self.name, Fault::whole("invalid-connection")));
        };
        let mut show = Show::of(self.name);
        let identifiers = if self.asks_identifiers {
            let (identifiers, faults) = read(database, form, world.invitation.as_ref());
            show.faults = faults;
            for (field, value) in &identifiers {
                show = show.value(field, value);
            }
            identifiers
        } else {
            remembered(at)
        };
        if !self.asks_identifiers && identifiers.is_empty() {
            return Step::Go(paths::of(paths::signup_screen(world)).to_owned());
        }
        if self.asks_password && form.get("password").is_empty() {
            show.faults.push(Fault::at("password", "no-password"));
        }
        let is_puzzled = world.puzzles.password && self.asks_password;
        let puzzle = if self.asks_password { at.solves_puzzle(form) } else { None };
        if is_puzzled && puzzle.is_none() {
            show.faults.push(Fault::at("captcha", "invalid-captcha"));
        }
        if !show.faults.is_empty() {
            return Step::Show(show);
        }
        remember(at, &identifiers);
        // What must be verified comes first: there is no way around its code.
        if let Some(to) = to_verify(at) {
            return if self.asks_identifiers {
                Step::Do(Effect::SendCode(to))
            } else {
                Step::Go(paths::of(paths::challenge(to.kind)).to_owned())
            };
        }
        if !self.asks_password && database.has_passwords {
            return Step::Go(paths::of("signup-password").to_owned());
        }
        if !database.has_passwords && verified_ones(at).is_empty() {
            // Nobody could log in.
            return Step::Show(Show::fault(self.name, Fault::whole("invalid-connection")));
        }
        Step::Do(Effect::SignUp(SignUp {
            connection: database.name.clone(),
            identifiers,
            password: database.has_passwords.then(|| form.secret("password")),
            verified: verified_ones(at),
            puzzle,
        }))
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        match done {
            Done::Fault(fault) => {
                let mut show = Show::fault(self.name, fault);
                for (field, value) in remembered(at) {
                    show = show.value(field, &value);
                }
                Step::Show(show)
            }
            Done::Well => {
                let to = to_verify(at).map_or(Identifier::Email, |to| to.kind);
                Step::Go(paths::of(paths::challenge(to)).to_owned())
            }
            Done::Authenticated | Done::Refused(_) | Done::Ticket(_) | Done::Judged { .. } | Done::Organizations(_) => {
                Step::Resume
            }
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        if let Some(database) = &view.world.database {
            let mut form = parts::form(view);
            if let Some(invited) = parts::invited(view) {
                form.identifier = Some(invited);
                let others = database.signup.iter().filter(|asked| asked.identifier != Identifier::Email);
                let others = others.filter(|_| self.asks_identifiers);
                form.fields.extend(others.map(|asked| field(view, database, *asked)));
            } else if self.asks_identifiers {
                form.fields.extend(database.signup.iter().map(|asked| field(view, database, *asked)));
            } else {
                form.identifier = shown(view);
            }
            if self.asks_password {
                let mut field = parts::password(view, "password", "passwordPlaceholder", "no-password");
                field.autocomplete = "new-password";
                form.fields.push(field);
                form.rules = parts::rules(view);
                form.captcha = parts::captcha(view);
            } else {
                form.has_capabilities = true;
            }
            parts::focus(&mut form);
            page.form = Some(form);
        }
        let is_invited = view.world.invitation.is_some();
        page.alternate = (!is_invited).then(|| parts::to_login(view, paths::of(paths::login_screen(view.world))));
        page.connections = parts::connections(view);
        page.separator = view.text("separatorText");
        parts::invite(view, &mut page);
        page
    }
}

fn field(view: &View<'_>, database: &Database, asked: Asked) -> Field {
    let Asked { identifier, is_required } = asked;
    let (autocomplete, input_mode) = tokens(identifier);
    let (label, optional, missing) = match identifier {
        Identifier::Email => ("emailPlaceholder", "emailOptionalPlaceholder", "no-email"),
        Identifier::PhoneNumber => ("phonePlaceholder", "phoneOptionalPlaceholder", "no-phone_number"),
        Identifier::Username => ("usernamePlaceholder", "usernameOptionalPlaceholder", "no-username"),
    };
    let mut checks = Vec::new();
    if is_required {
        let code = match identifier {
            Identifier::Email => "email-required",
            Identifier::PhoneNumber => "phone-required",
            Identifier::Username => "username-required",
        };
        checks.push(parts::required(view, code, missing));
    }
    if identifier == Identifier::Email {
        let text = view.text("email-invalid");
        checks.push(crate::page::Check { code: "email-invalid", function: "ulpEmailFunction", text });
    }
    let remembered = view.transaction.progress.fields.get(&format!("{REMEMBERED}{}", identifier.field()));
    let hint = || view.transaction.request.login_hint.clone().filter(|_| identifier == Identifier::Email);
    let entered = view.value(identifier.field());
    let is_first_visit = entered.is_empty() && view.show.faults.is_empty();
    let value = if is_first_visit { remembered.cloned().or_else(hint).unwrap_or_default() } else { entered };
    Field {
        name: identifier.field(),
        label: view.text(if is_required { label } else { optional }),
        value,
        input_mode,
        autocomplete,
        is_required,
        max_length: (identifier == Identifier::Username)
            .then(|| u32::try_from(database.username_window.1).unwrap_or(u32::MAX)),
        checks,
        fault: view.fault(identifier.field()),
        ..Field::default()
    }
}

/// What sign-up was told on the page before.
fn shown(view: &View<'_>) -> Option<Shown> {
    let fields = &view.transaction.progress.fields;
    let given =
        |identifier: Identifier| Some((identifier, fields.get(&format!("{REMEMBERED}{}", identifier.field()))?));
    let (identifier, value) = Identifier::ALL.into_iter().find_map(given)?;
    let (label, text) = match identifier {
        Identifier::Email => (view.texts.own("labels", "editEmail"), "editEmailText"),
        Identifier::PhoneNumber => (view.text("editLinkScreenReadableText"), "editPhoneText"),
        Identifier::Username => (view.text("editLinkScreenReadableText"), "editUsernameText"),
    };
    Some(Shown {
        name: identifier.field(),
        value: value.clone(),
        text: view.world.display.of(value),
        autocomplete: tokens(identifier).0,
        edit: Some((label, Link { text: view.text(text), href: view.href("/u/signup/identifier") })),
        fault: Identifier::ALL.iter().find_map(|identifier| view.fault(identifier.field())),
    })
}

/// The identifiers of a form, and what is wrong with them. Whoever is invited signs up with the address that is.
fn read(
    database: &Database,
    form: &Form,
    invitation: Option<&Invitation>,
) -> (BTreeMap<&'static str, String>, Vec<Fault>) {
    let (mut identifiers, mut faults) = (BTreeMap::new(), Vec::new());
    for Asked { identifier, is_required } in &database.signup {
        let field = identifier.field();
        let invited = invitation.filter(|_| *identifier == Identifier::Email);
        let given = || match identifier {
            Identifier::PhoneNumber => parts::number(form).unwrap_or_else(|| identifier.normal(&form.line(field))),
            _ => identifier.normal(&form.line(field)),
        };
        let value = invited.map_or_else(given, |invitation| invitation.email.clone());
        if value.is_empty() {
            if *is_required {
                let code = match identifier {
                    Identifier::Email => "no-email",
                    Identifier::PhoneNumber => "no-phone_number",
                    Identifier::Username => "no-username",
                };
                faults.push(Fault::at(field, code));
            }
            continue;
        }
        let code = match identifier {
            Identifier::Email if !is_email(&value) => Some("invalid-email-format"),
            Identifier::PhoneNumber if !is_phone(&value) => Some("invalid-phone-number"),
            Identifier::Username => invalid_username(database.username_window, &value),
            _ => None,
        };
        faults.extend(code.map(|code| Fault::at(field, code)));
        identifiers.insert(field, value);
    }
    if identifiers.is_empty() && faults.is_empty() {
        let first = database.signup.first().map_or("email", |asked| asked.identifier.field());
        faults.push(Fault::at(first, "no-identifier"));
    }
    (identifiers, faults)
}

fn invalid_username((min, max): (usize, usize), name: &str) -> Option<&'static str> {
    let length = name.chars().count();
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || CHARACTERS.contains(letter);
    match () {
        () if is_email(name) => Some("invalid-username-email-not-allowed"),
        () if length < min => Some("invalid-username-min-length"),
        () if length > max => Some("invalid-username-max-length"),
        () if !name.chars().all(is_allowed) => Some("invalid-username-invalid-characters"),
        () => None,
    }
}

/// What sign-up was told on the page before.
pub(super) fn remembered(at: &At<'_>) -> BTreeMap<&'static str, String> {
    let fields = &at.transaction.progress.fields;
    let given = |identifier: Identifier| {
        let field = identifier.field();
        Some((field, fields.get(&format!("{REMEMBERED}{field}"))?.clone()))
    };
    Identifier::ALL.into_iter().filter_map(given).collect()
}

/// Where the identifier is noted that a code has verified.
pub(super) fn verified(kind: Identifier) -> &'static str {
    if kind == Identifier::PhoneNumber { VERIFIED_PHONE } else { VERIFIED }
}

/// The identifiers that were entered and are verified.
pub(super) fn verified_ones(at: &At<'_>) -> Vec<Identifier> {
    let (entered, fields) = (remembered(at), &at.transaction.progress.fields);
    let is_verified = |kind: &Identifier| {
        let entered = entered.get(kind.field());
        entered.is_some() && fields.get(verified(*kind)) == entered
    };
    [Identifier::Email, Identifier::PhoneNumber].into_iter().filter(is_verified).collect()
}

/// What was entered and must be verified before anything else: what the connection says; and one of those by which users are sent codes,
/// where they have no passwords.
pub(super) fn to_verify(at: &At<'_>) -> Option<Coded> {
    let database = at.world.database.as_ref()?;
    let (mut entered, verified) = (remembered(at), verified_ones(at));
    let is_due = |kind: Identifier| {
        let verifies = match kind {
            Identifier::Email => database.verifies_email,
            Identifier::PhoneNumber => database.verifies_phone,
            Identifier::Username => false,
        };
        let proves = || !database.has_passwords && verified.is_empty() && database.by_code.contains(&kind);
        !verified.contains(&kind) && (verifies || proves())
    };
    let kinds = [Identifier::Email, Identifier::PhoneNumber];
    let kind = kinds.into_iter().find(|kind| entered.contains_key(kind.field()) && is_due(*kind))?;
    Some(Coded { connection: database.name.clone(), kind, identifier: entered.remove(kind.field())? })
}

fn remember(at: &mut At<'_>, identifiers: &BTreeMap<&'static str, String>) {
    let fields = &mut at.progress().fields;
    let is_kept = |name: &str| name == VERIFIED || name == VERIFIED_PHONE;
    let is_left = |name: &str| name.starts_with(REMEMBERED) || name == reset::CODE_FOR || name == parts::LOG_IN;
    fields.retain(|name, _| is_kept(name) || !is_left(name));
    fields.extend(identifiers.iter().map(|(field, value)| (format!("{REMEMBERED}{field}"), value.clone())));
}
