//! Resource servers: the APIs that tokens are issued for.

use std::collections::HashSet;

use identity::signature::PublicKey;
use kernel::{Record, Value, id::ALNUM};
use model::{ROLE_PERMISSIONS, USER_PERMISSIONS, permission_key};
use percent_encoding::percent_decode_str;
use rest::{ApiError, ApiResult, Area, Call, Change, Kind, ListFilter, Resource, Unique};
use serde_json::json;
use store::{Side, Snapshot, Tx};

use crate::Services;

/// What is served of `resource-servers`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("resource-servers").collection("/resource-servers", ResourceServers)
}

/// Resource servers; paths name them by id or by identifier.
pub(crate) static RESOURCE_SERVER: Kind = Kind::of(&model::RESOURCE_SERVER)
    .unique(&[Unique {
        field: "identifier",
        message: "A resource server with the same identifier already exists.",
        code: None,
    }])
    .missing("The resource server does not exist", Some("inexistent_resource_server"))
    .forgiving()
    .filters(&[("identifiers", ListFilter::Equals("identifier"))])
    .revealed(&["signing_secret"]);

/// What of a system API can be changed.
const CHANGEABLE: &[&str] =
    &["token_lifetime", "token_lifetime_for_web", "skip_consent_for_verifiable_first_party_clients"];

/// The API that express configuration of identity providers runs on.
const EXPRESS_CONFIGURATION: &str = "urn:auth0:express-configure";

struct ResourceServers;

impl Resource for ResourceServers {
    fn kind(&self) -> &'static Kind {
        &RESOURCE_SERVER
    }

    fn find(&self, reader: &Snapshot, id: &str) -> ApiResult<Option<Record>> {
        let named = |id: &str| match reader.get(&RESOURCE_SERVER, id)? {
            Some(server) => Ok(Some(server)),
            None => reader.find(&RESOURCE_SERVER, "identifier", id),
        };
        match named(id)? {
            Some(server) => Ok(Some(server)),
            // Clients that encode an identifier twice are understood.
            None if id.contains('%') => Ok(named(&percent_decode_str(id).decode_utf8_lossy())?),
            None => Ok(None),
        }
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            make_system(call, new);
            let document = &mut new.document;
            let mut fill = |name: &str, value: Value| kernel::fill(document, name, value);
            fill("allow_offline_access", false.into());
            fill("skip_consent_for_verifiable_first_party_clients", false.into());
            fill(
                "subject_type_authorization",
                json!({"client": {"policy": "require_client_grant"}, "user": {"policy": "allow_all"}}),
            );
            fill("token_lifetime", 86_400.into());
            fill("token_lifetime_for_web", 7_200.into());
            fill("signing_alg", "RS256".into());
        }
        let has_secret = new.sealed.get("signing_secret").is_some() || new.document.contains_key("signing_secret");
        if new.text("signing_alg") != Some("HS256") {
            new.sealed.take("signing_secret");
            new.document.shift_remove("signing_secret");
        } else if !has_secret {
            new.sealed.set("signing_secret", tx.context().text(ALNUM, 32));
        }
        derive_thumbprint(new)
    }

    fn check(&self, _: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        let userinfo = format!("https://{}/userinfo", call.origin.domain);
        if old.is_none() && new.text("identifier").is_some_and(|identifier| identifier == userinfo) {
            return Err(ApiError::bad_request("The selected identifier is reserved."));
        }
        let touches_more = || call.document().keys().any(|field| !CHANGEABLE.contains(&field.as_str()));
        if old.is_some_and(|old| old.is("is_system")) && touches_more() {
            return Err(ApiError::bad_request("System resource servers cannot be patched."));
        }
        Ok(())
    }

    /// The others of the service's own can be removed, and activated anew.
    fn check_deletion(&self, _: &mut Tx, call: &Call, old: &Record) -> ApiResult {
        if old.text("identifier") == Some(&call.origin.management_audience()) {
            return Err(ApiError::bad_request("System resource servers cannot be deleted."));
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, _: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Create { .. } | Change::Delete { .. } => Ok(()),
            Change::Update { old, new } => {
                let kept = scopes(new);
                let gone = scopes(old).into_iter().filter(|scope| !kept.contains(scope));
                forget_permissions(tx, gone, old.text("identifier").unwrap_or_default())
            }
        }
    }
}

