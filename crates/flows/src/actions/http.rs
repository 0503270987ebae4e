//! `HTTP`: requests to other servers.

use http::Method;
use kernel::Value;

use super::xml;
use crate::{
    Failure,
    doing::Doing,
    expressions::text_of,
    outgoing::{Auth, Body, Outgoing, output},
    params::Params,
};

/// The method that an action names; without one it depends on whether there is something to send.
pub(crate) fn method(params: Params<'_>) -> Result<Method, Failure> {
    match params.text("method").as_deref() {
        None if params.value("payload").is_some() => Ok(Method::POST),
        None | Some("GET") => Ok(Method::GET),
        Some("POST") => Ok(Method::POST),
        Some("PUT") => Ok(Method::PUT),
        Some("PATCH") => Ok(Method::PATCH),
        Some("DELETE") => Ok(Method::DELETE),
        Some(_) => Err(Failure::invalid("method", "GET, POST, PUT, PATCH or DELETE")),
    }
}

/// Adds the query and the headers that an action names.
pub(crate) fn complete(outgoing: &mut Outgoing, params: Params<'_>) {
    for (name, value) in params.members("params") {
        outgoing.query(name, &text_of(value));
    }
    for (name, value) in params.members("headers") {
        outgoing.header(name, text_of(value));
    }
}

fn body(params: Params<'_>) -> Result<Body, Failure> {
    let Some(payload) = params.value("payload") else { return Ok(Body::None) };
    let text = |media_type, value: &Value| Body::Text { media_type, text: text_of(value) };
    Ok(match (params.text("content_type").as_deref(), payload) {
        (Some("FORM"), Value::Object(members)) => Body::form(members),
        (Some("FORM"), plain) => text("application/x-www-form-urlencoded", plain),
        (Some("XML"), Value::Object(members)) => {
            Body::Text { media_type: "application/xml", text: xml::written(members)? }
        }
        (Some("XML"), plain) => text("application/xml", plain),
        // A text is JSON already.
        (_, Value::String(json)) => Body::Text { media_type: "application/json", text: json.clone() },
        (_, value) => Body::Json(value.clone()),
    })
}

impl Doing<'_> {
    pub(super) async fn send_request(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let mut outgoing = Outgoing::new(method(params)?, &params.required("url")?)?;
        complete(&mut outgoing, params);
        outgoing.body = body(params)?;
        if let Some(basic) = params.value("basic").and_then(Value::as_object) {
            let basic = Params(basic);
            let password = kernel::Secret::new(basic.text("password").unwrap_or_default());
            outgoing.authorize(Auth::Basic(basic.text("username").unwrap_or_default(), password));
        }
        let response = match params.text("connection_id") {
            Some(id) => {
                let connection = self.open(&id, "HTTP").await?;
                outgoing.authorize(self.auth(&connection).await?);
                self.send_for(&connection, outgoing).await?
            }
            None => outgoing.send(&self.services.outbound).await?,
        };
        Ok(output(&response))
    }
}
