//! What creating and updating a user means: attributes, connections, passwords (reference: update semantics §1).

use identity::{
    PasswordHash, PasswordRules,
    users::{self, Identifier, Identity, Realm},
};
use kernel::{Document, Record, Value, id::Form};
use model::{CONNECTION, CONNECTION_CLIENTS};
use rest::{ApiError, ApiResult, Call};
use store::{Side, Snapshot, Tx};

use super::{USER, registration};
use crate::logs;

/// Member of `gathered` that holds the hash of the new password.
pub(super) const HASH: &str = "password_hash";
/// What bodies say that is not part of a user.
const TRANSIENT: &[&str] =
    &["connection", "client_id", "password", "verify_email", "verify_phone_number", "verify_password"];
/// What an update may name; the contract's schema is open.
const KNOWN: &[&str] = &[
    "blocked",
    "email_verified",
    "email",
    "phone_number",
    "phone_verified",
    "user_metadata",
    "app_metadata",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "username",
];
/// Attributes that belong to one account, not to the user as a whole.
const OF_ACCOUNT: &[&str] = &["email", "phone_number", "username", "email_verified", "phone_verified"];
/// Attributes that the identity provider gives.
const ROOT: &[&str] = &["given_name", "family_name", "name", "nickname", "picture"];
/// Attributes that cannot be changed in one call, for which the service takes separate ways.
const APART: &[(&str, &str)] = &[
    ("password", "email"),
    ("password", "email_verified"),
    ("username", "email"),
    ("username", "email_verified"),
    ("username", "password"),
];
const OF_USERNAMES: &str = "_+-.!#$^`~@'";

/// What a password is judged by.
pub(super) struct Judged {
    pub(super) rules: PasswordRules,
    pub(super) profile: Document,
    pub(super) history: Vec<PasswordHash>,
}

/// What the password in a body is judged by, after everything that could refuse the body without it.
pub(super) fn password_to_judge(reader: &Snapshot, id: Option<&str>, body: &Document) -> ApiResult<Judged> {
    let Some(id) = id else {
        let realm = judge_creation(reader, body)?;
        return Ok(Judged { rules: realm.password_rules().clone(), profile: body.clone(), history: Vec::new() });
    };
    let user = rest::load(reader, &USER, id)?;
    let target = Target::of(reader, body, &user)?;
    refuse_pairs(body)?;
    target.admits(reader, body)?;
    let mut profile = user.document.clone();
    profile.extend(body.clone());
    let history = users::password_history(&user, &target.identity);
    Ok(Judged { rules: target.realm.password_rules().clone(), profile, history })
}

/// The connection of a user to be made, after everything that could refuse it.
pub(super) fn judge_creation(reader: &Snapshot, body: &Document) -> ApiResult<Realm> {
    let realm = realm_for_creation(reader, body)?;
    for key in realm.keys(body) {
        if reader.find(&USER, users::IDENTIFIER, &key)?.is_some() {
            return Err(rest::unique_error(&USER, store::StoreError::Taken { key: users::IDENTIFIER.into() }));
        }
    }
    Ok(realm)
}

/// Completes a new user.
pub(super) fn create(tx: &mut Tx, call: &Call, new: &mut Record) -> ApiResult {
    let realm = realm_for_creation(tx, &call.document())?;
    for field in TRANSIENT {
        new.document.shift_remove(*field);
    }
    let given = registration::given(call, &mut new.document);
    drop_empty_app_metadata(&mut new.document);
    let local_id = given.unwrap_or_else(|| new.id.clone());
    let local_id = if local_id.is_empty() { tx.context().id(Form::Hex24) } else { local_id };
    users::complete(new, &realm, &local_id);
    if let Some(hash) = gathered_hash(call) {
        let identity = new.id.clone();
        users::set_password(new, &identity, &hash, 0);
    }
    Ok(())
}

/// Judges and completes a change: `new` is the user with the body merged in.
pub(super) fn update(tx: &mut Tx, call: &Call, old: &Record, new: &mut Record) -> ApiResult {
    let body = call.document();
    refuse_fields(call, &body)?;
    refuse_pairs(&body)?;
    let target = Target::of(tx, &body, old)?;
    target.admits(tx, &body)?;
    for field in TRANSIENT {
        new.document.shift_remove(*field);
    }
    users::lower_case(&mut new.document, &target.realm);
    if body.get("user_metadata") == Some(&Document::new().into()) {
        new.document.insert("user_metadata".into(), Document::new().into());
    }
    if body.get("app_metadata") == Some(&Document::new().into()) {
        new.document.shift_remove("app_metadata");
    }
    drop_empty_app_metadata(&mut new.document);
    let is_new_email = body.contains_key("email") && old.document.get("email") != new.document.get("email");
    if is_new_email && !body.contains_key("email_verified") {
        new.document.insert("email_verified".into(), false.into());
    }
    if !target.is_main {
        target.take_account_fields(&body, is_new_email, old, new);
    }
    if target.is_main {
        judge_attributes(&target.realm, &new.document).or_else(|error| {
            // What was stored before the connection got its present rules stays changeable.
            if judge_attributes(&target.realm, &old.document).is_err() { Ok(()) } else { Err(error) }
        })?;
    }
    if let Some(hash) = gathered_hash(call) {
        users::set_password(new, &target.identity, &hash, target.realm.password_rules().history_size());
        users::note_password_reset(new, tx.now());
    } else if body.get("password") == Some(&Value::Null) {
        users::remove_password(new, &target.identity);
    }
    set_identifiers(tx, new)
}

