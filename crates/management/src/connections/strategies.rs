//! What each strategy makes of its options: fill-ins, derived values, rules (reference: connections, defaults §3).

use base64::{Engine, prelude::BASE64_STANDARD};
use identity::password::PERSONAL_FIELDS;
use kernel::{Document, Timestamp, Value, fill, fill_members, object};
use rest::{ApiError, ApiResult, Call};
use serde_json::json;
use x509_parser::{
    pem::parse_x509_pem,
    prelude::{FromDer, X509Certificate},
};

use super::{
    federation::{self, Provider},
    scopes,
};

/// Strategies of organisations' own identity providers.
pub(crate) const ENTERPRISE: &[&str] =
    &["ad", "adfs", "google-apps", "oidc", "okta", "pingfederate", "samlp", "waad", "ip", "office365", "sharepoint"];

/// Whether the strategy is one of an organisation's own identity provider.
pub(super) fn is_enterprise(strategy: &str) -> bool {
    ENTERPRISE.contains(&strategy)
}

/// Completes the options of a new connection (`before` is none) or of one whose options are replaced.
/// `description` is what the provider tells of itself, where that was fetched.
pub(super) fn complete(
    strategy: &str,
    before: Option<&Document>,
    options: &mut Document,
    domain: &str,
    description: Option<&str>,
) {
    let is_new = before.is_none();
    match strategy {
        "auth0" => complete_database(is_new, options),
        "okta" | "oidc" => {
            let type_ = if strategy == "okta" { "back_channel" } else { "front_channel" };
            let mode = if strategy == "okta" { "basic_profile" } else { "bind_all" };
            let kept =
                |name: &str, default: Value| before.and_then(|before| before.get(name).cloned()).unwrap_or(default);
            fill(options, "type", kept("type", type_.into()));
            fill(options, "schema_version", kept("schema_version", "oidc-V4".into()));
            fill(options, "attribute_map", kept("attribute_map", json!({"mapping_mode": mode})));
            fill(options, "connection_settings", json!({"pkce": if is_new { "auto" } else { "disabled" }}));
            federation::complete_oidc(options, description);
        }
        "adfs" => {
            fill(options, "thumbprints", json!([]));
            let sent = options.get("fedMetadataXml").and_then(Value::as_str).or(description);
            if let Some(sign_in) = sent.and_then(Provider::parse).and_then(|provider| provider.sign_in) {
                fill(options, "signInEndpoint", sign_in);
            }
            fill(options, "should_trust_email_verified_connection", "always_set_emails_as_verified");
        }
        "ad" => {
            fill(options, "ips", Value::Null);
            fill(options, "brute_force_protection", true);
        }
        "waad" => {
            fill(options, "thumbprints", json!([]));
            fill(options, "app_domain", domain);
            fill(options, "identity_api", "microsoft-identity-platform-v2.0");
            fill(options, "should_trust_email_verified_connection", "never_set_emails_as_verified");
            fill(options, "useCommonEndpoint", false);
            fill(options, "use_wsfed", false);
            fill(options, "waad_common_endpoint", false);
            fill(options, "waad_protocol", "openid-connect");
            fill(options, "userid_attribute", "oid");
        }
        "google-apps" => {
            let kept = before.and_then(|before| before.get("map_user_id_to_id").cloned());
            fill(options, "map_user_id_to_id", kept.unwrap_or(Value::Bool(false)));
            fill(options, "email", true);
            fill(options, "profile", true);
            options.insert("scope".into(), json!(["email", "profile"]));
            fill(options, "handle_login_from_social", true);
        }
        "samlp" | "pingfederate" => complete_saml(strategy, is_new, options, description),
        _ => scopes::derive(strategy, options),
    }
}

/// Whether the users of a database are kept elsewhere, behind the tenant's own scripts.
pub(super) fn is_custom_database(options: &Document) -> bool {
    options.get("enabledDatabaseCustomization") == Some(&true.into())
}

/// Judges the options by the rules of the strategy.
pub(super) fn check(call: &Call, strategy: &str, old: Option<&Document>, new: &Document) -> ApiResult {
    let Some(options) = new.get("options").and_then(Value::as_object) else { return Ok(()) };
    let lacks = |names: [&str; 2]| {
        names.iter().all(|name| options.get(*name).and_then(Value::as_str).is_none_or(str::is_empty))
    };
    match strategy {
        "auth0" => check_database(old, options),
        "adfs" if lacks(["fedMetadataXml", "adfs_server"]) => {
            Err(ApiError::bad_request("missing federation metadata url"))
        }
        // One that is made without options gets its domain later.
        "google-apps" if call.document().contains_key("options") && lacks(["domain", "tenant_domain"]) => {
            Err(ApiError::bad_request("undefined is not a valid google apps domain"))
        }
        _ => Ok(()),
    }
}

fn check_database(old: Option<&Document>, options: &Document) -> ApiResult {
    let Some(attributes) = options.get("attributes").and_then(Value::as_object) else { return Ok(()) };
    if options.get("requires_username") == Some(&true.into()) {
        return Err(ApiError::invalid_body("Cannot set both options.attributes and options.requires_username"));
    }
    if options.contains_key("validation") {
        return Err(ApiError::invalid_body("Cannot set both options.attributes and options.validation"));
    }
    let is_active = |attribute: &Value| attribute["identifier"]["active"] == true;
    if !attributes.values().any(is_active) {
        return Err(ApiError::invalid_body("attributes must contain one active identifier"));
    }
    for (name, attribute) in attributes {
        let is_required = is_active(attribute) && attribute["profile_required"] == true;
        if is_required && attribute["signup"]["status"] == "inactive" {
            return Err(ApiError::invalid_body(format!("attribute {name} must also be required on signup")));
        }
    }
    let had_attributes =
        old.is_some_and(|old| old.get("options").is_some_and(|options| options.get("attributes").is_some()));
    let is_shared = attributes.get("email").is_some_and(|email| email["unique"] == false);
    if old.is_some() && !had_attributes && is_shared {
        return Err(ApiError::invalid_body("cannot add non-unique email attribute"));
    }
    Ok(())
}

