//! New users: by the Management API, by sign-up, by import. The only place where a user comes to be.

mod external;

use kernel::{Document, Record, Secret, Value, id::Form};
use model::{
    CLIENT, CONNECTION, CONNECTION_CLIENTS, TENANT_SETTINGS, USER,
    views::{TenantSettings, View as _},
};
use serde_json::json;
use store::{Paging, RelationQuery, Side, Snapshot, Store, StoreError, Tx};

use super::{Realm, attributes, complete, set_imported_password, set_password, verification};
use crate::{
    Actor, Error, PasswordHash, Result,
    actor::{Channel, Services},
    connections,
    databases::{self, Profile},
    events, links,
    log::{self, Entry},
    protection,
    triggers::{self, Denial, Execution, Firing, Trigger, Verdict},
};

/// A user to be created.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// Name of the connection.
    pub connection: String,
    /// The profile, metadata included.
    pub attributes: Document,
    /// The identifier within the connection, where the request brings one.
    pub local_id: Option<String>,
    /// The password, before it is hashed.
    pub password: Option<Secret>,
    /// Whether a verification mail is wanted; otherwise it is sent to addresses that are not verified.
    pub verify_email: Option<bool>,
    /// The application that the user signs up at, which messages and triggers name.
    pub client_id: Option<String>,
    /// The organization that the user signs up at.
    pub organization_id: Option<String>,
    /// Whether the tenant's own code says who the user is: no password is asked for, and nobody signs up.
    pub is_vouched_for: bool,
}

impl NewUser {
    /// What log entries call the user.
    fn name(&self) -> Option<&str> {
        ["username", "email", "phone_number"].iter().find_map(|field| self.attributes.get(*field)?.as_str())
    }
}

/// A user who may be created: the password hashed, the tenant's code asked.
#[derive(Clone, Debug)]
pub struct Prepared {
    new: NewUser,
    hash: Option<PasswordHash>,
    decided: Decided,
    /// The user as the tenant's own database has created it.
    external: Option<Profile>,
}

/// What the code at pre-user-registration decided.
#[derive(Clone, Debug, Default)]
struct Decided {
    user_metadata: Document,
    app_metadata: Document,
    local_id: Option<String>,
    execution: Option<Execution>,
}

/// A credential that an import brings.
#[derive(Clone, Debug)]
pub enum Imported {
    /// A bcrypt hash, kept as our own.
    Own(PasswordHash),
    /// A hash of another system, by which the first login is verified.
    Foreign(Value),
}

/// Judges the request, hashes the password and asks the tenant's code, outside of a transaction. What the code refuses is logged.
///
/// # Errors
/// Whatever refuses the user: [`Error::ConnectionMissing`], [`Error::ConnectionDisabled`], [`Error::SignupDisabled`],
/// [`Error::ConnectionUnused`], [`Error::Attribute`], [`Error::UserExists`], [`Error::PasswordMissing`], [`Error::Password`],
/// [`Error::Denied`], [`Error::Script`]; of public sign-ups [`Error::Limited`] and [`Error::PasswordLeaked`] too, and what refuses them is logged.
pub async fn prepare(services: &Services, store: &Store, actor: &Actor, new: NewUser) -> Result<Prepared> {
    if actor.channel != Channel::Public || new.is_vouched_for {
        let wanted = new.clone();
        let outcome = admit(services, store, actor, new).await;
        if let Err(error @ Error::Script(_)) = &outcome {
            note_failure(store, actor, &wanted, error).await?;
        }
        return outcome;
    }
    let asked = actor.clone();
    let count = move |tx: &mut Tx| protection::count_signup(tx, &asked);
    if let Some(limited) = store.write(&actor.tenant, count).await? {
        return Err(Error::Limited(limited));
    }
    let wanted = new.clone();
    let outcome = admit(services, store, actor, new).await;
    if let Err(error) = &outcome {
        note_failure(store, actor, &wanted, error).await?;
    }
    outcome
}

/// Whether strangers who sign up may learn that somebody has the identifier already.
///
/// # Errors
/// What the store fails with.
pub fn tells_who_exists(reader: &Snapshot) -> Result<bool> {
    let settings = reader.singleton(&TENANT_SETTINGS)?.map(|settings| TenantSettings::of(&settings)).transpose()?;
    Ok(settings.is_some_and(|settings| settings.flags.enable_public_signup_user_exists_error))
}

