//! A login by password, as `identity` does it, with the login kept in the same commit.

use identity::login::{self, Attempt, Outcome};
use store::Tx;

use super::{Users, actor, faults};
use crate::{
    accounts::{Call, Keep, Refused},
    step::LogIn,
};

impl Users {
    /// Verifies a password, and stores the login within the transaction that counts it.
    pub(super) async fn verify_password(&self, call: &Call, log_in: LogIn, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let LogIn { connection, kinds, identifier, password, .. } = log_in;
        let kinds = kinds.into_iter().map(Into::into).collect();
        let organization_id = call.transaction.as_ref().and_then(|known| known.request.organization.clone());
        let attempt = Attempt { connection, identifier, kinds, password, organization_id };
        let prepared = login::prepare(&self.services, &self.store, &actor, attempt).await.map_err(faults::other)?;
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !keep.solves(tx)? {
                return Ok(Err(faults::puzzle()));
            }
            match login::apply(tx, &actor, &prepared)? {
                Outcome::LoggedIn(found) => {
                    keep.login(tx, found.realm.authentication(&found.user, "pwd", tx.now(), false))?;
                    Ok::<_, identity::Error>(Ok(()))
                }
                Outcome::Refused(refusal) => Ok(Err(faults::refusal(refusal))),
            }
        });
        done.await.map_err(faults::other)?
    }
}
