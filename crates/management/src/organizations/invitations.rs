//! Invitations to join an organization.

use identity::discard;
use std::time::Duration;

use identity::messages::Email;
use kernel::{Record, Value, id::ALNUM, value_at};
use model::{
    CLIENT, CONNECTION, ROLE,
    views::{Client, Strategy, View as _},
};
use rest::{ApiError, ApiResult, Call, Change, Kind, Resource, Sorted};
use serde::Deserialize;
use store::{Filter, Query, Tx};

use super::ORGANIZATION;
use crate::{organizations::connections, tenants};

/// How long an invitation holds when nothing is said: a week.
const DAYS_7: u64 = 604_800;

/// Where the address of whoever is invited stands.
const INVITEE: &str = "invitee.email";

pub(super) static INVITATION: Kind = Kind::of(&model::INVITATION)
    .missing("The invitation does not exist.", Some("inexistent_invitation"))
    .under(&ORGANIZATION)
    .revealed(model::INVITATION_SECRETS)
    .hidden(&["send_invitation_email"])
    .order(Sorted::CreatedDescending);

/// What a new invitation is judged by.
#[derive(Deserialize)]
struct Asked {
    client_id: String,
    connection_id: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    ttl_sec: Option<u64>,
}

pub(super) struct Invitations;

impl Resource for Invitations {
    fn kind(&self) -> &'static Kind {
        &INVITATION
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        let asked: Asked = call.view()?;
        let organization = rest::load(tx, &ORGANIZATION, call.path("id"))?;
        let Some(client) = tx.get(&CLIENT, &asked.client_id)? else {
            return Err(ApiError::bad_request("The specified client_id does not exist."));
        };
        let client = Client::of(&client)?;
        if client.organization_usage.as_deref() == Some("deny") {
            return Err(ApiError::bad_request("The specified client_id does not allow organizations."));
        }
        let login = client.initiate_login_uri.or(tenants::default_redirection_uri(tx)?);
        let Some(login) = login.filter(|uri| !uri.is_empty()) else {
            return Err(ApiError::bad_request(
                "A default login route is required to generate the invitation url. Consider setting the tenant's default_redirection_uri or the client's initiate_login_uri.",
            ));
        };
        check_connection(tx, &organization.id, asked.connection_id.as_deref())?;
        check_roles(tx, &asked.roles)?;
        let ticket = tx.context().text(ALNUM, 32);
        let separator = if login.contains('?') { '&' } else { '?' };
        let url = format!(
            "{login}{separator}invitation={ticket}&organization={}&organization_name={}",
            organization.id,
            organization.text("name").unwrap_or_default()
        );
        let lifetime = asked.ttl_sec.filter(|seconds| *seconds > 0).unwrap_or(DAYS_7);
        new.document.shift_remove("ttl_sec");
        new.document.insert("invitation_url".into(), url.into());
        new.document.insert("ticket_id".into(), ticket.into());
        new.document.insert("created_at".into(), new.created.into());
        new.document.insert("expires_at".into(), (new.created + Duration::from_secs(lifetime)).into());
        new.document.insert("organization_id".into(), organization.id.into());
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change) -> ApiResult {
        let Change::Create { new } = change else { return Ok(()) };
        revoke_former(tx, new)?;
        if call.body().get("send_invitation_email") == Some(&Value::Bool(false)) {
            return Ok(());
        }
        send(tx, call, new)
    }
}

/// Revokes the open invitations that the same address has to the same organization.
fn revoke_former(tx: &mut Tx, new: &Record) -> ApiResult {
    let text = |path: &str| value_at(&new.document, path).and_then(Value::as_str).unwrap_or_default();
    let of_address = Filter::equals("organization", text("organization_id"))
        .and(Filter::equals(INVITEE, text(INVITEE).to_lowercase()));
    for former in tx.list(&INVITATION, &Query::of(of_address))?.items {
        if former.id != new.id {
            discard(tx, &INVITATION, &former.id)?;
        }
    }
    Ok(())
}

/// Has the invitation sent to whom it invites.
fn send(tx: &mut Tx, call: &Call, invitation: &Record) -> ApiResult {
    let text = |path: &str| value_at(&invitation.document, path).and_then(Value::as_str);
    let members = ["inviter", "invitee", "roles"].into_iter();
    let members = members.filter_map(|name| Some((name.to_owned(), invitation.document.get(name)?.clone())));
    let mail = Email {
        template: "user_invitation",
        to: text("invitee.email").unwrap_or_default(),
        client: text("client_id"),
        organization: text("organization_id"),
        url: invitation.sealed.text("invitation_url").unwrap_or_default().to_owned(),
        members: members.collect(),
        domain: &call.origin.domain,
        ..Email::default()
    };
    Ok(mail.enqueue(tx, None)?)
}

fn check_connection(tx: &mut Tx, organization: &str, connection: Option<&str>) -> ApiResult {
    let Some(id) = connection else { return Ok(()) };
    let Some(connection) = tx.get(&CONNECTION, id)? else {
        return Err(ApiError::bad_request("The specified connection does not exist."));
    };
    if Strategy::of(&connection).is_some_and(Strategy::is_passwordless) {
        return Err(ApiError::bad_request("Passwordless connections are not supported."));
    }
    if !connections::is_enabled_for(tx, organization, id)? {
        return Err(ApiError::bad_request(format!(
            "The specified connection ({id}) is not enabled for the organization"
        )));
    }
    Ok(())
}

fn check_roles(tx: &mut Tx, roles: &[String]) -> ApiResult {
    let mut missing = Vec::new();
    for role in roles {
        if tx.get(&ROLE, role)?.is_none() {
            missing.push(role.as_str());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("One or more of the specified roles do not exist: {}", missing.join(", "))))
}
