//! Changes of a user: attributes, metadata, passwords, of the main account or a linked one (reference: update semantics §1).

mod external;

use kernel::{Document, Record, Secret, Timestamp, Value};
use model::USER;
use store::{Snapshot, Store, StoreError, Tx};

use super::{
    Identifier, Identity, METADATA, Realm, attributes, identifiers, identities, note_password_reset, password_history,
    realm_named, registration, remove_password, set_account_field, set_identifiers, set_password, verification,
};
use crate::{
    Actor, Error, PasswordHash, PasswordRules, Result,
    actor::Services,
    blocks, databases, events,
    log::Entry,
    sessions::{self, Ending},
    triggers::Trigger,
};

pub use crate::refusals::ChangeError;

/// Attributes that belong to one account, not to the user as a whole.
const OF_ACCOUNT: &[&str] = &["email", "phone_number", "username", "email_verified", "phone_verified"];
/// Attributes that the identity provider gives.
const ROOT: &[&str] = &["given_name", "family_name", "name", "nickname", "picture"];

/// What is to be changed of a user.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Name of the connection whose account is meant; the main one where it is absent.
    pub connection: Option<String>,
    /// Attributes; `null` removes one, metadata are merged one level deep.
    pub attributes: Document,
    /// The password.
    pub password: NewPassword,
    /// Whether a verification mail is wanted.
    pub verify_email: Option<bool>,
    /// The application that the mail names.
    pub client_id: Option<String>,
}

/// What becomes of a password.
#[derive(Clone, Debug, Default)]
pub enum NewPassword {
    /// It stays.
    #[default]
    Kept,
    /// There is none any more.
    Removed,
    /// It is this one.
    Set(Secret),
    /// It is the one with this hash, which was judged before.
    Admitted(PasswordHash),
    /// The tenant's own database has it since this time, or since now.
    Elsewhere(Option<Timestamp>),
}

/// A change that may be made: the password is hashed.
#[derive(Clone, Debug)]
pub struct Prepared {
    user: String,
    change: Change,
}

/// What a password is judged by.
struct Judged {
    rules: PasswordRules,
    profile: Document,
    history: Vec<PasswordHash>,
}

/// Judges and hashes the new password, if there is one, outside of a transaction.
///
/// # Errors
/// [`Error::UserMissing`], [`Error::ConnectionMissing`], [`Error::Change`], [`Error::Password`], [`Error::Script`].
pub async fn prepare(
    services: &Services,
    store: &Store,
    actor: &Actor,
    user: &str,
    mut change: Change,
) -> Result<Prepared> {
    external::change(services, store, actor, user, &mut change).await?;
    if let NewPassword::Set(password) = &change.password {
        let password = password.clone();
        let hash = admit(services, store, actor, user, &change, password).await?;
        change.password = NewPassword::Admitted(hash);
    }
    Ok(Prepared { user: user.to_owned(), change })
}

/// Judges and hashes a password that a user is to have, for a change that may come later.
///
/// # Errors
/// As [`prepare`].
pub async fn admit(
    services: &Services,
    store: &Store,
    actor: &Actor,
    user: &str,
    change: &Change,
    password: Secret,
) -> Result<PasswordHash> {
    let (id, asked) = (user.to_owned(), change.clone());
    let judged = store.read(&actor.tenant, move |reader| password_to_judge(reader, &id, &asked)).await?;
    let Judged { rules, profile, history } = judged;
    services.passwords.asked_by(&actor.ip).admit(rules, password, profile, history).await
}

fn password_to_judge(reader: &Snapshot, user: &str, change: &Change) -> Result<Judged> {
    let user = reader.get(&USER, user)?.ok_or(Error::UserMissing)?;
    let target = Target::of(reader, change, &user)?;
    target.admits(reader, change)?;
    if target.realm.is_external() {
        // The tenant's own database takes passwords, not hashes of them.
        return Err(ChangeError::Unsupported.into());
    }
    let mut profile = user.document.clone();
    profile.extend(change.attributes.clone());
    let history = password_history(&user, &target.identity);
    Ok(Judged { rules: target.realm.password_rules().clone(), profile, history })
}

