//! What a page depends on where its user signs in to an organization: its connections, its looks, and the invitation that is accepted.

use identity::{
    organizations::{
        self,
        invitations::{self, Found},
    },
    users::{self, Realm},
};
use kernel::{Document, Record, Value, value_at};
use model::{CONNECTION, ConnectionUse, ORGANIZATION};
use store::{Snapshot, StoreResult};

use crate::world::{Invitation, Organization, World};
use model::login::LoginRequest;

/// What a theme says that the branding of an organization says instead.
const OVER: [(&str, &str, &str); 3] = [
    ("logo_url", "widget", "logo_url"),
    ("colors.primary", "colors", "primary_button"),
    ("colors.page_background", "page_background", "background_color"),
];

/// By which connections users sign in to an organization.
pub(super) struct Rules {
    uses: Vec<(String, ConnectionUse)>,
    invitation: Option<invitations::Invitation>,
}

impl Rules {
    /// How the organization uses a connection; `None` where users do not sign in by it. Whoever is invited may sign up, and by the
    /// connection that the invitation names.
    pub(super) fn of(&self, connection: &str) -> Option<ConnectionUse> {
        let mut how = self.uses.iter().find(|(id, _)| id == connection).map(|(_, how)| *how)?;
        if let Some(invitation) = &self.invitation {
            if invitation.connection_id().is_some_and(|wanted| wanted != connection) {
                return None;
            }
            how.is_signup_enabled = true;
        }
        Some(how)
    }
}

/// The organization of a request.
pub(super) fn of(reader: &Snapshot, request: &LoginRequest) -> StoreResult<Option<Record>> {
    match &request.organization {
        Some(id) => reader.get(&ORGANIZATION, id),
        None => Ok(None),
    }
}

/// How it is called.
pub(super) fn named(organization: &Record) -> Organization {
    Organization {
        id: organization.id.clone(),
        name: organization.text("name").unwrap_or_default().to_owned(),
        display_name: organizations::shown_name(organization),
    }
}

/// The connections of an organization, as the request's invitation changes them.
pub(super) fn rules(reader: &Snapshot, organization: &Record, request: &LoginRequest) -> StoreResult<Rules> {
    let invitation = match &request.invitation {
        Some(ticket) => match invitations::find(reader, ticket, &organization.id)? {
            Found::Open(invitation) => Some(*invitation),
            Found::Expired | Found::Unknown => None,
        },
        None => None,
    };
    Ok(Rules { uses: organizations::connections(reader, &organization.id)?, invitation })
}

/// The invitation, with whether somebody has the invited address in the connection of the pages.
pub(super) fn invitation(reader: &Snapshot, rules: Rules, world: &World) -> StoreResult<Option<Invitation>> {
    let Some(invitation) = rules.invitation else { return Ok(None) };
    let mut has_account = false;
    if let Some(database) = &world.database
        && let Some(connection) = reader.get(&CONNECTION, &database.id)?
    {
        let realm = Realm::of(&connection)?;
        has_account = users::find(reader, &realm, users::Identifier::Email, invitation.email())?.is_some();
    }
    Ok(Some(Invitation {
        email: invitation.email().to_lowercase(),
        inviter: invitation.inviter().to_owned(),
        has_account,
        proves_address: invitation.proves_address(),
    }))
}

/// Lays the looks of an organization over those of the tenant.
pub(crate) fn brand(organization: &Record, branding: &mut Document, mut theme: Option<&mut Document>) {
    let Some(own) = organization.document.get("branding").and_then(Value::as_object) else { return };
    for (path, group, field) in OVER {
        let Some(value) = value_at(own, path).filter(|value| value.is_string()) else { continue };
        let (within, name) = path.split_once('.').map_or((None, path), |(within, name)| (Some(within), name));
        let place = match within {
            Some(within) => branding.entry(within).or_insert_with(|| Document::new().into()).as_object_mut(),
            None => Some(&mut *branding),
        };
        if let Some(place) = place {
            place.insert(name.to_owned(), value.clone());
        }
        let themed = theme.as_deref_mut().and_then(|theme| theme.get_mut(group)).and_then(Value::as_object_mut);
        if let Some(themed) = themed {
            themed.shift_remove(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Timestamp, object};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_organizations_looks_lie_over_the_tenants() {
        let own = json!({"branding": {"logo_url": "https://a.example/l.png", "colors": {"primary": "#112233"}}});
        let organization = Record::new("org_1", object(own), Timestamp::from_micros(0));
        let mut branding = object(json!({"colors": {"primary": "#000000", "page_background": "#ffffff"}}));
        let mut theme =
            object(json!({"widget": {"logo_url": "https://t.example/l.png"}, "colors": {"primary_button": "#000"}}));
        brand(&organization, &mut branding, Some(&mut theme));
        let colors = json!({"primary": "#112233", "page_background": "#ffffff"});
        assert_eq!(json!(branding), json!({"colors": colors, "logo_url": "https://a.example/l.png"}));
        assert_eq!(json!(theme), json!({"widget": {}, "colors": {}}));
    }
}
