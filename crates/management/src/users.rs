//! Users: profiles, identities, search, and what belongs to them.

mod access;
mod changes;
pub(crate) mod factors;
mod identities;
mod language;
mod registration;
mod rights;
mod verification;

use identity::{PasswordHash, Passwords, events, triggers::Trigger, users};
use kernel::{Document, Record, Secret, TenantId, Value};
use model::USER_ROLES;
use rest::{Answer, ApiError, ApiResult, Area, BoxFuture, Call, Change, Kind, Resource, Times, Unique};
use store::{Filter, Order, Paging, Query, Side, Snapshot, Store, Tx};

use crate::{Dispatcher, Services, custom_domains, events::context, logs, organizations};

pub(crate) use factors::enroll;
pub(crate) use registration::execution;

/// What is served of `users`.
pub(crate) fn area(services: &Services) -> Area {
    let users = Users::of(services);
    let area = Area::new("users").collection("/users", users).read("GET /users/{id}/logs", logs::of_user);
    access::claim(factors::claim(rights::claim(identities::claim(area, services))))
}

/// How the areas beside `/users` say that a user is not there; `/users` has words of its own.
pub(crate) fn user_not_found() -> ApiError {
    ApiError::not_found("User not found.").code("inexistent_user")
}

/// Users.
pub(crate) static USER: Kind = Kind::of(&model::USER)
    .unique(&[taken(users::IDENTIFIER), taken(users::IDENTITY), taken("id")])
    .missing("The user does not exist.", Some("inexistent_user"))
    .forgiving()
    .merged(&["user_metadata", "app_metadata"])
    .hidden(&[users::IDENTIFIERS, users::LINKED, factors::BROWSERS_FORGOTTEN])
    .times(Times::Millis)
    .self_contained();

const fn taken(field: &'static str) -> Unique {
    Unique { field, message: "The user already exists.", code: Some("auth0_idp_error") }
}

/// What lists of role holders and members show of a user.
pub(crate) fn summary(user: &Record) -> Document {
    let fields = ["user_id", "email", "picture", "name"];
    fields.iter().filter_map(|field| Some(((*field).to_owned(), user.document.get(*field)?.clone()))).collect()
}

/// Removes at most so many users of a connection that is gone; those who only have a linked account there lose that.
/// Returns whether none is left.
pub(crate) fn forget_connection(tx: &mut Tx, connection: &str, most: u64) -> ApiResult<bool> {
    let filter = Filter::equals("identities.connection", connection);
    let first = Query { paging: Paging::Offset { offset: 0, limit: most + 1 }, ..Query::of(filter) };
    let found = tx.list(&USER, &first)?.items;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let is_done = found.len() <= most;
    for mut user in found.into_iter().take(most) {
        let identities = users::identities(&user);
        if identities.first().is_some_and(|main| main.connection == connection) {
            forget(tx, &user)?;
            continue;
        }
        for account in identities.iter().filter(|account| account.connection == connection) {
            users::unlink(&mut user, &account.name());
        }
        changes::set_identifiers(tx, &mut user)?;
        update(tx, user, Document::new())?;
    }
    Ok(is_done)
}

/// Removes a user and everything that belongs to the user.
pub(crate) fn forget(tx: &mut Tx, user: &Record) -> ApiResult {
    tx.delete(&USER, &user.id)?;
    forget_belongings(tx, user)?;
    Ok(events::user_deleted(tx, user, Document::new())?)
}

/// Stores a changed user and tells of the change.
pub(crate) fn update(tx: &mut Tx, user: Record, context: Document) -> ApiResult<Record> {
    let old = rest::load(tx, &USER, &user.id)?;
    let new = tx.update(&USER, user).map_err(|error| rest::unique_error(&USER, error))?;
    events::user_updated(tx, &old, &new, context)?;
    Ok(new)
}

fn forget_belongings(tx: &mut Tx, user: &Record) -> ApiResult {
    tx.unrelate_all(&USER_ROLES, Side::Left(&user.id))?;
    tx.unrelate_all(&model::USER_PERMISSIONS, Side::Left(&user.id))?;
    organizations::forget_user(tx, &user.id)?;
    identity::tickets::forget_user(tx, &user.id)?;
    factors::forget_user(tx, &user.id)?;
    access::forget_user(tx, &user.id)?;
    crate::device_credentials::forget(tx, "user_id", &user.id)?;
    crate::grants::forget_user(tx, &user.id)?;
    crate::user_blocks::forget_user(tx, user)
}

/// Judges and hashes a password, as a body with it would be that makes a user (no `id`) or changes one.
pub(crate) async fn admit(
    passwords: &Passwords,
    store: &Store,
    tenant: &TenantId,
    id: Option<String>,
    body: Document,
    password: Secret,
) -> ApiResult<PasswordHash> {
    let judged = store.read(tenant, move |reader| changes::password_to_judge(reader, id.as_deref(), &body));
    let changes::Judged { rules, profile, history } = judged.await?;
    Ok(passwords.admit(rules, password, profile, history).await?)
}

