//! Services that flows call: each of their actions as the service wants to be asked, at a server that notes it.

use std::collections::{BTreeMap, BTreeSet};

use aught::{Config, Dns, Endpoints};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flows::Outcome;
use identity::certificate::CertifiedKey;
use kernel::Context;
use serde_json::{Value, json};

use crate::{
    flows::{Site, action, error},
    server::TestServer,
    sinks::{HttpSink, Taken},
};

const APPS: [&str; 18] = [
    "TWILIO",
    "SENDGRID",
    "MAILJET",
    "TELEGRAM",
    "WHATSAPP",
    "SLACK",
    "ZAPIER",
    "STRIPE",
    "HUBSPOT",
    "MAILCHIMP",
    "ACTIVECAMPAIGN",
    "AIRTABLE",
    "BIGQUERY",
    "CLEARBIT",
    "GOOGLE_SHEETS",
    "PIPEDRIVE",
    "SALESFORCE",
    "GOOGLE_TOKENS",
];

/// A site whose services are all this server.
async fn site_with(sink: &HttpSink) -> Site {
    let table: BTreeMap<String, String> = APPS.iter().map(|app| ((*app).to_owned(), sink.address.clone())).collect();
    let config = Config {
        dns: Dns::Trusting,
        developer_tools: Some(false),
        message_endpoints: Endpoints::new(table),
        ..Config::in_memory()
    };
    Site::of(TestServer::of(config).await)
}

/// An action of a service, and what it has to be asked: the method and the path, the header that shows who calls, and the body.
struct Call {
    app: &'static str,
    name: &'static str,
    setup: Value,
    params: Value,
    asked: &'static str,
    shows: (&'static str, &'static str),
    body: Value,
}

fn call(
    (app, name): (&'static str, &'static str),
    setup: Value,
    params: Value,
    asked: &'static str,
    shows: (&'static str, &'static str),
    body: Value,
) -> Call {
    Call { app, name, setup, params, asked, shows, body }
}

const BEARER: (&str, &str) = ("authorization", "Bearer vendor-key-1");
/// The path, or the query, shows who calls.
const NOTHING: (&str, &str) = ("", "");
const NONE: &str = "";

fn key() -> Value {
    json!({"type": "API_KEY", "api_key": "vendor-key-1"})
}

fn secret() -> Value {
    json!({"type": "API_KEY", "secret_key": "vendor-key-1"})
}

fn token() -> Value {
    json!({"type": "TOKEN", "token": "vendor-key-1"})
}

fn given() -> Value {
    json!({"type": "OAUTH_CODE", "access_token": "vendor-key-1", "instance_url": "https://acme.my.salesforce.com"})
}

