//! What pages are told of their screen: where its links lead, what it shows, and what is wrong with what was sent.

use kernel::{Document, Value};
use model::login::ConsentScope;
use serde_json::json;

use super::{connection, context::Facts};
use crate::{
    page::Page,
    screens::{consent, parts::LOG_IN, reset, signup},
    step::Fault,
    world::{Identifier, is_email, is_phone},
};

/// The fault of a password that does not keep the rules.
const TOO_WEAK: &str = "password-too-weak";

/// The member `screen` of a context, with the texts that the page is told.
pub(super) fn of(facts: &Facts<'_>, texts: &Value) -> Value {
    json!({
        "name": facts.known.screen,
        "links": links(facts.known.screen, facts.page),
        "captcha": captcha(facts),
        "data": data(facts),
        "texts": texts,
    })
}

/// Where the links lead that our page of the screen has.
fn links(screen: &str, page: &Page) -> Document {
    let form = page.form.as_ref();
    let other = if screen.starts_with("signup") { "login" } else { "signup" };
    let edit = form.and_then(|form| form.identifier.as_ref()?.edit.as_ref());
    let links = [
        (other, page.alternate.as_ref().map(|alternate| &alternate.link)),
        ("reset_password", form.and_then(|form| form.link.as_ref())),
        ("edit_identifier", edit.map(|(_, link)| link)),
        // The pages that tell a result lead to where the login begins.
        ("login", page.button.as_ref()),
    ];
    links.into_iter().filter_map(|(name, link)| Some((name.to_owned(), link?.href.as_str().into()))).collect()
}

/// The puzzle that is to be solved. Whoever cannot see the picture is asked the question.
fn captcha(facts: &Facts<'_>) -> Value {
    let shown = facts.page.form.as_ref().and_then(|form| form.captcha.as_ref());
    shown.map_or(
        Value::Null,
        |captcha| json!({"provider": "auth0", "image": captcha.image, "question": captcha.question}),
    )
}

/// What the screen is about.
fn data(facts: &Facts<'_>) -> Value {
    let (view, page) = (facts.view, facts.page);
    let progress = &view.transaction.progress;
    let shown = page.form.as_ref().and_then(|form| form.identifier.as_ref()).map(|shown| shown.value.as_str());
    let entered = |name: &str| {
        let fields = page.form.iter().flat_map(|form| &form.fields);
        fields
            .into_iter()
            .find(|field| field.name == name)
            .map(|field| field.value.as_str())
            .filter(|value| !value.is_empty())
    };
    let has_action = |name: &str| page.actions.iter().any(|action| action.value == name);
    let remembered = |kind: Identifier| progress.fields.get(&format!("{}{}", signup::REMEMBERED, kind.field()));
    match facts.known.screen {
        "login" | "login-id" => {
            json!({"username": entered("username"), "active_identifier_type": active_identifier(facts, entered("username"))})
        }
        "login-password" => {
            json!({"username": shown, "show_switch_to_otp_button": has_action("switch-to-otp-auth")})
        }
        "login-passwordless-email-code" => json!({"email": shown, "username": shown}),
        "login-passwordless-sms-otp" => json!({"phone_number": shown, "username": shown}),
        "signup-password" => json!({
            "email": remembered(Identifier::Email),
            "phone_number": remembered(Identifier::PhoneNumber),
            "username": remembered(Identifier::Username),
        }),
        "email-identifier-challenge" => json!({
            "email": challenged(facts, Identifier::Email),
            "message_type": "otp",
            "resendLimitReached": has_asked_too_often(facts),
            "show_switch_to_password_button": has_action("switch-to-password-auth"),
        }),
        "phone-identifier-challenge" => json!({
            "phone_number": challenged(facts, Identifier::PhoneNumber),
            "message_type": "text",
            "resendLimitReached": has_asked_too_often(facts),
            "show_link_sms": false,
            "show_link_voice": false,
            "show_switch_to_password_button": has_action("switch-to-password-auth"),
        }),
        "reset-password-request" => {
            let known = entered("email").or_else(|| entered("username"));
            json!({
                "username": known,
                "email": known.filter(|known| is_email(known)),
                "phone": known.filter(|known| is_phone(known)),
            })
        }
        "reset-password-email" => {
            let known = progress.fields.get(reset::SENT_TO);
            json!({"username": known, "email": known.filter(|known| known.contains('@'))})
        }
        "consent" => scopes(facts),
        "accept-invitation" => view
            .world
            .invitation
            .as_ref()
            .map_or(Value::Null, |invitation| json!({"inviter": invitation.inviter, "email": invitation.email})),
        "email-verification-result" => json!({"status": match code(facts) {
            None => "success",
            Some("already-verified") => "already_verified",
            Some(_) => "failure",
        }}),
        "brute-force-protection-unblock-failure" => json!({"errorType": code(facts)}),
        _ => Value::Null,
    }
}

