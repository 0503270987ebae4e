//! The page of the outbox: a list, and one message as it looks, as text, as source, and with each try. It works without script;
//! with script it shows what comes.

use axum::response::{IntoResponse, Response};
use kernel::{Document, Tenant, Value};

use super::{
    Tools,
    html::{Page, escaped},
};

/// Asks again and again whether something has come, and shows it.
const SCRIPT: &str = include_str!("outbox.js");

/// The page with these messages, the latest first.
pub(super) fn show(
    tools: &Tools,
    tenant: &Tenant,
    messages: &[Document],
    chosen: Option<&str>,
    to: Option<&str>,
) -> Response {
    let is_chosen = |message: &&Document| chosen.is_none_or(|id| text(message, "id") == id);
    let open = messages.iter().find(is_chosen);
    let line = |message: &Document| {
        let is_open = open.is_some_and(|open| text(open, "id") == text(message, "id"));
        let part = |name: &str| escaped(text(message, name));
        format!(
            "<li><a href=\"?id={}\"{}><strong>{}</strong> <span>{}</span><br><span>{} · {} · <time>{}</time></span></a></li>",
            part("id"),
            if is_open { " aria-current=\"true\"" } else { "" },
            part("to"),
            part("status"),
            part("template"),
            part("subject"),
            part("created_at"),
        )
    };
    let list = messages.iter().map(line).collect::<Vec<_>>().concat();
    let empty = "<p>No message has been sent yet. This page shows it as soon as there is one.</p>";
    let list = if list.is_empty() { empty.to_owned() } else { format!("<ul>{list}</ul>") };
    let body = format!(
        "<header><h1>Outbox of {domain}</h1>\
         <form method=\"get\"><label for=\"to\">To</label> <input id=\"to\" name=\"to\" value=\"{to}\" autocomplete=\"off\">\
         <button>Filter</button></form><button id=\"clear\" type=\"button\" hidden>Empty the outbox</button>\
         <p role=\"status\" id=\"news\"></p></header>\
         <main data-latest=\"{latest}\" data-page=\"{page}\"><nav aria-label=\"Messages\">{list}</nav>{message}</main>",
        domain = escaped(tenant.domain()),
        latest = escaped(messages.first().map(|message| text(message, "id")).unwrap_or_default()),
        page = tools.page_token(),
        to = escaped(to.unwrap_or_default()),
        message = open.map(message).unwrap_or_default(),
    );
    let title = format!("Outbox of {}", tenant.domain());
    let may = &["connect-src 'self'", "frame-src 'self'", "form-action 'self'"];
    Page { title: &title, body: &body, script: SCRIPT, may }.into_response()
}

fn message(message: &Document) -> String {
    let part = |name: &str| escaped(text(message, name));
    let code = |code: &str| format!("<code>{}</code> ", escaped(code));
    let link = |link: &str| format!("<a href=\"{0}\" rel=\"noreferrer\">{0}</a><br>", escaped(link));
    let facts = [
        ("To", part("to")),
        ("From", part("from")),
        ("Template", part("template")),
        ("Language", part("language")),
        ("Codes", texts(message, "codes").map(code).collect::<Vec<_>>().concat()),
        ("Links", texts(message, "links").map(link).collect::<Vec<_>>().concat()),
    ];
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let facts = facts.map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect::<Vec<_>>().concat();
    let attempts = message.get("attempts").and_then(Value::as_array).into_iter().flatten();
    let attempts = attempts.map(|attempt| {
        let part = |name: &str| escaped(attempt[name].as_str().unwrap_or_default());
        format!(
            "<li>{} by {} at <time>{}</time>: {}</li>",
            part("outcome"),
            part("provider"),
            part("date"),
            part("answer")
        )
    });
    let attempts = attempts.collect::<Vec<_>>().concat();
    let html = text(message, "html");
    let looks = if html.is_empty() {
        String::new()
    } else {
        format!(
            "<h3>As it looks</h3><iframe title=\"The message as it looks\" sandbox=\"allow-popups\" src=\"/_aught/outbox/{}/html\"></iframe>\
             <details><summary>Source</summary><pre tabindex=\"0\">{}</pre></details>",
            escaped(text(message, "id")),
            escaped(html)
        )
    };
    format!(
        "<article aria-labelledby=\"subject\"><h2 id=\"subject\">{}</h2><dl>{facts}</dl>{looks}\
         <h3>As text</h3><pre tabindex=\"0\">{}</pre><h3>Attempts</h3><ol>{attempts}</ol></article>",
        escaped(Some(text(message, "subject")).filter(|subject| !subject.is_empty()).unwrap_or("Message")),
        escaped(text(message, "text")),
    )
}

fn text<'m>(message: &'m Document, name: &str) -> &'m str {
    message.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'m>(message: &'m Document, name: &str) -> impl Iterator<Item = &'m str> {
    message.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
