//! Amazon's service (SNS): the device becomes an endpoint of the tenant's platform application, and the notification is published
//! to it.

use identity::messages::Platform;
use kernel::{Record, Value};
use serde_json::json;
use url::form_urlencoded;

use super::{Notification, unregistered};
use crate::{
    aws,
    messages::{
        Messenger,
        failure::{Failure, call},
    },
};

/// The service's words for a device that has not the app any more.
const GONE: [&str; 2] = ["EndpointDisabled", "InvalidEndpoint"];
/// Its words for what another time may take.
const BUSY: [&str; 3] = ["Throttled", "Throttling", "ThrottledException"];

/// Hands a notification to the service; its answer, or why it refuses.
pub(super) async fn deliver(
    messenger: &Messenger,
    settings: &Record,
    notification: &Notification<'_>,
) -> Result<String, Failure> {
    let place = match notification.platform {
        Platform::Ios => "sns_apns_platform_application_arn",
        Platform::Android => "sns_gcm_platform_application_arn",
    };
    let application = settings.text(place).filter(|arn| !arn.is_empty());
    let application =
        application.ok_or_else(|| Failure::never("The settings name no application for this platform."))?;
    // The same token gives the same endpoint.
    let parameters =
        [("Action", "CreatePlatformEndpoint"), ("PlatformApplicationArn", application), ("Token", notification.token)];
    let created = ask(messenger, settings, notification, &parameters).await?;
    let endpoint = created["CreatePlatformEndpointResponse"]["CreatePlatformEndpointResult"]["EndpointArn"].as_str();
    let endpoint = endpoint.ok_or_else(|| Failure::never("Amazon names no endpoint."))?;
    let name = match notification.platform {
        Platform::Ios if application.contains("/APNS_SANDBOX/") => "APNS_SANDBOX",
        Platform::Ios => "APNS",
        Platform::Android => "GCM",
    };
    let own = match notification.platform {
        Platform::Ios => notification.for_apple(),
        Platform::Android => json!({
            "data": notification.for_google(),
            "notification": {"title": notification.title, "body": notification.body},
        }),
    };
    let message = json!({"default": notification.body, name: own.to_string()}).to_string();
    let parameters =
        [("Action", "Publish"), ("TargetArn", endpoint), ("MessageStructure", "json"), ("Message", message.as_str())];
    let published = ask(messenger, settings, notification, &parameters).await?;
    let id = published["PublishResponse"]["PublishResult"]["MessageId"].as_str().unwrap_or_default();
    Ok(format!("200 OK {id}").trim_end().to_owned())
}

/// A call of the query interface of 2010-03-31.
async fn ask(
    messenger: &Messenger,
    settings: &Record,
    notification: &Notification<'_>,
    parameters: &[(&str, &str)],
) -> Result<Value, Failure> {
    let region = settings.text("aws_region").unwrap_or_default();
    if !aws::is_region(region) {
        return Err(Failure::never("The settings name no region."));
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("Version", "2010-03-31")
        .extend_pairs(parameters)
        .finish();
    let host = format!("sns.{region}.amazonaws.com");
    let call_of_service = aws::Call {
        key_id: settings.text("aws_access_key_id").unwrap_or_default(),
        secret: settings.sealed.text("aws_secret_access_key").unwrap_or_default(),
        region,
        service: "sns",
        address: &messenger.endpoints.of("sns", &format!("https://{host}")),
        host: &host,
        content_type: aws::FORM,
        headers: &[("accept", "application/json")],
        body,
    };
    let request = call_of_service.request(notification.now).map_err(|error| Failure::never(error.to_string()))?;
    let answer = call(&messenger.outbound, request).await.map_err(refusal)?;
    Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
}

/// A refusal: `{"Error": {"Code": …, "Message": …}}`.
fn refusal(failure: Failure) -> Failure {
    let told: Value = serde_json::from_slice(&failure.body).unwrap_or_default();
    let (code, message) = (told["Error"]["Code"].as_str().unwrap_or_default(), told["Error"]["Message"].as_str());
    if GONE.contains(&code) {
        return unregistered();
    }
    let may_pass = failure.may_pass || BUSY.contains(&code);
    let reason = message.map_or(failure.reason.clone(), |message| format!("Amazon answers {code}: {message}"));
    Failure { reason, may_pass, ..failure }
}
