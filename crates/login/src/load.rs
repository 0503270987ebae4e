//! Reads what a page depends on from the store.

use identity::protection;
use kernel::{Document, Record, Value, value_at};
use serde::Deserialize;
use store::{Kind, RelationQuery, Side, Snapshot, StoreResult};

use crate::{
    brand::Brand,
    texts,
    world::{Asked, Client, Database, Identifier, Other, Rules, World},
};
use model::login::LoginRequest;

/// What is read for one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) brand: Brand,
    /// The tenant's languages, its default first.
    pub(crate) languages: Vec<String>,
    /// Whether other sites may show the pages in a frame.
    pub(crate) allows_frames: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TenantSettings {
    friendly_name: Option<String>,
    support_email: Option<String>,
    support_url: Option<String>,
    picture_url: Option<String>,
    default_redirection_uri: Option<String>,
    enabled_locales: Option<Vec<String>>,
    flags: Flags,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Flags {
    disable_clickjack_protection_headers: bool,
}

/// The settings for a request of this client. Options that cannot be read are an error, never the lack of a rule.
pub(crate) fn setting(reader: &Snapshot, request: &LoginRequest, ip: &str) -> StoreResult<Setting> {
    let document = |kind: &Kind| -> StoreResult<Document> {
        Ok(reader.singleton(kind)?.map(|record| record.document).unwrap_or_default())
    };
    let settings: TenantSettings = serde_json::from_value(document(&model::TENANT_SETTINGS)?.into())?;
    let prompts = document(&model::PROMPT_SETTINGS)?;
    let mut branding = document(&model::BRANDING)?;
    if let (None, Some(picture)) = (branding.get("logo_url"), settings.picture_url) {
        branding.insert("logo_url".into(), picture.into());
    }
    let theme = reader.list(&model::THEME, &store::Query::default())?.items.into_iter().next();
    let client = match request.client_id.as_str() {
        "" => None,
        id => reader.get(&model::CLIENT, id)?,
    };
    let company = settings.friendly_name.filter(|name| !name.is_empty());
    let mut world = World {
        client: client.as_ref().map(client_of).unwrap_or_default(),
        company: company.unwrap_or_else(|| reader.tenant().as_str().to_owned()),
        identifier_first: prompts.get("identifier_first").and_then(Value::as_bool).unwrap_or(true),
        puzzles: protection::puzzles(reader, ip)?,
        default_redirection_uri: settings.default_redirection_uri,
        support: [settings.support_email, settings.support_url].into_iter().flatten().collect(),
        ..World::default()
    };
    if world.client.name.is_empty() {
        world.client.name.clone_from(&world.company);
    }
    if let Some(client) = &client {
        connections(reader, &client.id, request, &mut world)?;
    }
    Ok(Setting {
        brand: Brand::of(&branding, theme.as_ref().map(|theme| &theme.document)),
        languages: settings.enabled_locales.unwrap_or_else(|| vec![texts::DEFAULT.to_owned()]),
        allows_frames: settings.flags.disable_clickjack_protection_headers,
        world,
    })
}

fn client_of(record: &Record) -> Client {
    let text = |name: &str| record.text(name).unwrap_or_default().to_owned();
    Client {
        id: record.id.clone(),
        name: text("name"),
        initiate_login_uri: record.text("initiate_login_uri").map(str::to_owned),
    }
}

/// The connections that are enabled for a client; those of a request that names one are that one.
fn connections(reader: &Snapshot, client: &str, request: &LoginRequest, world: &mut World) -> StoreResult {
    let enabled = reader.related(&model::CONNECTION_CLIENTS, Side::Right(client), &RelationQuery::default())?;
    let ids: Vec<String> = enabled.items.into_iter().map(|relation| relation.left).collect();
    for record in reader.get_all(&model::CONNECTION, &ids)? {
        let is_meant = request.connection.as_deref().is_none_or(|name| record.text("name") == Some(name));
        if !is_meant {
            continue;
        }
        if record.text("strategy") == Some("auth0") {
            if world.database.is_none() {
                world.database = Some(database(&record)?);
            }
        } else {
            world.others.push(other(&record));
        }
    }
    Ok(())
}

/// A connection of a strategy that is not served yet: no button, but its domains are known.
fn other(record: &Record) -> Other {
    let text = |name: &str| record.text(name).unwrap_or_default().to_owned();
    let domains = value_at(&record.document, "options.domain_aliases").and_then(Value::as_array);
    let name = text("name");
    let display_name = Some(text("display_name")).filter(|shown| !shown.is_empty()).unwrap_or_else(|| name.clone());
    Other {
        name,
        display_name,
        strategy: text("strategy"),
        has_button: false,
        domains: domains.into_iter().flatten().filter_map(|domain| domain.as_str().map(str::to_owned)).collect(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    disable_signup: bool,
    disable_self_service_change_password: bool,
    requires_username: bool,
    attributes: Option<Attributes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attributes {
    email: Option<Attribute>,
    phone_number: Option<Attribute>,
    username: Option<Attribute>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attribute {
    identifier: Active,
    signup: Signup,
    verification_method: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Active {
    active: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Signup {
    status: Option<String>,
    verification: Active,
}

fn database(record: &Record) -> StoreResult<Database> {
    let options = record.document.get("options").cloned().unwrap_or_else(|| Document::new().into());
    let read: Options = serde_json::from_value(options)?;
    let realm = identity::users::Realm::of(record)?;
    let rules = realm.password_rules();
    let mut database = Database {
        id: record.id.clone(),
        name: record.text("name").unwrap_or_default().to_owned(),
        is_flexible: read.attributes.is_some(),
        allows_signup: !read.disable_signup,
        allows_reset: !read.disable_self_service_change_password,
        rules: Rules {
            min_length: rules.min_length(),
            classes: rules.classes(),
            at_least: rules.classes_at_least(),
            identical: rules.identical(),
            refuses_sequences: rules.refuses_sequences(),
        },
        username_window: realm.username_window(),
        ..Database::default()
    };
    match read.attributes {
        None => {
            database.identifiers.push(Identifier::Email);
            database.signup.push(Asked { identifier: Identifier::Email, is_required: true });
            if read.requires_username {
                database.identifiers.push(Identifier::Username);
                database.signup.push(Asked { identifier: Identifier::Username, is_required: true });
            }
        }
        Some(Attributes { email, phone_number, username }) => {
            let all =
                [(Identifier::Email, email), (Identifier::PhoneNumber, phone_number), (Identifier::Username, username)];
            for (identifier, attribute) in all {
                let Some(attribute) = attribute else { continue };
                database.resets_by_code |= attribute.verification_method.as_deref() == Some("otp");
                if attribute.identifier.active {
                    database.identifiers.push(identifier);
                }
                let is_required = match attribute.signup.status.as_deref() {
                    Some("required") => true,
                    Some("optional") => false,
                    _ => continue,
                };
                database.signup.push(Asked { identifier, is_required });
                database.verifies_email |= identifier == Identifier::Email && attribute.signup.verification.active;
            }
        }
    }
    Ok(database)
}

/// What the tenant wrote for a prompt in a language.
pub(crate) fn custom_text(reader: &Snapshot, prompt: &str, language: &str) -> StoreResult<Option<Document>> {
    Ok(reader.get(&model::CUSTOM_TEXT, &format!("{prompt}/{language}"))?.map(|record| record.document))
}
