//! Parts of forms that other services vouch for: puzzles that tell persons from programs, and payments.

use std::collections::BTreeMap;

use aught::{Config, Dns, Endpoints};
use serde_json::{Value, json};

use crate::{
    actions::logged,
    app::App,
    browser::{Browser, Page},
    forms::{block, field, flow, next, prompt_of, shown, step},
    server::TestServer,
    sinks::HttpSink,
};

/// A server for which this sink is Google and Stripe.
async fn server_of(sink: &HttpSink) -> TestServer {
    let table = ["RECAPTCHA", "STRIPE"].map(|name| (name.to_owned(), sink.address.clone()));
    let message_endpoints = Endpoints::new(BTreeMap::from(table));
    TestServer::of(Config { dns: Dns::Trusting, message_endpoints, ..Config::in_memory() }).await
}

fn policy(page: &Page) -> &str {
    page.headers["content-security-policy"].to_str().unwrap()
}

#[tokio::test]
async fn a_form_asks_google_whether_a_puzzle_was_solved() {
    let sink = HttpSink::start([
        (200, json!({"success": false, "error-codes": ["invalid-input-response"]})),
        (500, json!({"success": true})),
        (200, json!({"success": true})),
    ])
    .await;
    let server = server_of(&sink).await;
    let mut robot = field("robot", "RECAPTCHA", "Robot", &json!({"site_key": "public-1", "secret_key": "secret-1"}));
    robot["category"] = "WIDGET".into();
    let form = json!({
        "name": "Puzzle", "languages": {"primary": "en"}, "start": {"next_node": "one"},
        "nodes": [
            step("one", &json!([robot, field("name", "TEXT", "Name", &json!({"min_length": 2})), next("On")]), "two"),
            step("two", &json!([next("Finish")]), "$ending"),
        ],
    });
    shown(&server, &form, "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    assert!(page.html.contains("data-recaptcha=\"public-1\"") && !page.html.contains("secret-1"), "{}", page.html);
    assert!(policy(&page).contains("script-src 'self' https://www.google.com/recaptcha/"), "{}", policy(&page));
    // Without an answer, or with faults elsewhere, nobody is asked.
    assert_eq!(browser.submit(&page, &[]).await.faults(), ["field-robot ERR_REQUIRED_PROPERTY"]);
    let short = browser.submit(&page, &[("field-robot", "t"), ("field-name", "A")]).await;
    assert_eq!((short.faults(), sink.taken().len()), (vec!["field-name ERR_TOO_SHORT_STRING".to_owned()], 0));
    for _ in 0..2 {
        let refused = browser.submit(&page, &[("field-robot", "token-1"), ("field-name", "Ada")]).await;
        assert_eq!((refused.status, refused.faults()), (400, vec!["field-robot ERR_CAPTCHA".to_owned()]));
    }
    let second = browser.submit(&page, &[("field-robot", "token-2"), ("field-name", "Ada")]).await;
    assert!(second.html.contains("Finish") && !policy(&second).contains("google"), "{}", policy(&second));
    let taken = &sink.taken()[2];
    assert_eq!(taken.path, "/recaptcha/api/siteverify");
    assert!(taken.body.starts_with("secret=secret-1&response=token-2&remoteip="), "{}", taken.body);
    let home = browser.submit(&second, &[]).await;
    assert_eq!(prompt_of(&server, &app, &home).await["fields"], json!({"name": "Ada"}));
    server.end().await;
}

fn pay(charge: &Value) -> Value {
    let credentials = json!({"public_key": "pk_1", "private_key": "sk_secret"});
    let mut pay =
        field("pay", "PAYMENT", "Card", &json!({"provider": "STRIPE", "charge": charge, "credentials": credentials}));
    pay["required"] = true.into();
    pay
}

