//! Reads what a page depends on from the store.

mod kept;
mod organizations;
mod written;

use identity::{Masking, PhoneForm, protection};
use kernel::{Document, Record, Timestamp, Value, value_at};
use model::{
    languages,
    login::{LoginRequest, Stage, Transaction},
    views::{self, Attributes, Connection, Strategy, TenantSettings, View as _},
};
use store::{Kind, Snapshot, StoreResult};

pub(crate) use kept::{Reading, Settings};
pub(crate) use organizations::brand;
pub(crate) use written::{Facts, Written, written};

use crate::{
    brand::Brand,
    classic::settings::{self, LoginPage},
    paths,
    world::{Asked, Client, Database, Display, Identifier, Other, Passwordless, Rules, World},
};

/// What is read for one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) brand: Brand,
    /// The tenant's languages, its default first.
    pub(crate) languages: Vec<String>,
    /// Whether other sites may show the pages in a frame.
    pub(crate) allows_frames: bool,
    /// The tenant's own page for errors.
    pub(crate) error_page: views::ErrorPage,
    /// The classic page on which these requests log in.
    pub(crate) classic: Option<LoginPage>,
    /// The tenant's own page for new passwords.
    pub(crate) reset_page: Option<String>,
    /// What pages of the tenant's own are told of it.
    pub(crate) told_tenant: Document,
    /// The colours of its branding.
    pub(crate) colors: Value,
}

impl Setting {
    /// The address of the page on which a login begins at this screen.
    pub(crate) fn start(&self, request: &LoginRequest, screen: &str) -> String {
        if self.classic.is_some() && settings::SCREENS.contains(&screen) {
            return settings::address(request);
        }
        paths::start(&self.world, screen)
    }

    /// Whether a login that asks for this screen belongs on a classic page.
    pub(crate) fn is_classic_at(&self, transaction: &Transaction, screen: &str) -> bool {
        self.classic.is_some() && transaction.progress.stage == Stage::Entry && settings::SCREENS.contains(&screen)
    }
}

/// The settings with the puzzles that are due at an address.
fn puzzles(reader: &Snapshot, ip: &str, mut setting: Setting) -> StoreResult<Setting> {
    setting.world.puzzles = protection::puzzles(reader, ip)?;
    Ok(setting)
}

