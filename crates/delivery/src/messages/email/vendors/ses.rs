//! Amazon SES: `SendRawEmail`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use url::form_urlencoded;

use super::Order;
use crate::{
    aws,
    messages::{email::mime, failure::Failure, request::Requested},
};

pub(super) fn request(order: &Order<'_>) -> Requested {
    let region = order.credential("region");
    if !aws::is_region(region) {
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
    let host = format!("email.{region}.amazonaws.com");
    let call = aws::Call {
        key_id: order.credential("accessKeyId"),
        secret: order.credential("secretAccessKey"),
        region,
        service: "ses",
        address: &order.endpoints.of("ses", &format!("https://{host}")),
        host: &host,
        content_type: aws::FORM,
        headers: &[],
        body: form.finish(),
    };
    call.request(order.now).map_err(|error| Failure::never(error.to_string()))
}
