//! The organization of a login: which one is meant, whether the user may enter it, and how somebody becomes its member on the way
//! (reference: sessions-and-login-rules §4, and §6, step 8).

use std::sync::Arc;

use identity::{
    Actor, connections,
    organizations::{
        self, Standing,
        invitations::{self, Found, Refusal},
    },
};
use kernel::Record;
use model::{
    ORGANIZATION,
    login::{OrganizationChoice, OrganizationPrompt, Prompt},
};
use store::{Snapshot, Tx};

use super::{
    AuthorizationError, AuthorizationRequest,
    browser::Visit,
    entrance::{Entrance, Joining, refused},
    failure::Failure,
    login::{Asked, Login},
};
use crate::{
    Site,
    organization::{admits_third_parties, not_a_member, not_by_connection},
    views::Client,
};

/// The answer of users who choose to sign in to no organization.
const ANSWER: &str = "organization";

/// What is known of a login's organization.
pub(super) enum Settled {
    /// It is decided: the login holds it, if there is one.
    Decided,
    /// The user is asked.
    Ask(Prompt),
    /// The session does not open the organization with this identifier: the user must log in to it.
    LogIn(String),
}

/// What a request may say about an organization. Gives the one that it names.
pub(super) async fn admit(
    site: &Site,
    request: &AuthorizationRequest,
    client: &Client,
) -> Result<Option<Arc<Record>>, AuthorizationError> {
    let is_asked =
        matches!(client.organization_require_behavior.as_deref(), Some("pre_login_prompt" | "post_login_prompt"));
    if request.organization.is_none() && client.requires_organization() && !is_asked {
        return Err(AuthorizationError::invalid_request("parameter organization is required for this client"));
    }
    let found = site.organization_for_users(request.organization.as_deref(), client).await?;
    let Some(record) = found else {
        // An invitation is to an organization.
        return match &request.invitation {
            Some(_) => Err(AuthorizationError::missing("organization")),
            None => Ok(None),
        };
    };
    let (id, client_id, connection) = (record.id.clone(), client.id.clone(), request.connection.clone());
    let read = move |reader: &Snapshot| usable(reader, &id, &client_id, connection.as_deref());
    match site.store.read(site.tenant.id(), read).await? {
        Usable::Some => Ok(Some(record)),
        Usable::NotThisOne => Err(not_by_connection().into()),
        Usable::None => Err(AuthorizationError::invalid_request("no connections enabled for the organization")),
    }
}

enum Usable {
    Some,
    NotThisOne,
    None,
}

/// Whether members of an organization can sign in to a client, and by the connection that is named.
fn usable(reader: &Snapshot, id: &str, client: &str, connection: Option<&str>) -> store::StoreResult<Usable> {
    let mut usable = Usable::None;
    for (used, _) in organizations::connections(reader, id)? {
        let Some(used) = reader.get(&model::CONNECTION, &used)? else { continue };
        if !connections::is_used(reader, &used, client)? {
            continue;
        }
        if connection.is_none_or(|name| used.text("name") == Some(name)) {
            return Ok(Usable::Some);
        }
        usable = Usable::NotThisOne;
    }
    Ok(usable)
}

/// Whether the invitation of a request can be accepted. One whose time is over is told of on a page: the user came by an old link.
pub(super) async fn check_invitation(site: &Site, visit: &Visit, asked: &Asked) -> Result<(), Failure> {
    let (Some(ticket), Some(organization)) = (&asked.request.invitation, &asked.organization) else { return Ok(()) };
    let (wanted, id) = (ticket.clone(), organization.id.clone());
    let find = move |reader: &Snapshot| invitations::find(reader, &wanted, &id);
    let found = site.store.read(site.tenant.id(), find).await.map_err(Failure::inside)?;
    let refusal = match found {
        Found::Open(_) => return Ok(()),
        Found::Expired => Refusal::Expired,
        Found::Unknown => Refusal::Unknown,
    };
    note_failure(site, &actor(site, visit, asked), ticket, organization, None, refusal)
        .await
        .map_err(Failure::inside)?;
    let error = refused(refusal);
    Err(match refusal {
        Refusal::Expired => Failure::Page(error),
        _ => Failure::Redirect(asked.request.addressee.clone(), error),
    })
}