/// Changes the user, with everything that follows from it: events, log entries, mails, the end of blocks, the code at
/// post-change-password.
///
/// # Errors
/// As [`prepare`]; [`Error::Attribute`], when the user would not fit the connection any more; [`ChangeError::Taken`].
pub fn apply(tx: &mut Tx, services: &Services, actor: &Actor, prepared: &Prepared) -> Result<Record> {
    let change = &prepared.change;
    let old = tx.get(&USER, &prepared.user)?.ok_or(Error::UserMissing)?;
    let target = Target::of(tx, change, &old)?;
    target.admits(tx, change)?;
    let mut new = merged(&old, change);
    new.updated = tx.now();
    new.document.insert("updated_at".into(), tx.now().into());
    target.complete(change, &old, &mut new)?;
    match &change.password {
        NewPassword::Admitted(hash) => {
            set_password(&mut new, &target.identity, hash, target.realm.password_rules().history_size());
            note_password_reset(&mut new, tx.now());
        }
        NewPassword::Elsewhere(time) => note_password_reset(&mut new, time.unwrap_or(tx.now())),
        NewPassword::Removed => remove_password(&mut new, &target.identity),
        NewPassword::Set(_) => return Err(Error::failed("a password was not hashed before the transaction")),
        NewPassword::Kept => {}
    }
    set_identifiers(&mut new, |connection| realm_named(tx, connection))?;
    databases::drop_taken(tx, &target.realm, &mut new)?;
    refuse_taken(tx, &old, &new)?;
    let new = update(tx, new, actor.event_context())?;
    follow(tx, services, actor, change, &old, &new)?;
    Ok(new)
}

/// Stores a changed user and tells of the change. Whatever changes a user by the way, logins among them, ends here. `context` is what
/// the event tells of the request.
///
/// # Errors
/// [`Error::UserMissing`]; [`Error::UserExists`], when an identifier is taken.
pub fn update(tx: &mut Tx, user: Record, context: Document) -> Result<Record> {
    let old = tx.get(&USER, &user.id)?.ok_or(Error::UserMissing)?;
    let new = tx.update(&USER, user).map_err(|error| match error {
        StoreError::Taken { .. } => Error::UserExists,
        error => error.into(),
    })?;
    events::user_updated(tx, &old, &new, context)?;
    Ok(new)
}

fn follow(tx: &mut Tx, services: &Services, actor: &Actor, change: &Change, old: &Record, new: &Record) -> Result {
    let is_new_password = matches!(change.password, NewPassword::Admitted(_) | NewPassword::Elsewhere(_));
    if is_new_password {
        blocks::lift_of(tx, new)?;
        registration::tell(tx, services, actor, Trigger::PostChangePassword, new)?;
    }
    let wish = verification::Wish {
        wanted: change.verify_email,
        client_id: change.client_id.as_deref(),
        organization_id: None,
    };
    verification::ask(tx, actor, new, wish, verification::Occasion::Changed)?;
    let realm = main_realm(tx, new)?;
    let log = |tx: &mut Tx, kind| Entry::of(kind).about(new, realm.as_ref()).append(tx, actor);
    if is_new_password {
        log(tx, "scp")?;
        sessions::end_all(tx, &new.id, Ending::PasswordChanged)?;
    }
    for (field, kind) in [("email", "sce"), ("username", "scu"), ("phone_number", "scpn")] {
        if old.document.get(field) != new.document.get(field) {
            log(tx, kind)?;
            sessions::end_all(tx, &new.id, Ending::IdentifierChanged)?;
        }
    }
    if new.is("blocked") && !old.is("blocked") {
        sessions::end_all(tx, &new.id, Ending::AccountDeactivated)?;
    }
    Ok(())
}

/// What the connection of a user's main account says.
pub(super) fn main_realm(reader: &Snapshot, user: &Record) -> Result<Option<Realm>> {
    match identities(user).first() {
        Some(main) => Ok(realm_named(reader, &main.connection)?),
        None => Ok(None),
    }
}

/// The stored user with the changes merged in.
fn merged(old: &Record, change: &Change) -> Record {
    let mut new = old.clone();
    for (name, value) in &change.attributes {
        match value {
            Value::Null => {
                new.document.shift_remove(name);
            }
            Value::Object(members) if METADATA.contains(&name.as_str()) => {
                let place = new.document.entry(name.clone()).or_insert_with(|| Document::new().into());
                if !place.is_object() {
                    *place = Document::new().into();
                }
                // An empty object empties.
                match place.as_object_mut() {
                    Some(place) if members.is_empty() => place.clear(),
                    Some(place) => kernel::merge_first_level(place, members.clone()),
                    None => {}
                }
            }
            value => {
                new.document.insert(name.clone(), value.clone());
            }
        }
    }
    new
}

fn refuse_taken(reader: &Snapshot, old: &Record, new: &Record) -> Result {
    let had: Vec<&str> = identifiers(old).collect();
    for key in identifiers(new).filter(|key| !had.contains(key)) {
        if reader.find(&USER, super::IDENTIFIER, key)?.is_some() {
            // The key reads "<connection> <kind of identifier> <value>".
            let word = key.split(' ').nth(1).unwrap_or_default();
            return Err(ChangeError::Taken(word.to_owned()).into());
        }
    }
    Ok(())
}

