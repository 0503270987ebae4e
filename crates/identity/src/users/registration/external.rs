//! New users of a custom database: its scripts create them.

use kernel::Secret;
use store::Store;

use super::{Decided, NewUser};
use crate::{
    Actor, Error, Result,
    actor::Services,
    databases::{self, Asking, Profile},
    users::{self, Realm},
};

/// Has the tenant's own database create the user, or, where users move here, asks it whether there is one already.
pub(super) async fn create(
    services: &Services,
    store: &Store,
    actor: &Actor,
    realm: &Realm,
    new: &NewUser,
    decided: &Decided,
    password: Option<&Secret>,
) -> Result<Option<Profile>> {
    let Some(database) = realm.custom_database() else { return Ok(None) };
    let asking = Asking { services, store, actor, realm, organization: new.organization_id.as_deref() };
    let mut user = decided.attributes_of(new);
    if database.imports {
        let identifier = databases::identifier_of(&user);
        let found = match &identifier {
            Some(identifier) => asking.get_user(identifier).await?,
            None => None,
        };
        return if found.is_some() { Err(Error::UserExists) } else { Ok(None) };
    }
    if let Some(id) = decided.local_id_of(new) {
        user.insert("user_id".into(), id.into());
    }
    let mut profile = asking.create(user.clone(), password).await?;
    // What the script does not tell of is what was asked for.
    for name in users::METADATA {
        if let (false, Some(asked)) = (profile.attributes.contains_key(name), user.get(name)) {
            profile.attributes.insert(name.to_owned(), asked.clone());
        }
    }
    Ok(Some(profile))
}
