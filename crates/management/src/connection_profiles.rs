//! Connection profiles and their templates.

use kernel::{Document, Record, Value};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource};
use serde_json::json;
use store::Snapshot;

use crate::Services;

/// What is served of `connection-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connection-profiles")
        .collection("/connection-profiles", Profiles)
        .read("GET /connection-profiles/templates", |_, _| {
            Ok(Answer::json(json!({"connection_profile_templates": [built_in()]})))
        })
        .read("GET /connection-profiles/templates/{id}", template)
}

/// Connection profiles.
pub(crate) static CONNECTION_PROFILE: Kind =
    Kind::of(&model::CONNECTION_PROFILE).missing("Connection profile not found.", None).forgiving();

struct Profiles;

impl Resource for Profiles {
    fn kind(&self) -> &'static Kind {
        &CONNECTION_PROFILE
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        shown.entry("strategy_overrides").or_insert(Value::Null);
        Ok(())
    }
}

fn built_in() -> Value {
    json!({
        "id": "auth0-generic-connection-profile-template",
        "display_name": "Generic Connection Profile Template",
        "template": {
            "name": "Generic Connection Profile Template",
            "organization": {"show_as_button": "required", "assign_membership_on_login": "required"},
            "connection_name_prefix_template": "{org_name}",
            "enabled_features": ["scim", "universal_logout"],
            "connection_config": {},
        },
    })
}

fn template(_: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let template = built_in();
    if template["id"] == call.path("id") {
        return Ok(Answer::json(template));
    }
    Err(ApiError::not_found("Connection profile template not found."))
}