/// Which kind of identifier is asked for first, where there are several: that of what was entered, else the first.
fn active_identifier(facts: &Facts<'_>, entered: Option<&str>) -> Value {
    let Some(database) = facts.view.world.database.as_ref().filter(|database| database.is_flexible) else {
        return Value::Null;
    };
    let kind = entered.and_then(|entered| database.kinds_of(entered).into_iter().next());
    match kind.or_else(|| database.identifiers.first().copied()) {
        Some(Identifier::Email) => "email".into(),
        Some(Identifier::PhoneNumber) => "phone".into(),
        Some(Identifier::Username) => "username".into(),
        None => Value::Null,
    }
}

/// Whether no more codes are sent for now.
fn has_asked_too_often(facts: &Facts<'_>) -> Option<bool> {
    let is_limit = |fault: &Fault| ["too-many-email", "too-many-sms"].contains(&fault.code.as_str());
    facts.view.show.faults.iter().any(is_limit).then_some(true)
}

/// What the client asks for. The user is asked something else where there is nothing.
fn scopes(facts: &Facts<'_>) -> Value {
    let asked = facts.view.transaction.progress.shown.get(consent::SCOPES).cloned().unwrap_or_default();
    let asked: Vec<ConsentScope> = serde_json::from_value(asked).unwrap_or_default();
    let scopes = asked.into_iter().map(|scope| {
        let description = scope.description.or_else(|| facts.view.texts.find(&scope.name));
        json!({"value": scope.name, "description": description})
    });
    let scopes: Vec<Value> = scopes.collect();
    json!({"hideScopes": scopes.is_empty(), "scopes": scopes})
}

/// The code of what is wrong.
fn code<'f>(facts: &'f Facts<'_>) -> Option<&'f str> {
    facts.view.show.faults.first().map(|fault| fault.code.as_str())
}

/// The address or number whose code is asked for.
fn challenged(facts: &Facts<'_>, kind: Identifier) -> Value {
    let progress = &facts.view.transaction.progress;
    let is_login = progress.fields.get(LOG_IN).is_some_and(|field| field == kind.field());
    let given = progress.identifier.as_ref().filter(|_| is_login).map(|given| &given.value);
    let given = given.or_else(|| progress.fields.get(reset::CODE_FOR));
    given.or_else(|| progress.fields.get(&format!("{}{}", signup::REMEMBERED, kind.field()))).cloned().into()
}

/// What is wrong, in words.
pub(super) fn errors(facts: &Facts<'_>) -> Vec<Value> {
    let view = facts.view;
    if facts.known.screen == "reset-password-error" {
        let why = view.transaction.progress.fields.get(reset::FAILURE);
        return vec![json!({"code": why.map_or("generic", String::as_str), "message": facts.page.description.first()})];
    }
    let is_result =
        ["email-verification-result", "brute-force-protection-unblock-failure"].contains(&facts.known.screen);
    // That an address was verified before is nothing wrong.
    let wrong = view.show.faults.iter().filter(|fault| fault.code != "already-verified");
    wrong
        .map(|fault: &Fault| {
            // Results have texts of their own for what went wrong.
            let message = if is_result { facts.page.description.first().cloned() } else { None };
            let message = message.unwrap_or_else(|| view.message(fault).text);
            let rules = view.world.database.as_ref().filter(|_| fault.code == TOO_WEAK);
            let rules = rules.map_or(Value::Null, |database| connection::rules(facts, database));
            json!({"code": fault.code, "field": fault.field, "message": message, "rules": rules})
        })
        .collect()
}
