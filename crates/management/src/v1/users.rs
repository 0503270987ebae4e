//! Users of v1: flat profiles, their search, and changes to them.

use std::collections::HashSet;

use http::{Method, StatusCode};
use identity::users;
use kernel::{Document, Value};
use model::views::Strategy;
use rest::{Answer, ApiError, ApiResult};
use serde::Deserialize;
use serde_json::json;
use store::{Filter, LogOrder, LogPaging, LogQuery, Snapshot};

use super::{Ask, answered, encoded, missing, search};
use crate::connections::{CONNECTION, ENTERPRISE};

/// Where free text is looked for.
const SEARCHED: &[&str] = &["name", "email"];
/// The same in a directory, which resolves ambiguous names.
const SEARCHED_IN_DIRECTORY: &[&str] = &["name", "email", "given_name", "family_name", "nickname", "username"];
/// What a new user's body says that is no metadata.
const PROFILE: &[&str] = &[
    "app_metadata",
    "blocked",
    "connection",
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "name",
    "nickname",
    "password",
    "phone_number",
    "phone_verified",
    "picture",
    "user_id",
    "user_metadata",
    "username",
    "verify_email",
];
/// The bags of version 2, whose members v1 shows at the root.
const BAGS: [&str; 2] = ["app_metadata", "user_metadata"];
/// Log entries of a user who has logged in to a client.
const LOGINS: [&str; 4] = ["s", "ssa", "seacft", "sepft"];

/// The path of a user in version 2.
pub(super) fn path(id: &str) -> String {
    format!("/users/{}", encoded(id))
}

/// A user as v1 shows it: metadata stand beside the profile, which goes before.
pub(super) fn flat(user: Value) -> Document {
    let mut user = answered(user);
    let bags = BAGS.map(|bag| user.shift_remove(bag));
    if let Some(count) = user.shift_remove("logins_count") {
        user.insert("loginsCount".into(), count);
    }
    for (name, value) in bags.into_iter().flatten().flat_map(answered) {
        user.entry(name).or_insert(value);
    }
    user
}

pub(super) async fn list(ask: &Ask) -> ApiResult<Answer> {
    found(ask, None, SEARCHED).await
}

pub(super) async fn of_connection(ask: &Ask) -> ApiResult<Answer> {
    let name = ask.path("connection").to_owned();
    let wanted = name.clone();
    let connection = ask.read(move |reader| Ok(reader.find(&CONNECTION, "name", &wanted)?)).await?;
    let connection = connection.ok_or_else(|| CONNECTION.not_found())?;
    let fields = if Strategy::of(&connection) == Some(Strategy::Ad) { SEARCHED_IN_DIRECTORY } else { SEARCHED };
    let within = search::of_users(&format!("connection:{}", Value::from(name)), &[])?;
    found(ask, Some(within), fields).await
}

pub(super) async fn of_enterprises(ask: &Ask) -> ApiResult<Answer> {
    if ask.text("search").is_none() {
        let text = "Query validation error: 'Missing required property: search'.";
        return Err(ApiError::invalid_query(text));
    }
    let providers: Vec<String> =
        ENTERPRISE.iter().map(|strategy| format!("identities.provider:\"{strategy}\"")).collect();
    found(ask, Some(format!("({})", providers.join(" OR "))), SEARCHED_IN_DIRECTORY).await
}

pub(super) async fn of_social_providers(ask: &Ask) -> ApiResult<Answer> {
    found(ask, Some("identities.isSocial:true".into()), SEARCHED).await
}

/// The users that the call's search means, of those within another one.
async fn found(ask: &Ask, within: Option<String>, fields: &[&str]) -> ApiResult<Answer> {
    let searched = ask.text("search").map(|criteria| search::of_users(criteria, fields)).transpose()?;
    let parts: Vec<String> = within.into_iter().chain(searched).collect();
    let target = match parts.join(" AND ") {
        query if query.is_empty() => "/users?sort=created_at:1".to_owned(),
        query => format!("/users?sort=created_at:1&q={}", encoded(&query)),
    };
    let users = match page(ask)? {
        Some((page, size)) => {
            let users = ask.get(&format!("{target}&page={page}&per_page={size}")).await?;
            users.as_array().cloned().unwrap_or_default()
        }
        None => ask.all(&target).await?,
    };
    Ok(Answer::list(users.into_iter().map(flat).collect()))
}

