//! Custom databases: where a connection's users are kept by a system of the tenant's, which scripts ask (reference: federation §9).
//!
//! Scripts run outside of transactions. What they answer is applied within one, by [`keep`].

mod profile;
mod shadow;

use kernel::{Document, Record, Secret, Timestamp, Value, object};
use model::ORGANIZATION;
use serde_json::json;
use store::{Snapshot, Store, Tx};

pub use crate::{
    refusals::{ScriptError, ScriptReason},
    scripts::{Script, ScriptCall, TIME},
};
pub use profile::Profile;
pub(crate) use shadow::{drop_taken, keep};

use crate::{
    Actor, Error, Result,
    actor::Services,
    log::Entry,
    users::{self, Identifier, Realm},
};

/// Asks the scripts of one custom database.
pub(crate) struct Asking<'a> {
    pub(crate) services: &'a Services,
    pub(crate) store: &'a Store,
    pub(crate) actor: &'a Actor,
    pub(crate) realm: &'a Realm,
    /// The organization that the user is dealing with.
    pub(crate) organization: Option<&'a str>,
}

impl Asking<'_> {
    /// Verifies a password: the user who it is.
    pub(crate) async fn login(&self, identifier: &str, password: &Secret) -> Result<Profile> {
        let arguments = vec![identifier.into(), password.reveal().into()];
        match self.run(Script::Login, arguments, Some(password)).await? {
            // Nobody is nobody's password.
            Value::Null | Value::Bool(false) => {
                let message = "Wrong email or password.".to_owned();
                let reason = ScriptReason::WrongCredentials { user_id: None, message };
                Err(ScriptError { reason, console: Vec::new() }.into())
            }
            answer => Ok(Profile::read(answer)?),
        }
    }

    /// Finds a user.
    pub(crate) async fn get_user(&self, identifier: &str) -> Result<Option<Profile>> {
        match self.run(Script::GetUser, vec![identifier.into()], None).await? {
            Value::Null | Value::Bool(false) => Ok(None),
            answer => Ok(Some(Profile::read(answer)?)),
        }
    }

    /// Creates a user: refused where there is one, then created, then asked for what it is called there.
    pub(crate) async fn create(&self, user: Document, password: Option<&Secret>) -> Result<Profile> {
        let identifier = identifier_of(&user).ok_or_else(|| Error::failed("a user without an identifier"))?;
        if self.get_user(&identifier).await?.is_some() {
            return Err(Error::UserExists);
        }
        let mut argument = object(json!({
            "tenant": self.actor.tenant.as_str(),
            "client_id": self.actor.client_id,
            "connection": self.realm.name,
        }));
        argument.extend(user);
        if let Some(password) = password {
            argument.insert("password".into(), password.reveal().into());
        }
        self.run(Script::Create, vec![argument.into()], password).await?;
        if let Some(password) = password {
            match self.login(&identifier, password).await {
                // A database may want the address verified first; the user is there all the same.
                Err(Error::Script(_)) => {}
                answer => return answer,
            }
        }
        let found = self.get_user(&identifier).await?;
        Ok(found.ok_or_else(|| ScriptError::failed("The created user is not found by the Get User script."))?)
    }

    /// Notes that an address is verified.
    pub(crate) async fn verify(&self, email: &str) -> Result {
        let answer = self.run(Script::Verify, vec![email.into()], None).await?;
        accepted(Script::Verify, &answer)
    }

    /// Changes a password. Gives when that was, where the script says so.
    pub(crate) async fn change_password(&self, identifier: &str, password: &Secret) -> Result<Option<Timestamp>> {
        let arguments = vec![identifier.into(), password.reveal().into()];
        let answer = self.run(Script::ChangePassword, arguments, Some(password)).await?;
        accepted(Script::ChangePassword, &answer)?;
        Ok(answer.get("last_password_reset").and_then(Value::as_str).and_then(|text| text.parse().ok()))
    }

    /// Deletes a user.
    pub(crate) async fn delete(&self, local_id: &str) -> Result {
        self.run(Script::Delete, vec![local_id.into()], None).await.map(drop)
    }

    /// Changes an identifier; the script's arguments are the old value, the new one, and whether it is verified.
    pub(crate) async fn change(&self, identifier: Identifier, arguments: Vec<Value>) -> Result {
        let script = match identifier {
            Identifier::Email => Script::ChangeEmail,
            Identifier::Username => Script::ChangeUsername,
            Identifier::Phone => Script::ChangePhoneNumber,
        };
        let answer = self.run(script, arguments, None).await?;
        accepted(script, &answer)
    }

    /// Logs what a script refused or failed at, where nothing else is written. Gives its outcome.
    pub(crate) async fn logged(&self, kind: &'static str, user: &Record, outcome: Result) -> Result {
        if let Err(Error::Script(error)) = &outcome {
            let description = error.to_string();
            let details = details(error);
            let entry = Entry { description: Some(&description), details, ..Entry::of(kind) };
            let entry = entry.about(user, Some(self.realm)).to_document(self.actor, self.store.context().now());
            let append = move |tx: &mut Tx| Ok::<_, Error>(tx.append_log(entry.clone()).map(drop)?);
            self.store.write(&self.actor.tenant, append).await?;
        }
        outcome
    }

    async fn run(&self, script: Script, mut arguments: Vec<Value>, secret: Option<&Secret>) -> Result<Value> {
        if self.realm.custom_database().is_some_and(|database| database.has_context) {
            arguments.push(self.context(script).await?.into());
        }
        let passwords = self.services.passwords.asked_by(&self.actor.ip);
        let (connection, secret) = (self.realm.id.clone(), secret.cloned());
        let call = ScriptCall { connection, script, arguments, secret, passwords };
        Ok(self.services.triggers.run_script(&self.actor.tenant, call).await??)
    }

    /// What a script is told of where it runs.
    async fn context(&self, script: Script) -> Result<Document> {
        let organization = match self.organization {
            Some(id) if script != Script::Delete => self.store.cached(&self.actor.tenant, &ORGANIZATION, id).await?,
            _ => None,
        };
        let Some(organization) = organization else { return Ok(Document::new()) };
        let member = |name: &str| organization.document.get(name).cloned();
        Ok(object(json!({"organization": {
            "id": organization.id,
            "name": member("name"),
            "metadata": member("metadata").unwrap_or_else(|| json!({})),
        }})))
    }
}

