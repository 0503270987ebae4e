//! Logins by a custom database: its script verifies the password, and says whose it is.

use kernel::{Document, Record, Secret, Timestamp};
use store::Tx;

use super::{LONGEST_IDENTIFIER, Outcome, Prepared, Refusal, admit, wrong};
use crate::{
    Actor, Error, Known, PasswordHash, Result,
    databases::{self, Asking, Profile, ScriptError, ScriptReason},
    log::Entry,
    protection,
    users::Realm,
};

/// What a script has answered.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    outcome: std::result::Result<Profile, ScriptError>,
    /// The password, for a user who moves here.
    hash: Option<PasswordHash>,
    /// When it was asked.
    began: Timestamp,
}

/// Whether a script verifies the password: always, unless users move here and this one has a password already.
pub(super) fn is_asked(realm: &Realm, known: &Known) -> bool {
    realm.custom_database().is_some_and(|database| !database.imports || matches!(known, Known::Nothing))
}

/// Asks the script. What it refuses is a part of the answer.
pub(super) async fn ask(asking: &Asking<'_>, identifier: &str, password: &Secret) -> Result<Answered> {
    let began = asking.store.context().now();
    let identifier: String = identifier.trim().chars().take(LONGEST_IDENTIFIER).collect();
    let outcome = match asking.login(&identifier, password).await {
        Ok(profile) => Ok(profile),
        Err(Error::Script(error)) => Err(*error),
        Err(error) => return Err(error),
    };
    let moves = outcome.is_ok() && !asking.realm.is_external();
    let hash = if moves {
        let hashed = Secret::new(asking.realm.password_rules().hashed_part(password.reveal()));
        Some(asking.services.passwords.asked_by(&asking.actor.ip).hash(hashed).await?)
    } else {
        None
    };
    Ok(Answered { outcome, hash, began })
}

/// Does what follows from the script's answer. `known` is the user whom the identifier found here.
pub(super) fn apply(
    tx: &mut Tx,
    actor: &Actor,
    prepared: &Prepared,
    answered: &Answered,
    known: Option<&Record>,
) -> Result<Outcome> {
    let profile = match &answered.outcome {
        Ok(profile) => profile,
        Err(error) => return refused(tx, actor, prepared, error, known),
    };
    let (user, account) = match databases::keep(tx, actor, &prepared.realm, profile, answered.hash.as_ref()) {
        Ok(kept) => kept,
        Err(Error::Script(error)) => return refused(tx, actor, prepared, &error, known),
        Err(error) => return Err(error),
    };
    // A password that was set here meanwhile is not the one that the script has verified.
    let reset = user.text("last_password_reset").and_then(|time| time.parse::<Timestamp>().ok());
    if !prepared.realm.is_external() && reset.is_some_and(|reset| reset >= answered.began) {
        return wrong(tx, actor, prepared, Some(&user));
    }
    admit(tx, actor, prepared, &user, &account, None)
}

/// Logs what the script said. What may be a guess counts as one: everything but a failure of the script itself.
fn refused(
    tx: &mut Tx,
    actor: &Actor,
    prepared: &Prepared,
    error: &ScriptError,
    known: Option<&Record>,
) -> Result<Outcome> {
    let (kind, user_id) = match &error.reason {
        ScriptReason::WrongCredentials { user_id: Some(id), .. } => ("fp", format!("{}|{id}", prepared.realm.strategy)),
        ScriptReason::WrongCredentials { user_id: None, .. } => ("fu", String::new()),
        _ => ("f", known.map(|user| user.id.clone()).unwrap_or_default()),
    };
    let is_wrong = matches!(error.reason, ScriptReason::WrongCredentials { .. });
    let description = if is_wrong { "Wrong email or password.".to_owned() } else { error.to_string() };
    let entry = Entry {
        description: Some(&description),
        realm: Some(&prepared.realm),
        user_name: Some(&prepared.subject.identifier),
        details: databases::details(error),
        ..Entry::of(kind)
    };
    let mut entry: Document = entry.to_document(actor, tx.now());
    entry.insert("user_id".into(), user_id.into());
    tx.append_log(entry)?;
    let is_failure = matches!(error.reason, ScriptReason::Failed(_) | ScriptReason::Missing(_));
    if !is_failure {
        protection::login_failed(tx, actor, &prepared.realm, &prepared.subject, known)?;
    }
    let refusal = if is_wrong { Refusal::WrongCredentials } else { Refusal::Script(Box::new(error.clone())) };
    Ok(Outcome::Refused(refusal))
}
