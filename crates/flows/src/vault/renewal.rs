//! Tokens that were given for authorization codes, renewed where they have expired or are refused.

use store::{StoreError, Tx};

use super::{
    Connection, authorization,
    authorization::{Authorizations, REFUSED},
};
use crate::{Failure, doing::Doing, params::Params};

/// Seconds before its end from which on a token is not used.
const MARGIN: i64 = 60;

impl Connection {
    /// Whether its token has expired, or is about to, and can be renewed.
    fn is_due(&self, now: i64) -> bool {
        let end = self.setup.0.get("expires_at").and_then(kernel::Value::as_i64);
        self.can_renew() && end.is_some_and(|end| end - MARGIN <= now)
    }

    /// Whether its token can be renewed.
    pub(crate) fn can_renew(&self) -> bool {
        self.kind() == "OAUTH_CODE"
            && ["refresh_token", "client_id", "client_secret"].iter().all(|name| self.optional(name).is_some())
    }
}

impl Doing<'_> {
    /// A connection whose token is good for now, as far as is known.
    pub(crate) async fn open_fresh(&mut self, id: &str, app: &str) -> Result<Connection, Failure> {
        let connection = self.open(id, app).await?;
        if connection.is_due(self.services.store.context().now().seconds()) {
            return self.renew(connection, app).await;
        }
        Ok(connection)
    }

    /// The connection with another token than this one has: the one that somebody else has renewed meanwhile, or a new one.
    pub(crate) async fn renew(&mut self, stale: Connection, app: &str) -> Result<Connection, Failure> {
        // One at a time: a refresh token may be good once.
        let slot = self.slot(&stale);
        let _turn = slot.lock().await;
        let known = self.open(&stale.id, app).await?;
        if known.optional("access_token") != stale.optional("access_token") {
            return Ok(known);
        }
        let authorizations = Authorizations::new(self.services.outbound.clone(), self.services.vendors.clone());
        let mut setup = known.setup.0.clone();
        let now = self.services.store.context().now();
        let renewed = authorizations.renew(app, &mut setup, now).await;
        if let Err(failure) = renewed {
            // Another node may have been quicker: then its token is there, and ours was good once.
            let again = self.open(&stale.id, app).await?;
            if again.optional("access_token") != stale.optional("access_token") {
                return Ok(again);
            }
            if is_over(&failure) {
                self.end_authorization(&again).await?;
            }
            return Err(failure);
        }
        self.store_setup(&known, setup, true).await?;
        self.open(&stale.id, app).await
    }

    /// The service takes the refresh token no more: somebody has to permit it again.
    async fn end_authorization(&self, connection: &Connection) -> Result<(), Failure> {
        let mut setup = connection.setup.0.clone();
        for name in ["access_token", "refresh_token", "expires_at"] {
            setup.shift_remove(name);
        }
        self.store_setup(connection, setup, false).await
    }

    async fn store_setup(
        &self,
        connection: &Connection,
        setup: kernel::Document,
        is_ready: bool,
    ) -> Result<(), Failure> {
        let (id, fingerprint) = (connection.id.clone(), connection.fingerprint.clone());
        let work = move |tx: &mut Tx| authorization::renewed(tx, &id, &fingerprint, &setup, is_ready, |_| {});
        self.services.store.write::<_, StoreError>(self.tenant.id(), work).await?;
        Ok(())
    }
}

/// Whether a service that gives no token will not give one later either (RFC 6749 §5.2).
fn is_over(failure: &Failure) -> bool {
    let status = failure.response.as_ref().and_then(|response| Params(response.as_object()?).text("status"));
    failure.code == REFUSED && status.is_some_and(|status| ["400", "401"].contains(&status.as_str()))
}
