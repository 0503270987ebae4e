//! Domains by which an organization is discovered at login.

use kernel::{Record, id::HEX};
use rest::{Answer, ApiError, ApiResult, Call, Kind, Resource, Sorted};
use store::{Filter, Query, Snapshot, Term, Tx};

use super::{ORGANIZATION, organization};

static DISCOVERY_DOMAIN: Kind = Kind::of(&model::DISCOVERY_DOMAIN)
    .missing("No organization domain found by that id", None)
    .forgiving()
    .under(&ORGANIZATION)
    .order(Sorted::Created);

pub(super) struct DiscoveryDomains;

impl Resource for DiscoveryDomains {
    fn kind(&self) -> &'static Kind {
        &DISCOVERY_DOMAIN
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_some() {
            return Ok(());
        }
        let organization = new.text("organization_id").unwrap_or_default().to_owned();
        let domain = new.text("domain").unwrap_or_default().to_owned();
        if find(tx, &organization, &domain)?.is_some() {
            let message =
                "An organization discovery domain with this domain is already registered to this organization.";
            return Err(ApiError::conflict(message));
        }
        let secret = tx.context().text(HEX, 32);
        let document = &mut new.document;
        document.entry("status").or_insert_with(|| "pending".into());
        document.insert("verification_host".into(), format!("_ss-verification.{organization}.{domain}").into());
        document.insert("verification_txt".into(), secret.into());
        document.entry("use_for_organization_discovery").or_insert_with(|| true.into());
        Ok(())
    }
}

/// `GET /organizations/{id}/discovery-domains/name/{discovery_domain}`.
pub(super) fn by_name(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let organization = organization(reader, call)?;
    let found = find(reader, &organization.id, call.path("discovery_domain"))?;
    let domain = found.ok_or_else(|| ApiError::not_found("No organization domain found by that name"))?;
    Ok(Answer::json(rest::presented(reader, call, &DiscoveryDomains, &domain)?))
}

fn find(reader: &Snapshot, organization: &str, domain: &str) -> ApiResult<Option<Record>> {
    let equals = |field: &'static str, value: &str| Filter::Equals(field.into(), Term::Text(value.to_owned()));
    let filter = Filter::And(vec![equals("organization_id", organization), equals("domain", domain)]);
    Ok(reader.list(&DISCOVERY_DOMAIN, &Query { filter, ..Query::default() })?.items.pop())
}
