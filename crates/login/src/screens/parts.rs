//! Parts that several screens have.

use identity::PhoneNumber;

use super::View;
use crate::{
    form,
    page::{Action, Alternate, Button, Captcha, Check, Connection, Field, Form, Link, Page, Rule, Rules, Shown},
    paths::encoded,
    world::{CLASS_RULES, Identifier},
};

/// Where the kind of identifier is noted that was sent a code to log in with.
pub(crate) const LOG_IN: &str = "login.code";

/// The variable of texts that tell where something was sent.
pub(crate) fn variable(kind: Identifier) -> &'static str {
    if kind == Identifier::PhoneNumber { "phone" } else { "email" }
}

/// The field for a code that has at most this many characters.
pub(crate) fn code_field(view: &View<'_>, length: usize) -> Field {
    Field {
        name: "code",
        label: view.text("placeholder"),
        value: view.value("code"),
        input_mode: Some("numeric"),
        autocomplete: if view.world.display.refuses_code_completion { "off" } else { "one-time-code" },
        is_required: true,
        has_focus: true,
        max_length: Some(u32::try_from(length + 10).unwrap_or(u32::MAX)),
        checks: vec![required(view, "code-required", "no-code")],
        fault: view.fault("code"),
        ..Field::default()
    }
}

/// The main button.
pub(crate) fn main_button(view: &View<'_>) -> Button {
    Button { value: "default", text: view.text("buttonText"), is_primary: true }
}

/// A form with its toggle texts and main button.
pub(crate) fn form(view: &View<'_>) -> Form {
    Form {
        show_text: view.text("showPasswordText"),
        hide_text: view.text("hidePasswordText"),
        buttons: vec![main_button(view)],
        ..Form::default()
    }
}

/// The field `password`, or another of its kind.
pub(crate) fn password(view: &View<'_>, name: &'static str, label: &str, missing: &'static str) -> Field {
    Field {
        name,
        label: view.text(label),
        is_password: true,
        autocomplete: "current-password",
        is_required: true,
        checks: vec![required(view, "password-required", missing)],
        fault: view.fault(name),
        ..Field::default()
    }
}

/// The check that a field is filled in.
pub(crate) fn required(view: &View<'_>, code: &'static str, text: &str) -> Check {
    Check { code, function: "ulpRequiredFunction", text: view.text(text) }
}

/// The field into which the user enters any of the identifiers.
pub(crate) fn any_identifier(view: &View<'_>) -> Option<Field> {
    let database = view.world.database.as_ref()?;
    let only = if let [only] = *database.identifiers { Some(only) } else { None };
    let (autocomplete, input_mode) = match only {
        Some(Identifier::Email | Identifier::PhoneNumber) => only.map_or(("username", None), tokens),
        _ => ("username", None),
    };
    let hint = view.transaction.request.login_hint.clone();
    let entered = view.value("username");
    Some(Field {
        name: "username",
        label: view.text(database.identifier_label()),
        value: if entered.is_empty() { hint.unwrap_or_default() } else { entered },
        input_mode,
        autocomplete,
        is_required: true,
        checks: vec![required(view, "username-required", database.missing_identifier())],
        fault: view.fault("username").or_else(|| view.fault("email")),
        ..Field::default()
    })
}

/// The ways to give another kind of identifier.
pub(crate) fn switches(view: &View<'_>) -> impl Iterator<Item = Action> {
    view.world.switches.iter().map(|kind| {
        let (value, text) = kind.switch();
        Action { value, intro: Some(view.text("separatorText")), text: view.text(text) }
    })
}

/// The identifier that was entered. Pages that a tenant draws may say of which kind it is.
pub(crate) fn entered(form: &form::Form) -> String {
    let typed = match form.get("identifier_type") {
        "email" => form.line("identifier_email"),
        "username" => form.line("identifier_username"),
        "phone" => number(form).unwrap_or_default(),
        _ => String::new(),
    };
    if typed.is_empty() { form.line("username") } else { typed }
}

/// The number that was entered beside the country that it is of.
pub(crate) fn number(form: &form::Form) -> Option<String> {
    let (typed, country) = (form.line("identifier_phone"), form.line("identifier_phone_country_code"));
    if typed.is_empty() || country.is_empty() {
        return None;
    }
    let number = PhoneNumber::read(&typed, Some(&country));
    Some(number.map_or(typed, |number| number.as_str().to_owned()))
}

/// The autocomplete token and keyboard of an identifier's own field.
pub(crate) fn tokens(identifier: Identifier) -> (&'static str, Option<&'static str>) {
    match identifier {
        Identifier::Email => ("email", Some("email")),
        Identifier::PhoneNumber => ("tel", Some("tel")),
        Identifier::Username => ("username", None),
    }
}

