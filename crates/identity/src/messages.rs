//! Messages that operations have sent: what is to be said to whom. They are written and delivered by the messages' worker, once
//! the transaction is committed (reference: templates and messages).

use std::time::Duration;

use kernel::{Document, Sealed, object};
use model::{EMAIL_PROVIDER, EMAIL_TEMPLATE, queues};
use serde_json::json;
use store::{NewJob, Snapshot, StoreResult, Tx};

use crate::tickets;

/// An e-mail to be sent.
#[derive(Debug, Default)]
pub struct Email<'a> {
    /// Which template it is written from.
    pub template: &'static str,
    /// Whom it is for, unless it is a stranger.
    pub user: Option<&'a str>,
    /// Address it goes to.
    pub to: &'a str,
    /// The application that it is about.
    pub client: Option<&'a str>,
    /// The organization that it is about.
    pub organization: Option<&'a str>,
    /// The link in it, which is a secret.
    pub url: String,
    /// What else the template may say.
    pub members: Document,
    /// Domain under which the tenant answers.
    pub domain: &'a str,
}

impl Email<'_> {
    /// Has it sent once the transaction is committed; `job` is the one that callers see, if there is one.
    pub fn enqueue(self, tx: &mut Tx, job: Option<&str>) -> StoreResult {
        let payload = object(json!({
            "channel": "email",
            "message_type": self.template,
            "user_id": self.user,
            "to": self.to,
            "client_id": self.client,
            "organization_id": self.organization,
            "members": self.members,
            "domain": self.domain,
        }));
        let mut sealed = Sealed::new();
        sealed.set("url", self.url);
        let id = job.map(str::to_owned);
        tx.enqueue(NewJob { id, sealed, ..NewJob::new(queues::MESSAGES, payload) }).map(drop)
    }
}

/// Whether the tenant has a provider that delivers e-mails.
pub fn reach_addresses(reader: &Snapshot) -> StoreResult<bool> {
    let provider = reader.singleton(&EMAIL_PROVIDER)?;
    Ok(provider.is_some_and(|provider| provider.is("enabled")))
}

/// How long the link in an e-mail of this template holds.
pub fn url_lifetime(reader: &Snapshot, template: &str) -> StoreResult<Duration> {
    let own = reader.get(&EMAIL_TEMPLATE, template)?;
    let seconds = own.and_then(|own| own.document.get("urlLifetimeInSeconds")?.as_u64());
    Ok(seconds.filter(|seconds| *seconds > 0).map_or(tickets::LIFETIME, Duration::from_secs))
}
