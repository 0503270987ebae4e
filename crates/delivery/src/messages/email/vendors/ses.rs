//! Amazon SES: `SendRawEmail`, signed by Signature Version 4.

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, header};
use url::form_urlencoded;

use super::Order;
use crate::messages::{
    email::mime,
    failure::Failure,
    request::{Requested, post},
};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

pub(super) fn request(order: &Order<'_>) -> Requested {
    let region = order.credential("region");
    let is_sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(is_sound) {
        return Err(Failure::never("The provider names no region."));
    }
    let (_, message) = mime::message(order.letter, order.id, order.now, &[])?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "SendRawEmail").append_pair("Version", "2010-12-01");
    form.append_pair("Destinations.member.1", &order.letter.to);
    form.append_pair("RawMessage.Data", &BASE64_STANDARD.encode(&message));
    let set = order.text("settings.message.configuration_set_name");
    if !set.is_empty() {
        form.append_pair("ConfigurationSetName", set);
    }
    let body = form.finish();
    let host = format!("email.{region}.amazonaws.com");
    let base = order.endpoints.of("ses", &format!("https://{host}"));
    let time = order.now.as_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let key = Key { id: order.credential("accessKeyId"), secret: order.credential("secretAccessKey"), region };
    let authorization = key.sign(&host, FORM, &time, &body);
    let mut request = post(format!("{base}/"), Some(authorization), FORM, body)?;
    for (name, value) in [(header::HOST, &host), (header::HeaderName::from_static("x-amz-date"), &time)] {
        let value = HeaderValue::try_from(value).map_err(|error| Failure::never(error.to_string()))?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// A key with what it signs for.
struct Key<'a> {
    id: &'a str,
    secret: &'a str,
    region: &'a str,
}

impl Key<'_> {
    /// `Authorization` of a POST of `/`; `time` as `20250102T030405Z`.
    fn sign(&self, host: &str, kind: &str, time: &str, body: &str) -> String {
        let day = time.get(..8).unwrap_or_default();
        let names = "content-type;host;x-amz-date";
        let canonical =
            format!("POST\n/\n\ncontent-type:{kind}\nhost:{host}\nx-amz-date:{time}\n\n{names}\n{}", hex_digest(body));
        let scope = format!("{day}/{}/ses/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex_digest(&canonical));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, self.region, "ses", "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = identity::hash::hex(&mac(&key, text.as_bytes()));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.id)
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex_digest(text: &str) -> String {
    identity::hash::hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of a day is published as an example in the documentation of Signature Version 4.
    #[test]
    fn the_key_of_a_day_is_that_of_the_documentation() {
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        for part in ["20150830", "us-east-1", "iam", "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let expected = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(identity::hash::hex(&key), expected);
    }
}
