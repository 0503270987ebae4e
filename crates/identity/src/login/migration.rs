//! Passwords whose hashes only the tenant can verify: the Action at password-hash-migration that the connection names is asked.

use kernel::{Document, Secret, Value};
use model::{CLIENT, CONNECTION, USER};
use store::{Snapshot, Store};

use crate::{
    Actor, Checked, Known, Result,
    actor::Services,
    triggers::{Execution, Firing, Trigger},
    users::{self, Realm},
};

/// What the Action asks for by its `api` when the password is right.
const ACCEPT: &str = "password.accept";

/// What came of it.
pub(super) struct Asked {
    pub(super) checked: Checked,
    pub(super) execution: Option<Execution>,
}

/// Whether there is an Action to ask: for a user who is here, and has no password that this server knows.
pub(super) fn action<'r>(realm: &'r Realm, known: &Known, user: Option<&String>) -> Option<&'r str> {
    let is_unknown = !matches!(known, Known::Own(_)) && user.is_some();
    realm.password_action().filter(|_| is_unknown)
}

/// Has the Action verify a password. What it accepts is hashed, and it is not asked again.
pub(super) async fn ask(
    services: &Services,
    store: &Store,
    actor: &Actor,
    (realm, action): (&Realm, &str),
    (user, account): (&str, &str),
    password: &Secret,
) -> Result<Asked> {
    let tenant = &actor.tenant;
    let (id, account) = (user.to_owned(), account.to_owned());
    let find = move |reader: &Snapshot| {
        let user = reader.get(&USER, &id)?;
        let hash = user.as_ref().and_then(|user| users::imported_password(user, &account).cloned());
        Ok::<_, store::StoreError>(user.map(|user| (user, hash)))
    };
    let Some((user, hash)) = store.read(tenant, find).await? else {
        return Ok(Asked { checked: Checked::Wrong, execution: None });
    };
    let connection = store.cached(tenant, &CONNECTION, &realm.id).await?;
    let client = match actor.client_id.as_deref() {
        Some(id) => store.cached(tenant, &CLIENT, id).await?,
        None => None,
    };
    let request = actor.request();
    let mut own = Document::from_iter([("password".to_owned(), Value::from(password.reveal()))]);
    if let Some(hash) = hash {
        own.insert("custom_password_hash".into(), hash);
    }
    let firing = Firing {
        client: client.as_deref(),
        connection: connection.as_deref(),
        user: Some(&user.document),
        request: Some(&request),
        own,
        ..Firing::new(Trigger::PasswordHashMigration)
    };
    let verdict = services.triggers.fire_action(tenant, action, firing).await?;
    let Some(verdict) = verdict else { return Ok(Asked { checked: Checked::Wrong, execution: None }) };
    let is_right = verdict.denied.is_none() && verdict.effects.iter().any(|effect| effect.name == ACCEPT);
    let checked = if is_right {
        let hashed = Secret::new(realm.password_rules().hashed_part(password.reveal()));
        Checked::Right(Some(services.passwords.asked_by(&actor.ip).hash(hashed).await?))
    } else {
        Checked::Wrong
    };
    Ok(Asked { checked, execution: verdict.execution })
}
