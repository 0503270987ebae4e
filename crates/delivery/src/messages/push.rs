//! Notifications to the apps of users: through Apple's and Google's services with the tenant's own credentials, or through Amazon's,
//! as the settings of the factor say.

mod apple;
mod google;
mod sns;

use identity::{Result, messages::Platform};
use kernel::{Document, Record, Timestamp, Value, object};
use model::FACTOR_SETTINGS;
use serde_json::json;
use store::{Job, Snapshot, Store, StoreResult};

use super::{Attempt, Messenger, failure::Failure};

pub(super) use apple::Identities;
pub(super) use google::Tokens;

/// What the factor's settings say.
struct Settings {
    provider: String,
    apple: Option<Record>,
    google: Option<Record>,
    google_legacy: Option<Record>,
    sns: Option<Record>,
}

/// A notification as services are given it.
struct Notification<'j> {
    platform: Platform,
    /// By what the service finds the app.
    token: &'j str,
    title: &'j str,
    body: &'j str,
    data: Document,
    /// The same for each try.
    id: &'j str,
    now: Timestamp,
}

pub(super) async fn send(messenger: &Messenger, store: &Store, job: &Job) -> Result<Attempt> {
    let settings = store.read(&job.tenant, settings).await?;
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str).unwrap_or_default();
    let Some(platform) = Platform::named(text("platform")) else {
        return Ok(Attempt::failed("The device's platform is not known."));
    };
    let notification = Notification {
        platform,
        token: job.sealed.text("token").unwrap_or_default(),
        title: text("title"),
        body: text("body"),
        data: job.sealed.get("data").and_then(Value::as_object).cloned().unwrap_or_default(),
        id: &job.id,
        now: store.context().now(),
    };
    let shown = object(json!({
        "subject": notification.title,
        "text": notification.body,
        "platform": text("platform"),
        "data": notification.data,
    }));
    let unset = || Failure::never("The settings of the factor name no credentials for this platform.");
    let (provider, outcome) = match (settings.provider.as_str(), platform) {
        ("sns", _) => match &settings.sns {
            Some(own) => ("sns", sns::deliver(messenger, own, &notification).await),
            None => ("sns", Err(unset())),
        },
        ("direct", Platform::Ios) => match &settings.apple {
            Some(own) => ("apns", apple::deliver(messenger, own, &notification).await),
            None => ("apns", Err(unset())),
        },
        ("direct", Platform::Android) => match (&settings.google, &settings.google_legacy) {
            (Some(own), _) => ("fcmv1", google::deliver(messenger, own, &notification).await),
            (None, Some(own)) => ("fcm", google::deliver_by_key(messenger, own, &notification).await),
            (None, None) => ("fcm", Err(unset())),
        },
        // The service's own app is not ours to call.
        _ if messenger.outbox.is_some() => return Ok(Attempt::kept(shown)),
        _ => return Ok(Attempt::failed(super::NO_PROVIDER)),
    };
    Ok(Attempt::told(outcome, provider, shown))
}

fn settings(reader: &Snapshot) -> StoreResult<Settings> {
    let chosen = reader.get(&FACTOR_SETTINGS, "push")?;
    let with = |place: &str, secret: &str| -> StoreResult<Option<Record>> {
        let own = reader.get(&FACTOR_SETTINGS, place)?;
        Ok(own.filter(|own| own.sealed.text(secret).is_some_and(|secret| !secret.is_empty())))
    };
    Ok(Settings {
        provider: chosen.as_ref().and_then(|chosen| chosen.text("provider")).unwrap_or("guardian").to_owned(),
        apple: with("apns", "p12")?,
        google: with("fcmv1", "server_credentials")?,
        google_legacy: with("fcm", "server_key")?,
        sns: with("sns", "aws_secret_access_key")?,
    })
}

/// What a service says of a device that has not the app any more.
fn unregistered() -> Failure {
    Failure::never("The device is not registered any more.")
}

impl Notification<'_> {
    /// What Apple's service is given.
    fn for_apple(&self) -> Value {
        json!({
            "aps": {
                "alert": {"title": self.title, "body": self.body},
                "category": "com.auth0.notification.authentication",
                "mutable-content": 1,
                "sound": "default",
            },
            "mfa": self.data,
        })
    }

    /// What Google's service is given for the app: names and texts alone.
    fn for_google(&self) -> Document {
        let texts = self.data.iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), Value::from(text))
        });
        texts.collect()
    }
}

#[cfg(test)]
mod tests;
