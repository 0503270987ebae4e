//! Microsoft 365: a token for the application, then `sendMail` of Graph.

use kernel::Value;
use serde_json::json;
use url::form_urlencoded;

use super::Order;
use crate::messages::{
    failure::{Failure, call},
    request::{FORM, Requested, bearer, post, post_json},
};

pub(super) async fn request(outbound: &outbound::Client, order: &Order<'_>) -> Requested {
    let login = order.endpoints.of("ms365.login", "https://login.microsoftonline.com");
    let graph = order.endpoints.of("ms365", "https://graph.microsoft.com");
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", order.credential("clientId"))
        .append_pair("client_secret", order.credential("clientSecret"))
        .append_pair("scope", "https://graph.microsoft.com/.default")
        .finish();
    let tenant = in_path(order.credential("tenantId"));
    let address = format!("{login}/{tenant}/oauth2/v2.0/token");
    let answer = call(outbound, post(address, None, FORM, form)?).await?;
    let answer: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let token = answer["access_token"].as_str().ok_or_else(|| Failure::never("Microsoft gives no token."))?;
    let letter = order.letter;
    let body = json!({
        "message": {
            "subject": letter.subject,
            "body": {"contentType": "HTML", "content": letter.html},
            "toRecipients": [{"emailAddress": {"address": letter.to}}],
        },
        "saveToSentItems": false,
    });
    let sender = in_path(&order.sender()?.0);
    post_json(format!("{graph}/v1.0/users/{sender}/sendMail"), Some(bearer(token)), &body)
}

fn in_path(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