async fn note_failure(
    site: &Site,
    actor: &Actor,
    ticket: &str,
    organization: &Arc<Record>,
    user: Option<Arc<Record>>,
    refusal: Refusal,
) -> store::StoreResult {
    let (actor, ticket, organization) = (actor.clone(), ticket.to_owned(), Arc::clone(organization));
    let note =
        move |tx: &mut Tx| invitations::note_failure(tx, &actor, &ticket, &organization, user.as_deref(), refusal);
    site.store.write(site.tenant.id(), note).await
}

/// Who acts: a user in a browser.
pub(super) fn actor(site: &Site, visit: &Visit, asked: &Asked) -> Actor {
    let actor = crate::password::actor(site, &visit.origin, Some(&asked.client.id));
    Actor { client_name: Some(asked.client.name.clone()), method: visit.method.to_string(), ..actor }
}

/// What users are asked about their organization before they log in.
pub(super) fn before_login(asked: &Asked) -> Option<OrganizationPrompt> {
    let client = &asked.client;
    let asks_first = client.organization_require_behavior.as_deref() == Some("pre_login_prompt");
    if asked.organization.is_some() || !asks_first || !client.allows_organizations() {
        return None;
    }
    Some(OrganizationPrompt {
        by_name: client.discovers_organizations_by("organization_name"),
        by_email: client.discovers_organizations_by("email"),
        may_skip: !client.requires_organization(),
    })
}

/// Finds out to which organization the user signs in, and whether that is possible.
pub(super) async fn settle(site: &Site, login: &mut Login<'_>) -> Result<Settled, AuthorizationError> {
    let asked = login.asked;
    let client = &asked.client;
    let user = site.store.cached(site.tenant.id(), &model::USER, &login.authentication.user_id).await?;
    let user = user.ok_or_else(AuthorizationError::login_required)?;
    if user.is("blocked") {
        return Err(AuthorizationError::blocked());
    }
    if let Some(record) = &asked.organization {
        let record = Arc::clone(record);
        return enter(site, login, record, &user).await;
    }
    if !client.allows_organizations() {
        return Ok(Settled::Decided);
    }
    if let Some(id) = login.transaction.as_ref().and_then(|kept| kept.request.organization.clone()) {
        let record = site.organization_for_users(Some(&id), client).await?;
        return match record {
            Some(record) => enter(site, login, record, &user).await,
            None => Ok(Settled::Decided),
        };
    }
    let is_skipped = !client.requires_organization() && login.answer(ANSWER).is_some();
    match client.organization_require_behavior.as_deref() {
        _ if is_skipped => Ok(Settled::Decided),
        Some("pre_login_prompt") => match before_login(asked) {
            Some(prompt) if !asked.request.prompt.none => Ok(Settled::Ask(Prompt::OrganizationName(prompt))),
            _ => choose(site, login, &user).await,
        },
        Some("post_login_prompt") => choose(site, login, &user).await,
        _ => Ok(Settled::Decided),
    }
}