/// Number and size of the page that the call asks for, if it does.
fn page(ask: &Ask) -> ApiResult<Option<(u64, u64)>> {
    let (page, size) = (ask.count("page")?, ask.count("per_page")?);
    Ok((page.is_some() || size.is_some()).then(|| (page.unwrap_or(0), size.unwrap_or(100))))
}

/// Who has logged in to a client, in the order of the first logins that the tenant log still tells of.
pub(super) async fn of_client(ask: &Ask) -> ApiResult<Answer> {
    let client = ask.path("client_id").to_owned();
    ask.get(&format!("/clients/{}?fields=client_id", encoded(&client))).await?;
    let ids = ask.read(move |reader| visitors(reader, &client)).await?;
    let (number, size) = page(ask)?.unwrap_or((0, u64::MAX));
    let within = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut users = Vec::new();
    for id in ids.iter().skip(within(number.saturating_mul(size))).take(within(size)) {
        match ask.get(&path(id)).await {
            Ok(user) => users.push(flat(user)),
            Err(error) if error.status == StatusCode::NOT_FOUND => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Answer::list(users))
}

fn visitors(reader: &Snapshot, client: &str) -> ApiResult<Vec<String>> {
    const READ_AT_ONCE: u64 = 1000;
    let logins = Filter::Or(LOGINS.map(|kind| Filter::equals("type", kind)).to_vec());
    let filter = Filter::equals("client_id", client).and(logins);
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for chunk in 0.. {
        let paging = LogPaging::Offset { offset: chunk * READ_AT_ONCE, limit: READ_AT_ONCE };
        let query = LogQuery { filter: filter.clone(), order: LogOrder::Oldest, paging, with_total: false };
        let events = reader.logs(&query)?.items;
        let is_last = (events.len() as u64) < READ_AT_ONCE;
        for event in events {
            let user = event.document.get("user_id").and_then(Value::as_str).filter(|user| !user.is_empty());
            if let Some(user) = user
                && seen.insert(user.to_owned())
            {
                ids.push(user.to_owned());
            }
        }
        if is_last {
            break;
        }
    }
    Ok(ids)
}

pub(super) async fn get(ask: &Ask) -> ApiResult<Answer> {
    Ok(Answer::json(flat(ask.get(&path(ask.path("user_id"))).await?)))
}

pub(super) async fn create(ask: &Ask) -> ApiResult<Answer> {
    let (mut body, more): (Document, Document) =
        ask.document()?.into_iter().partition(|(name, _)| PROFILE.contains(&name.as_str()));
    for property in ["connection", "email"] {
        if !body.contains_key(property) {
            return Err(missing(property));
        }
    }
    let name = body["connection"].as_str().unwrap_or_default().to_owned();
    let connection = ask.read(move |reader| Ok(reader.find(&CONNECTION, "name", &name)?)).await?;
    let is_database = connection.is_some_and(|connection| Strategy::of(&connection) == Some(Strategy::Database));
    if is_database && !body.contains_key("password") {
        return Err(missing("password"));
    }
    if !more.is_empty() {
        let metadata = body.entry("app_metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.extend(more);
        }
    }
    let user = ask.perform(Method::POST, "/users", Some(body.into())).await?;
    Ok(Answer::json(flat(user)).status(StatusCode::CREATED))
}

pub(super) async fn delete(ask: &Ask) -> ApiResult<Answer> {
    ask.perform(Method::DELETE, &path(ask.path("user_id")), None).await?;
    Ok(Answer::no_content())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEmail {
    email: String,
    #[serde(default = "yes")]
    verify: bool,
}

fn yes() -> bool {
    true
}

pub(super) async fn change_email(ask: &Ask) -> ApiResult<Answer> {
    let NewEmail { email, verify } = ask.view()?;
    change(ask, json!({"email": email, "verify_email": verify})).await
}

/// Changes the user in the path.
async fn change(ask: &Ask, body: Value) -> ApiResult<Answer> {
    let user = ask.perform(Method::PATCH, &path(ask.path("user_id")), Some(body)).await?;
    Ok(Answer::json(flat(user)))
}

pub(super) async fn replace_metadata(ask: &Ask) -> ApiResult<Answer> {
    let sent = ask.document()?;
    let bags = bags(ask).await?;
    let mut changes = split(&bags, &sent);
    for (bag, change) in bags.iter().zip(&mut changes) {
        for gone in bag.keys().filter(|name| !sent.contains_key(*name)) {
            change.insert(gone.clone(), Value::Null);
        }
    }
    change_metadata(ask, changes).await
}

pub(super) async fn merge_metadata(ask: &Ask) -> ApiResult<Answer> {
    let sent = ask.document()?;
    let changes = split(&bags(ask).await?, &sent);
    change_metadata(ask, changes).await
}

/// The bags of the user in the path.
async fn bags(ask: &Ask) -> ApiResult<[Document; 2]> {
    let target = format!("{}?fields={}", path(ask.path("user_id")), BAGS.join(","));
    let mut user = answered(ask.get(&target).await?);
    Ok(BAGS.map(|bag| user.shift_remove(bag).map(answered).unwrap_or_default()))
}

/// What is sent for each bag: a member stays where it is, and is app metadata where it is new.
fn split(bags: &[Document; 2], sent: &Document) -> [Document; 2] {
    let is_users_own = |name: &str| bags[1].contains_key(name) && !bags[0].contains_key(name);
    let (of_user, of_app) = sent.clone().into_iter().partition(|(name, _)| is_users_own(name));
    [of_app, of_user]
}

async fn change_metadata(ask: &Ask, changes: [Document; 2]) -> ApiResult<Answer> {
    let sent = BAGS.into_iter().zip(changes).filter(|(_, change)| !change.is_empty());
    let body: Document = sent.map(|(bag, change)| (bag.to_owned(), change.into())).collect();
    if body.is_empty() {
        return get(ask).await;
    }
    change(ask, body.into()).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verification {
    #[serde(rename = "resultUrl")]
    result_url: Option<String>,
}

pub(super) async fn verification_ticket(ask: &Ask) -> ApiResult<Answer> {
    let Verification { result_url } = if ask.body.is_empty() { Verification::default() } else { ask.view()? };
    let mut body = json!({"user_id": ask.path("user_id")});
    if let Some(url) = result_url {
        body["result_url"] = url.into();
    }
    let ticket = ask.perform(Method::POST, "/tickets/email-verification", Some(body)).await?;
    Ok(Answer::json(ticket))
}

pub(super) async fn send_verification(ask: &Ask) -> ApiResult<Answer> {
    let body = json!({"user_id": ask.path("user_id")});
    let job = ask.perform(Method::POST, "/jobs/verification-email", Some(body)).await?;
    Ok(Answer::json(job))
}

/// The user in the path, whether it names an identifier or, with `connection`, an e-mail address.
pub(super) async fn id(ask: &Ask, connection: Option<&str>) -> ApiResult<String> {
    let named = ask.path("user_id").to_owned();
    // Identifiers tell the provider before a bar; some have an address after it.
    if named.contains('|') || !named.contains('@') {
        return Ok(named);
    }
    let connection = connection.ok_or_else(|| missing("connection"))?.to_owned();
    let find = move |reader: &Snapshot| {
        let found = reader.find(&CONNECTION, "name", &connection)?;
        let found = found.ok_or_else(|| ApiError::invalid_body("Connection does not exist."))?;
        Ok(users::find(reader, &users::Realm::of(&found)?, users::Identifier::Email, &named)?)
    };
    let user = ask.read(find).await?;
    user.map(|user| user.id).ok_or_else(|| crate::users::USER.not_found())
}
