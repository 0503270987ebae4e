//! What a page tells the scripts that draw it: `window.universal_login_context`, in the form that the official libraries read.

use std::collections::BTreeMap;

use kernel::{Document, Record, Value, object};
use serde_json::json;

use super::{
    connection,
    known::{Known, metadata},
    screen,
};
use crate::{page::Page, screens::View};

/// Bytes of a piece of metadata beyond which pages are not told it.
const LONGEST: usize = 4_096;
/// What is known of each user.
const OF_USER: [&str; 4] = ["email", "username", "phone_number", "picture"];

/// What a context is made from.
pub(crate) struct Facts<'a> {
    /// The rendering, and what belongs to it.
    pub(crate) known: &'a Known,
    /// The page's view.
    pub(crate) view: &'a View<'a>,
    /// The page as ours would be.
    pub(crate) page: &'a Page,
    /// The language.
    pub(crate) language: &'a str,
    /// What was just sent, without secrets, when the page is shown again for it.
    pub(crate) submitted: &'a BTreeMap<String, String>,
    /// The rules that the password keeps which was just sent.
    pub(crate) kept_rules: &'a [&'static str],
}

impl Facts<'_> {
    /// A value, where the page is told it.
    fn told(&self, what: &str, value: impl FnOnce() -> Value) -> Value {
        if self.known.rendering.tells(what) { value() } else { Value::Null }
    }

    /// The pieces of metadata that the page is told.
    fn told_of(&self, prefix: &str, metadata: Option<&Document>) -> Value {
        let Some(metadata) = metadata else { return Value::Null };
        let names = self.known.rendering.told_below(prefix);
        let pieces = names.filter_map(|name| Some((name.to_owned(), metadata.get(name)?.clone())));
        pieces.filter(|(_, piece)| piece.to_string().len() <= LONGEST).collect::<Document>().into()
    }
}

/// The context of a page.
pub(crate) fn of(facts: &Facts<'_>) -> Value {
    let mut context = without_nothing(object(json!({
        "branding": branding(facts),
        "client": client(facts),
        "organization": organization(facts),
        "prompt": {"name": facts.known.prompt},
        "screen": screen::of(facts, &facts.told("screen.texts", || facts.view.texts.all().into())),
        "tenant": tenant(facts),
        "transaction": transaction(facts),
        "untrusted_data": untrusted(facts),
        "user": user(facts),
    })));
    // This one is there even where there is nothing to say.
    context.entry("tenant").or_insert_with(|| json!({}));
    context.into()
}

/// Without what is `null`, and without objects that hold nothing.
fn without_nothing(members: Document) -> Document {
    let is_nothing = |value: &Value| value.is_null() || value.as_object().is_some_and(Document::is_empty);
    let kept = members.into_iter().map(|(name, value)| (name, pruned(value)));
    kept.filter(|(_, value)| !is_nothing(value)).collect()
}

fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) => without_nothing(members).into(),
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

fn branding(facts: &Facts<'_>) -> Value {
    let own = &facts.known.branding;
    let settings = || {
        let names = ["colors", "favicon_url", "logo_url", "font"];
        let known = names.iter().filter_map(|name| Some(((*name).to_owned(), own.get(*name)?.clone())));
        known.collect::<Document>().into()
    };
    let theme = || {
        let theme = facts.known.theme.as_ref().map(|theme| theme.document.clone());
        theme.map_or(Value::Null, |mut theme| {
            theme.shift_remove("themeId");
            theme.into()
        })
    };
    json!({
        "settings": facts.told("branding.settings", settings),
        "themes": {"default": facts.told("branding.themes.default", theme)},
    })
}

fn client(facts: &Facts<'_>) -> Value {
    let (known, world) = (facts.known.client.as_ref(), &facts.view.world.client);
    let text = |name: &str| known.and_then(|client| client.text(name)).map(str::to_owned);
    // Pages that no login has made, such as that of a logout, may know the client alone.
    json!({
        "id": known.map_or(world.id.as_str(), |client| client.id.as_str()),
        "name": text("name").unwrap_or_else(|| world.name.clone()),
        "logo_uri": facts.told("client.logo_uri", || text("logo_uri").into()),
        "description": facts.told("client.description", || text("description").into()),
        "metadata": facts.told_of("client.metadata.", known.and_then(|client| metadata(client, "client_metadata"))),
    })
}

fn organization(facts: &Facts<'_>) -> Value {
    let usage = facts.known.client.as_ref().and_then(|client| client.text("organization_usage")).unwrap_or("deny");
    let Some(known) = &facts.known.organization else { return json!({"usage": usage}) };
    json!({
        "id": known.id,
        "name": known.text("name"),
        "usage": usage,
        "display_name": facts.told("organization.display_name", || known.text("display_name").into()),
        "branding": facts.told("organization.branding", || looks(known)),
        "metadata": facts.told_of("organization.metadata.", metadata(known, "metadata")),
    })
}

