//! Requests to Amazon's services, signed by Signature Version 4.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use identity::{hash::hex, signature::hmac_sha256};
use kernel::Timestamp;

/// The media type of requests to query interfaces.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A POST of `/` to a service.
pub(crate) struct Call<'c> {
    pub(crate) key_id: &'c str,
    pub(crate) secret: &'c str,
    pub(crate) region: &'c str,
    pub(crate) service: &'c str,
    /// Where the service is called: scheme and authority.
    pub(crate) address: &'c str,
    /// What the service is called in `Host`.
    pub(crate) host: &'c str,
    pub(crate) content_type: &'c str,
    /// Further headers, in lower case.
    pub(crate) headers: &'c [(&'static str, &'c str)],
    pub(crate) body: String,
}

impl Call<'_> {
    /// The request, as it is to be sent now.
    pub(crate) fn request(self, now: Timestamp) -> Result<Request<Bytes>, http::Error> {
        let time = now.as_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut authorization = HeaderValue::try_from(self.authorization(&time))?;
        authorization.set_sensitive(true);
        let mut request = Request::post(format!("{}/", self.address));
        for (name, value) in self.signed(&time) {
            request = request.header(HeaderName::from_static(name), value);
        }
        request.header(header::AUTHORIZATION, authorization).body(self.body.into())
    }

    /// The headers that the signature covers, in its order.
    fn signed<'h>(&'h self, time: &'h str) -> Vec<(&'static str, &'h str)> {
        let mut headers = vec![("content-type", self.content_type), ("host", self.host), ("x-amz-date", time)];
        headers.extend(self.headers);
        headers.sort_unstable();
        headers
    }

    fn authorization(&self, time: &str) -> String {
        let day = time.get(..8).unwrap_or_default();
        let headers = self.signed(time);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{}", value.trim())).collect();
        let canonical = format!("POST\n/\n\n{}\n\n{names}\n{}", lines.join("\n"), hex_digest(&self.body));
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex_digest(&canonical));
        let key = key_of_day(self.secret, day, self.region, self.service);
        let signature = hex(&hmac_sha256(&key, text.as_bytes()));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.key_id)
    }
}

fn key_of_day(secret: &str, day: &str, region: &str, service: &str) -> Vec<u8> {
    let first = format!("AWS4{secret}").into_bytes();
    [day, region, service, "aws4_request"].iter().fold(first, |key, part| hmac_sha256(&key, part.as_bytes()))
}

fn hex_digest(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// Whether a text can be the name of a region, which becomes part of a host.
pub(crate) fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of a day is published as an example in the documentation of Signature Version 4.
    #[test]
    fn the_key_of_a_day_is_that_of_the_documentation() {
        let key = key_of_day("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_request_is_signed_with_every_header_that_is_sent() {
        let call = Call {
            key_id: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "events",
            address: "https://events.us-east-1.amazonaws.com",
            host: "events.us-east-1.amazonaws.com",
            content_type: "application/x-amz-json-1.1",
            headers: &[("x-amz-target", "AWSEvents.PutEvents")],
            body: "{}".to_owned(),
        };
        let request = call.request(Timestamp::from_seconds(1_440_938_160)).unwrap();
        assert_eq!(request.uri(), "https://events.us-east-1.amazonaws.com/");
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/events/aws4_request, \
                        SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
        assert!(authorization.starts_with(expected), "{authorization}");
    }
}
