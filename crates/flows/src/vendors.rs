//! Services of others: each action a row of one table, and what sends it.

mod derived;
mod table;
mod template;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use kernel::{Document, Value};
use percent_encoding::utf8_percent_encode;
use serde_json::json;

pub(crate) use template::form;

use crate::{
    Failure,
    doing::Doing,
    expressions::text_of,
    outgoing::{Auth, Body, Outgoing, SEGMENT, is_segment, output},
    params::Params,
    vault::Connection,
};

/// An action of a service.
#[derive(Debug)]
pub(crate) struct Row {
    /// `type`: the service, which is the vault's `app_id` too.
    kind: &'static str,
    /// `action`.
    name: &'static str,
    method: &'static str,
    /// The address. `{name}` is a parameter, `{setup.name}` of the set-up; both are encoded, but for a base or a whole address.
    url: &'static str,
    auth: VendorAuth,
    /// Parameters of the query: their names and templates.
    query: &'static [(&'static str, &'static str)],
    body: Shape,
}

/// How a service is shown who calls, by fields of the set-up.
#[derive(Clone, Copy, Debug)]
enum VendorAuth {
    None,
    Bearer(&'static str),
    /// User and password.
    Basic(&'static str, &'static str),
    /// A user that is always the same, and the password.
    BasicAs(&'static str, &'static str),
    Header(&'static str, &'static str),
    Query(&'static str, &'static str),
    /// A token for a key of a Google service account.
    Google,
}

/// The body of a request: a template of JSON, in which a text `$name` is a parameter.
#[derive(Clone, Copy, Debug)]
enum Shape {
    None,
    Json(&'static str),
    Form(&'static str),
}

/// The row of an action.
pub(crate) fn row(kind: &str, name: &str) -> Option<&'static Row> {
    table::ROWS.iter().find(|row| row.kind == kind && row.name == name)
}

impl Doing<'_> {
    /// Calls a service as a row says. A response that refuses fails the action.
    pub(crate) async fn call_vendor(
        &mut self,
        row: &'static Row,
        params: Params<'_>,
    ) -> Result<serde_json::Value, Failure> {
        let mut connection = self.open_fresh(&params.required("connection_id")?, row.kind).await?;
        let mut response = self.ask_vendor(row, params, &connection).await?;
        if response.status() == StatusCode::UNAUTHORIZED && connection.can_renew() {
            connection = self.renew(connection, row.kind).await?;
            response = self.ask_vendor(row, params, &connection).await?;
        }
        let shown = output(&response);
        if response.status().is_success() && !is_refused(row, &shown) {
            return Ok(shown);
        }
        let message = format!("{} answered with status {}.", row.kind, response.status().as_u16());
        Err(Failure { response: Some(shown), ..Failure::new("REQUEST_REFUSED", message) })
    }

    async fn ask_vendor(
        &mut self,
        row: &'static Row,
        params: Params<'_>,
        connection: &Connection,
    ) -> Result<Response<Bytes>, Failure> {
        let mut known = params.0.clone();
        known.shift_remove("connection_id");
        let method = method(row, &known);
        let known = derived::of(row, known, connection)?;
        let row = derived::variant(row, &known);
        let mut outgoing = Outgoing::new(method, &self.address(row, &known, connection)?)?;
        for (name, template) in row.query {
            if let Some(value) = template::filled(&Value::from(*template), &known) {
                outgoing.query(name, &text_of(&value));
            }
        }
        // A webhook that is only asked is told by the query.
        if row.kind == "ZAPIER" && outgoing.method == Method::GET {
            for (name, value) in &known {
                outgoing.query(name, &text_of(value));
            }
        }
        outgoing.body = body(row, &known, &outgoing.method);
        outgoing.authorize(self.vendor_auth(row, connection).await?);
        self.send_for(connection, outgoing).await
    }

    /// The address of an action; a table of vendors may say that they are elsewhere.
    fn address(&self, row: &Row, known: &Document, connection: &Connection) -> Result<String, Failure> {
        let mut address = String::new();
        let mut rest = match row.kind {
            "SLACK" if connection.optional("url").is_some() => "{setup.url}",
            _ => row.url,
        };
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            address.push_str(before);
            let value = match name.strip_prefix("setup.") {
                Some(name) => connection.text(name)?,
                None => Params(known).required(name)?,
            };
            if address.is_empty() {
                address.push_str(value.trim_end_matches('/'));
            } else if is_segment(&value) {
                address.extend(utf8_percent_encode(&value, SEGMENT));
            } else {
                return Err(Failure::invalid(name, "an identifier"));
            }
            rest = after;
        }
        address.push_str(rest);
        let origin = url::Url::parse(&address).map_err(|_| Failure::invalid("setup", "an address"))?;
        let origin = origin.origin().ascii_serialization();
        // Pipedrive has an address for each company, which it tells with its tokens.
        let own = connection.optional("api_domain").filter(|_| row.kind == "PIPEDRIVE");
        let own = own.map_or_else(|| origin.clone(), |own| own.trim_end_matches('/').to_owned());
        let base = self.services.vendors.of(row.kind, &own);
        Ok(address.strip_prefix(&origin).map_or(address.clone(), |path| format!("{base}{path}")))
    }

    async fn vendor_auth(&mut self, row: &Row, connection: &Connection) -> Result<Auth, Failure> {
        Ok(match row.auth {
            VendorAuth::None => Auth::None,
            // A webhook's address is the secret.
            _ if connection.kind() == "WEBHOOK" || (row.kind == "SLACK" && connection.optional("url").is_some()) => {
                Auth::None
            }
            _ if connection.kind() == "OAUTH_CODE" => Auth::Bearer(connection.secret("access_token")?),
            VendorAuth::Bearer(field) => Auth::Bearer(connection.secret(field)?),
            VendorAuth::Basic(user, field) => Auth::Basic(connection.text(user)?, connection.secret(field)?),
            VendorAuth::BasicAs(user, field) => Auth::Basic(user.to_owned(), connection.secret(field)?),
            VendorAuth::Header(name, field) => Auth::Header(name.to_owned(), connection.secret(field)?),
            VendorAuth::Query(name, field) => Auth::Query(name.to_owned(), connection.secret(field)?),
            VendorAuth::Google => Auth::Bearer(self.token(connection).await?),
        })
    }
}

/// Whether a service says in the body of a success that it refuses.
fn is_refused(row: &Row, shown: &Value) -> bool {
    let body = &shown["body"];
    match row.kind {
        "SLACK" => body["ok"] == json!(false),
        "BIGQUERY" => body["insertErrors"].as_array().is_some_and(|errors| !errors.is_empty()),
        "HUBSPOT" => shown["status"] == json!(207),
        _ => false,
    }
}

fn method(row: &Row, known: &Document) -> Method {
    match (row.kind, Params(known).text("method").as_deref()) {
        ("ZAPIER", Some("GET")) => Method::GET,
        ("ZAPIER", Some("PUT")) => Method::PUT,
        _ => Method::from_bytes(row.method.as_bytes()).expect("the table holds methods"),
    }
}

fn body(row: &Row, known: &Document, method: &Method) -> Body {
    let filled = |template: &str| {
        let template: Value = serde_json::from_str(template).expect("the table holds JSON");
        template::filled(&template, known).unwrap_or_else(|| Document::new().into())
    };
    match row.body {
        Shape::Json(_) | Shape::Form(_) if *method == Method::GET => Body::None,
        Shape::None => Body::None,
        Shape::Json(template) => Body::Json(filled(template)),
        Shape::Form(template) => Body::Form(template::form(&filled(template))),
    }
}

#[cfg(test)]
mod tests;
