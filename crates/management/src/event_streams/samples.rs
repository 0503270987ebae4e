//! The events that a test sends when the caller gives no data (recorded: post_test_event, for users).

use kernel::{Document, Value, object};
use serde_json::json;

const MADE: &str = "2025-02-01T12:34:56Z";

/// The data of a sample of this type of event.
pub(super) fn data(kind: &str) -> Document {
    let (thing, what) = kind.rsplit_once('.').unwrap_or((kind, ""));
    let object_of_event = match thing {
        "user" => user(what),
        "organization" => organization(what),
        "organization.member" => json!({"organization": short(), "user": {"user_id": USER}}),
        "organization.member.role" => json!({"organization": short(), "user": {"user_id": USER}, "role": role()}),
        "organization.connection" => connection(what),
        "organization.group.role" => json!({"organization": short(), "group": group(), "role": role()}),
        "group.member" => {
            json!({"group": group(), "member": {"member_type": "user", "id": USER, "type": "connection", "connection_id": CONNECTION}})
        }
        "group.role" => json!({"group": group(), "role": role()}),
        _ => group(),
    };
    let mut data = object(json!({"object": object_of_event}));
    if what == "updated" && thing == "user" {
        data.insert("previous_object".into(), user("created"));
    }
    data
}

const USER: &str = "auth0|507f1f77bcf86cd799439020";
const CONNECTION: &str = "con_aBcDeFgHiJkLmNoP";

fn short() -> Value {
    json!({"id": "org_aBcDeFgHiJkLmNoP", "name": "sample-organization"})
}

fn role() -> Value {
    json!({"id": "rol_aBcDeFgHiJkLmNoP", "name": "Sample Role"})
}

fn group() -> Value {
    json!({
        "id": "grp_aBcDeFgHiJkLmNoPqRsTuV",
        "name": "Sample Group",
        "external_id": "sample-group",
        "created_at": MADE,
        "updated_at": MADE,
        "type": "connection",
        "connection_id": CONNECTION,
    })
}

fn organization(what: &str) -> Value {
    let mut organization = json!({
        "id": "org_aBcDeFgHiJkLmNoP",
        "name": "sample-organization",
        "display_name": "Sample Organization",
        "metadata": {"plan": "pro"},
    });
    if what != "deleted" {
        organization["branding"] = json!({
            "logo_url": "https://example.com/logo.png",
            "colors": {"primary": "#0059d6", "page_background": "#000000"},
        });
    }
    organization
}

fn connection(what: &str) -> Value {
    let mut entry = json!({"organization": short(), "connection": {"id": CONNECTION}});
    if what != "removed" {
        entry["assign_membership_on_login"] = false.into();
        entry["show_as_button"] = true.into();
        entry["is_signup_enabled"] = false.into();
    }
    entry
}

fn user(what: &str) -> Value {
    let profile = json!({
        "email": "john.doe@gmail.com",
        "email_verified": false,
        "name": "John Doe",
        "username": "johndoe",
        "given_name": "John",
        "family_name": "Doe",
        "phone_number": "+15555555555",
        "phone_verified": false,
    });
    let mut user = json!({
        "user_id": USER,
        "email": "john.doe@gmail.com",
        "email_verified": false,
        "username": "johndoe",
        "phone_number": "+15555555555",
        "phone_verified": false,
        "created_at": MADE,
        "updated_at": MADE,
        "identities": [{
            "provider": "auth0",
            "isSocial": false,
            "connection": "Username-Password-Authentication",
            "user_id": "507f1f77bcf86cd799439020",
            "profileData": profile,
        }],
        "app_metadata": {"plan": "pro"},
        "user_metadata": {"hobby": "skydiving"},
        "picture": "https://secure.gravatar.com/avatar/15626c5e0c749cb912f9d1ad48dba440?s=480&r=pg&d=https%3A%2F%2Fssl.gstatic.com%2Fs2%2Fprofiles%2Fimages%2Fsilhouette80.png",
        "name": "John Doe",
        "nickname": "John Doe",
        "multifactor": ["sample"],
        "last_ip": "10.0.0.1",
        "last_login": MADE,
        "logins_count": 42,
        "blocked": false,
        "given_name": "John",
        "family_name": "Doe",
    });
    if what == "deleted" {
        user["deleted_at"] = MADE.into();
    }
    user
}