/// Sets the identifiers of all accounts of a user anew.
pub(super) fn set_identifiers(reader: &Snapshot, user: &mut Record) -> ApiResult {
    users::set_identifiers(user, |connection| Ok(realm_named(reader, connection)?))
}

/// Whether the update gave any account another password.
pub(super) fn is_new_password(old: &Record, new: &Record) -> bool {
    old.document.get("last_password_reset") != new.document.get("last_password_reset")
}

/// Leaves the log entries that changes of an account have beside the one of the operation.
pub(super) fn log(tx: &mut Tx, call: &Call, old: &Record, new: &Record) -> ApiResult {
    let has_changed = |field: &str| old.document.get(field) != new.document.get(field);
    if is_new_password(old, new) {
        logs::of_account(tx, call, "scp", new)?;
    }
    for (field, kind) in [("email", "sce"), ("username", "scu"), ("phone_number", "scpn")] {
        if has_changed(field) {
            logs::of_account(tx, call, kind, new)?;
        }
    }
    Ok(())
}

/// The connection with this name.
pub(super) fn realm_named(reader: &Snapshot, name: &str) -> store::StoreResult<Option<Realm>> {
    Ok(reader.find(&CONNECTION, "name", name)?.map(|connection| Realm::of(&connection)))
}

/// The connection in which a body wants a user, which can have it.
fn realm_for_creation(reader: &Snapshot, body: &Document) -> ApiResult<Realm> {
    let name = body.get("connection").and_then(Value::as_str).unwrap_or_default();
    let realm = realm_named(reader, name)?.ok_or_else(|| ApiError::invalid_body("Connection does not exist."))?;
    if !realm.is_database() && !realm.is_passwordless() {
        return Err(ApiError::invalid_body(
            "Connection does not support user creation through the API. It must either be a database or passwordless \
             connection.",
        ));
    }
    if !is_enabled(reader, &realm)? {
        return Err(ApiError::invalid_body("connection is disabled"));
    }
    judge_attributes(&realm, body)?;
    Ok(realm)
}

/// Whether any client uses the connection.
fn is_enabled(reader: &Snapshot, realm: &Realm) -> ApiResult<bool> {
    let one = store::RelationQuery { paging: store::Paging::Offset { offset: 0, limit: 1 }, ..Default::default() };
    Ok(!reader.related(&CONNECTION_CLIENTS, Side::Left(&realm.id), &one)?.items.is_empty())
}

/// Judges the attributes of a profile by what its connection asks for.
fn judge_attributes(realm: &Realm, profile: &Document) -> ApiResult {
    let text = |identifier: Identifier| profile.get(identifier.field()).and_then(Value::as_str);
    if text(Identifier::Username).is_some() && !realm.has(Identifier::Username) {
        return Err(ApiError::invalid_body("Cannot set username for connection without requires_username."));
    }
    for identifier in Identifier::ALL {
        if text(identifier).is_none() && realm.requires(identifier) {
            return Err(ApiError::invalid_body(match identifier {
                Identifier::Username => {
                    format!("Missing username for {} connection with requires_username enabled", realm.name)
                }
                other => format!("Payload validation error: 'Missing required property: {}'.", other.field()),
            }));
        }
    }
    if Identifier::ALL.into_iter().all(|identifier| text(identifier).is_none() || !realm.has(identifier)) {
        return Err(ApiError::invalid_body("The user must have at least one identifier of the connection."));
    }
    let Some(username) = text(Identifier::Username) else { return Ok(()) };
    let (min, max) = realm.username_window();
    if !(min..=max).contains(&username.chars().count()) {
        return Err(ApiError::invalid_body(format!("Username must have between {min} and {max} characters.")));
    }
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || OF_USERNAMES.contains(character);
    if !username.chars().all(is_allowed) {
        return Err(ApiError::invalid_body(format!(
            "Username can only contain letters, digits and the characters {OF_USERNAMES}"
        )));
    }
    Ok(())
}

fn drop_empty_app_metadata(document: &mut Document) {
    if document.get("app_metadata").and_then(Value::as_object).is_some_and(Document::is_empty) {
        document.shift_remove("app_metadata");
    }
}

fn gathered_hash(call: &Call) -> Option<PasswordHash> {
    PasswordHash::parse(call.gathered.get(HASH)?.as_str()?)
}

