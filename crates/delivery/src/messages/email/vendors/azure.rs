//! Azure Communication Services: `POST /emails:send`, signed with the access key of the connection string.

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri, header};
use identity::signature::hmac_sha256;
use serde_json::json;

use super::Order;
use crate::messages::{
    failure::{Failure, http_date},
    request::{Requested, post_json},
};

const PATH: &str = "/emails:send?api-version=2023-03-31";

pub(super) fn request(order: &Order<'_>) -> Requested {
    let text = order.credential("connectionString");
    let part = |name: &str| {
        text.split(';').find_map(|part| {
            let (own, value) = part.split_once('=')?;
            own.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let unreadable = || Failure::never("The connection string cannot be read.");
    let endpoint = part("endpoint").ok_or_else(unreadable)?.trim_end_matches('/');
    let key = part("accesskey").and_then(|key| BASE64_STANDARD.decode(key).ok()).ok_or_else(unreadable)?;
    let base = order.endpoints.of("azure_cs", endpoint);
    let host = base.parse::<Uri>().ok().and_then(|uri| Some(uri.authority()?.to_string())).ok_or_else(unreadable)?;
    let letter = order.letter;
    let body = json!({
        "senderAddress": order.sender()?.0,
        "content": {"subject": letter.subject, "plainText": letter.text, "html": letter.html},
        "recipients": {"to": [{"address": letter.to}]},
    });
    let content = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, body.to_string().as_bytes()));
    let date = http_date(order.now);
    let signed = format!("POST\n{PATH}\n{date};{host};{content}");
    let signature = hmac_sha256(&key, signed.as_bytes());
    let authorization = format!(
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={}",
        BASE64_STANDARD.encode(signature)
    );
    let mut request = post_json(format!("{base}{PATH}"), Some(authorization), &body)?;
    let headers =
        [("x-ms-date", date), ("x-ms-content-sha256", content), ("host", host), ("operation-id", operation(order.id))];
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).map_err(|error| Failure::never(error.to_string()))?;
        request.headers_mut().insert(header::HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// The id of a message as a UUID: the same message is taken once.
fn operation(id: &str) -> String {
    let hex = identity::hash::hex(&digest::digest(&digest::SHA256, id.as_bytes()).as_ref()[..16]);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
