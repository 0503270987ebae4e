//! Invitations to organizations: who knows the ticket, and has the invited address, becomes a member once.

use kernel::{Document, Record, Timestamp, Value, object, value_at};
use model::{INVITATION, USER};
use serde_json::json;
use store::{Filter, Query, Snapshot, StoreResult, Tx};

use super::join;
use crate::{
    Actor, Error, Result,
    discard::discard,
    log::{self, Entry},
    users::{self, Identifier, verification},
};

/// Longest ticket that is looked for.
const LONGEST_TICKET: usize = 128;

/// What a ticket stands for.
#[derive(Clone, Debug)]
pub enum Found {
    /// An invitation that can be accepted.
    Open(Box<Invitation>),
    /// One whose time is over.
    Expired,
    /// None: there never was one, or it was accepted, revoked or replaced.
    Unknown,
}

/// An invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    record: Record,
}

/// Why an invitation cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none of this ticket to this organization.
    #[error("invitation not found or already used")]
    Unknown,
    /// Its time is over.
    #[error("invitation has expired")]
    Expired,
    /// It is for another address than the user's.
    #[error("invitation is for another email address")]
    OtherAddress,
}

impl Invitation {
    /// Whom it invites: an e-mail address.
    pub fn email(&self) -> &str {
        self.text("invitee.email")
    }

    /// Who invites.
    pub fn inviter(&self) -> &str {
        self.text("inviter.name")
    }

    /// The connection by which it is to be accepted, where it names one.
    pub fn connection_id(&self) -> Option<&str> {
        self.record.text("connection_id")
    }

    /// The organization.
    pub fn organization_id(&self) -> &str {
        self.text("organization_id")
    }

    /// The roles that the new member gets.
    pub fn roles(&self) -> Vec<String> {
        let roles = self.record.document.get("roles").and_then(Value::as_array);
        roles.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether its link was mailed to the address, so that whoever knows it holds the address.
    pub fn proves_address(&self) -> bool {
        self.record.document.get("send_invitation_email") != Some(&false.into())
    }

    /// Whether a user has the invited address.
    pub fn is_for(&self, user: &Record) -> bool {
        user.text("email").is_some_and(|email| email.eq_ignore_ascii_case(self.email()))
    }

    fn text(&self, path: &str) -> &str {
        value_at(&self.record.document, path).and_then(Value::as_str).unwrap_or_default()
    }

    /// `details` of log entries. A ticket that is not used up is nobody's to read.
    fn details(&self, with_ticket: bool) -> Document {
        let mut shown = Document::new();
        for name in ["client_id", "created_at", "expires_at", "id", "invitee", "inviter", "roles"] {
            if let Some(value) = self.record.document.get(name) {
                shown.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(ticket) = self.record.sealed.text("ticket_id").filter(|_| with_ticket) {
            shown.insert("ticket_id".into(), ticket.into());
        }
        object(json!({ "invitation": shown }))
    }
}

/// What a ticket stands for at an organization.
pub fn find(reader: &Snapshot, ticket: &str, organization: &str) -> StoreResult<Found> {
    if ticket.is_empty() || ticket.len() > LONGEST_TICKET {
        return Ok(Found::Unknown);
    }
    let query = Query::of(Filter::equals("ticket_id", kernel::digest(ticket)));
    let invitations = reader.list(&INVITATION, &query)?.items;
    let found = invitations.into_iter().find(|invitation| invitation.text("organization_id") == Some(organization));
    let Some(record) = found else { return Ok(Found::Unknown) };
    let expires = record.text("expires_at").and_then(|text| text.parse::<Timestamp>().ok());
    if expires.is_none_or(|expires| expires <= reader.now()) {
        return Ok(Found::Expired);
    }
    Ok(Found::Open(Box::new(Invitation { record })))
}

/// Accepts an invitation for a user who has signed in: uses it up (`si`), makes the user a member with its roles and metadata, and notes
/// that the address is the user's, where the link was mailed. A refusal is a result; nothing was written then.
///
/// # Errors
/// [`Error::UserMissing`], and what the store fails with.
pub fn accept(
    tx: &mut Tx,
    actor: &Actor,
    ticket: &str,
    organization: &Record,
    user: &str,
) -> Result<std::result::Result<(), Refusal>> {
    let invitation = match find(tx, ticket, &organization.id)? {
        Found::Open(invitation) => invitation,
        Found::Expired => return Ok(Err(Refusal::Expired)),
        Found::Unknown => return Ok(Err(Refusal::Unknown)),
    };
    let known = tx.get(&USER, user)?.ok_or(Error::UserMissing)?;
    if !invitation.is_for(&known) {
        return Ok(Err(Refusal::OtherAddress));
    }
    discard(tx, &INVITATION, &invitation.record.id)?;
    if invitation.proves_address() {
        // Ends what whoever signed up with the address before its holder came may still have.
        verification::verify(tx, actor, user, None, Identifier::Email)?;
    }
    let known = note_metadata(tx, actor, &invitation, user)?;
    join(tx, actor, organization, &known, &invitation.roles(), "invitation")?;
    let entry = Entry { organization: Some(organization), details: invitation.details(true), ..Entry::of("si") };
    entry.about(&known, None).append(tx, actor)?;
    Ok(Ok(()))
}

/// Gives the user the metadata that the invitation brings.
fn note_metadata(tx: &mut Tx, actor: &Actor, invitation: &Invitation, user: &str) -> Result<Record> {
    let mut user = tx.get(&USER, user)?.ok_or(Error::UserMissing)?;
    let mut has_changed = false;
    for field in users::METADATA {
        let Some(brought) = invitation.record.document.get(field).and_then(Value::as_object) else { continue };
        let place = user.document.entry(field).or_insert_with(|| Document::new().into());
        if let Some(metadata) = place.as_object_mut().filter(|_| !brought.is_empty()) {
            kernel::merge_first_level(metadata, brought.clone());
            has_changed = true;
        }
    }
    if has_changed { users::update(tx, user, actor.event_context()) } else { Ok(user) }
}

/// Logs that somebody could not accept an invitation (`fi`).
///
/// # Errors
/// What the store fails with.
pub fn note_failure(
    tx: &mut Tx,
    actor: &Actor,
    ticket: &str,
    organization: &Record,
    user: Option<&Record>,
    refusal: Refusal,
) -> StoreResult {
    let mut details = match find(tx, ticket, &organization.id)? {
        Found::Open(invitation) => invitation.details(false),
        Found::Expired | Found::Unknown => Document::new(),
    };
    let text = refusal.to_string();
    details.insert("error".into(), log::error("invitation", &text));
    let entry = Entry { description: Some(&text), organization: Some(organization), user, details, ..Entry::of("fi") };
    entry.append(tx, actor)
}