fn messages() -> Vec<Call> {
    let twilio = || json!({"type": "API_KEY", "account_id": "AC1", "api_key": "vendor-key-1"});
    let basic = ("authorization", "Basic QUMxOnZlbmRvci1rZXktMQ==");
    let mailjet = || json!({"type": "API_KEY", "api_key": "public", "secret_key": "vendor-key-1"});
    let mailjet_auth = ("authorization", "Basic cHVibGljOnZlbmRvci1rZXktMQ==");
    vec![
        call(
            ("TWILIO", "SEND_SMS"),
            twilio(),
            json!({"from": "+1555", "to": "+1556", "message": "Hi {{fields.team}}"}),
            "POST /2010-04-01/Accounts/AC1/Messages.json",
            basic,
            json!("From=%2B1555&To=%2B1556&Body=Hi+Third-Team"),
        ),
        call(
            ("TWILIO", "MAKE_CALL"),
            twilio(),
            json!({"from": "+1555", "to": "+1556", "payload": "<Response/>"}),
            "POST /2010-04-01/Accounts/AC1/Calls.json",
            basic,
            json!("From=%2B1555&To=%2B1556&Twiml=%3CResponse%2F%3E"),
        ),
        call(
            ("SENDGRID", "SEND_EMAIL"),
            key(),
            json!({"from": {"email": "a@b.example"}, "personalizations": [{"to": [{"email": "c@d.example"}]}], "subject": "S"}),
            "POST /v3/mail/send",
            BEARER,
            json!({"from": {"email": "a@b.example"}, "personalizations": [{"to": [{"email": "c@d.example"}]}], "subject": "S"}),
        ),
        call(
            ("MAILJET", "SEND_EMAIL"),
            mailjet(),
            json!({"from": {"name": "Desk", "email": "a@b.example"}, "to": "c@d.example, e@f.example", "subject": "S", "content": "<p>{{fields.team}}</p>"}),
            "POST /v3.1/send",
            mailjet_auth,
            json!({"Messages": [{
                "From": {"Email": "a@b.example", "Name": "Desk"}, "To": [{"Email": "c@d.example"}, {"Email": "e@f.example"}],
                "Subject": "S", "HTMLPart": "<p>Third-Team</p>",
            }]}),
        ),
        call(
            ("MAILJET", "SEND_EMAIL"),
            mailjet(),
            json!({"from": "a@b.example", "to": [{"email": "c@d.example"}], "cc": "g@h.example", "template_id": 7, "variables": {"n": "{{fields.seats}}"}}),
            "POST /v3.1/send",
            mailjet_auth,
            json!({"Messages": [{
                "From": {"Email": "a@b.example"}, "To": [{"Email": "c@d.example"}], "Cc": [{"Email": "g@h.example"}],
                "TemplateID": 7, "TemplateLanguage": true, "Variables": {"n": 3},
            }]}),
        ),
        call(
            ("TELEGRAM", "SEND_MESSAGE"),
            json!({"type": "TOKEN", "token": "7:vendor-key-1"}),
            json!({"chat_id": "7", "text": "Hi"}),
            "POST /bot7:vendor-key-1/sendMessage",
            NOTHING,
            json!({"chat_id": "7", "text": "Hi"}),
        ),
        call(
            ("WHATSAPP", "SEND_MESSAGE"),
            token(),
            json!({"sender_id": "9", "recipient_number": "+1556", "type": "TEXT", "payload": {"body": "Hi"}}),
            "POST /v21.0/9/messages",
            BEARER,
            json!({"messaging_product": "whatsapp", "to": "+1556", "type": "text", "text": {"body": "Hi"}}),
        ),
        call(
            ("WHATSAPP", "SEND_MESSAGE"),
            token(),
            json!({"sender_id": "9", "recipient_number": "+1556", "type": "IMAGE", "payload": "{\"id\": \"5\"}"}),
            "POST /v21.0/9/messages",
            BEARER,
            json!({"messaging_product": "whatsapp", "to": "+1556", "type": "image", "image": {"id": "5"}}),
        ),
        call(
            ("SLACK", "POST_MESSAGE"),
            json!({"type": "WEBHOOK", "url": "https://hooks.slack.com/services/vendor-key-1"}),
            json!({"text": "Hi", "attachments": [{"color": "GOOD", "text": "a"}]}),
            "POST /services/vendor-key-1",
            NOTHING,
            json!({"text": "Hi", "attachments": [{"color": "good", "text": "a"}]}),
        ),
        call(
            ("ZAPIER", "TRIGGER_WEBHOOK"),
            json!({"type": "WEBHOOK", "url": "https://hooks.zapier.com/hooks/catch/1/vendor-key-1"}),
            json!({"method": "PUT", "team": "{{fields.team}}"}),
            "PUT /hooks/catch/1/vendor-key-1",
            NOTHING,
            json!({"team": "Third-Team"}),
        ),
        call(
            ("ZAPIER", "TRIGGER_WEBHOOK"),
            json!({"type": "WEBHOOK", "url": "https://hooks.zapier.com/hooks/catch/1/vendor-key-1"}),
            json!({"method": "GET", "team": "{{fields.team}}", "seats": "{{fields.seats}}"}),
            "GET /hooks/catch/1/vendor-key-1?team=Third-Team&seats=3",
            NOTHING,
            json!(NONE),
        ),
    ]
}

fn payments() -> Vec<Call> {
    let stripe = || json!({"type": "KEY_PAIR", "private_key": "vendor-key-1", "public_key": "pk"});
    let row = |name, params, asked, body| call(("STRIPE", name), stripe(), params, asked, BEARER, json!(body));
    vec![
        row(
            "ADD_TAX_ID",
            json!({"customer_id": "cus_1", "type": "eu_vat", "value": "DE1"}),
            "POST /v1/customers/cus_1/tax_ids",
            "type=eu_vat&value=DE1",
        ),
        row(
            "CREATE_CUSTOMER",
            json!({
                "email": "a@b.example", "address": {"postalCode": "1"}, "metadata": {"k": "v"},
                "tax_id": {"type": "eu_vat", "value": "DE1"},
            }),
            "POST /v1/customers",
            "email=a%40b.example&metadata%5Bk%5D=v&tax_id_data%5B0%5D%5Btype%5D=eu_vat&tax_id_data%5B0%5D%5Bvalue%5D=DE1&address%5Bpostal_code%5D=1",
        ),
        row(
            "UPDATE_CUSTOMER",
            json!({"id": "cus_1", "name": "Ann", "tax_exempt": "none", "address": {"line1": "Way 1", "country": "IT"}}),
            "POST /v1/customers/cus_1",
            "name=Ann&tax_exempt=none&address%5Bline1%5D=Way+1&address%5Bcountry%5D=IT",
        ),
        row("GET_CUSTOMER", json!({"id": "cus_1"}), "GET /v1/customers/cus_1", NONE),
        row("FIND_CUSTOMERS", json!({"email": "a@b.example"}), "GET /v1/customers?email=a%40b.example", NONE),
        row(
            "CREATE_PORTAL_SESSION",
            json!({"customer_id": "cus_1", "return_url": "https://app.example/back"}),
            "POST /v1/billing_portal/sessions",
            "customer=cus_1&return_url=https%3A%2F%2Fapp.example%2Fback",
        ),
        row(
            "DELETE_TAX_ID",
            json!({"customer_id": "c/1", "id": "txi_1"}),
            "DELETE /v1/customers/c%2F1/tax_ids/txi_1",
            NONE,
        ),
    ]
}