/// The puzzle, where one is to be solved.
pub(crate) fn captcha(view: &View<'_>) -> Option<Captcha> {
    let captcha = view.captcha.as_ref()?;
    let question = view.texts.own("captcha", "questionText");
    Some(Captcha {
        image: captcha.image.clone(),
        image_text: view.texts.own("captcha", "imageText"),
        question: format!("{question} {}", captcha.question),
        label: view.text("captchaCodePlaceholder"),
        fault: view.fault("captcha"),
    })
}

/// The buttons of the other connections.
pub(crate) fn connections(view: &View<'_>) -> Vec<Connection> {
    let shown = view.world.others.iter().filter(|other| other.has_button);
    shown
        .map(|other| Connection {
            name: other.name.clone(),
            strategy: other.strategy.clone(),
            text: view.texts.clone().with("connectionName", &*other.display_name).get("federatedConnectionButtonText"),
        })
        .collect()
}

/// The address that is invited, which cannot be changed.
pub(crate) fn invited(view: &View<'_>) -> Option<Shown> {
    let invitation = view.world.invitation.as_ref()?;
    let fault = ["username", "email"].into_iter().find_map(|field| view.fault(field));
    Some(Shown {
        name: "email",
        value: invitation.email.clone(),
        text: invitation.email.clone(),
        autocomplete: "email",
        edit: None,
        fault,
    })
}

/// Has a page tell of the invitation that the user accepts on it.
pub(crate) fn invite(view: &View<'_>, page: &mut Page) {
    if view.world.invitation.is_some() {
        page.heading = view.text("invitationTitle");
        page.description = vec![view.text("invitationDescription")];
    }
}

/// The link to sign-up. Whoever is invited and has an account does not sign up.
pub(crate) fn to_signup(view: &View<'_>, path: &str) -> Option<Alternate> {
    view.world.database.as_ref().filter(|database| database.allows_signup && view.world.invitation.is_none())?;
    let link = Link { text: view.text("signupActionLinkText"), href: view.href(path) };
    Some(Alternate { intro: view.text("signupActionText"), link })
}

/// The link to login.
pub(crate) fn to_login(view: &View<'_>, path: &str) -> Alternate {
    let link = Link { text: view.text("loginActionLinkText"), href: view.href(path) };
    Alternate { intro: view.text("loginActionText"), link }
}

/// The link to the reset of a password.
pub(crate) fn to_reset(view: &View<'_>) -> Option<Link> {
    let database = view.world.database.as_ref().filter(|database| database.allows_reset)?;
    let path = format!("/u/login/password-reset-start/{}", encoded(&database.name));
    Some(Link { text: view.text("forgotPasswordText"), href: view.href(&path) })
}

/// What a password must be, in words and as patterns for the script.
pub(crate) fn rules(view: &View<'_>) -> Option<Rules> {
    let rules = &view.world.database.as_ref()?.rules;
    let own = |key: &str| view.texts.own("rules", key);
    let counted = |key: &str, name: &'static str, count: usize| {
        view.texts.clone().with(name, count.to_string()).own("rules", key)
    };
    let mut items = Vec::new();
    if rules.min_length > 0 {
        items.push(Rule {
            code: "password-policy-length-at-least",
            text: counted("length", "min", rules.min_length),
            pattern: Some(format!("^.{{{},}}$", rules.min_length)),
            parts: Vec::new(),
        });
    }
    let parts: Vec<Rule> = rules.classes.iter().map(|class| class_rule(class, own(class))).collect();
    if rules.at_least < parts.len() {
        let text = counted("classes", "min", rules.at_least);
        items.push(Rule { code: "password-policy-contains-at-least", text, pattern: None, parts });
    } else {
        items.extend(parts);
    }
    if let Some(most) = rules.identical {
        items.push(Rule {
            code: "password-policy-identical-chars",
            text: counted("identical", "max", most),
            pattern: Some(format!("^(?!.*(.)\\1{{{most}}})")),
            parts: Vec::new(),
        });
    }
    if rules.refuses_sequences {
        let text = own("sequential");
        items.push(Rule { code: "password-policy-sequential-chars", text, pattern: None, parts: Vec::new() });
    }
    (!items.is_empty()).then(|| Rules { intro: view.text("passwordSecurityText"), items })
}

fn class_rule(class: &str, text: String) -> Rule {
    let pattern = match class {
        "lower" => "[a-z]",
        "upper" => "[A-Z]",
        "digit" => "[0-9]",
        _ => "[^A-Za-z0-9]",
    };
    let code = CLASS_RULES.iter().find(|(_, known)| *known == class).map_or("", |(code, _)| *code);
    Rule { code, text, pattern: Some(pattern.to_owned()), parts: Vec::new() }
}

/// Gives the focus to the first field that is wrong, else to the first that is empty.
pub(crate) fn focus(form: &mut Form) {
    let wrong = form.fields.iter().position(|field| field.fault.is_some());
    let empty = form.fields.iter().position(|field| field.value.is_empty());
    if let Some(place) = wrong.or(empty) {
        form.fields[place].has_focus = true;
    }
}
