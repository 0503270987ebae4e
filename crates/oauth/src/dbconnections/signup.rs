//! `POST /dbconnections/signup`.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use identity::{
    Error,
    users::{
        self, Identifier, Realm,
        registration::{self, NewUser},
    },
};
use kernel::{Document, Record, Secret, Value};
use store::{Snapshot, Tx};

use super::{Input, refusal::Refusal};
use crate::{Site, password};

/// Attributes that whoever signs up may have beside identifiers.
const PROFILE: [&str; 5] = ["given_name", "family_name", "name", "nickname", "picture"];
/// Most members of `user_metadata`, and most characters of their names and values.
const METADATA: (usize, usize, usize) = (10, 100, 500);

/// Creates a user.
pub(crate) async fn sign_up(site: Site, request: Request<Body>) -> Response {
    match create(&site, request).await {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn create(site: &Site, request: Request<Body>) -> Result<Document, Refusal> {
    let input = Input::read(request).await?;
    let client_id = input.require("client_id")?;
    super::admit(site, client_id).await?;
    let connection = input.require("connection")?.to_owned();
    if site.puzzles(&input.origin.ip).await?.password {
        input.solve(site).await?;
    }
    let secret = match input.members.get("password") {
        Some(Value::String(password)) if !password.is_empty() => Secret::new(password.as_str()),
        _ => return Err(Refusal::missing("password")),
    };
    let attributes = attributes(&input)?;
    let actor = password::actor(site, &input.origin, Some(client_id));
    let new = NewUser {
        connection: connection.clone(),
        attributes: attributes.clone(),
        password: Some(secret.clone()),
        client_id: Some(client_id.to_owned()),
        ..NewUser::default()
    };
    let outcome = match registration::prepare(&site.services, &site.store, &actor, new).await {
        Ok(prepared) => {
            let services = site.services.clone();
            let apply = move |tx: &mut Tx| registration::apply(tx, &services, &actor, &prepared);
            site.store.write(site.tenant.id(), apply).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(user) => Ok(answer(&user, &attributes)),
        Err(error) => Err(refusal(site, error, &connection, &secret, attributes).await),
    }
}

fn attributes(input: &Input) -> Result<Document, Refusal> {
    let mut attributes = Document::new();
    let fields = Identifier::ALL.map(Identifier::field).into_iter().chain(PROFILE);
    for field in fields {
        if let Some(text) = input.text(field)? {
            attributes.insert(field.to_owned(), text.into());
        }
    }
    let is_form = |field: &str, fits: fn(&str) -> bool| {
        let text = attributes.get(field).and_then(Value::as_str);
        if text.is_none_or(fits) { Ok(()) } else { Err(Refusal::invalid(field)) }
    };
    is_form("email", users::is_email)?;
    is_form("phone_number", users::is_phone)?;
    match input.members.get("user_metadata") {
        None | Some(Value::Null) => {}
        Some(Value::Object(metadata)) => {
            let (count, name, value) = METADATA;
            let fits = |(key, text): (&String, &Value)| {
                key.chars().count() <= name && text.as_str().is_some_and(|text| text.chars().count() <= value)
            };
            if metadata.len() > count || !metadata.iter().all(fits) {
                return Err(Refusal::invalid("user_metadata"));
            }
            attributes.insert("user_metadata".into(), metadata.clone().into());
        }
        Some(_) => return Err(Refusal::invalid("user_metadata")),
    }
    Ok(attributes)
}

/// The new user, in Auth0's order.
fn answer(user: &Record, sent: &Document) -> Document {
    let mut body = Document::new();
    let id = user.id.split_once('|').map_or(user.id.as_str(), |(_, id)| id);
    body.insert("_id".into(), id.into());
    let has = |field: &str| user.document.contains_key(field);
    let optional = PROFILE.into_iter().chain(["user_metadata"]).filter(|field| sent.contains_key(*field));
    let verified = |field: &'static str, of: &str| has(of).then_some(field);
    let fields = [Some("email"), Some("username"), verified("email_verified", "email"), Some("phone_number")];
    let fields = fields.into_iter().chain([verified("phone_verified", "phone_number")]).flatten();
    for field in fields.chain(optional) {
        let value = match field {
            "email_verified" | "phone_verified" => Some(user.is(field).into()),
            field => user.document.get(field).cloned(),
        };
        if let Some(value) = value {
            body.insert(field.to_owned(), value);
        }
    }
    body
}

/// The refusal in the words of the endpoint.
async fn refusal(site: &Site, error: Error, connection: &str, password: &Secret, attributes: Document) -> Refusal {
    let connection = connection.to_owned();
    match error {
        Error::UserExists => {
            let find = move |reader: &Snapshot| {
                if !registration::tells_who_exists(reader)? {
                    return Ok(None);
                }
                let Some(realm) = users::realm_named(reader, &connection)? else { return Ok(None) };
                for kind in [Identifier::Email, Identifier::Phone] {
                    if let Some(value) = attributes.get(kind.field()).and_then(Value::as_str)
                        && users::find(reader, &realm, kind, value)?.is_some()
                    {
                        return Ok(Some("user_exists"));
                    }
                }
                Ok::<_, Error>(Some("username_exists"))
            };
            match site.store.read(site.tenant.id(), find).await {
                Ok(code) => Refusal::taken(code),
                Err(error) => error.into(),
            }
        }
        Error::Password(error) => {
            let find = move |reader: &Snapshot| users::realm_named(reader, &connection);
            match site.store.read(site.tenant.id(), find).await {
                Ok(realm) => Refusal::password(error, realm.as_ref().map(Realm::password_rules), password.reveal()),
                Err(error) => error.into(),
            }
        }
        Error::Attribute(error) => Refusal::attribute(&error),
        error => error.into(),
    }
}