fn contacts() -> Vec<Call> {
    let campaign = || json!({"type": "API_KEY", "api_key": "vendor-key-1", "base_url": "https://acme.api-us1.com"});
    let campaign_auth = ("api-token", "vendor-key-1");
    vec![
        call(
            ("HUBSPOT", "GET_CONTACT"),
            key(),
            json!({"email": "a@b.example"}),
            "GET /crm/v3/objects/contacts/a@b.example?idProperty=email",
            BEARER,
            json!(NONE),
        ),
        call(
            ("HUBSPOT", "UPSERT_CONTACT"),
            key(),
            json!({"email": "a@b.example", "properties": [{"property": "plan", "value": "m"}]}),
            "POST /crm/v3/objects/contacts/batch/upsert",
            BEARER,
            json!({"inputs": [{"idProperty": "email", "id": "a@b.example", "properties": {"email": "a@b.example", "plan": "m"}}]}),
        ),
        call(
            ("HUBSPOT", "ENROLL_CONTACT"),
            key(),
            json!({"email": "a@b.example", "workflow_id": 12}),
            "POST /automation/v2/workflows/12/enrollments/contacts/a@b.example",
            BEARER,
            json!(NONE),
        ),
        call(
            ("MAILCHIMP", "UPSERT_MEMBER"),
            json!({"type": "API_KEY", "secret_key": "vendor-key-1-us6"}),
            json!({"list_id": "l", "member": {"email_address": "A@b.example", "status_if_new": "subscribed"}}),
            // The hash of the address in small letters.
            "PUT /3.0/lists/l/members/d3ce9fe2208376bd39cf85fbcc2a90c7",
            ("authorization", "Basic YXVnaHQ6dmVuZG9yLWtleS0xLXVzNg=="),
            json!({"email_address": "A@b.example", "status_if_new": "subscribed"}),
        ),
        call(
            ("ACTIVECAMPAIGN", "LIST_CONTACTS"),
            campaign(),
            json!({"email": "a@b.example"}),
            "GET /api/3/contacts?email=a%40b.example",
            campaign_auth,
            json!(NONE),
        ),
        call(
            ("ACTIVECAMPAIGN", "UPSERT_CONTACT"),
            campaign(),
            json!({"email": "a@b.example", "first_name": "Ann", "custom_fields": {"3": "x"}}),
            "POST /api/3/contact/sync",
            campaign_auth,
            json!({"contact": {"email": "a@b.example", "firstName": "Ann", "fieldValues": [{"field": "3", "value": "x"}]}}),
        ),
        call(
            ("CLEARBIT", "FIND_PERSON"),
            secret(),
            json!({"email": "a@b.example"}),
            "GET /v2/people/find?email=a%40b.example",
            BEARER,
            json!(NONE),
        ),
        call(
            ("CLEARBIT", "FIND_COMPANY"),
            secret(),
            json!({"domain": "a.example"}),
            "GET /v2/companies/find?domain=a.example",
            BEARER,
            json!(NONE),
        ),
        call(
            ("PIPEDRIVE", "ADD_DEAL"),
            token(),
            json!({"title": "T", "organization_id": 4, "fields": {"k": "v"}}),
            "POST /v1/deals?api_token=vendor-key-1",
            NOTHING,
            json!({"title": "T", "org_id": 4, "k": "v"}),
        ),
        call(
            ("PIPEDRIVE", "ADD_ORGANIZATION"),
            token(),
            json!({"name": "{{fields.team}}", "owner_id": 2, "fields": {"k": "v"}}),
            "POST /v1/organizations?api_token=vendor-key-1",
            NOTHING,
            json!({"name": "Third-Team", "owner_id": 2, "k": "v"}),
        ),
        call(
            ("PIPEDRIVE", "ADD_PERSON"),
            token(),
            json!({"name": "Ann", "email": "{{fields.email}}", "organization_id": 4}),
            "POST /v1/persons?api_token=vendor-key-1",
            NOTHING,
            json!({"name": "Ann", "email": ["dora@example.com"], "org_id": 4}),
        ),
        call(
            ("SALESFORCE", "CREATE_LEAD"),
            given(),
            json!({"last_name": "Doe", "company": "{{fields.team}}", "email": "a@b.example", "payload": {"Rating": "Hot"}}),
            "POST /services/data/v61.0/sobjects/Lead",
            BEARER,
            json!({"LastName": "Doe", "Company": "Third-Team", "Email": "a@b.example", "Rating": "Hot"}),
        ),
        call(
            ("SALESFORCE", "GET_LEAD"),
            given(),
            json!({"lead_id": "00Q1"}),
            "GET /services/data/v61.0/sobjects/Lead/00Q1",
            BEARER,
            json!(NONE),
        ),
        call(
            ("SALESFORCE", "SEARCH_LEADS"),
            given(),
            json!({"search_field": "email", "search_value": "a@b.example", "lead_fields": ["Id", "Name"]}),
            "GET /services/data/v61.0/parameterizedSearch?q=a%40b.example&in=EMAIL&sobject=Lead&Lead.fields=Id%2CName",
            BEARER,
            json!(NONE),
        ),
        call(
            ("SALESFORCE", "UPDATE_LEAD"),
            given(),
            json!({"lead_id": "00Q1", "payload": {"Status": "Open"}}),
            "PATCH /services/data/v61.0/sobjects/Lead/00Q1",
            BEARER,
            json!({"Status": "Open"}),
        ),
    ]
}