/// The settings for a request of this client, but for puzzles.
fn read(reader: &Snapshot, request: &LoginRequest) -> StoreResult<Setting> {
    let document = |kind: &Kind| -> StoreResult<Document> {
        Ok(reader.singleton(kind)?.map(|record| record.document).unwrap_or_default())
    };
    let settings = reader.singleton(&model::TENANT_SETTINGS)?;
    let settings = settings.map(|settings| TenantSettings::of(&settings)).transpose()?.unwrap_or_default();
    let prompts = document(&model::PROMPT_SETTINGS)?;
    let mut branding = document(&model::BRANDING)?;
    if let (None, Some(picture)) = (branding.get("logo_url"), settings.picture_url) {
        branding.insert("logo_url".into(), picture.into());
    }
    let mut theme = reader.list(&model::THEME, &store::Query::default())?.items.into_iter().next();
    let record = one(reader, &model::CLIENT, Some(&request.client_id))?;
    let client = record.as_ref().map(views::Client::of).transpose()?;
    let told_tenant = [
        ("name", Some(reader.tenant().as_str().to_owned())),
        ("friendly_name", settings.friendly_name.clone()),
        ("picture_url", branding.get("logo_url").and_then(Value::as_str).map(str::to_owned)),
        ("support_email", settings.support_email.clone()),
        ("support_url", settings.support_url.clone()),
    ];
    let told_tenant = told_tenant.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
    let told_tenant = told_tenant.collect();
    let mut classic = settings::login_page(reader, record.as_ref(), &prompts, request)?;
    let colors = branding.get("colors").cloned().unwrap_or_else(|| Document::new().into());
    let display = display(theme.as_ref().map(|theme| &theme.document), &branding);
    let company = settings.friendly_name.filter(|name| !name.is_empty());
    let mut world = World {
        client: client.map(client_of).unwrap_or_default(),
        company: company.unwrap_or_else(|| reader.tenant().as_str().to_owned()),
        identifier_first: prompts.get("identifier_first").and_then(Value::as_bool).unwrap_or(true),
        default_redirection_uri: settings.default_redirection_uri,
        allows_links_elsewhere: settings.universal_login.allows_links_elsewhere(),
        display,
        support: [settings.support_email, settings.support_url].into_iter().flatten().collect(),
        ..World::default()
    };
    if world.client.name.is_empty() {
        world.client.name.clone_from(&world.company);
    }
    let organization = organizations::of(reader, request)?;
    let rules = organization.as_ref().map(|organization| organizations::rules(reader, organization, request));
    let rules = rules.transpose()?;
    if let Some(organization) = &organization {
        organizations::brand(organization, &mut branding, theme.as_mut().map(|theme| &mut theme.document));
        let named = organizations::named(organization);
        world.company.clone_from(&named.display_name);
        world.organization = Some(named);
    }
    if !world.client.id.is_empty() {
        connections(reader, request, rules.as_ref(), &mut world)?;
    }
    if let Some(rules) = rules {
        world.invitation = organizations::invitation(reader, rules, &world)?;
    }
    // Our own knows passwords alone.
    if classic == Some(LoginPage::Default) && !world.database.as_ref().is_some_and(|database| database.has_passwords) {
        classic = None;
    }
    let mut brand = Brand::of(&branding, theme.as_ref().map(|theme| &theme.document));
    world.client.logo = world.client.logo.and_then(|logo| brand.admit(&logo));
    Ok(Setting {
        brand,
        languages: settings.enabled_locales.unwrap_or_else(|| vec![languages::DEFAULT.to_owned()]),
        allows_frames: settings.flags.disable_clickjack_protection_headers,
        error_page: settings.error_page.unwrap_or_default(),
        classic,
        reset_page: settings.change_password.and_then(views::OwnPage::into_html),
        told_tenant,
        colors,
        world,
    })
}

/// A record that is named; an empty name is none.
pub(crate) fn one(reader: &Snapshot, kind: &Kind, id: Option<&str>) -> StoreResult<Option<Record>> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => reader.get(kind, id),
        None => Ok(None),
    }
}

/// How identifiers and codes are asked for and shown: what the theme says, else the branding.
pub(crate) fn display(theme: Option<&Document>, branding: &Document) -> Display {
    let said = |name: &str| {
        let path = format!("identifiers.{name}");
        theme.and_then(|theme| value_at(theme, &path)).or_else(|| value_at(branding, &path))
    };
    let phone = said("phone_display").and_then(Value::as_object).map(|phone| PhoneForm {
        masking: match phone.get("masking").and_then(Value::as_str) {
            Some("show_all") => Masking::None,
            Some("hide_country_code") => Masking::CountryCode,
            _ => Masking::Digits,
        },
        is_regional: phone.get("formatting").is_some_and(|formatting| formatting == "regional"),
    });
    Display {
        refuses_code_completion: said("otp_autocomplete") == Some(&Value::Bool(false)),
        is_separate: said("login_display").is_some_and(|display| display == "separate"),
        phone,
    }
}

fn client_of(client: views::Client) -> Client {
    let is_third_party = !client.is_first_party();
    let initiate_login_uri = client.initiate_login_uri.filter(|uri| !uri.is_empty());
    Client { id: client.id, name: client.name, initiate_login_uri, logo: client.logo_uri, is_third_party }
}