/// The account that a change is about.
struct Target {
    realm: Realm,
    /// The account's name.
    identity: String,
    is_main: bool,
}

impl Target {
    /// The account in the connection that the change names, else the main one.
    fn of(reader: &Snapshot, change: &Change, user: &Record) -> Result<Self> {
        let identities = identities(user);
        let asked = change.connection.as_deref();
        let is_asked = |identity: &&Identity| asked.is_none_or(|connection| identity.connection == connection);
        if let Some(connection) = asked.filter(|connection| !identities.iter().any(|own| own.connection == *connection))
        {
            return Err(match realm_named(reader, connection)? {
                Some(_) => ChangeError::Unsupported.into(),
                None => Error::ConnectionMissing,
            });
        }
        let place = identities.iter().position(|identity| is_asked(&identity)).unwrap_or(0);
        let identity = identities.get(place).ok_or_else(|| Error::failed("a user without identities"))?;
        let realm = realm_named(reader, &identity.connection)?.ok_or(Error::ConnectionMissing)?;
        Ok(Self { realm, identity: identity.name(), is_main: place == 0 })
    }

    /// Judges whether the account's connection lets these be changed.
    fn admits(&self, reader: &Snapshot, change: &Change) -> Result {
        let realm = &self.realm;
        let sends = |field: &str| change.attributes.contains_key(field);
        let sends_password = !matches!(change.password, NewPassword::Kept);
        let is_ours = realm.is_database() || realm.is_passwordless();
        if sends("email") && !is_ours {
            return Err(ChangeError::ForeignEmail.into());
        }
        if realm.strategy.is_enterprise() && (sends("email_verified") || change.verify_email.is_some()) {
            return Err(ChangeError::EnterpriseVerification.into());
        }
        if (sends_password || sends("username")) && !realm.is_database() || sends("phone_number") && !is_ours {
            return Err(ChangeError::Unsupported.into());
        }
        if (sends("email") || sends_password) && !registration::is_enabled(reader, realm)? {
            return Err(ChangeError::Disabled.into());
        }
        let root: Vec<&str> = ROOT.iter().copied().filter(|field| sends(field)).collect();
        if self.is_main && !root.is_empty() && !realm.owns_profiles() {
            let (attributes, connection) = (root.join(", "), realm.name.clone());
            return Err(ChangeError::NotEditable { attributes, connection }.into());
        }
        let is_removed = |identifier: &Identifier| change.attributes.get(identifier.field()) == Some(&Value::Null);
        let removed =
            Identifier::ALL.into_iter().filter(|identifier| is_removed(identifier) && realm.requires(*identifier));
        let removed: Vec<&str> = removed.map(Identifier::field).collect();
        if !removed.is_empty() {
            let (attributes, connection) = (removed.join(", "), realm.name.clone());
            return Err(ChangeError::NotRemovable { attributes, connection }.into());
        }
        Ok(())
    }

    /// Completes the changed user: what a new address means, and what belongs to a linked account.
    fn complete(&self, change: &Change, old: &Record, new: &mut Record) -> Result {
        super::lower_case(&mut new.document, &self.realm);
        attributes::drop_empty_app_metadata(&mut new.document);
        let sent = &change.attributes;
        let is_new_email = sent.contains_key("email") && old.document.get("email") != new.document.get("email");
        if is_new_email && !sent.contains_key("email_verified") {
            new.document.insert("email_verified".into(), false.into());
        }
        if !self.is_main {
            self.take_account_fields(sent, is_new_email, old, new);
            return Ok(());
        }
        match attributes::judge(&self.realm, &new.document) {
            // What was stored before the connection got its present rules stays changeable.
            Err(error) if attributes::judge(&self.realm, &old.document).is_ok() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Moves what was sent of the account from the user's root, where the merge has put it, to the linked account.
    fn take_account_fields(&self, sent: &Document, is_new_email: bool, old: &Record, new: &mut Record) {
        let is_meant = |field: &&&str| sent.contains_key(**field) || is_new_email && **field == "email_verified";
        for field in OF_ACCOUNT.iter().filter(is_meant) {
            let value = new.document.get(*field).cloned().unwrap_or_default();
            set_account_field(new, &self.identity, field, &value);
            match old.document.get(*field) {
                Some(former) => new.document.insert((*field).into(), former.clone()),
                None => new.document.shift_remove(*field),
            };
        }
    }
}
