//! Notifications to the apps that users carry as a factor.

use std::time::Duration;

use kernel::{Document, Sealed, object};
use model::queues;
use serde_json::json;
use store::{NewJob, Rate, StoreResult, Tx};

use super::{CAUSED, is_granted};
use crate::{Actor, Channel, Result};

/// What one user gets of notifications that strangers cause: ten at once, then one in a minute.
const BY_USER: Rate = Rate { burst: 10, interval: Duration::from_secs(60) };

/// Whose telephones they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Apple's.
    Ios,
    /// Those with Google's services.
    Android,
}

impl Platform {
    /// The name of a platform, as devices tell it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ios" | "APNS" => Some(Self::Ios),
            "android" | "GCM" => Some(Self::Android),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }
}

/// An app on a device.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// What the device is called in the log and the outbox: the identifier of the enrolment.
    pub id: &'a str,
    /// Whose device it is.
    pub platform: Platform,
    /// By what the platform finds the app on it.
    pub token: &'a str,
}

/// A notification to an app.
#[derive(Clone, Debug)]
pub struct PushMessage<'a> {
    /// Where it goes.
    pub device: Device<'a>,
    /// The user whose device it is.
    pub user: &'a str,
    /// The application that it is about.
    pub client: Option<&'a str>,
    /// What is shown first.
    pub title: &'a str,
    /// What is shown below that.
    pub body: &'a str,
    /// What the app itself is told. It may hold secrets.
    pub data: Document,
    /// Who causes it.
    pub actor: &'a Actor,
}

impl PushMessage<'_> {
    /// Has it sent once the transaction is committed; `false` when strangers have caused too many for this user.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn send(self, tx: &mut Tx) -> Result<bool> {
        let is_strangers = self.actor.channel == Channel::Public;
        if is_strangers && !is_granted(tx, CAUSED, &format!("push to {}", self.user), BY_USER)? {
            return Ok(false);
        }
        self.enqueue(tx)?;
        Ok(true)
    }

    fn enqueue(self, tx: &mut Tx) -> StoreResult {
        let payload = object(json!({
            "channel": "push",
            "message_type": "push",
            "to": self.device.id,
            "platform": self.device.platform.name(),
            "user_id": self.user,
            "client_id": self.client,
            "title": self.title,
            "body": self.body,
            "domain": self.actor.domain,
        }));
        let mut sealed = Sealed::new();
        sealed.set("token", self.device.token);
        sealed.set("data", json!(self.data));
        tx.enqueue(NewJob { sealed, ..NewJob::new(queues::MESSAGES, payload) }).map(drop)
    }
}
