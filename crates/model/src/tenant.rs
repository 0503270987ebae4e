//! Settings of the tenant: how it looks, what it sends, how it protects itself.

use kernel::{Record, Value, id::Form};
use store::{Index, Kind};

/// The tenant's settings.
pub static TENANT_SETTINGS: Kind = Kind::single("tenant_settings");
/// A custom domain.
pub static CUSTOM_DOMAIN: Kind = Kind::new("custom_domain")
    .id("custom_domain_id", Form::Alnum16("cd_"))
    .unique(&["domain"])
    .indexed(&["domain", "status", "type", "primary", "is_default"])
    .indexed_by(domain_metadata);
/// Who is let in, by address and the like.
pub static NETWORK_ACL: Kind =
    Kind::new("network_acl").id("id", Form::Base58("acl_")).unique(&["priority"]).indexed(&["priority"]);
/// Colours and logo.
pub static BRANDING: Kind = Kind::single("branding");
/// A theme of the login pages.
pub static THEME: Kind = Kind::new("theme").id("themeId", Form::Alnum32);
/// The template of the login pages.
pub static UNIVERSAL_LOGIN_TEMPLATE: Kind = Kind::single("universal_login_template");
/// What sends text messages and calls.
pub static PHONE_PROVIDER: Kind =
    Kind::new("phone_provider").id("id", Form::Base58("pro_")).sealed(&["credentials"]).indexed(&["disabled"]);
/// A text that is sent to telephones.
pub static PHONE_TEMPLATE: Kind =
    Kind::new("phone_template").id("id", Form::Base58("tem_")).unique(&["type"]).indexed(&["disabled"]);
/// What sends e-mail.
pub static EMAIL_PROVIDER: Kind = Kind::single("email_provider").sealed(&[
    "credentials.smtp_pass",
    "credentials.accessKeyId",
    "credentials.secretAccessKey",
    "credentials.api_key",
    "credentials.clientSecret",
    "credentials.connectionString",
]);
/// A text that is sent by e-mail.
pub static EMAIL_TEMPLATE: Kind = Kind::new("email_template").id_given("template");
/// A message that was sent, kept for the developer who waits for it.
pub static OUTBOX_MESSAGE: Kind = Kind::new("outbox_message").id_given("").sealed(&["content"]).indexed(&[
    "channel",
    "recipient",
    "user_id",
    "expires",
]);
/// Settings of the prompts.
pub static PROMPT_SETTINGS: Kind = Kind::single("prompt_settings");
/// Texts of a prompt in a language.
pub static CUSTOM_TEXT: Kind = Kind::new("custom_text").id_given("");
/// Parts of a prompt's pages.
pub static PROMPT_PARTIALS: Kind = Kind::new("prompt_partials").id_given("");
/// How a screen is shown.
pub static RENDERING: Kind = Kind::new("rendering").id_given("");
/// Settings of multi-factor authentication.
pub static GUARDIAN: Kind = Kind::single("guardian");
/// Settings of a factor or of a provider of one.
pub static FACTOR_SETTINGS: Kind = Kind::new("factor_settings").id_given("").sealed(&[
    "skey",
    "auth_token",
    "p12",
    "server_key",
    "server_credentials",
    "aws_secret_access_key",
]);
/// The app that answers push notifications.
pub static PUSH_APP: Kind = Kind::single("push_app");
/// Protection against guessing passwords.
pub static BRUTE_FORCE_PROTECTION: Kind = Kind::single("brute_force_protection");
/// Protection against addresses that try too much.
pub static SUSPICIOUS_IP_THROTTLING: Kind = Kind::single("suspicious_ip_throttling");
/// Protection against passwords that are known to others.
pub static BREACHED_PASSWORD_DETECTION: Kind = Kind::single("breached_password_detection");
/// Protection against programs.
pub static BOT_DETECTION: Kind = Kind::single("bot_detection");
/// How people are told from programs.
pub static CAPTCHA: Kind = Kind::single("captcha").sealed(&[
    "recaptcha_v2.secret",
    "recaptcha_enterprise.api_key",
    "hcaptcha.secret",
    "friendly_captcha.secret",
    "arkose.secret",
]);
/// Whether risks are assessed.
pub static RISK_ASSESSMENTS: Kind = Kind::single("risk_assessments");
/// How new devices are told.
pub static NEW_DEVICE_ASSESSOR: Kind = Kind::single("new_device_assessor");
/// Which further signals are taken.
pub static SUPPLEMENTAL_SIGNALS: Kind = Kind::single("supplemental_signals");
/// A template of verifiable credentials.
pub static VERIFIABLE_CREDENTIAL_TEMPLATE: Kind =
    Kind::new("verifiable_credential_template").id("id", Form::Base58("vct_")).unique(&["name"]);

/// Custom domains are found by their metadata.
fn domain_metadata(domain: &Record) -> Index {
    let mut index = Index::new();
    let metadata = domain.document.get("domain_metadata").and_then(Value::as_object);
    let texts = metadata.into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?)));
    index.terms.extend(texts.map(|(name, text)| (format!("domain_metadata.{name}").into(), text.into())));
    index
}

pub(crate) static KINDS: &[&Kind] = &[
    &TENANT_SETTINGS,
    &CUSTOM_DOMAIN,
    &NETWORK_ACL,
    &BRANDING,
    &THEME,
    &UNIVERSAL_LOGIN_TEMPLATE,
    &PHONE_PROVIDER,
    &PHONE_TEMPLATE,
    &EMAIL_PROVIDER,
    &EMAIL_TEMPLATE,
    &OUTBOX_MESSAGE,
    &PROMPT_SETTINGS,
    &CUSTOM_TEXT,
    &PROMPT_PARTIALS,
    &RENDERING,
    &GUARDIAN,
    &FACTOR_SETTINGS,
    &PUSH_APP,
    &BRUTE_FORCE_PROTECTION,
    &SUSPICIOUS_IP_THROTTLING,
    &BREACHED_PASSWORD_DETECTION,
    &BOT_DETECTION,
    &CAPTCHA,
    &RISK_ASSESSMENTS,
    &NEW_DEVICE_ASSESSOR,
    &SUPPLEMENTAL_SIGNALS,
    &VERIFIABLE_CREDENTIAL_TEMPLATE,
];
