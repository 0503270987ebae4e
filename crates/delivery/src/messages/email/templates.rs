//! The templates of e-mails: where a tenant has its own, and what code that delivers e-mails is told of them.

use kernel::{Document, Record, Value, value_at};
use model::EMAIL_TEMPLATE;
use store::{Snapshot, StoreResult};

use crate::liquid::without_macros;

/// Every template there is a design for. That of the `email` connection stands in the connection itself.
#[cfg(test)]
pub(in crate::messages) const NAMES: [&str; 14] = [
    "verify_email",
    "verify_email_by_code",
    "reset_email",
    "reset_email_by_code",
    "welcome_email",
    "blocked_account",
    "stolen_credentials",
    "enrollment_email",
    "mfa_oob_code",
    "user_invitation",
    "async_approval",
    "change_password",
    "passwordless",
    "try_provider_configuration_email",
];

/// Older names of templates, which mean the same.
const ALIASES: [(&str, &[&str]); 2] =
    [("reset_email", &["change_password", "password_reset"]), ("change_password", &["password_reset"])];
/// The template that stands in the `email` connection.
const PASSWORDLESS: &str = "passwordless";

/// The tenant's own template of this name, where it has one.
pub(super) fn own(reader: &Snapshot, name: &str, connection: Option<&Record>) -> StoreResult<Option<Document>> {
    if name == PASSWORDLESS {
        let own = connection.and_then(|own| value_at(&own.document, "options.email")?.as_object());
        return Ok(own.map(in_liquid));
    }
    let aliases = ALIASES.iter().find(|(own, _)| *own == name).map_or(&[][..], |(_, aliases)| aliases);
    for name in std::iter::once(&name).chain(aliases) {
        if let Some(own) = reader.get(&EMAIL_TEMPLATE, name)? {
            return Ok(Some(own.document));
        }
    }
    Ok(None)
}

/// The texts of a template, without the older macros.
fn in_liquid(template: &Document) -> Document {
    let of_text = |value: &Value| value.as_str().map_or_else(|| value.clone(), |text| without_macros(text).into());
    template.iter().map(|(name, value)| (name.clone(), of_text(value))).collect()
}

/// `event.notification.message_type` of a template's e-mails.
pub(super) fn message_type(template: &str) -> &str {
    match template {
        "user_invitation" => "organization_invitation",
        "change_password" | "password_reset" => "reset_email",
        "passwordless" => "verification_code",
        template => template,
    }
}