struct Users {
    passwords: Passwords,
    dispatcher: Dispatcher,
}

impl Users {
    fn of(services: &Services) -> Self {
        Self { passwords: services.passwords.clone(), dispatcher: services.dispatcher.clone() }
    }
}

impl Resource for Users {
    fn kind(&self) -> &'static Kind {
        &USER
    }

    fn gather<'a>(&'a self, store: &'a Store, call: &'a Call) -> Option<BoxFuture<'a, ApiResult<Document>>> {
        let password = call.body().get("password").and_then(Value::as_str).map(Secret::new);
        let is_creation = call.text("id").is_none();
        if password.is_none() && !is_creation {
            return None;
        }
        Some(Box::pin(async move {
            let mut gathered = Document::new();
            if let Some(password) = password.clone() {
                let id = call.text("id").map(str::to_owned);
                let (tenant, body) = (&call.caller.tenant, call.document().into_owned());
                let passwords = self.passwords.asked_by(&call.origin.ip);
                let hash = admit(&passwords, store, tenant, id, body, password).await?;
                gathered.insert(changes::HASH.to_owned(), hash.to_text().into());
            }
            if is_creation {
                registration::ask(&self.dispatcher, store, call, password, &mut gathered).await?;
            }
            Ok(gathered)
        }))
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        match old {
            None => changes::create(tx, call, new),
            Some(old) => changes::update(tx, call, old, new),
        }
    }

    fn check(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        // A new user may be sent mails, whose links need a domain.
        let Some(old) = old else { return custom_domains::for_links(tx, call).map(drop) };
        let had: Vec<&str> = users::identifiers(old).collect();
        for key in users::identifiers(new).filter(|key| !had.contains(key)) {
            if tx.find(&USER, users::IDENTIFIER, key)?.is_some() {
                // The key reads "<connection> <kind of identifier> <value>".
                let word = key.split(' ').nth(1).unwrap_or_default();
                let error = ApiError::bad_request(format!("The specified new {word} already exists"));
                return Err(error.code("auth0_idp_error"));
            }
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Create { new } => {
                identity::triggers::keep(tx, &execution(call))?;
                events::user_created(tx, new, context(call))?;
                logs::of_account(tx, call, "ss", new)?;
                verification::ask(tx, call, new, true)?;
                registration::tell(&self.dispatcher, tx, call, Trigger::PostUserRegistration, new)
            }
            Change::Update { old, new } => {
                if changes::is_new_password(old, new) {
                    crate::user_blocks::forget_user(tx, new)?;
                    registration::tell(&self.dispatcher, tx, call, Trigger::PostChangePassword, new)?;
                }
                events::user_updated(tx, old, new, context(call))?;
                verification::ask(tx, call, new, false)?;
                changes::log(tx, call, old, new)
            }
            Change::Delete { old } => {
                forget_belongings(tx, old)?;
                events::user_deleted(tx, old, context(call))?;
                logs::of_account(tx, call, "sdu", old)
            }
        }
    }

    fn present(&self, _: &Snapshot, call: &Call, user: &Record, shown: &mut Document) -> ApiResult {
        let own = call.allows("read:current_user") && call.caller.subject == user.id;
        if call.operation.method == "GET" && !own && !call.allows("read:users") {
            let error = ApiError::forbidden("Insufficient scope, expected any of: read:users");
            return Err(error.code("insufficient_scope"));
        }
        if call.allows("read:user_idp_tokens") {
            let names: Vec<String> = users::identities(user).iter().map(users::Identity::name).collect();
            let entries = shown.get_mut("identities").and_then(Value::as_array_mut).into_iter().flatten();
            for (entry, name) in entries.filter_map(Value::as_object_mut).zip(names) {
                entry.extend(users::provider_tokens(user, &name));
            }
        }
        Ok(())
    }

    fn filter(&self, _: &Snapshot, call: &Call) -> ApiResult<Filter> {
        language::filter(call)
    }
}

/// `GET /users-by-email`: exactly this address of the profile.
pub(crate) fn by_email(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<Answer> {
    let email = call.text("email").unwrap_or_default();
    let filter = Filter::equals("email", email.to_lowercase());
    let found = reader.list(&USER, &Query::of(filter).order(Order::Created))?;
    let mut users = Vec::new();
    for user in found.items.iter().filter(|user| user.text("email") == Some(email)) {
        let mut shown = rest::presented(reader, call, resource, user)?;
        rest::select_fields(call, &mut shown);
        users.push(shown);
    }
    Ok(Answer::list(users))
}

/// The resource, for other paths that show users.
pub(crate) fn resource(services: &Services) -> impl Resource + use<> {
    Users::of(services)
}

/// The user in the path.
pub(crate) fn user(reader: &Snapshot, call: &Call) -> ApiResult<Record> {
    let parameter = if call.text("id").is_some() { "id" } else { "user_id" };
    rest::load(reader, &USER, call.path(parameter))
}
