//! Why something was not sent, and calls that tell it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use kernel::{Timestamp, Value};
use outbound::{Client, Limits, Refused};

use crate::runner;

/// Providers have this long to answer.
const LIMITS: Limits = Limits { time: Duration::from_secs(15), bytes: 64 << 10, redirects: 0 };
/// The longest wait that a provider can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Characters of what a provider says.
const TOLD: usize = 500;

/// Why a message, or what a stream is to be told, was not sent.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For the tenant.
    pub(crate) reason: String,
    /// Whether another try could end otherwise.
    pub(crate) may_pass: bool,
    /// How long the other side wants to be left alone.
    pub(crate) after: Option<Duration>,
    /// The status of its answer, where there was one.
    pub(crate) status: Option<StatusCode>,
    /// The body of that.
    pub(crate) body: Bytes,
}

impl Failure {
    /// Another try ends the same.
    pub(crate) fn never(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_pass: false, after: None, status: None, body: Bytes::new() }
    }

    /// Another try may end otherwise.
    pub(crate) fn for_now(reason: impl Into<String>) -> Self {
        Self { may_pass: true, ..Self::never(reason) }
    }

    /// There was no answer.
    pub(crate) fn of(refused: &Refused) -> Self {
        let is_for_good = matches!(refused, Refused::Address(_) | Refused::Private(_));
        Self { may_pass: !is_for_good, ..Self::never(refused.to_string()) }
    }
}

/// The answer of a provider that takes a message.
pub(crate) async fn call(outbound: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
    call_within(outbound, request, LIMITS.time).await
}

/// The same, from a provider that has another time to answer.
pub(crate) async fn call_within(
    outbound: &Client,
    request: Request<Bytes>,
    time: Duration,
) -> Result<Response<Bytes>, Failure> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let answer = outbound.send(request, Limits { time, ..LIMITS }).await.map_err(|refused| Failure::of(&refused))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let reason = reason_in(answer.body())
        .map_or_else(|| format!("{host} answers {status}."), |told| format!("{host} answers {status}: {told}"));
    let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(wait);
    let may_pass = runner::may_pass(status);
    Err(Failure { reason, may_pass, after, status: Some(status), body: answer.into_body() })
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). A date is rare there, and the usual wait does as well.
fn wait(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// What a provider says of a refusal, in the members that they have for that.
fn reason_in(body: &Bytes) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |value: &Value| {
        let found = ["message", "description", "error_description"].iter().find_map(|name| value.get(name)?.as_str());
        found.map(str::to_owned)
    };
    let nested = [body.pointer("/errors/0"), body.get("error"), Some(&body)];
    let told =
        nested.into_iter().flatten().find_map(text).or_else(|| body.get("error")?.as_str().map(str::to_owned))?;
    Some(told.chars().take(TOLD).collect())
}

/// A time as HTTP writes it, for signatures that cover one.
pub(crate) fn http_date(time: Timestamp) -> String {
    time.as_jiff().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_say_why_in_several_ways() {
        let told = |body: &str| reason_in(&Bytes::from(body.to_owned()));
        assert_eq!(told(r#"{"message":"no"}"#).as_deref(), Some("no"));
        assert_eq!(told(r#"{"errors":[{"message":"bad key","field":null}]}"#).as_deref(), Some("bad key"));
        assert_eq!(told(r#"{"error":{"code":"x","message":"late"}}"#).as_deref(), Some("late"));
        assert_eq!(told(r#"{"error":"invalid_client"}"#).as_deref(), Some("invalid_client"));
        assert_eq!(told("<html>"), None);
    }

    #[test]
    fn a_wait_is_heard_within_bounds() {
        assert_eq!(wait(" 30 "), Some(Duration::from_secs(30)));
        assert_eq!(wait("99999999"), Some(LONGEST_WAIT));
        assert_eq!(wait("soon"), None);
        assert_eq!(http_date(Timestamp::from_seconds(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
