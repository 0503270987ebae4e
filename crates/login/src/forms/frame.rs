//! A component of the tenant's own script: a document that runs it in a frame without an origin.
//!
//! The frame can neither read the page around it nor ask this server for anything in somebody's name. It tells values by messages, and the
//! server validates what comes of them.

use askama::Template;
use flows::journey::{Component, Form, Journey, name_of};
use http::StatusCode;
use kernel::{Document, Value, object, script_literal};
use serde_json::json;

use super::html::Written;
use crate::reply::{self, Reply};

/// The script that joins a component to its form.
const BRIDGE: &str = include_str!("../../assets/component.js");

#[derive(Template)]
#[template(path = "component.html")]
struct Html<'a> {
    language: &'a str,
    title: &'a str,
    nonce: &'a str,
    css: String,
    given: String,
    bridge: &'static str,
    code: String,
}

/// The document of a component.
pub(crate) fn frame(field: &Component, form: &Form, journey: &Journey, written: &Written<'_>, nonce: &str) -> Reply {
    let params = field.config("params").and_then(Value::as_object).into_iter().flatten();
    let params: Document =
        params.filter_map(|(name, value)| Some((name.clone(), written.text(value.as_str()?).into()))).collect();
    let ids: Vec<&str> =
        journey.step(form).into_iter().flat_map(|step| step.fields().map(|field| field.id.as_str())).collect();
    let hidden: Document = form
        .hidden
        .iter()
        .filter_map(|hidden| Some((hidden.key.clone(), journey.fields.get(&hidden.key)?.clone())))
        .collect();
    let given = object(json!({
        "form": form.id,
        "name": name_of(&field.id),
        "value": journey.fields.get(&field.id),
        "params": params,
        "fields": ids,
        "hidden": hidden,
    }));
    let html = Html {
        language: &form.language,
        title: field.label.as_deref().unwrap_or(&field.id),
        nonce,
        css: field.text("css").unwrap_or_default().replace("</", "<\\/"),
        given: script_literal(&Value::Object(given)),
        bridge: BRIDGE,
        code: script_literal(&field.text("code").unwrap_or_default().into()),
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' https: 'unsafe-eval'; style-src 'unsafe-inline' https:; img-src https: data:; \
         font-src https: data:; connect-src https:; frame-src https:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; \
         sandbox allow-scripts"
    );
    let html = html.render().expect("a template is written to memory");
    Reply::page(StatusCode::OK, reply::framed_headers(&form.language, &policy), html)
}
