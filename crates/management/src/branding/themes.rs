//! The theme of the login pages. A tenant has one.

use kernel::Record;
use rest::{Answer, ApiError, ApiResult, Call, Kind, Resource};
use serde_json::json;
use store::{Query, Snapshot, Tx};

const NOT_FOUND: &str = "theme_not_found";

static THEME: Kind = Kind::of(&model::THEME)
    .missing("There was an error retrieving branding settings: invalid theme ID", Some(NOT_FOUND));

pub(super) struct Themes;

impl Resource for Themes {
    fn kind(&self) -> &'static Kind {
        &THEME
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_some() {
            return Ok(());
        }
        if only(tx)?.is_some() {
            return Err(ApiError::conflict("There was an error updating branding settings: The theme already exists"));
        }
        new.document.entry("identifiers").or_insert_with(|| {
            json!({
                "login_display": "unified",
                "otp_autocomplete": true,
                "phone_display": {"masking": "mask_digits", "formatting": "international"},
            })
        });
        Ok(())
    }

    fn missing(&self, call: &Call) -> ApiError {
        missing(call).unwrap_or_else(|| THEME.not_found())
    }
}

/// `GET /branding/themes/default`.
pub(super) fn default(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let theme = only(reader)?.ok_or_else(|| THEME.not_found())?;
    Ok(Answer::json(rest::presented(reader, call, &Themes, &theme)?))
}

fn only(reader: &Snapshot) -> ApiResult<Option<Record>> {
    Ok(reader.list(&THEME, &Query::default())?.items.pop())
}

/// The text of the 404 tells what was tried.
fn missing(call: &Call) -> Option<ApiError> {
    let doing = match call.operation.method.as_str() {
        "PATCH" => "updating",
        "DELETE" => "deleting",
        _ => return None,
    };
    Some(ApiError::not_found(format!("There was an error {doing} branding settings: invalid theme ID")).code(NOT_FOUND))
}