/// How an organization looks.
fn looks(organization: &Record) -> Value {
    organization.document.get("branding").cloned().unwrap_or_default()
}

fn tenant(facts: &Facts<'_>) -> Value {
    let (known, settings) = (facts.known, &facts.known.settings);
    let setting = |name: &str| settings.get(name).filter(|value| *value != "").cloned().unwrap_or_default();
    let locales = || match setting("enabled_locales") {
        Value::Null => json!([model::languages::DEFAULT]),
        locales => locales,
    };
    json!({
        "name": facts.told("tenant.name", || known.tenant.as_str().into()),
        "friendly_name": facts.told("tenant.friendly_name", || setting("friendly_name")),
        "logo_url": facts.told("tenant.logo_url", || setting("picture_url")),
        "enabled_locales": facts.told("tenant.enabled_locales", locales),
    })
}

fn transaction(facts: &Facts<'_>) -> Value {
    let errors = screen::errors(facts);
    let domain = facts.known.domain.as_ref();
    let domain = json!({
        "domain": facts.told("transaction.custom_domain.domain", || domain.and_then(|known| known.text("domain")).into()),
        "domain_metadata": facts.told_of(
            "transaction.custom_domain.domain_metadata.",
            domain.and_then(|known| metadata(known, "domain_metadata")),
        ),
    });
    json!({
        "state": facts.view.state,
        "locale": facts.language,
        "errors": if errors.is_empty() { Value::Null } else { errors.into() },
        "connection": connection::current(facts),
        "alternate_connections": connection::others(facts),
        "custom_domain": domain,
    })
}

/// What whoever sent the request or the form said: nobody has checked it.
fn untrusted(facts: &Facts<'_>) -> Value {
    let (request, rendering) = (&facts.view.transaction.request, &facts.known.rendering);
    let mut parameters = Document::new();
    let locales = Some(request.ui_locales.join(" ")).filter(|locales| !locales.is_empty());
    let plain = [
        ("login_hint", request.login_hint.clone()),
        ("screen_hint", request.screen_hint.clone()),
        ("ui_locales", locales),
    ];
    for (name, value) in plain {
        if let (true, Some(value)) = (rendering.tells(&format!("untrusted_data.authorization_params.{name}")), value) {
            parameters.insert(name.to_owned(), value.into());
        }
    }
    for name in rendering.told_below("untrusted_data.authorization_params.ext-") {
        let name = format!("ext-{name}");
        if let Some(value) = request.extensions.get(&name) {
            parameters.insert(name, value.as_str().into());
        }
    }
    json!({
        "submitted_form_data": facts.told("untrusted_data.submitted_form_data", || json!(facts.submitted)),
        "authorization_params": parameters,
    })
}

fn user(facts: &Facts<'_>) -> Value {
    let organizations: Vec<Value> = facts.known.organizations.iter().map(listed).collect();
    let mut shown = json!({
        "organizations": if organizations.is_empty() { Value::Null } else { organizations.into() },
    });
    let Some(user) = &facts.known.user else { return shown };
    shown["id"] = user.id.as_str().into();
    for name in OF_USER {
        shown[name] = user.text(name).into();
    }
    for name in ["user_metadata", "app_metadata"] {
        shown[name] = facts.told_of(&format!("user.{name}."), metadata(user, name));
    }
    shown
}

