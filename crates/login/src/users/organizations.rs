//! Organizations that users name before they log in.

use identity::organizations;
use kernel::Record;
use model::{ORGANIZATION, login::OrganizationChoice};
use store::Tx;

use super::{Users, faults};
use crate::{
    accounts::{Call, Refused},
    step::Fault,
};

impl Users {
    /// The organization with a name, or those to which an address leads.
    pub(super) async fn organizations_named(
        &self,
        call: &Call,
        entered: &str,
        by_email: bool,
    ) -> Result<Vec<OrganizationChoice>, Refused> {
        let (ip, entered) = (call.browser.ip.clone(), entered.to_lowercase());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !organizations::may_ask(tx, &ip)? {
                return Ok(Err(Refused::Fault(Fault::whole("too-many-requests"))));
            }
            let found = if by_email {
                organizations::discovered(tx, &entered)?
            } else {
                tx.find(&ORGANIZATION, "name", &entered)?.into_iter().collect()
            };
            Ok::<_, identity::Error>(Ok(found.iter().map(choice).collect()))
        });
        done.await.map_err(faults::other)?
    }
}

fn choice(organization: &Record) -> OrganizationChoice {
    OrganizationChoice { id: organization.id.clone(), name: identity::organizations::shown_name(organization) }
}