/// Logs why somebody could not sign up (`fs`), unless the tenant's code has refused, which is logged with what it said.
async fn note_failure(store: &Store, actor: &Actor, new: &NewUser, error: &Error) -> Result {
    let description = match error {
        Error::Denied(_) | Error::Store(_) | Error::Busy | Error::Failed(_) => return Ok(()),
        Error::UserExists => "The user already exists.".to_owned(),
        Error::SignupDisabled => "Public signup is disabled".to_owned(),
        Error::Password(error) => error.message().to_owned(),
        error => error.to_string(),
    };
    let kind = if *error == Error::PasswordLeaked { "signup_pwd_leak" } else { "fs" };
    let details = match error {
        Error::Script(error) => databases::details(error),
        _ => Document::from_iter([("error".to_owned(), json!({"message": description}))]),
    };
    let (asked, new) = (actor.clone(), new.clone());
    let work = move |tx: &mut Tx| {
        let realm = super::realm_named(tx, &new.connection)?;
        let entry = Entry {
            description: Some(&description),
            realm: realm.as_ref(),
            user_name: new.name(),
            details: details.clone(),
            ..Entry::of(kind)
        };
        Ok(entry.append(tx, &asked)?)
    };
    store.write(&actor.tenant, work).await
}

async fn admit(services: &Services, store: &Store, actor: &Actor, mut new: NewUser) -> Result<Prepared> {
    if !needs_preparation(services, store, actor, &new).await? {
        return Ok(Prepared { new, hash: None, decided: Decided::default(), external: None });
    }
    let password = new.password.take();
    let is_leaked = password.as_ref().is_some_and(|password| protection::is_leaked(password.reveal()));
    let (wanted, asked) = (new.clone(), actor.clone());
    let judge = move |reader: &Snapshot| {
        let realm = judge(reader, &asked, &wanted)?;
        if asked.channel == Channel::Public && protection::refuses_leaked_signup(reader, is_leaked)? {
            return Err(Error::PasswordLeaked);
        }
        Ok(realm)
    };
    let realm = store.read(&actor.tenant, judge).await?;
    if password.is_none() && actor.channel == Channel::Management && realm.demands_password() {
        return Err(Error::PasswordMissing);
    }
    let hash = match &password {
        Some(password) if realm.is_external() => {
            realm.password_rules().check(password.reveal(), &new.attributes, &[])?;
            None
        }
        Some(password) => {
            let (rules, profile) = (realm.password_rules().clone(), new.attributes.clone());
            Some(services.passwords.asked_by(&actor.ip).admit(rules, password.clone(), profile, Vec::new()).await?)
        }
        None => None,
    };
    let decided = ask(services, store, actor, &realm, &new, password.clone()).await?;
    let external = external::create(services, store, actor, &realm, &new, &decided, password.as_ref()).await?;
    Ok(Prepared { new, hash, decided, external })
}

/// Whether anything is to be hashed, asked or refused before the transaction, which judges everything again.
async fn needs_preparation(services: &Services, store: &Store, actor: &Actor, new: &NewUser) -> Result<bool> {
    if actor.channel != Channel::Management || new.password.is_some() {
        return Ok(true);
    }
    let connection = store.cached_by(&actor.tenant, &CONNECTION, "name", &new.connection).await?;
    let Some(realm) = connection.map(|connection| Realm::of(&connection)).transpose()? else { return Ok(true) };
    let asks = services.triggers.listens(&actor.tenant, Trigger::PreUserRegistration).await?;
    Ok(asks || realm.is_external() || realm.demands_password())
}

