//! Sample events: what code at each trigger is called with, for trying it without a flow. The values are made up.

use kernel::Value;
use serde_json::json;

use crate::ProgramKind;

/// A sample of what code is called with: an Action's event, a rule's user and context, a hook's arguments before the callback.
pub fn event(kind: ProgramKind, trigger: &str) -> Option<Value> {
    match kind {
        ProgramKind::Action => of_action(trigger),
        ProgramKind::Rule => Some(json!([user(), of_rule()])),
        ProgramKind::Hook => of_hook(trigger),
        // What they are called with depends on the script, not on a trigger.
        ProgramKind::Database => None,
    }
}

fn of_action(trigger: &str) -> Option<Value> {
    let request = request();
    let mut event = json!({"client": client(), "tenant": {"id": "my-tenant"}, "request": request});
    let own = match trigger {
        "post-login" => json!({
            "authentication": {"methods": [{"name": "pwd", "timestamp": "2026-01-15T10:00:00.000Z"}]},
            "authorization": {"roles": ["editor"]},
            "connection": connection(),
            "resource_server": {"identifier": "https://api.example.com"},
            "session": {"id": "sample-session", "created_at": "2026-01-15T10:00:00.000Z"},
            "stats": {"logins_count": 3},
            "transaction": {
                "acr_values": [],
                "locale": "en",
                "protocol": "oidc-basic-profile",
                "redirect_uri": "https://app.example.com/callback",
                "requested_scopes": ["openid", "profile"],
                "response_mode": "query",
                "response_type": ["code"],
                "state": "sample-state",
                "ui_locales": [],
                "metadata": {},
            },
            "user": user(),
        }),
        "credentials-exchange" => json!({
            "accessToken": {"scope": ["read:items"], "customClaims": {}},
            "request": with_body(&request, &json!({"audience": "https://api.example.com", "grant_type": "client_credentials"})),
            "resource_server": {"identifier": "https://api.example.com"},
            "transaction": {"requested_scopes": ["read:items"]},
        }),
        "pre-user-registration" => json!({
            "connection": connection(),
            "transaction": {"acr_values": [], "locale": "en", "requested_scopes": ["openid"], "ui_locales": []},
            "user": {
                "email": "jane@example.com", "name": "Jane Doe", "nickname": "jane", "user_metadata": {}, "app_metadata": {},
            },
        }),
        "post-user-registration" => json!({"connection": connection(), "user": without(user(), &["identities"])}),
        "post-change-password" => json!({
            "connection": connection(),
            "user": {
                "id": "5f7c8ec7c33c6c004bbafe82",
                "user_id": "auth0|5f7c8ec7c33c6c004bbafe82",
                "email": "jane@example.com",
                "email_verified": true,
                "last_password_reset": "2026-01-15T10:00:00.000Z",
            },
        }),
        "send-phone-message" => json!({
            "message_options": {
                "action": "second-factor-authentication",
                "code": "123456",
                "message_type": "sms",
                "recipient": "+15555550100",
                "text": "123456 is your verification code.",
            },
            "user": user(),
        }),
        "password-reset-post-challenge" => json!({
            "authentication": {"methods": [{"name": "email", "timestamp": "2026-01-15T10:00:00.000Z"}]},
            "connection": connection(),
            "stats": {"logins_count": 3},
            "user": user(),
        }),
        "custom-token-exchange" => json!({
            "resource_server": {"identifier": "https://api.example.com"},
            "transaction": {
                "subject_token": "sample-token",
                "subject_token_type": "urn:example:token",
                "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "requested_scopes": ["read:items"],
            },
        }),
        "custom-email-provider" => json!({
            "notification": {
                "message_type": "verify_email",
                "to": "jane@example.com",
                "from": "login@example.com",
                "subject": "Verify your email",
                "html": "<p>Hello Jane</p>",
                "text": "Hello Jane",
                "locale": "en",
            },
            "user": without(user(), &["identities", "created_at", "updated_at"]),
        }),
        "custom-phone-provider" => json!({
            "notification": {
                "message_type": "otp_verify",
                "recipient": "+15555550100",
                "as_text": "123456 is your verification code.",
                "as_voice": "Your verification code is 1 2 3 4 5 6.",
                "delivery_method": "text",
                "code": "123456",
                "locale": "en",
            },
            "user": user(),
        }),
        "event-stream" => {
            return Some(json!({
                "message": {
                    "id": "evt_1234567890abcdef",
                    "type": "user.created",
                    "source": "urn:auth0:my-tenant.example.com",
                    "specversion": "1.0",
                    "time": "2026-01-15T10:00:00.000Z",
                    "data": {"object": user()},
                },
            }));
        }
        _ => return None,
    };
    merge(&mut event, own);
    Some(event)
}