/// The user's organizations are looked through for the one that is meant, or shown.
async fn choose(site: &Site, login: &mut Login<'_>, user: &Arc<Record>) -> Result<Settled, AuthorizationError> {
    let is_required = login.asked.client.requires_organization();
    let (user_id, connection) = (user.id.clone(), login.authentication.connection_id.clone());
    let is_third_party = !login.asked.client.is_first_party();
    let read = move |reader: &Snapshot| {
        let joined = organizations::of_user(reader, &user_id)?;
        let mut open = Vec::new();
        let is_closed = |organization: &Record| is_third_party && !admits_third_parties(organization);
        for organization in &joined {
            if !is_closed(organization) && organizations::connection(reader, &organization.id, &connection)?.is_some() {
                open.push(choice(organization));
            }
        }
        let mut only = None;
        if is_required && joined.is_empty() {
            let joinable = organizations::only_joinable(reader, &connection)?;
            let joinable = joinable.map(|id| reader.get(&ORGANIZATION, &id)).transpose()?.flatten();
            only = joinable.filter(|organization| !is_closed(organization)).map(|organization| organization.id.clone());
        }
        Ok::<_, store::StoreError>((!joined.is_empty(), open, only))
    };
    let (has_joined, open, only) = site.store.read(site.tenant.id(), read).await?;
    if let Some(id) = only {
        return enter_by_id(site, login, &id, user).await;
    }
    if !is_required && (open.is_empty() || login.asked.request.prompt.none) {
        return Ok(Settled::Decided);
    }
    match open.as_slice() {
        [] if has_joined => Err(not_by_connection().into()),
        [] => Err(AuthorizationError::invalid_request(
            "client requires organization membership, but user does not belong to any organization",
        )),
        [only] if is_required => enter_by_id(site, login, &only.id, user).await,
        _ if login.asked.request.prompt.none => {
            // Nobody can be asked: the organization that the session was used for last.
            let last = login.standing().and_then(|session| session.details.organizations.last().cloned());
            let last = last.filter(|last| open.iter().any(|choice| choice.id == *last));
            enter_by_id(site, login, &last.ok_or_else(AuthorizationError::interaction_required)?, user).await
        }
        _ => Ok(Settled::Ask(Prompt::Organization { choices: open, may_skip: !is_required })),
    }
}

fn choice(organization: &Record) -> OrganizationChoice {
    OrganizationChoice { id: organization.id.clone(), name: organizations::shown_name(organization) }
}

async fn enter_by_id(
    site: &Site,
    login: &mut Login<'_>,
    id: &str,
    user: &Arc<Record>,
) -> Result<Settled, AuthorizationError> {
    let record = site.store.cached(site.tenant.id(), &ORGANIZATION, id).await?;
    let record = record.ok_or_else(|| crate::organization::unknown(id))?;
    enter(site, login, record, user).await
}

/// Whether the user may enter an organization, as a member or as one who becomes a member.
async fn enter(
    site: &Site,
    login: &mut Login<'_>,
    record: Arc<Record>,
    user: &Arc<Record>,
) -> Result<Settled, AuthorizationError> {
    let standing = site.standing(&record.id, &login.authentication.connection_id, &user.id).await?;
    let ticket = login.asked.request.invitation.clone();
    login.organization = Some(Entrance { record: Arc::clone(&record), joining: None });
    let joining = match (standing, ticket) {
        (Standing::Elsewhere | Standing::Stranger, None) if !login.is_interactive() => {
            if login.asked.request.prompt.none {
                return Err(AuthorizationError::login_required());
            }
            return Ok(Settled::LogIn(record.id.clone()));
        }
        (Standing::Elsewhere, _) => return Err(not_by_connection().into()),
        (_, Some(ticket)) => Some(invited(site, login, ticket, &record, user).await?),
        (Standing::Member, None) => None,
        (Standing::Joins, None) => Some(Joining::ByConnection),
        (Standing::Stranger, None) => {
            return Err(AuthorizationError::access_denied(not_a_member(&user.id, &record.id)));
        }
    };
    login.organization = Some(Entrance { record, joining });
    Ok(Settled::Decided)
}

async fn invited(
    site: &Site,
    login: &Login<'_>,
    ticket: String,
    record: &Arc<Record>,
    user: &Arc<Record>,
) -> Result<Joining, AuthorizationError> {
    let (wanted, id) = (ticket.clone(), record.id.clone());
    let find = move |reader: &Snapshot| invitations::find(reader, &wanted, &id);
    let refusal = match site.store.read(site.tenant.id(), find).await? {
        Found::Open(invitation) if invitation.is_for(user) => return Ok(Joining::Invited { ticket, invitation }),
        Found::Open(_) => Refusal::OtherAddress,
        Found::Expired => Refusal::Expired,
        Found::Unknown => Refusal::Unknown,
    };
    let actor = actor(site, login.visit, login.asked);
    note_failure(site, &actor, &ticket, record, Some(Arc::clone(user)), refusal).await?;
    Err(refused(refusal))
}
