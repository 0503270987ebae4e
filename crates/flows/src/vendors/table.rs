//! The table of services.

use super::{
    Row,
    Shape::{self, Form, Json},
    VendorAuth::{self, Basic, BasicAs, Bearer, Google, Header, Query},
};

/// A row without a query.
const fn row(
    kind: &'static str,
    name: &'static str,
    method: &'static str,
    url: &'static str,
    auth: VendorAuth,
    body: Shape,
) -> Row {
    Row { kind, name, method, url, auth, query: &[], body }
}

const STRIPE: VendorAuth = Bearer("private_key");
const STRIPE_CUSTOMER: &str = r#"{"name": "$name", "description": "$description", "email": "$email", "phone": "$phone",
    "tax_exempt": "$tax_exempt", "metadata": "$metadata", "tax_id_data": ["$tax_id"], "address": "$address"}"#;
const STRIPE_CHANGES: &str = r#"{"name": "$name", "description": "$description", "email": "$email", "phone": "$phone",
    "tax_exempt": "$tax_exempt", "metadata": "$metadata", "address": "$address"}"#;
const ACTIVECAMPAIGN: VendorAuth = Header("Api-Token", "api_key");
const PIPEDRIVE: VendorAuth = Query("api_token", "token");
const HUBSPOT: VendorAuth = Bearer("api_key");
const AIRTABLE: VendorAuth = Bearer("api_key");