/// Creates the user, with everything that follows from it: the event, the log entry, the verification mail, and the code at
/// post-user-registration.
///
/// # Errors
/// As [`prepare`], for what has changed since.
pub fn apply(tx: &mut Tx, services: &Services, actor: &Actor, prepared: &Prepared) -> Result<Record> {
    let Prepared { new, hash, decided, external } = prepared;
    let realm = judge(tx, actor, new)?;
    let user = if let Some(profile) = external {
        databases::keep(tx, actor, &realm, profile, None)?.0
    } else {
        let mut attributes = decided.attributes_of(new);
        attributes::drop_empty_app_metadata(&mut attributes);
        let local_id = decided.local_id_of(new).map(str::to_owned);
        create(tx, actor, &realm, attributes, local_id, hash.clone().map(Imported::Own))?
    };
    triggers::keep(tx, &decided.execution)?;
    let execution = decided.execution.as_ref();
    Entry { execution, ..Entry::of("ss").about(&user, Some(&realm)) }.append(tx, actor)?;
    let wish = verification::Wish {
        wanted: new.verify_email,
        client_id: new.client_id.as_deref(),
        organization_id: new.organization_id.as_deref(),
    };
    verification::ask(tx, actor, &user, wish, verification::Occasion::Created)?;
    tell(tx, services, actor, Trigger::PostUserRegistration, &user)?;
    Ok(user)
}

/// Stores a user whose attributes were judged, and tells of it. Imports call this for each row.
///
/// # Errors
/// [`Error::UserExists`], when an identifier or the id is taken.
pub fn create(
    tx: &mut Tx,
    actor: &Actor,
    realm: &Realm,
    attributes: Document,
    local_id: Option<String>,
    credential: Option<Imported>,
) -> Result<Record> {
    let local_id = local_id.unwrap_or_else(|| tx.context().id(Form::Ordered24));
    let mut user = Record::new("", attributes, tx.now());
    user.document.insert("created_at".into(), tx.now().into());
    user.document.insert("updated_at".into(), tx.now().into());
    complete(&mut user, realm, &local_id);
    realm.forget(&mut user.document);
    if let Some(credential) = credential {
        keep_credential(&mut user, credential);
    }
    insert(tx, actor, user)
}

/// Gives the main account of a user a credential from outside.
pub fn keep_credential(user: &mut Record, credential: Imported) {
    let identity = user.id.clone();
    match credential {
        Imported::Own(hash) => set_password(user, &identity, &hash, 0),
        Imported::Foreign(hash) => set_imported_password(user, &identity, hash),
    }
}

/// Stores a complete user.
pub(crate) fn insert(tx: &mut Tx, actor: &Actor, user: Record) -> Result<Record> {
    let user = tx.insert(&USER, user).map_err(|error| match error {
        StoreError::Taken { .. } => Error::UserExists,
        error => error.into(),
    })?;
    events::user_created(tx, &user, actor.event_context())?;
    Ok(user)
}

/// The connection of a user to be created, after everything that could refuse it.
fn judge(reader: &Snapshot, actor: &Actor, new: &NewUser) -> Result<Realm> {
    let connection = reader.find(&CONNECTION, "name", &new.connection)?.ok_or(Error::ConnectionMissing)?;
    let realm = Realm::of(&connection)?;
    if !realm.is_database() && !realm.is_passwordless() {
        return Err(Error::NoRegistration);
    }
    // A new user may be sent mails, whose links need a domain.
    links::domain(reader, actor)?;
    if actor.channel == Channel::Public {
        let client = actor.client_id.as_deref().unwrap_or_default();
        if !connections::is_used(reader, &connection, client)? {
            return Err(Error::ConnectionDisabled);
        }
        if !realm.allows_signup() && !new.is_vouched_for {
            return Err(Error::SignupDisabled);
        }
    } else if !is_enabled(reader, &realm)? {
        let client = new.client_id.as_ref().or(actor.client_id.as_ref()).cloned().unwrap_or_default();
        return Err(Error::ConnectionUnused { client, connection: realm.name });
    }
    attributes::judge(&realm, &new.attributes)?;
    // Who is there is for the tenant's own database to say, where it keeps the users.
    let keys = if realm.is_external() { Vec::new() } else { realm.keys(&new.attributes) };
    for key in keys {
        if reader.find(&USER, super::IDENTIFIER, &key)?.is_some() {
            return Err(Error::UserExists);
        }
    }
    Ok(realm)
}

/// Whether any client uses the connection.
pub(super) fn is_enabled(reader: &Snapshot, realm: &Realm) -> Result<bool> {
    let one = RelationQuery { paging: Paging::Offset { offset: 0, limit: 1 }, ..RelationQuery::default() };
    Ok(!reader.related(&CONNECTION_CLIENTS, Side::Left(&realm.id), &one)?.items.is_empty())
}