fn of_rule() -> Value {
    json!({
        "tenant": "my-tenant",
        "clientID": "sampleClient0123456789abcdefghij",
        "clientName": "My App",
        "clientMetadata": {},
        "connectionID": "con_0123456789abcdef",
        "connection": "Username-Password-Authentication",
        "connectionStrategy": "auth0",
        "connectionOptions": {},
        "connectionMetadata": {},
        "protocol": "oidc-basic-profile",
        "stats": {"loginsCount": 3},
        "sso": {"with_auth0": false, "with_dbconn": false, "current_clients": []},
        "accessToken": {},
        "idToken": {},
        "sessionID": "sample-session",
        "request": {
            "userAgent": "Mozilla/5.0",
            "ip": "198.51.100.7",
            "hostname": "my-tenant.example.com",
            "query": {},
            "body": {},
            "geoip": {"country_code": "US", "country_name": "United States", "city_name": "Springfield"},
        },
        "authentication": {"methods": [{"name": "pwd", "timestamp": 1_768_471_200}]},
        "authorization": {"roles": ["editor"]},
    })
}

fn of_hook(trigger: &str) -> Option<Value> {
    let connection =
        json!({"id": "con_0123456789abcdef", "name": "Username-Password-Authentication", "tenant": "my-tenant"});
    let context = json!({"requestLanguage": "en", "renderLanguage": "en", "connection": connection});
    let known = json!({
        "tenant": "my-tenant", "id": "5f7c8ec7c33c6c004bbafe82", "username": "jane", "email": "jane@example.com",
        "emailVerified": true, "user_metadata": {}, "app_metadata": {},
    });
    Some(match trigger {
        "credentials-exchange" => json!([
            {"id": "sampleClient0123456789abcdefghij", "name": "My App", "tenant": "my-tenant", "metadata": {}},
            ["read:items"],
            "https://api.example.com",
            {},
        ]),
        "pre-user-registration" => {
            json!([merged(without(known, &["id"]), json!({"password": "sample-password"})), context])
        }
        "post-user-registration" => json!([known, context]),
        "post-change-password" => json!([
            {"id": "5f7c8ec7c33c6c004bbafe82", "username": "jane", "email": "jane@example.com",
             "last_password_reset": "2026-01-15T10:00:00.000Z"},
            context,
        ]),
        "send-phone-message" => json!([
            "+15555550100",
            "123456 is your verification code.",
            {"message_type": "sms", "action": "second-factor-authentication", "language": "en", "code": "123456",
             "ip": "198.51.100.7", "user_agent": "Mozilla/5.0", "client": client(), "user": user()},
        ]),
        _ => return None,
    })
}

fn client() -> Value {
    json!({"client_id": "sampleClient0123456789abcdefghij", "name": "My App", "metadata": {}})
}

fn connection() -> Value {
    json!({
        "id": "con_0123456789abcdef", "name": "Username-Password-Authentication", "strategy": "auth0", "metadata": {},
    })
}

fn request() -> Value {
    json!({
        "ip": "198.51.100.7",
        "method": "POST",
        "body": {},
        "query": {},
        "geoip": {"countryCode": "US", "countryName": "United States", "cityName": "Springfield", "timeZone": "America/Chicago"},
        "hostname": "my-tenant.example.com",
        "language": "en",
        "user_agent": "Mozilla/5.0",
    })
}

fn with_body(request: &Value, body: &Value) -> Value {
    merged(request.clone(), json!({ "body": body }))
}

fn user() -> Value {
    json!({
        "user_id": "auth0|5f7c8ec7c33c6c004bbafe82",
        "email": "jane@example.com",
        "email_verified": true,
        "name": "Jane Doe",
        "nickname": "jane",
        "given_name": "Jane",
        "family_name": "Doe",
        "picture": "https://example.com/jane.png",
        "created_at": "2026-01-01T09:00:00.000Z",
        "updated_at": "2026-01-15T10:00:00.000Z",
        "user_metadata": {"color": "blue"},
        "app_metadata": {"plan": "gold"},
        "identities": [{
            "connection": "Username-Password-Authentication",
            "provider": "auth0",
            "isSocial": false,
            "user_id": "5f7c8ec7c33c6c004bbafe82",
            "userId": "5f7c8ec7c33c6c004bbafe82",
        }],
    })
}

fn without(mut members: Value, names: &[&str]) -> Value {
    if let Some(members) = members.as_object_mut() {
        for name in names {
            members.shift_remove(*name);
        }
    }
    members
}

fn merged(mut members: Value, more: Value) -> Value {
    merge(&mut members, more);
    members
}

fn merge(members: &mut Value, more: Value) {
    if let (Some(members), Value::Object(more)) = (members.as_object_mut(), more) {
        members.extend(more);
    }
}