fn complete_database(is_new: bool, options: &mut Document) {
    if is_new {
        fill(options, "mfa", json!({"active": true, "return_enroll_settings": true}));
        // Newest tenants have both: the policy that clients of before look for, and what holds.
        let says_it_the_older_way = OLDER_PASSWORD_RULES.iter().any(|member| options.contains_key(*member));
        if !options.contains_key("password_options") && !says_it_the_older_way {
            fill(options, "passwordPolicy", "good");
            fill(options, "password_options", json!({}));
        }
        fill(options, "strategy_version", 2);
        if let Some(password) = options.get_mut("password_options").and_then(Value::as_object_mut) {
            complete_password_options(password);
        }
    }
    fill(options, "brute_force_protection", true);
    fill_members(options, "authentication_methods", object(json!({"passkey": {"enabled": false}})));
    if let Some(methods) = options.get_mut("authentication_methods").and_then(Value::as_object_mut) {
        let password = object(json!({"enabled": true, "api_behavior": "required", "signup_behavior": "allow"}));
        fill_members(methods, "password", password);
        for name in ["email_otp", "phone_otp"] {
            fill(methods, name, json!({"enabled": false}));
        }
    }
    let passkeys = json!({
        "challenge_ui": "both",
        "progressive_enrollment_enabled": true,
        "local_enrollment_enabled": true,
    });
    fill_members(options, "passkey_options", object(passkeys));
    let attributes = options.get_mut("attributes").and_then(Value::as_object_mut);
    if let Some(email) = attributes.and_then(|attributes| attributes.get_mut("email")).and_then(Value::as_object_mut) {
        fill(email, "verification_method", "link");
        fill(email, "unique", true);
    }
}

/// Members by which a database says what passwords must be, from before `password_options`, which would replace them.
const OLDER_PASSWORD_RULES: [&str; 5] = [
    "passwordPolicy",
    "password_complexity_options",
    "password_dictionary",
    "password_history",
    "password_no_personal_info",
];

fn complete_password_options(password: &mut Document) {
    let defaults = json!({
        "complexity": {
            "min_length": 15,
            "character_types": [],
            "character_type_rule": "all",
            "identical_characters": "allow",
            "sequential_characters": "allow",
            "max_length_exceeded": "error",
        },
        "history": {"active": false, "size": 3},
        "dictionary": {"active": false, "custom": [], "default": "en_100k"},
        "profile_data": {
            "active": false,
            "blocked_fields": PERSONAL_FIELDS,
        },
    });
    for (name, part) in object(defaults) {
        fill_members(password, &name, object(part));
    }
}

fn complete_saml(strategy: &str, is_new: bool, options: &mut Document, description: Option<&str>) {
    let sent = options.shift_remove("metadataXml").and_then(|xml| xml.as_str().map(str::to_owned));
    if let Some(provider) = sent.as_deref().or(description).and_then(Provider::parse) {
        provider.complete(options);
    }
    if strategy == "pingfederate"
        && let Some(base) = options.get("pingFederateBaseUrl").cloned()
    {
        fill(options, "signInEndpoint", base);
    }
    if strategy == "samlp" && is_new {
        let settings = json!({"algorithm_profile": "v2026-1", "algorithm_exceptions": []});
        fill(options, "assertion_decryption_settings", settings);
    }
    let sent = options.get("signingCert").and_then(Value::as_str);
    let Some(pem) = sent.and_then(as_pem) else { return };
    describe_certificate(&pem, options);
    options.insert("cert".into(), pem.into());
    if strategy == "pingfederate" {
        options.shift_remove("signingCert");
    }
}

/// What a certificate tells: its end, its subject and its SHA-1 thumbprint.
fn describe_certificate(pem: &str, options: &mut Document) {
    let Ok((_, block)) = parse_x509_pem(pem.as_bytes()) else { return };
    let Ok((_, certificate)) = X509Certificate::from_der(&block.contents) else { return };
    let end = Timestamp::from_seconds(certificate.validity().not_after.timestamp());
    options.insert("expires".into(), end.into());
    let names = [
        ("2.5.4.6", "countryName"),
        ("2.5.4.8", "stateOrProvinceName"),
        ("2.5.4.7", "localityName"),
        ("2.5.4.10", "organizationName"),
        ("2.5.4.11", "organizationalUnitName"),
        ("2.5.4.3", "commonName"),
    ];
    let mut subject = Document::new();
    for attribute in certificate.subject().iter_attributes() {
        let oid = attribute.attr_type().to_id_string();
        if let (Some((_, name)), Ok(value)) = (names.iter().find(|(known, _)| *known == oid), attribute.as_str()) {
            subject.insert((*name).to_owned(), value.into());
        }
    }
    options.insert("subject".into(), subject.into());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &block.contents);
    let thumbprint = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    options.insert("thumbprints".into(), json!([thumbprint]));
}

/// A certificate that is sent as PEM, or as base64 of a PEM.
fn as_pem(sent: &str) -> Option<String> {
    if sent.contains("-----BEGIN") {
        return Some(sent.to_owned());
    }
    let compact: String = sent.split_whitespace().collect();
    let decoded = BASE64_STANDARD.decode(compact).ok()?;
    String::from_utf8(decoded).ok().filter(|text| text.contains("-----BEGIN"))
}
