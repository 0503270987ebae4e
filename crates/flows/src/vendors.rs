//! Services of others: each action a row of one table, and what sends it.

mod table;
mod template;

use http::Method;
use kernel::{Document, Value, object};
use md5::{Digest, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

pub(crate) use template::form;

use crate::{
    Failure,
    doing::Doing,
    outgoing::{Auth, Body, Outgoing, output},
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
        let connection = self.open(&params.required("connection_id")?, row.kind).await?;
        let mut known = params.0.clone();
        known.shift_remove("connection_id");
        let known = derived(row, known, &connection)?;
        let mut outgoing = Outgoing::new(method(row, &known), &self.address(row, &known, &connection)?)?;
        for (name, template) in row.query {
            if let Some(value) = template::filled(&Value::from(*template), &known) {
                outgoing.query(name, &crate::expressions::text_of(&value));
            }
        }
        outgoing.body = body(row, &known, &outgoing.method);
        outgoing.authorize(self.vendor_auth(row, &connection).await?);
        let response = self.send_for(&connection, outgoing).await?;
        let shown = output(&response);
        // Slack says so in the body that it refuses.
        let is_refused = row.kind == "SLACK" && shown["body"]["ok"] == json!(false);
        if response.status().is_success() && !is_refused {
            return Ok(shown);
        }
        let message = format!("{} answered with status {}.", row.kind, response.status().as_u16());
        Err(Failure { response: Some(shown), ..Failure::new("REQUEST_REFUSED", message) })
    }

    /// The address of an action; a table of vendors may say that they are elsewhere.
    fn address(&self, row: &Row, known: &Document, connection: &Connection) -> Result<String, Failure> {
        let mut address = String::new();
        let mut rest = if row.kind == "SLACK" && connection.kind() == "WEBHOOK" { "{setup.url}" } else { row.url };
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            address.push_str(before);
            let value = match name.strip_prefix("setup.") {
                Some(name) => connection.text(name)?,
                None => Params(known).required(name)?,
            };
            if address.is_empty() {
                address.push_str(value.trim_end_matches('/'));
            } else {
                address.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
            }
            rest = after;
        }
        address.push_str(rest);
        let origin = url::Url::parse(&address).map_err(|_| Failure::invalid("setup", "an address"))?;
        let origin = origin.origin().ascii_serialization();
        let base = self.services.vendors.of(row.kind, &origin);
        Ok(address.strip_prefix(&origin).map_or(address.clone(), |path| format!("{base}{path}")))
    }

    async fn vendor_auth(&mut self, row: &Row, connection: &Connection) -> Result<Auth, Failure> {
        Ok(match row.auth {
            VendorAuth::None => Auth::None,
            // A webhook's address is the secret.
            _ if connection.kind() == "WEBHOOK" => Auth::None,
            // What somebody else's application was given.
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

/// The parameters, and what services want beside them that follows from these.
fn derived(row: &Row, mut known: Document, connection: &Connection) -> Result<Document, Failure> {
    match row.kind {
        "MAILCHIMP" => {
            // A key ends with the data centre that it is for.
            let key = connection.optional("secret_key").unwrap_or_default();
            let centre = connection.optional("dc");
            let centre = centre.unwrap_or_else(|| key.rsplit_once('-').map_or("us1", |(_, centre)| centre).to_owned());
            let is_name = centre.len() <= 10 && centre.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_name {
                return Err(Failure::new("CONNECTION_NOT_READY", "The key names no data centre."));
            }
            known.insert("mailchimp".into(), format!("https://{centre}.api.mailchimp.com").into());
            let email = known.get("member").and_then(|member| member["email_address"].as_str()).unwrap_or_default();
            let hash = identity::hash::hex(&Md5::digest(email.to_lowercase()));
            known.insert("subscriber_hash".into(), hash.into());
        }
        "WHATSAPP" => {
            let kind = Params(&known).required("type")?.to_lowercase();
            known.insert("whatsapp_type".into(), kind.into());
        }
        "STRIPE" => {
            if let Some(address) = known.get_mut("address").and_then(Value::as_object_mut)
                && let Some(code) = address.shift_remove("postalCode")
            {
                address.insert("postal_code".into(), code);
            }
        }
        "SLACK" => {
            for attachment in known.get_mut("attachments").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(color) = attachment["color"].as_str().map(str::to_lowercase) {
                    attachment["color"] = color.into();
                }
            }
        }
        "HUBSPOT" => {
            let given = known.get("properties").and_then(Value::as_array).cloned().unwrap_or_default();
            let mut properties = object(json!({"email": known.get("email")}));
            for one in given {
                if let Some(name) = one["property"].as_str() {
                    properties.insert(name.to_owned(), one["value"].clone());
                }
            }
            known.insert("contact".into(), properties.into());
        }
        "SALESFORCE" => {
            let fields = known.get("lead_fields").and_then(Value::as_array).cloned().unwrap_or_default();
            let fields: Vec<String> = fields.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            known.insert("fields".into(), if fields.is_empty() { "Id".into() } else { fields.join(",").into() });
            let scope = known.get("search_field").and_then(Value::as_str).unwrap_or("all").to_uppercase();
            known.insert("in".into(), scope.into());
        }
        "ACTIVECAMPAIGN" => {
            let custom = known.get("custom_fields").and_then(Value::as_object).cloned().unwrap_or_default();
            let values: Vec<Value> =
                custom.into_iter().map(|(field, value)| json!({"field": field, "value": value})).collect();
            if !values.is_empty() {
                known.insert("field_values".into(), values.into());
            }
        }
        "GOOGLE_SHEETS" => {
            let sheet = Params(&known).text("sheet_id").unwrap_or_else(|| "Sheet1".to_owned());
            known.insert("range".into(), sheet.into());
            let values = known.get("values").cloned().unwrap_or_else(|| json!([]));
            known.insert("rows".into(), json!([values]));
        }
        _ => {}
    }
    Ok(known)
}

#[cfg(test)]
mod tests;
