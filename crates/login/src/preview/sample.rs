//! The tenant, the application and the user of previews.

use delivery::liquid;
use kernel::{Document, Record, Timestamp, Value, object};
use model::{
    languages,
    login::{GivenIdentifier, LoginRequest, Progress, Transaction},
    screens::Screen,
};
use serde_json::json;

use super::Draft;
use crate::{
    load,
    screens::{self, consent, organizations},
    texts::Texts,
    world::{Asked, Client, Database, Identifier, Invitation, Organization, Other, Passwordless, Rules, World},
};

/// The `state` of forms that lead nowhere.
pub(super) const STATE: &str = "preview";
/// The page of partials that have no template of their own.
pub(super) const TEMPLATE: &str = "<!DOCTYPE html><html lang=\"{{ locale }}\" dir=\"{{ dir }}\"><head><title>{{ prompt.screen.texts.pageTitle }}\
    </title>{%- auth0:head -%}</head><body class=\"_widget-auto-layout\">{%- auth0:widget -%}</body></html>";
const EMAIL: &str = "jane@example.com";
const PHONE: &str = "+14155552671";
const COMPANY: &str = "Acme";
const APPLICATION: &str = "Shop";

/// Settings with all that a page can show.
pub(super) fn world() -> World {
    World {
        client: Client { id: "client".to_owned(), name: APPLICATION.to_owned(), ..Client::default() },
        company: COMPANY.to_owned(),
        identifier_first: true,
        database: Some(Database {
            id: "con_1".to_owned(),
            name: "Users".to_owned(),
            identifiers: vec![Identifier::Email],
            signup: vec![Asked { identifier: Identifier::Email, is_required: true }],
            allows_signup: true,
            allows_reset: true,
            has_passwords: true,
            rules: Rules {
                min_length: 8,
                classes: vec!["lower", "upper", "digit", "special"],
                at_least: 3,
                ..Rules::default()
            },
            username_window: (1, 15),
            ..Database::default()
        }),
        passwordless: Some(Passwordless { name: "email".to_owned(), kind: Identifier::Email, sends_links: false }),
        others: vec![Other {
            name: "google-oauth2".to_owned(),
            display_name: "Google".to_owned(),
            strategy: "google-oauth2".to_owned(),
            has_button: true,
            domains: Vec::new(),
        }],
        organization: Some(Organization {
            id: "org_1".to_owned(),
            name: "acme".to_owned(),
            display_name: COMPANY.to_owned(),
        }),
        ..World::default()
    }
}

/// The same as a screen shows it: one that is about an invitation has one, and identifiers are asked for as the branding says.
pub(super) fn world_of(draft: &Draft, screen: &str) -> World {
    let (branding, theme) = looks(draft);
    let display = load::display(theme.as_ref(), &branding);
    let mut world = World { invitation: (screen == "accept-invitation").then(invitation), display, ..world() };
    if let Some(database) = world.database.as_mut().filter(|_| display.is_separate) {
        database.is_flexible = true;
        database.identifiers = vec![Identifier::Email, Identifier::PhoneNumber, Identifier::Username];
    }
    world.narrow(screen, &Progress::default());
    world
}

/// The branding and the theme, with what the organization lays over them.
pub(super) fn looks(draft: &Draft) -> (Document, Option<Document>) {
    let (mut branding, mut theme) = (draft.branding.clone().unwrap_or_default(), draft.theme.clone());
    if let Some(organization) = &draft.organization {
        let organization = Record::new("org_1", organization.clone(), Timestamp::from_seconds(0));
        load::brand(&organization, &mut branding, theme.as_mut());
    }
    (branding, theme)
}

/// A login that has come to a screen.
pub(super) fn transaction(screen: &str) -> Transaction {
    let (kind, value) = match screen {
        "login-passwordless-sms-otp" | "phone-identifier-challenge" => ("phone_number", PHONE),
        _ => ("email", EMAIL),
    };
    let shown = match screen {
        "consent" => json!({
            consent::QUESTION: "consent",
            consent::SCOPES: [{"name": "profile"}, {"name": "email"}, {"name": "read:notes", "description": "Read your notes"}],
        }),
        "organization-picker" | "pre-login-organization-picker" => json!({
            organizations::CHOICES: [{"id": "org_1", "name": COMPANY}, {"id": "org_2", "name": "Initech"}],
            organizations::MAY_SKIP: screen == "organization-picker",
        }),
        "logout" => json!({consent::USER: EMAIL}),
        _ => Value::Null,
    };
    let mut progress = Progress { shown, ..Progress::default() };
    progress.identifier = Some(GivenIdentifier { kind: Some(kind.to_owned()), value: value.to_owned() });
    progress.fields.insert(format!("signup.{kind}"), value.to_owned());
    Transaction {
        id: STATE.to_owned(),
        request: LoginRequest { client_id: "client".to_owned(), ..LoginRequest::default() },
        progress,
        created: Timestamp::from_seconds(0),
        expires: Timestamp::from_seconds(0),
    }
}

fn invitation() -> Invitation {
    Invitation { email: EMAIL.to_owned(), inviter: "John Doe".to_owned(), ..Invitation::default() }
}

/// The texts of a screen, with the draft's own.
pub(super) fn texts(draft: &Draft, screen: &'static str) -> Texts {
    let texts = Texts::new(&draft.language, screen, draft.texts.as_ref())
        .with("clientName", APPLICATION)
        .with("companyName", COMPANY)
        .with("userName", EMAIL)
        .with("inviterName", "John Doe")
        .with("min", "1")
        .with("max", "15")
        .with("characters", "_+-.!#$^~`'");
    let variable =
        screens::named(screen).and_then(|named| named.variable(&world_of(draft, screen), &transaction(screen)));
    variable.into_iter().fold(texts, |texts, (name, value)| texts.with(name, value))
}

/// Whether a text is the screen's own.
pub(super) fn is_of_screen(draft: &Draft, screen: &'static str, key: &str) -> bool {
    Texts::new(&draft.language, screen, None).is_own(key)
}

/// What templates and partials are told.
pub(super) fn variables(screen: &str, language: &str, texts: &Texts) -> Document {
    let prompt = Screen::named(screen).map_or("", |screen| screen.prompt);
    let named = texts.named();
    let texts: Document = texts
        .all()
        .iter()
        .map(|(key, text)| (key.clone(), text.as_str().map_or_else(String::new, liquid::escaped).into()))
        .collect();
    object(json!({
        "application": {"id": "client", "name": APPLICATION, "metadata": {}},
        "branding": {},
        "tenant": {"friendly_name": COMPANY, "support_email": "help@example.com", "support_url": "https://example.com/help", "enabled_locales": language},
        "prompt": {"name": prompt, "screen": {"name": screen, "texts": texts, "text": named}},
        "locale": language,
        "dir": if languages::is_right_to_left(language) { "rtl" } else { "ltr" },
        "state": STATE,
        "transaction": {"params": {}},
        "custom_domain": {"domain": "login.example.com", "domain_metadata": {}},
    }))
}
