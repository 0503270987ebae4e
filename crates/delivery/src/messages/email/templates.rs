//! The templates of e-mails: their names here, and what code that delivers e-mails is told of them.

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

/// The names under which a tenant may have a template: older ones mean the same.
pub(super) fn stored_names(template: &str) -> &'static [&'static str] {
    match template {
        "reset_email" => &["reset_email", "change_password", "password_reset"],
        "passwordless" | "try_provider_configuration_email" => &[],
        "verify_email" => &["verify_email"],
        "verify_email_by_code" => &["verify_email_by_code"],
        "reset_email_by_code" => &["reset_email_by_code"],
        "welcome_email" => &["welcome_email"],
        "blocked_account" => &["blocked_account"],
        "stolen_credentials" => &["stolen_credentials"],
        "enrollment_email" => &["enrollment_email"],
        "mfa_oob_code" => &["mfa_oob_code"],
        "user_invitation" => &["user_invitation"],
        "async_approval" => &["async_approval"],
        _ => &["change_password", "password_reset"],
    }
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