/// An organization in a list.
fn listed(organization: &Record) -> Value {
    json!({
        "id": organization.id,
        "name": organization.text("name"),
        "display_name": organization.text("display_name"),
        "branding": {"logo_url": looks(organization).get("logo_url")},
    })
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
    use model::{
        login::{LoginRequest, Progress, Transaction},
        rendering,
        screens::SCREENS,
    };

    use super::*;
    use crate::{
        screens,
        step::{Fault, Show},
        texts::Texts,
        world::{Asked, Client, Database, Identifier, Invitation, World},
    };

    fn world() -> World {
        World {
            client: Client { id: "client".into(), name: "Shop".into(), ..Client::default() },
            database: Some(Database {
                name: "Users".into(),
                identifiers: vec![Identifier::Email, Identifier::PhoneNumber],
                signup: vec![Asked { identifier: Identifier::Email, is_required: true }],
                is_flexible: true,
                has_passwords: true,
                allows_signup: true,
                allows_reset: true,
                by_code: vec![Identifier::Email],
                ..Database::default()
            }),
            default_redirection_uri: Some("https://app.example.com/start".into()),
            ..World::default()
        }
    }

    fn transaction() -> Transaction {
        let fields = [("signup.email", "new@example.com"), ("reset.to", "a@example.com"), ("reset.failure", "used")];
        let identifier = model::login::GivenIdentifier { kind: None, value: "jane@example.com".into() };
        let progress = Progress {
            identifier: Some(identifier),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Progress::default()
        };
        Transaction {
            id: "t".repeat(32),
            request: LoginRequest { client_id: "client".into(), ..LoginRequest::default() },
            progress,
            created: Timestamp::EPOCH,
            expires: Timestamp::EPOCH,
        }
    }

    fn told(world: &World, screen: &'static str, faults: Vec<Fault>) -> Value {
        let behaviour = screens::named(screen).unwrap();
        let show = Show { screen, faults, ..Show::default() };
        let transaction = transaction();
        let texts = Texts::new("en", screen, None);
        let state = "STATE".to_owned();
        let view = View { world, transaction: &transaction, state, texts, show: &show, captcha: None };
        let page = behaviour.page(&view);
        let prompt = model::screens::Screen::named(screen).unwrap().prompt;
        let known = Known { screen, prompt, tenant: "acme".into(), ..Known::default() };
        let submitted = BTreeMap::new();
        of(&Facts {
            known: &known,
            view: &view,
            page: &page,
            language: "en",
            submitted: &submitted,
            kept_rules: &["password-policy-numbers"],
        })
    }

    #[test]
    fn every_screen_has_a_context_in_every_state() {
        let world = world();
        let mut count = 0;
        for screen in SCREENS.iter().filter(|screen| rendering::is_open(screen.name)) {
            if screens::named(screen.name).is_none() {
                continue;
            }
            count += 1;
            for code in [None, Some("invalid-code"), Some("something-else")] {
                let faults: Vec<Fault> = code.into_iter().map(|code| Fault::at("code", code)).collect();
                let context = told(&world, screen.name, faults);
                assert_eq!(
                    (&context["screen"]["name"], &context["prompt"]["name"]),
                    (&json!(screen.name), &json!(screen.prompt))
                );
                assert!(context["screen"]["texts"]["pageTitle"].is_string(), "{context}");
                assert_eq!(context["transaction"]["state"], "STATE");
                assert_eq!(context["client"], json!({"id": "client", "name": "Shop"}));
                assert!(context["organization"]["usage"].is_string() && context["tenant"]["name"].is_string());
                let is_own_failure = screen.name == "reset-password-error";
                let errors = context["transaction"]["errors"].as_array().map_or(0, Vec::len);
                assert_eq!(errors == 1, code.is_some() || is_own_failure, "{context}");
            }
        }
        assert!(count > 25, "{count}");
    }

    #[test]
    fn screens_say_what_they_are_about() {
        let mut world = world();
        let data = |world: &World, screen, faults| told(world, screen, faults)["screen"]["data"].clone();
        let of = |screen| data(&world, screen, Vec::new());
        assert_eq!(of("login-password"), json!({"username": "jane@example.com", "show_switch_to_otp_button": true}));
        assert_eq!(of("login-id"), json!({"username": "jane@example.com", "active_identifier_type": "email"}));
        assert_eq!(of("signup-password"), json!({"email": "new@example.com"}));
        assert_eq!(of("login-passwordless-sms-otp")["phone_number"], "jane@example.com");
        let challenge =
            json!({"email": "new@example.com", "message_type": "otp", "show_switch_to_password_button": false});
        assert_eq!(of("email-identifier-challenge"), challenge);
        assert_eq!(of("reset-password-email"), json!({"username": "a@example.com", "email": "a@example.com"}));
        assert_eq!(of("email-verification-result"), json!({"status": "success"}));
        let limited = data(&world, "email-identifier-challenge", vec![Fault::whole("too-many-email")]);
        assert_eq!(limited["resendLimitReached"], true);
        let failed = |screen, code: &str| data(&world, screen, vec![Fault::whole(code)]);
        assert_eq!(failed("email-verification-result", "already-verified"), json!({"status": "already_verified"}));
        assert_eq!(failed("brute-force-protection-unblock-failure", "used"), json!({"errorType": "used"}));
        let invitation = Invitation { email: "a@b.co".into(), inviter: "Jane".into(), ..Invitation::default() };
        world.invitation = Some(invitation);
        let invited = json!({"inviter": "Jane", "email": "a@b.co"});
        assert_eq!(data(&world, "accept-invitation", Vec::new()), invited);
    }

    #[test]
    fn results_lead_to_where_logins_begin() {
        let links = &told(&world(), "reset-password-success", Vec::new())["screen"]["links"];
        assert_eq!(links, &json!({"login": "https://app.example.com/start"}));
    }

    #[test]
    fn what_is_nothing_is_left_out() {
        let value = json!({"a": null, "b": {"c": {"d": null}}, "e": [], "f": "", "g": [{"h": null}], "i": false});
        assert_eq!(pruned(value), json!({"e": [], "f": "", "g": [{}], "i": false}));
    }
}
