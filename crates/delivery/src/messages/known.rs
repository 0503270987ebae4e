//! What the store holds about a message: the tenant, whom it is for, and what it is about. Read once for each try.

use identity::triggers::{Firing, Trigger};
use kernel::{Document, Record, Value, host_name, object};
use model::{BRANDING, CLIENT, CONNECTION, CUSTOM_DOMAIN, ORGANIZATION, TENANT_SETTINGS, USER};
use serde_json::json;
use store::{Kind, Snapshot, StoreResult};

/// What is known of a message beside its own words.
pub(super) struct Known {
    /// What every template may say of the tenant.
    pub(super) tenant: Document,
    pub(super) branding: Document,
    /// The tenant's languages, the first one its own.
    languages: Vec<String>,
    pub(super) user: Option<Record>,
    pub(super) client: Option<Record>,
    pub(super) connection: Option<Record>,
    pub(super) organization: Option<Record>,
    pub(super) custom_domain: Option<Record>,
}

/// What is known of the message that a job is to send.
pub(super) fn look_up(reader: &Snapshot, payload: &Document) -> StoreResult<Known> {
    let record = |kind: &Kind, id: Option<&str>| id.map(|id| reader.get(kind, id)).transpose();
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let user = record(&USER, text("user_id"))?.flatten();
    let own = record(&CONNECTION, text("connection_id"))?.flatten();
    let name = user.as_ref().and_then(|user| identity::users::identities(user).into_iter().next());
    let connection = match (own, name) {
        (Some(own), _) => Some(own),
        (None, Some(main)) => reader.find(&CONNECTION, "name", &main.connection)?,
        (None, None) => None,
    };
    let settings = reader.singleton(&TENANT_SETTINGS)?.map(|settings| settings.document).unwrap_or_default();
    let branding = reader.singleton(&BRANDING)?.map(|branding| branding.document).unwrap_or_default();
    let languages = settings.get("enabled_locales").and_then(Value::as_array).into_iter().flatten();
    let custom_domain = reader.find(&CUSTOM_DOMAIN, "domain", &host_name(text("domain").unwrap_or_default()))?;
    Ok(Known {
        tenant: tenant(reader.tenant().as_str(), &settings, &branding),
        languages: languages.filter_map(|language| language.as_str().map(str::to_owned)).collect(),
        client: record(&CLIENT, text("client_id"))?.flatten(),
        organization: record(&ORGANIZATION, text("organization_id"))?.flatten(),
        branding,
        custom_domain,
        connection,
        user,
    })
}

fn tenant(name: &str, settings: &Document, branding: &Document) -> Document {
    let mut known = object(json!({"tenant": name, "friendly_name": name, "locale": "en", "request_language": "en"}));
    for field in ["friendly_name", "support_email", "support_url"] {
        if let Some(value) = settings.get(field).filter(|value| value.as_str().is_some_and(|text| !text.is_empty())) {
            known.insert(field.to_owned(), value.clone());
        }
    }
    let logo = settings.get("picture_url").or_else(|| branding.get("logo_url"));
    for (name, value) in [("logo_url", logo), ("home_url", settings.get("default_redirection_uri"))] {
        if let Some(value) = value {
            known.insert(name.into(), value.clone());
        }
    }
    known
}

impl Known {
    /// The languages that the reader understands, the best first: that of the login, the user's own, the tenant's.
    pub(super) fn languages(&self, payload: &Document) -> Vec<String> {
        let of_login = payload.get("language").and_then(Value::as_str).into_iter();
        // As `Accept-Language` and `ui_locales` have them: several, with weights.
        let of_login =
            of_login.flat_map(|list| list.split([',', ' '])).map(|one| one.split(';').next().unwrap_or_default());
        let metadata = self.user.as_ref().and_then(|user| user.document.get("user_metadata"));
        let own = metadata.and_then(|metadata| metadata.get("lang")?.as_str());
        let wanted = of_login.chain(own).map(str::trim).filter(|language| is_language(language)).map(str::to_owned);
        let mut wanted: Vec<String> = wanted.take(8).collect();
        wanted.extend(self.languages.iter().cloned());
        wanted.push("en".to_owned());
        wanted
    }

    /// A firing that hands a message to the tenant's code, as the member `name` of its event.
    pub(super) fn firing(&self, trigger: Trigger, payload: &Document, name: &str, message: Document) -> Firing<'_> {
        let fields = ["friendly_name", "home_url", "logo_url", "support_email", "support_url"];
        let mut tenant = object(json!({"id": self.tenant.get("tenant")}));
        tenant.extend(fields.iter().filter_map(|field| Some(((*field).to_owned(), self.tenant.get(*field)?.clone()))));
        let request = ["ip", "user_agent", "language"].into_iter().filter_map(|name| {
            let value = payload.get(name).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()))?;
            Some((name.to_owned(), value.clone()))
        });
        let mut request: Document = request.collect();
        if let Some(domain) = payload.get("domain").and_then(Value::as_str) {
            request.insert("hostname".into(), host_name(domain).into());
        }
        let mut own = object(json!({"tenant": tenant, "request": request}));
        if let Some(id) = payload.get("correlation_id") {
            own.insert("transaction".into(), json!({"correlation_id": id}));
        }
        own.insert(name.into(), message.into());
        Firing {
            client: self.client.as_ref(),
            connection: self.connection.as_ref(),
            organization: self.organization.as_ref(),
            user: self.user.as_ref().map(|user| &user.document),
            own,
            ..Firing::new(trigger)
        }
    }
}

fn is_language(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (2..=20).contains(&text.len()) && text.bytes().all(is_part)
}
