//! Custom token exchange profiles.

use extensibility::versions;
use kernel::Record;
use model::ACTION;
use rest::{ApiError, ApiResult, Area, Call, Kind, Resource, Times, Unique};
use store::Tx;

use crate::Services;

/// What is served of `token-exchange-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("token-exchange-profiles").collection("/token-exchange-profiles", Profiles)
}

/// Token exchange profiles.
pub(crate) static TOKEN_EXCHANGE_PROFILE: Kind = Kind::of(&model::TOKEN_EXCHANGE_PROFILE)
    .unique(&[Unique {
        field: "subject_token_type",
        message: "subject_token_type already exists for tenant",
        code: None,
    }])
    .missing("Token exchange profile not found.", None)
    .forgiving()
    .times(Times::Millis);

struct Profiles;

impl Resource for Profiles {
    fn kind(&self) -> &'static Kind {
        &TOKEN_EXCHANGE_PROFILE
    }

    fn check(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        if old.is_some() {
            return Ok(());
        }
        let action = tx.get(&ACTION, new.text("action_id").unwrap_or_default())?;
        let action = action.ok_or_else(|| ApiError::bad_request("Action not found"))?;
        let triggers = action.document.get("supported_triggers").and_then(|triggers| triggers.as_array());
        if !triggers.is_some_and(|triggers| triggers.iter().any(|trigger| trigger["id"] == "custom-token-exchange")) {
            return Err(ApiError::bad_request("Action must have supported_triggers: custom-token-exchange"));
        }
        if versions::deployed(tx, &action)?.is_none() {
            return Err(ApiError::bad_request("Action is not deployed"));
        }
        Ok(())
    }
}
