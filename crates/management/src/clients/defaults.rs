//! What a new client has beside what its creator sent (reference: defaults §1).

use kernel::{Document, Record, Value, fill_members, object};
use serde_json::json;
use store::Tx;

/// Completes a new client: identifier of strict third parties, secret, and the defaults of its kind.
pub(crate) fn complete(tx: &mut Tx, client: &mut Record) {
    let app_type = client.text("app_type").unwrap_or_default().to_owned();
    let method = client.text("token_endpoint_auth_method").map(str::to_owned);
    let is_strict = client.text("third_party_security_mode") == Some("strict");
    let is_third_party = client.document.get("is_first_party") == Some(&false.into());
    let is_express = app_type == "express_configuration";
    if is_strict {
        client.id = tx.context().id(kernel::id::Form::Base58("tpc_"));
        client.document.insert("client_id".into(), client.id.as_str().into());
    }
    if !is_express && !client.document.contains_key("client_secret") {
        client.sealed.set("client_secret", tx.context().client_secret());
    }
    let tenant = tx.tenant().as_str().to_owned();
    let document = &mut client.document;
    let mut fill = |name: &str, value: Value| kernel::fill(document, name, value);
    fill("tenant", tenant.into());
    fill("global", false.into());
    fill("is_first_party", true.into());
    fill("is_token_endpoint_ip_header_trusted", false.into());
    fill("sso_disabled", false.into());
    fill("cross_origin_auth", false.into());
    fill("cross_origin_authentication", false.into());
    fill("custom_login_page_on", true.into());
    fill("oidc_conformant", (is_third_party || is_express || app_type == "resource_server").into());
    fill("grant_types", grant_types(&app_type, method.as_deref(), is_strict));
    fill("jwt_configuration", jwt_configuration(&app_type, is_strict));
    if is_third_party {
        fill("third_party_security_mode", "permissive".into());
    }
    if is_express {
        fill("callbacks", json!(["https://system-admin.okta.com/admin/app/generic/oauth20redirect"]));
        fill("organization_usage", "require".into());
        fill("organization_require_behavior", "pre_login_prompt".into());
        fill("client_authentication_methods", json!({"private_key_jwt": {"credentials": []}}));
    }
    fill("async_approval_notification_channels", json!(["guardian-push"]));
    let is_rotating = app_type == "spa" && method.as_deref() == Some("none") && is_third_party;
    let lifetimes = refresh_token(method.as_deref(), is_rotating, is_strict);
    fill_members(document, "refresh_token", lifetimes);
    fill_members(document, "jwt_configuration", object(json!({"secret_encoded": false})));
}

/// Completes what is said about native-to-web sign-in, whenever something is said.
pub(super) fn complete_session_transfer(client: &mut Document) {
    if !client.get("session_transfer").is_some_and(Value::is_object) {
        return;
    }
    let defaults = json!({
        "can_create_session_transfer_token": false,
        "allowed_authentication_methods": [],
        "enforce_device_binding": "ip",
        "allow_refresh_token": false,
    });
    fill_members(client, "session_transfer", object(defaults));
}

fn grant_types(app_type: &str, method: Option<&str>, is_strict: bool) -> Value {
    match (app_type, method) {
        ("resource_server", _) => json!([]),
        ("express_configuration", _) => json!(["authorization_code", "client_credentials"]),
        _ if is_strict => json!(["authorization_code"]),
        (_, Some("none")) => json!(["authorization_code", "implicit", "refresh_token"]),
        _ => json!(["authorization_code", "implicit", "refresh_token", "client_credentials"]),
    }
}

fn jwt_configuration(app_type: &str, is_strict: bool) -> Value {
    match app_type {
        "resource_server" | "express_configuration" => json!({"secret_encoded": false, "alg": "RS256"}),
        _ if is_strict => json!({"secret_encoded": false, "alg": "RS256", "lifetime_in_seconds": 3_600}),
        _ => json!({"secret_encoded": false, "lifetime_in_seconds": 36_000}),
    }
}

fn refresh_token(method: Option<&str>, is_rotating: bool, is_strict: bool) -> Document {
    let is_confidential = method.is_some_and(|method| method != "none");
    let (lifetime, idle) = if is_confidential { (31_557_600, 2_592_000) } else { (2_592_000, 1_296_000) };
    let expires = is_rotating || is_strict;
    object(json!({
        "rotation_type": if is_rotating { "rotating" } else { "non-rotating" },
        "expiration_type": if expires { "expiring" } else { "non-expiring" },
        "leeway": 0,
        "token_lifetime": lifetime,
        "idle_token_lifetime": idle,
        "infinite_token_lifetime": !is_rotating,
        "infinite_idle_token_lifetime": !expires,
    }))
}
