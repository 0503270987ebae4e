//! What templates may say. What users, requests and clients have given is harmless where it stands: escaped in HTML,
//! and names hold nothing that a mail program takes for a link.

use kernel::{Document, Record, Value, object};
use serde_json::json;
use store::Job;

use super::known::Known;
use crate::liquid;

/// What templates may say of a user.
const OF_USER: [&str; 13] = [
    "user_id",
    "email",
    "email_verified",
    "picture",
    "nickname",
    "given_name",
    "family_name",
    "name",
    "username",
    "phone_number",
    "phone_verified",
    "app_metadata",
    "user_metadata",
];
/// Members that hold what somebody is called.
const NAMES: [&str; 7] = ["name", "nickname", "given_name", "family_name", "username", "display_name", "inviter"];
/// What strangers have a say in.
const UNTRUSTED: [&str; 9] =
    ["user", "application", "client", "organization", "connection", "inviter", "invitee", "roles", "custom_vars"];

/// For what a text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// HTML.
    Html,
    /// A subject, a sender or a text part.
    Plain,
}

/// What is known, for a text of this form.
pub(super) fn of(job: &Job, known: &Known, language: &str, form: Form) -> Document {
    let mut variables = known.tenant.clone();
    for name in ["locale", "request_language"] {
        variables.insert(name.into(), language.into());
    }
    if let Some(Value::Object(members)) = job.payload.get("members") {
        variables.extend(members.clone());
    }
    let of_request = variables.shift_remove("user");
    if let Some(user) = &known.user {
        variables.insert("user".into(), user_of(user, of_request).into());
    } else {
        let field =
            if job.payload.get("channel").and_then(Value::as_str) == Some("phone") { "phone_number" } else { "email" };
        let address = json!({ field: job.payload.get("to") });
        variables.insert("user".into(), of_request.unwrap_or(address));
    }
    if let Some(client) = &known.client {
        let shown = json!({
            "name": client.text("name"),
            "clientID": client.id,
            "client_metadata": client.document.get("client_metadata"),
            "metadata": client.document.get("client_metadata"),
            "callback_domain": identity::messages::callback_domain(client),
        });
        variables.insert("application".into(), shown.clone());
        variables.insert("client".into(), shown);
    }
    if let Some(connection) = &known.connection {
        variables.insert("connection".into(), json!({"name": connection.text("name")}));
    }
    if let Some(organization) = &known.organization {
        let mut shown = object(json!({"id": organization.id}));
        for name in ["name", "display_name", "metadata", "branding"] {
            shown.insert(name.into(), organization.document.get(name).cloned().unwrap_or_default());
        }
        variables.insert("organization".into(), shown.into());
    }
    if let Some(domain) = &known.custom_domain {
        let metadata = domain.document.get("domain_metadata");
        variables.insert("custom_domain".into(), json!({"domain": domain.text("domain"), "domain_metadata": metadata}));
    }
    if let Some(own) = job.sealed.get("custom_vars") {
        variables.insert("custom_vars".into(), own.clone());
    }
    let addresses =
        [known.user.as_ref().and_then(|user| user.text("email")), job.payload.get("to").and_then(Value::as_str)];
    for name in UNTRUSTED {
        if let Some(value) = variables.get_mut(name) {
            make_harmless(name, value, form, &addresses);
        }
    }
    for (name, secret) in [("url", "url"), ("link", "url"), ("code", "code")] {
        if let Some(secret) = job.sealed.text(secret) {
            variables.insert(name.into(), secret.into());
        }
    }
    variables
}

fn user_of(user: &Record, of_request: Option<Value>) -> Document {
    let known = OF_USER.iter().filter_map(|name| Some(((*name).to_owned(), user.document.get(*name)?.clone())));
    let mut shown: Document = known.collect();
    shown.entry("user_id").or_insert_with(|| user.id.as_str().into());
    if let Some(count) = user.document.get("logins_count") {
        shown.insert("login_count".into(), count.clone());
    }
    if let Some(Value::Object(members)) = of_request {
        shown.extend(members);
    }
    shown
}

fn make_harmless(name: &str, value: &mut Value, form: Form, addresses: &[Option<&str>]) {
    match value {
        Value::String(text) => {
            // Whoever has given no name is called by the address.
            if NAMES.contains(&name) && !addresses.contains(&Some(text.as_str())) {
                *text = without_links(text);
            }
            if form == Form::Html {
                *text = liquid::escaped(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| make_harmless(name, item, form, addresses)),
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, member)| make_harmless(name, member, form, addresses));
        }
        _ => {}
    }
}

/// A name in which mail programs find no link: what would end a name of a host or a scheme is followed by a character without width.
fn without_links(text: &str) -> String {
    const NOTHING: char = '\u{200b}';
    let mut harmless = String::with_capacity(text.len());
    let mut characters = text.chars().filter(|character| !character.is_control()).peekable();
    while let Some(character) = characters.next() {
        harmless.push(character);
        let next = characters.peek();
        let is_dot = character == '.' && next.is_some_and(|next| next.is_alphanumeric());
        let is_scheme = character == ':' && next == Some(&'/');
        if is_dot || is_scheme || character == '@' {
            harmless.push(NOTHING);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_link() {
        assert_eq!(
            without_links("Win at https://evil.example/x now"),
            "Win at https:\u{200b}//evil.\u{200b}example/x now"
        );
        assert_eq!(without_links("Ann M. Lee, Jr."), "Ann M. Lee, Jr.");
        assert_eq!(without_links("www.evil.example\r\n"), "www.\u{200b}evil.\u{200b}example");
    }

    #[test]
    fn what_strangers_say_is_escaped_for_html_alone() {
        let given = || json!({"name": "<b>", "user_metadata": {"plan": ["a & b"]}, "email": "a@b.example"});
        let (mut html, mut plain) = (given(), given());
        make_harmless("user", &mut html, Form::Html, &[]);
        make_harmless("user", &mut plain, Form::Plain, &[]);
        assert_eq!((&html["name"], &html["user_metadata"]["plan"][0]), (&json!("&lt;b&gt;"), &json!("a &amp; b")));
        assert_eq!((&plain["name"], &plain["email"]), (&json!("<b>"), &json!("a@b.example")));
    }
}