/// The connections of the client, as far as the organization has them, if there is one; those of a request that names one are that one.
fn connections(
    reader: &Snapshot,
    request: &LoginRequest,
    rules: Option<&organizations::Rules>,
    world: &mut World,
) -> StoreResult {
    let mut first: Option<(Timestamp, Connection)> = None;
    for record in identity::connections::of_client(reader, &world.client.id)? {
        let connection = Connection::of(&record)?;
        let how = rules.map(|rules| rules.of(&record.id));
        let is_other = request.connection.as_ref().is_some_and(|name| *name != connection.name);
        if is_other || matches!(how, Some(None)) {
            continue;
        }
        let how = how.flatten();
        if connection.strategy.is_passwordless() {
            // Of several, the one that was there first.
            if first.as_ref().is_none_or(|(created, _)| record.created < *created) {
                first = Some((record.created, connection));
            }
        } else if !connection.strategy.is_database() {
            let mut other = other(connection);
            other.has_button &= how.is_none_or(|how| how.show_as_button);
            world.others.push(other);
        } else if world.database.is_none() {
            let mut database = database(&record, connection)?;
            database.allows_signup &= how.is_none_or(|how| how.is_signup_enabled);
            world.database = Some(database);
        }
    }
    // Beside a database it is used where a request names it.
    if world.database.is_none() {
        world.passwordless = first.map(|(_, connection)| passwordless(connection));
    }
    Ok(())
}

fn passwordless(connection: Connection) -> Passwordless {
    Passwordless {
        kind: if connection.strategy == Strategy::Sms { Identifier::PhoneNumber } else { Identifier::Email },
        sends_links: connection.options.auth_params.get("send").is_some_and(|send| send == "link"),
        name: connection.name,
    }
}

/// A connection of a strategy that is not served yet: no button, but its domains are known.
fn other(connection: Connection) -> Other {
    Other {
        display_name: connection.shown_name().to_owned(),
        name: connection.name,
        strategy: connection.strategy.name().to_owned(),
        has_button: false,
        domains: connection.options.domain_aliases,
    }
}

fn database(record: &Record, connection: Connection) -> StoreResult<Database> {
    let Connection { id, name, options, .. } = connection;
    let realm = identity::users::Realm::of(record)?;
    let rules = realm.password_rules();
    let mut database = Database {
        id,
        name,
        is_flexible: options.attributes.is_some(),
        allows_signup: realm.allows_signup(),
        allows_reset: realm.allows_reset(),
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
    database.has_passwords = options.has_passwords();
    let by_code =
        [(Identifier::Email, options.has_codes_by_mail()), (Identifier::PhoneNumber, options.has_codes_by_phone())];
    database.by_code = by_code.into_iter().filter_map(|(kind, is_on)| is_on.then_some(kind)).collect();
    match options.attributes {
        None => {
            database.identifiers.push(Identifier::Email);
            database.signup.push(Asked { identifier: Identifier::Email, is_required: true });
            if options.requires_username {
                database.identifiers.push(Identifier::Username);
                database.signup.push(Asked { identifier: Identifier::Username, is_required: true });
            }
        }
        Some(Attributes { email, phone_number, username }) => {
            let all =
                [(Identifier::Email, email), (Identifier::PhoneNumber, phone_number), (Identifier::Username, username)];
            for (identifier, attribute) in all {
                let Some(attribute) = attribute else { continue };
                database.resets_by_code |= attribute.is_verified_by_code();
                if attribute.is_identifier() {
                    database.identifiers.push(identifier);
                }
                let Some(is_required) = attribute.is_required_at_signup() else { continue };
                database.signup.push(Asked { identifier, is_required });
                database.verifies_email |= identifier == Identifier::Email && attribute.is_verified_at_signup();
                database.verifies_phone |= identifier == Identifier::PhoneNumber && attribute.is_verified_at_signup();
            }
        }
    }
    database.allows_reset &= database.has_passwords;
    let identifiers = database.identifiers.clone();
    database.by_code.retain(|kind| identifiers.contains(kind));
    Ok(database)
}

/// What the tenant wrote for a prompt in a language.
pub(crate) fn custom_text(reader: &Snapshot, prompt: &str, language: &str) -> StoreResult<Option<Document>> {
    Ok(reader.get(&model::CUSTOM_TEXT, &format!("{prompt}/{language}"))?.map(|record| record.document))
}