/// Asks the code at pre-user-registration, after everything else that could refuse the user.
async fn ask(
    services: &Services,
    store: &Store,
    actor: &Actor,
    realm: &Realm,
    new: &NewUser,
    password: Option<Secret>,
) -> Result<Decided> {
    let (triggers, tenant) = (&services.triggers, &actor.tenant);
    if !triggers.listens(tenant, Trigger::PreUserRegistration).await? {
        return Ok(Decided::default());
    }
    let connection = store.cached(tenant, &CONNECTION, &realm.id).await?.ok_or(Error::ConnectionMissing)?;
    let client = match new.client_id.as_deref() {
        Some(id) => store.cached(tenant, &CLIENT, id).await?,
        None => None,
    };
    let request = actor.request();
    let firing = Firing {
        client: client.as_deref(),
        connection: Some(&connection),
        user: Some(&new.attributes),
        request: Some(&request),
        own: actor.event.clone(),
        password,
        ..Firing::new(Trigger::PreUserRegistration)
    };
    let verdict = triggers.fire(tenant, firing).await?;
    match verdict.denied.clone() {
        None => Ok(Decided::of(verdict)),
        Some(denial) => {
            note_denial(store, actor, realm, new, &denial, verdict.execution).await?;
            Err(Error::Denied(denial))
        }
    }
}

/// Logs a refusal (`fs`) in a transaction of its own: the operation has one only if it goes on.
async fn note_denial(
    store: &Store,
    actor: &Actor,
    realm: &Realm,
    new: &NewUser,
    denial: &Denial,
    execution: Option<Execution>,
) -> Result {
    let mut error = log::error("PreUserRegistrationError", &denial.reason);
    if let Some(message) = &denial.user_message {
        error["friendly_message"] = message.as_str().into();
    }
    let entry = Entry {
        description: Some("PreUserRegistrationError on pre-user-registration"),
        realm: Some(realm),
        user_name: new.name(),
        details: Document::from_iter([("error".to_owned(), error)]),
        execution: execution.as_ref(),
        ..Entry::of("fs")
    };
    let entry = entry.to_document(actor, store.context().now());
    let work = move |tx: &mut Tx| {
        triggers::keep(tx, &execution)?;
        tx.append_log(entry.clone())?;
        Ok(())
    };
    store.write(&actor.tenant, work).await
}

/// Has the code that listens to what happened to a user run once the transaction is committed.
pub(super) fn tell(tx: &mut Tx, services: &Services, actor: &Actor, trigger: Trigger, user: &Record) -> Result {
    let triggers = &services.triggers;
    if !triggers.listens_within(tx, trigger)? {
        return Ok(());
    }
    let main = super::identities(user).into_iter().next().map(|main| main.connection).unwrap_or_default();
    let connection = tx.find(&CONNECTION, "name", &main)?;
    let request = actor.request();
    let firing = Firing {
        connection: connection.as_ref(),
        user: Some(&user.document),
        request: Some(&request),
        own: actor.event.clone(),
        ..Firing::new(trigger)
    };
    triggers.defer(tx, firing)
}

impl Decided {
    fn of(verdict: Verdict) -> Self {
        Self {
            user_metadata: verdict.user_metadata,
            app_metadata: verdict.app_metadata,
            local_id: verdict.user_id,
            execution: verdict.execution,
        }
    }

    /// The attributes of the new user: those that were asked for, with the metadata that the code has set.
    fn attributes_of(&self, new: &NewUser) -> Document {
        let mut attributes = new.attributes.clone();
        attributes.retain(|_, value| !value.is_null());
        for (field, changes) in [("user_metadata", &self.user_metadata), ("app_metadata", &self.app_metadata)] {
            if changes.is_empty() {
                continue;
            }
            let place = attributes.entry(field).or_insert_with(|| Document::new().into());
            if let Some(metadata) = place.as_object_mut() {
                kernel::merge_first_level(metadata, changes.clone());
            }
        }
        attributes
    }

    /// What the account is to be called within the connection, where the request or the code says so.
    fn local_id_of<'a>(&'a self, new: &'a NewUser) -> Option<&'a str> {
        new.local_id.as_deref().or(self.local_id.as_deref()).filter(|id| !id.is_empty())
    }
}