fn tables() -> Vec<Call> {
    vec![
        call(
            ("AIRTABLE", "CREATE_RECORD"),
            key(),
            json!({"base_id": "b", "table_name": "My table", "fields": {"n": "{{fields.seats}}"}}),
            "POST /v0/b/My%20table",
            BEARER,
            json!({"fields": {"n": 3}}),
        ),
        call(
            ("AIRTABLE", "LIST_RECORDS"),
            key(),
            json!({"base_id": "b", "table_name": "t", "query": "{Name}='Ann'", "view": "Grid view"}),
            "GET /v0/b/t?filterByFormula=%7BName%7D%3D%27Ann%27&view=Grid+view",
            BEARER,
            json!(NONE),
        ),
        call(
            ("AIRTABLE", "UPDATE_RECORD"),
            key(),
            json!({"base_id": "b", "table_name": "My table", "record_id": "r", "fields": {"n": "{{fields.seats}}"}}),
            "PATCH /v0/b/My%20table/r",
            BEARER,
            json!({"fields": {"n": 3}}),
        ),
        call(
            ("GOOGLE_SHEETS", "ADD_ROW"),
            given(),
            json!({"spreadsheet_id": "s1", "sheet_id": "My sheet", "values": ["{{fields.team}}", null]}),
            "POST /v4/spreadsheets/s1/values/%27My%20sheet%27:append?valueInputOption=USER_ENTERED",
            BEARER,
            json!({"values": [["Third-Team", null]]}),
        ),
        call(
            ("GOOGLE_SHEETS", "ADD_ROW"),
            given(),
            json!({"spreadsheet_id": "s1", "sheet_id": 42, "values": ["{{fields.team}}", null]}),
            "POST /v4/spreadsheets/s1:batchUpdate",
            BEARER,
            json!({"requests": [{"appendCells": {
                "sheetId": 42, "rows": [{"values": [{"userEnteredValue": {"stringValue": "Third-Team"}}, {}]}],
                "fields": "userEnteredValue",
            }}]}),
        ),
    ]
}

#[tokio::test]
async fn each_service_is_asked_as_it_wants_to_be() {
    let sink = HttpSink::start([]).await;
    let site = site_with(&sink).await;
    let calls: Vec<Call> = [messages(), payments(), contacts(), tables()].into_iter().flatten().collect();
    let names: BTreeSet<_> = calls.iter().map(|call| (call.app, call.name)).collect();
    // All but the rows of BigQuery, which fetches a token first.
    assert_eq!(names.len(), 34);
    for (number, Call { app, name, setup, mut params, asked, shows, body }) in calls.into_iter().enumerate() {
        params["connection_id"] = site.vault(app, setup).await.into();
        let (outcome, execution) = site.ran(json!([action("call", app, name, params)])).await;
        assert!(matches!(outcome, Outcome::Completed { .. }), "{app}.{name}: {execution}");
        assert_eq!(sink.taken().len(), number + 1, "{app}.{name}");
        let taken = &sink.taken()[number];
        assert_eq!(format!("{} {}", taken.method, taken.path), asked, "{app}.{name}");
        assert_eq!(shown(taken), shows, "{app}.{name}");
        match body {
            Value::String(text) => assert_eq!(taken.body, text, "{app}.{name}"),
            body => assert_eq!(taken.json(), body, "{app}.{name}"),
        }
        assert!(!execution.to_string().contains("vendor-key-1"), "{execution}");
    }
    site.server.end().await;
}