/// All services and what they are asked.
pub(super) static ROWS: &[Row] = &[
    row(
        "TWILIO",
        "SEND_SMS",
        "POST",
        "https://api.twilio.com/2010-04-01/Accounts/{setup.account_id}/Messages.json",
        Basic("account_id", "api_key"),
        Form(r#"{"From": "$from", "To": "$to", "Body": "$message"}"#),
    ),
    row(
        "TWILIO",
        "MAKE_CALL",
        "POST",
        "https://api.twilio.com/2010-04-01/Accounts/{setup.account_id}/Calls.json",
        Basic("account_id", "api_key"),
        Form(r#"{"From": "$from", "To": "$to", "Twiml": "$payload"}"#),
    ),
    row("SENDGRID", "SEND_EMAIL", "POST", "https://api.sendgrid.com/v3/mail/send", Bearer("api_key"), Json(r#""$*""#)),
    row(
        "MAILJET",
        "SEND_EMAIL",
        "POST",
        "https://api.mailjet.com/v3.1/send",
        Basic("api_key", "secret_key"),
        Json(
            r#"{"Messages": [{"From": "$sender", "To": "$recipients", "Cc": "$copies", "Bcc": "$hidden_copies", "Subject": "$subject",
            "HTMLPart": "$content", "TemplateID": "$template_id", "TemplateLanguage": "$has_template", "Variables": "$variables"}]}"#,
        ),
    ),
    row(
        "TELEGRAM",
        "SEND_MESSAGE",
        "POST",
        "https://api.telegram.org/bot{setup.token}/sendMessage",
        VendorAuth::None,
        Json(r#"{"chat_id": "$chat_id", "text": "$text"}"#),
    ),
    row(
        "WHATSAPP",
        "SEND_MESSAGE",
        "POST",
        "https://graph.facebook.com/v21.0/{sender_id}/messages",
        Bearer("token"),
        Json(
            r#"{"messaging_product": "whatsapp", "to": "$recipient_number", "type": "$whatsapp_type", "$whatsapp_type": "$payload"}"#,
        ),
    ),
    row(
        "SLACK",
        "POST_MESSAGE",
        "POST",
        "https://slack.com/api/chat.postMessage",
        Bearer("token"),
        Json(r#"{"text": "$text", "attachments": "$attachments", "channel": "$channel"}"#),
    ),
    row("ZAPIER", "TRIGGER_WEBHOOK", "POST", "{setup.url}", VendorAuth::None, Json(r#""$*""#)),
    row(
        "STRIPE",
        "ADD_TAX_ID",
        "POST",
        "https://api.stripe.com/v1/customers/{customer_id}/tax_ids",
        STRIPE,
        Form(r#"{"type": "$type", "value": "$value"}"#),
    ),
    row("STRIPE", "CREATE_CUSTOMER", "POST", "https://api.stripe.com/v1/customers", STRIPE, Form(STRIPE_CUSTOMER)),
    row("STRIPE", "UPDATE_CUSTOMER", "POST", "https://api.stripe.com/v1/customers/{id}", STRIPE, Form(STRIPE_CHANGES)),
    row("STRIPE", "GET_CUSTOMER", "GET", "https://api.stripe.com/v1/customers/{id}", STRIPE, Shape::None),
    Row {
        query: &[("email", "$email")],
        ..row("STRIPE", "FIND_CUSTOMERS", "GET", "https://api.stripe.com/v1/customers", STRIPE, Shape::None)
    },
    row(
        "STRIPE",
        "CREATE_PORTAL_SESSION",
        "POST",
        "https://api.stripe.com/v1/billing_portal/sessions",
        STRIPE,
        Form(r#"{"customer": "$customer_id", "return_url": "$return_url"}"#),
    ),
    row(
        "STRIPE",
        "DELETE_TAX_ID",
        "DELETE",
        "https://api.stripe.com/v1/customers/{customer_id}/tax_ids/{id}",
        STRIPE,
        Shape::None,
    ),
    Row {
        query: &[("idProperty", "email")],
        ..row(
            "HUBSPOT",
            "GET_CONTACT",
            "GET",
            "https://api.hubapi.com/crm/v3/objects/contacts/{email}",
            HUBSPOT,
            Shape::None,
        )
    },
    row(
        "HUBSPOT",
        "UPSERT_CONTACT",
        "POST",
        "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert",
        HUBSPOT,
        Json(r#"{"inputs": [{"idProperty": "email", "id": "$email", "properties": "$contact"}]}"#),
    ),
    row(
        "HUBSPOT",
        "ENROLL_CONTACT",
        "POST",
        "https://api.hubapi.com/automation/v2/workflows/{workflow_id}/enrollments/contacts/{email}",
        HUBSPOT,
        Shape::None,
    ),
    row(
        "MAILCHIMP",
        "UPSERT_MEMBER",
        "PUT",
        "{mailchimp}/3.0/lists/{list_id}/members/{subscriber_hash}",
        BasicAs("aught", "secret_key"),
        Json(r#""$member""#),
    ),
    Row {
        query: &[("email", "$email")],
        ..row("ACTIVECAMPAIGN", "LIST_CONTACTS", "GET", "{setup.base_url}/api/3/contacts", ACTIVECAMPAIGN, Shape::None)
    },
    row(
        "ACTIVECAMPAIGN",
        "UPSERT_CONTACT",
        "POST",
        "{setup.base_url}/api/3/contact/sync",
        ACTIVECAMPAIGN,
        Json(
            r#"{"contact": {"email": "$email", "firstName": "$first_name", "lastName": "$last_name", "phone": "$phone",
            "fieldValues": "$field_values"}}"#,
        ),
    ),
    row(
        "AIRTABLE",
        "CREATE_RECORD",
        "POST",
        "https://api.airtable.com/v0/{base_id}/{table_name}",
        AIRTABLE,
        Json(r#"{"fields": "$fields"}"#),
    ),
    Row {
        query: &[("filterByFormula", "$query"), ("view", "$view")],
        ..row(
            "AIRTABLE",
            "LIST_RECORDS",
            "GET",
            "https://api.airtable.com/v0/{base_id}/{table_name}",
            AIRTABLE,
            Shape::None,
        )
    },
    row(
        "AIRTABLE",
        "UPDATE_RECORD",
        "PATCH",
        "https://api.airtable.com/v0/{base_id}/{table_name}/{record_id}",
        AIRTABLE,
        Json(r#"{"fields": "$fields"}"#),
    ),
    row(
        "BIGQUERY",
        "INSERT_ROWS",
        "POST",
        "https://bigquery.googleapis.com/bigquery/v2/projects/{setup.project_id}/datasets/{dataset_id}/tables/{table_id}/insertAll",
        Google,
        Json(r#"{"rows": "$rows"}"#),
    ),
    Row {
        query: &[("email", "$email")],
        ..row(
            "CLEARBIT",
            "FIND_PERSON",
            "GET",
            "https://person.clearbit.com/v2/people/find",
            Bearer("secret_key"),
            Shape::None,
        )
    },
    Row {
        query: &[("domain", "$domain")],
        ..row(
            "CLEARBIT",
            "FIND_COMPANY",
            "GET",
            "https://company.clearbit.com/v2/companies/find",
            Bearer("secret_key"),
            Shape::None,
        )
    },
    Row {
        query: &[("valueInputOption", "USER_ENTERED")],
        ..row(
            "GOOGLE_SHEETS",
            "ADD_ROW",
            "POST",
            "https://sheets.googleapis.com/v4/spreadsheets/{spreadsheet_id}/values/{range}:append",
            Bearer("access_token"),
            Json(r#"{"values": "$rows"}"#),
        )
    },
    row(
        "PIPEDRIVE",
        "ADD_DEAL",
        "POST",
        "https://api.pipedrive.com/v1/deals",
        PIPEDRIVE,
        Json(
            r#"{"title": "$title", "value": "$value", "user_id": "$user_id", "person_id": "$person_id", "org_id": "$organization_id",
            "stage_id": "$stage_id", "...": "$fields"}"#,
        ),
    ),
    row(
        "PIPEDRIVE",
        "ADD_ORGANIZATION",
        "POST",
        "https://api.pipedrive.com/v1/organizations",
        PIPEDRIVE,
        Json(r#"{"name": "$name", "owner_id": "$owner_id", "...": "$fields"}"#),
    ),
    row(
        "PIPEDRIVE",
        "ADD_PERSON",
        "POST",
        "https://api.pipedrive.com/v1/persons",
        PIPEDRIVE,
        Json(
            r#"{"name": "$name", "email": ["$email"], "phone": ["$phone"], "owner_id": "$owner_id", "org_id": "$organization_id",
            "...": "$fields"}"#,
        ),
    ),
    row(
        "SALESFORCE",
        "CREATE_LEAD",
        "POST",
        "{setup.instance_url}/services/data/v61.0/sobjects/Lead",
        Bearer("access_token"),
        Json(
            r#"{"FirstName": "$first_name", "LastName": "$last_name", "Company": "$company", "Email": "$email", "Phone": "$phone",
            "...": "$payload"}"#,
        ),
    ),
    row(
        "SALESFORCE",
        "GET_LEAD",
        "GET",
        "{setup.instance_url}/services/data/v61.0/sobjects/Lead/{lead_id}",
        Bearer("access_token"),
        Shape::None,
    ),
    Row {
        query: &[("q", "$search_value"), ("in", "$in"), ("sobject", "Lead"), ("Lead.fields", "$fields")],
        ..row(
            "SALESFORCE",
            "SEARCH_LEADS",
            "GET",
            "{setup.instance_url}/services/data/v61.0/parameterizedSearch",
            Bearer("access_token"),
            Shape::None,
        )
    },
    row(
        "SALESFORCE",
        "UPDATE_LEAD",
        "PATCH",
        "{setup.instance_url}/services/data/v61.0/sobjects/Lead/{lead_id}",
        Bearer("access_token"),
        Json(r#""$payload""#),
    ),
];

/// A row of a sheet that is known by its number: what knows sheets by their titles cannot add it.
pub(super) static ROW_OF_NUMBERED_SHEET: Row = row(
    "GOOGLE_SHEETS",
    "ADD_ROW",
    "POST",
    "https://sheets.googleapis.com/v4/spreadsheets/{spreadsheet_id}:batchUpdate",
    Bearer("access_token"),
    Json(
        r#"{"requests": [{"appendCells": {"sheetId": "$sheet_number", "rows": [{"values": "$cells"}], "fields": "userEnteredValue"}}]}"#,
    ),
);