/// Refuses what the caller's scopes do not cover, and unknown fields.
fn refuse_fields(call: &Call, body: &Document) -> ApiResult {
    if let Some(unknown) =
        body.keys().find(|name| !KNOWN.contains(&name.as_str()) && !TRANSIENT.contains(&name.as_str()))
    {
        return Err(ApiError::invalid_body(format!(
            "Payload validation error: 'Additional properties not allowed: {unknown}'."
        )));
    }
    if call.allows("update:users") {
        return Ok(());
    }
    let own = call.caller.subject == call.path("id");
    let may = |field: &str| match field {
        "app_metadata" => call.allows("update:users_app_metadata"),
        "user_metadata" => own && call.allows("update:current_user_metadata"),
        _ => false,
    };
    if body.keys().all(|field| may(field)) {
        return Ok(());
    }
    Err(ApiError::forbidden("Insufficient scope, expected any of: update:users").code("insufficient_scope"))
}

fn refuse_pairs(body: &Document) -> ApiResult {
    match APART.iter().find(|(one, other)| body.contains_key(*one) && body.contains_key(*other)) {
        Some((one, other)) => Err(ApiError::invalid_body(format!("Cannot update {one} and {other} simultaneously."))),
        None => Ok(()),
    }
}

/// The account that an update is about.
struct Target {
    realm: Realm,
    /// The account's name.
    identity: String,
    is_main: bool,
}

impl Target {
    /// The account in the connection that the body names, else the main one.
    fn of(reader: &Snapshot, body: &Document, user: &Record) -> ApiResult<Self> {
        let identities = users::identities(user);
        let asked = body.get("connection").and_then(Value::as_str);
        let is_asked = |identity: &&Identity| asked.is_none_or(|connection| identity.connection == connection);
        if let Some(connection) = asked.filter(|connection| !identities.iter().any(|own| own.connection == *connection))
        {
            return Err(match realm_named(reader, connection)? {
                Some(_) => ApiError::invalid_body("Connection is not supported for this operation."),
                None => ApiError::invalid_body("Connection does not exist."),
            });
        }
        let place = identities.iter().position(|identity| is_asked(&identity)).unwrap_or(0);
        let identity = identities.get(place).ok_or_else(|| ApiError::internal("a user without identities"))?;
        let realm = realm_named(reader, &identity.connection)?;
        let realm = realm.ok_or_else(|| ApiError::invalid_body("Connection does not exist."))?;
        Ok(Self { realm, identity: identity.name(), is_main: place == 0 })
    }

    /// Judges whether the account's connection lets these fields be changed.
    fn admits(&self, reader: &Snapshot, body: &Document) -> ApiResult {
        let realm = &self.realm;
        let sends = |field: &str| body.contains_key(field);
        let is_ours = realm.is_database() || realm.is_passwordless();
        if sends("email") && !is_ours {
            return Err(ApiError::invalid_body("Cannot update email for non-database user."));
        }
        let is_enterprise = realm.strategy_type() == "enterprise";
        if is_enterprise && (sends("email_verified") || sends("verify_email")) {
            return Err(ApiError::invalid_body("Email verification is not supported for enterprise users."));
        }
        if (sends("password") || sends("username")) && !realm.is_database() || sends("phone_number") && !is_ours {
            return Err(ApiError::invalid_body("Connection is not supported for this operation."));
        }
        if (sends("email") || sends("password")) && !is_enabled(reader, realm)? {
            return Err(ApiError::invalid_body("Cannot change email or password for users in a disabled connection."));
        }
        let root: Vec<&str> = ROOT.iter().copied().filter(|field| sends(field)).collect();
        if self.is_main && !root.is_empty() && !realm.owns_profiles() {
            return Err(ApiError::invalid_body(format!(
                "The following user attributes cannot be updated: {}. The connection ({}) should have disabled the sync of \
                 user profile attributes at each login to enable editing root attributes.",
                root.join(", "),
                realm.name
            )));
        }
        let is_removed = |identifier: &Identifier| body.get(identifier.field()) == Some(&Value::Null);
        let removed =
            Identifier::ALL.into_iter().filter(|identifier| is_removed(identifier) && realm.requires(*identifier));
        let removed: Vec<&str> = removed.map(Identifier::field).collect();
        if !removed.is_empty() {
            return Err(ApiError::invalid_body(format!(
                "The following user attributes cannot be removed: {}. The connection ({}) requires them.",
                removed.join(", "),
                realm.name
            )));
        }
        Ok(())
    }

    /// Moves what the body says of the account from the user's root, where the merge has put it, to the linked account.
    fn take_account_fields(&self, body: &Document, is_new_email: bool, old: &Record, new: &mut Record) {
        let is_meant = |field: &&&str| body.contains_key(**field) || is_new_email && **field == "email_verified";
        for field in OF_ACCOUNT.iter().filter(is_meant) {
            let value = new.document.get(*field).cloned().unwrap_or_default();
            users::set_account_field(new, &self.identity, field, &value);
            match old.document.get(*field) {
                Some(former) => new.document.insert((*field).into(), former.clone()),
                None => new.document.shift_remove(*field),
            };
        }
    }
}
