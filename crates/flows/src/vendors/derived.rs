//! What services want beside the parameters of an action, and what follows from these.

use kernel::{Document, Value, object};
use md5::{Digest, Md5};
use serde_json::json;

use super::{Row, table};
use crate::{Failure, expressions::text_of, params::Params, vault::Connection};

/// The parameters, and what services want beside them that follows from these.
pub(super) fn of(row: &Row, mut known: Document, connection: &Connection) -> Result<Document, Failure> {
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
            if let Some(payload) = known.get("payload").and_then(Value::as_str)
                && let Ok(payload) = serde_json::from_str::<Document>(payload)
            {
                known.insert("payload".into(), payload.into());
            }
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
            let values = known.get("values").and_then(Value::as_array).cloned().unwrap_or_default();
            if let Some(number) = sheet_number(&known) {
                let cells = values.iter().map(|value| match value {
                    Value::Null => json!({}),
                    value => json!({"userEnteredValue": {"stringValue": text_of(value)}}),
                });
                known.insert("cells".into(), cells.collect());
                known.insert("sheet_number".into(), number.into());
            } else {
                known.shift_remove("sheet_number");
                let title = Params(&known).text("sheet_id").unwrap_or_default();
                known.insert("range".into(), format!("'{}'", title.replace('\'', "''")).into());
                known.insert("rows".into(), json!([values]));
            }
        }
        "BIGQUERY" => {
            let rows = match known.get("data") {
                Some(Value::Array(rows)) => rows.clone(),
                Some(row) => vec![row.clone()],
                None => return Err(Failure::required("data")),
            };
            known.insert("rows".into(), rows.into_iter().map(|row| json!({"json": row})).collect());
        }
        "MAILJET" => {
            for (name, wanted) in [("to", "recipients"), ("cc", "copies"), ("bcc", "hidden_copies")] {
                let mailboxes = known.get(name).map(mailboxes).unwrap_or_default();
                if !mailboxes.is_empty() {
                    known.insert(wanted.into(), mailboxes.into());
                }
            }
            if let Some(sender) = known.get("from").map(mailboxes).and_then(|all| all.into_iter().next()) {
                known.insert("sender".into(), sender);
            }
            if known.contains_key("template_id") {
                known.insert("has_template".into(), true.into());
            }
        }
        "ZAPIER" => {
            known.shift_remove("method");
        }
        _ => {}
    }
    Ok(known)
}

/// The row of an action that goes another way with these parameters.
pub(super) fn variant(row: &'static Row, known: &Document) -> &'static Row {
    if row.kind == "GOOGLE_SHEETS" && known.contains_key("sheet_number") { &table::ROW_OF_NUMBERED_SHEET } else { row }
}

/// The number of a sheet; the first one where none is named. A text that is no number is its title.
fn sheet_number(known: &Document) -> Option<u64> {
    match Params(known).text("sheet_id") {
        None => Some(0),
        Some(text) => text.parse().ok(),
    }
}

/// Addresses of mail as Mailjet has them: of one text, with commas between several, of objects with a name and an address, or of an
/// array of these.
fn mailboxes(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => {
            let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            texts.map(|text| json!({"Email": text})).collect()
        }
        Value::Array(several) => several.iter().flat_map(mailboxes).collect(),
        Value::Object(one) => {
            let text = |name: &str, other: &str| Params(one).text(name).or_else(|| Params(one).text(other));
            let Some(email) = text("email", "Email") else { return Vec::new() };
            let mut mailbox = object(json!({"Email": email}));
            if let Some(name) = text("name", "Name") {
                mailbox.insert("Name".into(), name.into());
            }
            vec![mailbox.into()]
        }
        _ => Vec::new(),
    }
}
