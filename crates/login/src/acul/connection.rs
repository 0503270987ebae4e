//! What pages are told of the connections by which their users can sign in.

use kernel::{Document, Value, value_at};
use model::views::Strategy;
use serde_json::json;

use super::context::Facts;
use crate::{
    screens::parts,
    world::{Database, Identifier},
};

/// The connection that the page signs in to.
pub(super) fn current(facts: &Facts<'_>) -> Value {
    let world = facts.view.world;
    if world.client.id.is_empty() {
        return Value::Null;
    }
    let options = |path: &str| value_at(&facts.known.connection.as_ref()?.document, path).cloned();
    let metadata = options("metadata").unwrap_or_default();
    match (&world.passwordless, &world.database) {
        (Some(connection), _) => {
            let strategy = if connection.kind == Identifier::PhoneNumber { "sms" } else { "email" };
            let signs_up = options("options.disable_signup") != Some(true.into());
            json!({
                "name": connection.name,
                "strategy": strategy,
                "metadata": metadata,
                "options": {"signup_enabled": signs_up},
            })
        }
        (None, Some(known)) => json!({
            "name": known.name,
            "strategy": "auth0",
            "metadata": metadata,
            "options": database(facts, known, &options),
        }),
        (None, None) => Value::Null,
    }
}

fn database(facts: &Facts<'_>, known: &Database, options: &dyn Fn(&str) -> Option<Value>) -> Value {
    let has_name = known.identifiers.contains(&Identifier::Username);
    let (min, max) = known.username_window;
    let window = json!({"min_length": min, "max_length": max});
    let policy = options("options.passwordPolicy").filter(Value::is_string).unwrap_or_else(|| "none".into());
    json!({
        "signup_enabled": known.allows_signup,
        "forgot_password_enabled": known.allows_reset,
        "username_required": !known.is_flexible && has_name,
        "flexible_identifiers_active": known.is_flexible,
        "validation": if !known.is_flexible && has_name { json!({"username": window}) } else { Value::Null },
        "attributes": if known.is_flexible { attributes(known, &window, options) } else { Value::Null },
        "authentication_methods": {
            "password": {
                "enabled": known.has_passwords,
                "policy": policy,
                "min_length": known.rules.min_length,
                "password_security_info": rules(facts, known),
            },
            "passkey": {"enabled": false},
        },
        "password_options": {"complexity": options("options.password_options.complexity")},
    })
}

/// What users are known by, where the connection says so.
fn attributes(known: &Database, window: &Value, options: &dyn Fn(&str) -> Option<Value>) -> Value {
    let attribute = |(identifier, name): (Identifier, &str)| {
        let asked = known.signup.iter().find(|asked| asked.identifier == identifier);
        let is_active = known.identifiers.contains(&identifier);
        let configured = options(&format!("options.attributes.{}", identifier.field()));
        if asked.is_none() && !is_active && configured.is_none() {
            return None;
        }
        let status = asked.map_or("inactive", |asked| if asked.is_required { "required" } else { "optional" });
        let mut shown = json!({"signup_status": status, "identifier_active": is_active});
        if identifier == Identifier::Username {
            shown["validation"] = window.clone();
            // Our user names are neither addresses nor numbers.
            shown["validation"]["allowed_types"] = json!({"email": false, "phone_number": false});
        }
        Some((name.to_owned(), shown))
    };
    let all = [(Identifier::Email, "email"), (Identifier::Username, "username"), (Identifier::PhoneNumber, "phone")];
    all.into_iter().filter_map(attribute).collect::<Document>().into()
}

/// What a password must be, in words, and which of it the one keeps that was just sent.
pub(super) fn rules(facts: &Facts<'_>, known: &Database) -> Value {
    let Some(rules) = parts::rules(facts.view).filter(|_| known.has_passwords) else { return Value::Null };
    let of = &known.rules;
    let told = |rule: &crate::page::Rule| {
        let arguments = match rule.code {
            "password-policy-length-at-least" => json!({"count": of.min_length}),
            "password-policy-contains-at-least" => json!({"count": of.at_least, "total": of.classes.len()}),
            "password-policy-identical-chars" => {
                json!({"count": of.identical, "example": of.identical.map(|most| "a".repeat(most.min(8) + 1))})
            }
            _ => Value::Null,
        };
        let status = if facts.kept_rules.contains(&rule.code) { "valid" } else { "error" };
        json!({"code": rule.code, "label": rule.text, "status": status, "args": arguments})
    };
    let whole = rules.items.iter().map(|rule| {
        let mut shown = told(rule);
        if !rule.parts.is_empty() {
            shown["items"] = rule.parts.iter().map(told).collect();
        }
        shown
    });
    whole.collect()
}

/// The other connections whose buttons the page has.
pub(super) fn others(facts: &Facts<'_>) -> Value {
    let has_button = |name: &str| facts.page.connections.iter().any(|button| button.name == name);
    let shown = facts.view.world.others.iter().filter(|other| has_button(&other.name));
    let others: Vec<Value> = shown
        .map(|other| {
            let is_of_company = Strategy::named(&other.strategy).is_some_and(Strategy::is_enterprise);
            let options = json!({"display_name": other.display_name, "show_as_button": other.has_button});
            json!({
                "name": other.name,
                "strategy": other.strategy,
                "options": if is_of_company { options } else { Value::Null },
            })
        })
        .collect();
    if others.is_empty() { Value::Null } else { others.into() }
}
