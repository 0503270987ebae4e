//! Twilio: a message, or a call that reads it aloud (`/2010-04-01/Accounts/{sid}/Messages.json` and `…/Calls.json`).

use kernel::{Record, Value, value_at};
use url::form_urlencoded;

use super::Message;
use crate::{
    liquid,
    messages::{
        endpoints::Endpoints,
        failure::Failure,
        request::{FORM, Requested, basic, post},
    },
};

/// Where Twilio answers.
const TWILIO: &str = "https://api.twilio.com";

/// An account with Twilio, and what it sends from.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    sid: String,
    token: String,
    from: Option<String>,
    /// A messaging service, which picks a number itself. It makes no calls.
    service: Option<String>,
}

/// Where settings hold an account: sid, token, number, messaging service.
type Places = [&'static str; 4];

/// In the tenant's phone provider.
pub(super) const OF_PROVIDER: Places =
    ["configuration.sid", "credentials.auth_token", "configuration.default_from", "configuration.mssid"];
/// In an `sms` connection.
pub(super) const OF_CONNECTION: Places =
    ["options.twilio_sid", "options.twilio_token", "options.from", "options.messaging_service_sid"];
/// In the settings of the phone factor.
pub(super) const OF_FACTOR: Places = ["sid", "auth_token", "from", "messaging_service_sid"];

impl Account {
    /// The account that settings hold.
    pub(super) fn of(settings: &Record, places: Places) -> Self {
        // Some seal the token, some all that it stands in.
        let mut whole = settings.document.clone();
        settings.sealed.reveal_all(&mut whole);
        let text = |path: &str| {
            let text = value_at(&whole, path).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let [sid, token, from, service] = places.map(text);
        Self { sid: sid.unwrap_or_default(), token: token.unwrap_or_default(), from, service }
    }

    /// The request that has Twilio deliver a message.
    pub(super) fn request(&self, endpoints: &Endpoints, message: &Message) -> Requested {
        let is_sid = !self.sid.is_empty() && self.sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_sid {
            return Err(Failure::never("The settings name no account with Twilio."));
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", &message.to);
        let own = message.words.from.as_ref();
        let what = if message.is_voice {
            // Templates escape some of what they name; all is escaped here, once.
            let text = liquid::escaped(&liquid::unescaped(&message.words.voice));
            form.append_pair("Twiml", &format!("<Response><Say>{text}</Say></Response>"));
            let from = own.or(self.from.as_ref());
            form.append_pair("From", from.ok_or_else(|| Failure::never("The settings name no number that calls."))?);
            "Calls"
        } else {
            form.append_pair("Body", &message.words.text);
            match (own, &self.service, &self.from) {
                (Some(from), ..) | (None, None, Some(from)) => form.append_pair("From", from),
                (None, Some(service), _) => form.append_pair("MessagingServiceSid", service),
                (None, None, None) => return Err(Failure::never("The settings name no number that sends.")),
            };
            "Messages"
        };
        let base = endpoints.of("twilio", TWILIO);
        let address = format!("{base}/2010-04-01/Accounts/{}/{what}.json", self.sid);
        post(address, Some(basic(&self.sid, &self.token)), FORM, form.finish())
    }
}
