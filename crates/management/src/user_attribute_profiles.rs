//! User attribute profiles and their templates.

use kernel::{Record, Value, object};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `user-attribute-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("user-attribute-profiles")
        .collection("/user-attribute-profiles", Profiles)
        .read("GET /user-attribute-profiles/templates", |_, _| {
            Ok(Answer::json(json!({"user_attribute_profile_templates": [built_in()]})))
        })
        .read("GET /user-attribute-profiles/templates/{id}", template)
}

/// User attribute profiles.
pub(crate) static USER_ATTRIBUTE_PROFILE: Kind =
    Kind::of(&model::USER_ATTRIBUTE_PROFILE).missing("User attribute profile not found.", None).forgiving();

struct Profiles;

impl Resource for Profiles {
    fn kind(&self) -> &'static Kind {
        &USER_ATTRIBUTE_PROFILE
    }

    fn prepare(&self, _: &mut Tx, _: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        let sent = new.document.get("user_id").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut identifier = object(identifier_mapping());
        identifier.extend(sent);
        new.document.insert("user_id".into(), identifier.into());
        Ok(())
    }
}

/// How users are identified when a profile does not say.
fn identifier_mapping() -> Value {
    json!({
        "oidc_mapping": "sub",
        "saml_mapping": [
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        ],
        "scim_mapping": "externalId",
    })
}

fn built_in() -> Value {
    let attribute = |label: &str, name: &str, scim: &str| {
        json!({
            "description": format!("{label} of the user"),
            "label": label,
            "profile_required": name == "email",
            "auth0_mapping": name,
            "oidc_mapping": {"mapping": format!("${{context.tokenset.{name}}}")},
            "saml_mapping": [format!("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/{name}")],
            "scim_mapping": scim,
        })
    };
    json!({
        "id": "auth0-generic-user-attribute-profile-template",
        "display_name": "Generic User Attribute Profile Template",
        "template": {
            "name": "Generic User Attribute Profile Template",
            "user_id": identifier_mapping(),
            "user_attributes": {
                "email": attribute("Email", "email", "emails[primary eq true].value"),
                "name": attribute("Name", "name", "displayName"),
                "given_name": attribute("Given Name", "given_name", "name.givenName"),
                "family_name": attribute("Family Name", "family_name", "name.familyName"),
            },
        },
    })
}

fn template(_: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let template = built_in();
    if template["id"] == call.path("id") {
        return Ok(Answer::json(template));
    }
    Err(ApiError::not_found("User attribute profile template not found."))
}