/// Whether a script says that it has done what it was asked for.
fn accepted(script: Script, answer: &Value) -> Result {
    match answer {
        Value::Null | Value::Bool(false) => {
            Err(ScriptError::failed(format!("The {} script has changed nothing.", script.title())).into())
        }
        _ => Ok(()),
    }
}

/// By what a database is asked for a user.
pub(crate) fn identifier_of(profile: &Document) -> Option<String> {
    let fields = ["email", "username", "phone_number"];
    fields.iter().find_map(|field| Some(profile.get(*field)?.as_str()?.to_owned()))
}

/// Has the tenant's own databases delete a user who is deleted here: each account of a database that keeps its users.
///
/// # Errors
/// [`Error::Script`]; the user is left as it is.
pub async fn delete(services: &Services, store: &Store, actor: &Actor, user: &Record) -> Result {
    let accounts = users::identities(user);
    let names: Vec<String> = accounts.iter().map(|account| account.connection.clone()).collect();
    let find = move |reader: &Snapshot| {
        names.iter().map(|name| users::realm_named(reader, name)).collect::<std::result::Result<Vec<_>, _>>()
    };
    let realms = store.read(&actor.tenant, find).await?;
    for (account, realm) in accounts.iter().zip(realms) {
        let Some(realm) = realm.filter(Realm::is_external) else { continue };
        let asking = Asking { services, store, actor, realm: &realm, organization: None };
        let deleted = asking.delete(&account.local_id()).await;
        asking.logged("fdu", user, deleted).await?;
    }
    Ok(())
}

/// What a log entry tells of a script that refused or failed.
pub(crate) fn details(error: &ScriptError) -> Document {
    let mut told = json!({"message": error.to_string()});
    if let ScriptReason::Validation { code, .. } = &error.reason {
        told["code"] = code.as_str().into();
    }
    let mut details = Document::from_iter([("error".to_owned(), told)]);
    if !error.console.is_empty() {
        details.insert("consoleOut".into(), error.console.join("\n").into());
    }
    details
}
