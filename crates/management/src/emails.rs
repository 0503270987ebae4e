//! The e-mail provider.

use kernel::{Document, Record, Value};
use rest::{ApiError, ApiResult, Area, Call, Kind, Resource};
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `emails`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("emails").singleton("/emails/provider", Provider)
}

/// The provider; a tenant has one or none.
pub(crate) static EMAIL_PROVIDER: Kind = Kind::of(&model::EMAIL_PROVIDER)
    .missing("There is not a configured email provider", Some("inexistent_email_provider"))
    .forgiving();

/// What is shown when no fields are asked for.
const SHOWN_UNASKED: [&str; 2] = ["name", "enabled"];

/// What each provider cannot send without.
const NEEDED: &[(&str, &[&str])] = &[
    ("mandrill", &["api_key"]),
    ("sendgrid", &["api_key"]),
    ("sparkpost", &["api_key"]),
    ("mailgun", &["api_key", "domain"]),
    ("ses", &["accessKeyId", "secretAccessKey", "region"]),
    ("smtp", &["smtp_host", "smtp_port"]),
    ("azure_cs", &["connectionString"]),
    ("ms365", &["tenantId", "clientId", "clientSecret"]),
];

struct Provider;

impl Resource for Provider {
    fn kind(&self) -> &'static Kind {
        &EMAIL_PROVIDER
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_some_and(|old| old.text("name") != new.text("name")) {
            forget_former(call, new);
        }
        if old.is_none() && tx.singleton(&EMAIL_PROVIDER)?.is_some() {
            return Err(ApiError::conflict("Email provider is already configured."));
        }
        new.document.entry("enabled").or_insert_with(|| true.into());
        Ok(())
    }

    fn check(&self, _: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        let name = new.text("name").unwrap_or_default();
        let is_untouched = call.body().get("credentials").is_none();
        if is_untouched && old.is_some_and(|old| old.text("name") == Some(name)) {
            return Ok(());
        }
        let credentials = new.document.get("credentials").and_then(Value::as_object);
        let needed = NEEDED.iter().find(|(provider, _)| *provider == name).map_or(&[][..], |(_, needed)| needed);
        let missing =
            needed.iter().find(|field| credentials.is_none_or(|credentials| !credentials.contains_key(**field)));
        missing.map_or(Ok(()), |field| {
            let text =
                format!("Payload validation error: 'Missing required property: {field}' on property credentials.");
            Err(ApiError::invalid_body(text))
        })
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        if call.operation.method == "GET" && !call.has("fields") {
            shown.retain(|name, _| SHOWN_UNASKED.contains(&name.as_str()));
        }
        Ok(())
    }
}

/// What was set for another provider means nothing to this one.
fn forget_former(call: &Call, provider: &mut Record) {
    for part in ["credentials", "settings"] {
        if call.body().get(part).is_some() {
            continue;
        }
        provider.document.shift_remove(part);
        let inside: Vec<String> = provider.sealed.paths().map(str::to_owned).collect();
        for path in inside.iter().filter(|path| path.starts_with(part)) {
            provider.sealed.take(path);
        }
    }
}