/// The header by which a request shows who calls.
fn shown(taken: &Taken) -> (&str, &str) {
    let found = ["authorization", "api-token"].into_iter().find_map(|name| Some((name, taken.headers.get(name)?)));
    found.map_or(NOTHING, |(name, value)| (name, value.to_str().unwrap()))
}

#[tokio::test]
async fn rows_are_inserted_with_a_token_for_a_service_accounts_key_which_is_fetched_once() {
    let token = json!({"access_token": "google-token-1", "expires_in": 3600});
    let refused = json!({"insertErrors": [{"index": 0, "errors": [{"reason": "invalid"}]}]});
    let sink = HttpSink::start([(200, token), (200, json!({})), (200, refused)]).await;
    let site = site_with(&sink).await;
    let made = CertifiedKey::generate(&Context::system(), "google", std::time::Duration::from_secs(60));
    let key = STANDARD.encode(&*made.private_key);
    let setup = json!({
        "type": "OAUTH_JWT", "project_id": "p1", "client_email": "desk@p1.example",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
    });
    let connection = site.vault("BIGQUERY", setup).await;
    let insert = |data: Value| {
        let params = json!({"connection_id": connection, "dataset_id": "d", "table_id": "t", "data": data});
        json!([action("call", "BIGQUERY", "INSERT_ROWS", params)])
    };
    let (outcome, execution) = site.ran(insert(json!({"team": "{{fields.team}}"}))).await;
    assert!(matches!(outcome, Outcome::Completed { .. }), "{execution}");
    assert!(!execution.to_string().contains("google-token-1") && !execution.to_string().contains(&key[..40]));
    let taken = sink.taken();
    assert_eq!((taken[0].method.as_str(), taken[0].path.as_str()), ("POST", "/token"));
    assert!(taken[0].body.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="));
    assert_eq!(taken[1].path, "/bigquery/v2/projects/p1/datasets/d/tables/t/insertAll");
    assert_eq!(taken[1].headers["authorization"], "Bearer google-token-1");
    assert_eq!(taken[1].json(), json!({"rows": [{"json": {"team": "Third-Team"}}]}));
    // It answers with success where rows are refused.
    let (outcome, execution) = site.ran(insert(json!({"team": 1}))).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "REQUEST_REFUSED"));
    assert_eq!(sink.taken().len(), 3);
    assert_eq!(sink.taken()[2].json(), json!({"rows": [{"json": {"team": 1}}]}));
    site.server.end().await;
}

#[tokio::test]
async fn what_a_service_refuses_fails_the_action_and_no_parameter_leads_elsewhere() {
    let sink =
        HttpSink::start([(200, json!({"ok": false, "error": "no_text"})), (401, json!({"error": "bad key"}))]).await;
    let mut site = site_with(&sink).await;
    let hook = json!({"type": "WEBHOOK", "url": "https://hooks.slack.com/services/vendor-key-1"});
    let params = json!({"connection_id": site.vault("SLACK", hook).await, "text": "Hi"});
    let (outcome, execution) = site.ran(json!([action("call", "SLACK", "POST_MESSAGE", params)])).await;
    assert_eq!((outcome, error(&execution)), (Outcome::Failed, ("REQUEST_REFUSED", "SLACK answered with status 200.")));
    let connection = site.vault("AIRTABLE", key()).await;
    let list = |table: &str| {
        let params = json!({"connection_id": connection, "base_id": "b", "table_name": table});
        json!([action("call", "AIRTABLE", "LIST_RECORDS", params)])
    };
    let (outcome, execution) = site.ran(list("t")).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "REQUEST_REFUSED"));
    assert_eq!(execution["debug"]["actions"]["call"]["error"]["response"]["body"]["error"], "bad key");
    site.scope.fields.insert("table".into(), "..".into());
    let (outcome, execution) = site.ran(list("{{fields.table}}")).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "INVALID_PARAMS"));
    assert_eq!(sink.taken().len(), 2);
    site.server.end().await;
}