/// Notes the client that stands for an API, so that the API shows it.
pub(crate) fn link_client(tx: &mut Tx, identifier: &str, client: &str) -> ApiResult {
    if let Some(server) = tx.find(&RESOURCE_SERVER, "identifier", identifier)? {
        rest::upsert(tx, &RESOURCE_SERVER, &server.id, |server| {
            server.document.insert("client_id".into(), client.into());
        })?;
    }
    Ok(())
}

/// Identifiers that stand for APIs of the service itself: what they are is not the caller's to say.
fn make_system(call: &Call, server: &mut Record) {
    let identifier = server.text("identifier").unwrap_or_default();
    let system = if identifier == format!("https://{}/me/", call.origin.domain) {
        json!({
            "name": "Auth0 My Account API",
            "is_system": true,
            "signing_alg": "RS256",
            "allow_offline_access": true,
            "token_lifetime": 600,
            "token_lifetime_for_web": 600,
            "skip_consent_for_verifiable_first_party_clients": true,
            "proof_of_possession": {"mechanism": "dpop", "required": false},
            "subject_type_authorization": {"user": {"policy": "require_client_grant"}, "client": {"policy": "deny_all"}},
            "scopes": [
                {"value": "create:me:connected_accounts", "description": "Create Connected Accounts"},
                {"value": "read:me:connected_accounts", "description": "Read Connected Accounts"},
                {"value": "delete:me:connected_accounts", "description": "Delete Connected Accounts"},
                {"value": "create:me:authentication_methods", "description": "Create Authentication Methods"},
                {"value": "read:me:authentication_methods", "description": "Read Authentication Methods"},
                {"value": "update:me:authentication_methods", "description": "Update Authentication Methods"},
                {"value": "delete:me:authentication_methods", "description": "Delete Authentication Methods"},
                {"value": "read:me:factors", "description": "Read Factors"},
            ],
        })
    } else if identifier == EXPRESS_CONFIGURATION {
        json!({
            "name": "Okta OIN Express Configuration API",
            "is_system": true,
            "enforce_policies": true,
            "token_lifetime": 300,
            "subject_type_authorization": {"user": {"policy": "allow_all"}, "client": {"policy": "deny_all"}},
            "scopes": [
                {"value": "express_configure:sso", "description": "Ability to create SSO configurations"},
                {"value": "express_configure:scim", "description": "Ability to create scim configurations"},
            ],
        })
    } else {
        return;
    };
    server.document.extend(kernel::object(system));
}

/// The key that tokens are encrypted with is known by its thumbprint; the key itself is kept out of sight.
fn derive_thumbprint(server: &mut Record) -> ApiResult {
    let Some(encryption) = server.document.get_mut("token_encryption").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    if let Some(key) = encryption.get_mut("encryption_key").and_then(Value::as_object_mut)
        && let Some(pem) = key.get("pem").and_then(Value::as_str)
    {
        let unreadable = |_| ApiError::invalid_body("Unable to parse the PEM of the encryption key");
        let thumbprint = PublicKey::from_pem(pem).map_err(unreadable)?.thumbprint();
        key.insert("thumbprint_sha256".into(), thumbprint.into());
    }
    Ok(())
}

fn scopes(server: &Record) -> HashSet<String> {
    let scopes = server.document.get("scopes").and_then(Value::as_array).into_iter().flatten();
    scopes.filter_map(|scope| scope["value"].as_str().map(str::to_owned)).collect()
}

/// Permissions on scopes that are gone disappear from roles and users.
fn forget_permissions(tx: &mut Tx, scopes: impl Iterator<Item = String>, identifier: &str) -> ApiResult {
    for scope in scopes {
        let key = permission_key(&scope, identifier);
        for relation in [&ROLE_PERMISSIONS, &USER_PERMISSIONS] {
            tx.unrelate_all(relation, Side::Right(&key))?;
        }
    }
    Ok(())
}