#[tokio::test]
async fn a_form_charges_a_card_once_at_its_end() {
    let declined =
        json!({"error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}});
    let made = json!({"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1250, "client_secret": "hush"});
    let sink = HttpSink::start([(402, declined), (200, made)]).await;
    let server = server_of(&sink).await;
    let tell = json!({"id": "tell", "type": "FLOW", "action": "STORE_VARS", "params": {"vars": {"paid": "{{fields.pay.id}} {{fields.pay.status}}"}}});
    let told = flow(&server, &json!([tell])).await;
    let one_off = json!({"type": "ONE_OFF", "one_off": {"amount": "{{vars.price}}", "currency": "EUR"}});
    let form = json!({
        "name": "Payment", "languages": {"primary": "en"}, "start": {"next_node": "one"},
        "nodes": [
            step("one", &json!([pay(&one_off), next("On")]), "two"),
            step("two", &json!([block("text", "RICH_TEXT", &json!({"content": "<p>Last</p>"})), next("Finish")]), "$ending"),
        ],
        "ending": {"after_submit": {"flow_id": told}},
    });
    let id = shown(&server, &form, "{ vars: { price: '12.50' } }").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    assert!(page.html.contains("data-stripe=\"pk_1\"") && !page.html.contains("sk_secret"), "{}", page.html);
    assert!(policy(&page).contains("script-src 'self' https://js.stripe.com;"), "{}", policy(&page));
    assert_eq!(browser.submit(&page, &[]).await.faults(), ["field-pay ERR_REQUIRED_PROPERTY"]);
    assert_eq!(browser.submit(&page, &[("field-pay", "4242 4242")]).await.faults(), ["field-pay ERR_INVALID_VALUE"]);
    let last = browser.submit(&page, &[("field-pay", "pm_bad")]).await;
    assert!(last.html.contains("Last") && sink.taken().is_empty() && !policy(&last).contains("stripe"), "{last:?}");
    // Whose card is refused enters another one.
    let again = browser.submit(&last, &[]).await;
    assert!(again.status == 400 && again.html.contains("Your card was declined."), "{}", again.html);
    assert_eq!(logged(&server, "forms_submission_failed").await["details"]["form_id"], id.as_str());
    let last = browser.submit(&again, &[("field-pay", "pm_good")]).await;
    let home = browser.submit(&last, &[]).await;
    let prompt = prompt_of(&server, &app, &home).await;
    assert_eq!(prompt["vars"]["paid"], "pi_1 succeeded");
    assert_eq!(
        prompt["fields"]["pay"],
        json!({"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1250})
    );
    let taken = sink.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[1].path, "/v1/payment_intents");
    assert_eq!(taken[1].headers["authorization"], "Bearer sk_secret");
    assert_ne!(taken[0].headers["idempotency-key"], taken[1].headers["idempotency-key"]);
    assert!(taken[1].body.starts_with("amount=1250&currency=eur&payment_method=pm_good"), "{}", taken[1].body);
    server.end().await;
}

#[tokio::test]
async fn a_form_begins_a_subscription_of_a_new_customer() {
    let sink = HttpSink::start([
        (200, json!({"id": "cus_1"})),
        (200, json!({"id": "sub_1", "object": "subscription", "status": "active"})),
    ])
    .await;
    let server = server_of(&sink).await;
    let mut paid = pay(&json!({"type": "SUBSCRIPTION", "subscription": {"items": [{"price": "price_1"}]}}));
    paid["config"]["customer"] = json!({"email": "{{context.user.email}}"});
    let form = json!({
        "name": "Subscription", "languages": {"primary": "en"}, "start": {"next_node": "one"},
        "nodes": [step("one", &json!([paid, next("Finish")]), "$ending")],
    });
    shown(&server, &form, "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    let home = browser.submit(&page, &[("field-pay", "pm_1")]).await;
    assert_eq!(prompt_of(&server, &app, &home).await["fields"]["pay"]["id"], "sub_1");
    let taken: Vec<(String, String)> = sink.taken().into_iter().map(|taken| (taken.path, taken.body)).collect();
    assert_eq!(taken[0].0, "/v1/customers");
    assert!(taken[0].1.starts_with("email=jane%40example.com&payment_method=pm_1"), "{}", taken[0].1);
    assert_eq!(taken[1].0, "/v1/subscriptions");
    assert!(
        taken[1].1.starts_with("items%5B0%5D%5Bprice%5D=price_1&customer=cus_1&default_payment_method=pm_1"),
        "{}",
        taken[1].1
    );
    server.end().await;
}
