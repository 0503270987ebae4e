//! E-mail templates.

use kernel::{Document, Record};
use rest::{ApiError, ApiResult, Area, Call, Kind, Resource};
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `email-templates`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("email-templates").collection("/email-templates", Templates)
}

/// Templates, by the name of the mail that they are for.
pub(crate) static EMAIL_TEMPLATE: Kind =
    Kind::of(&model::EMAIL_TEMPLATE).missing("Template not found.", None).nullable(ORDER);

/// The order in which a template is shown.
const ORDER: &[&str] = &[
    "template",
    "body",
    "from",
    "resultUrl",
    "subject",
    "syntax",
    "urlLifetimeInSeconds",
    "includeEmailInRedirect",
    "enabled",
];

struct Templates;

impl Resource for Templates {
    fn kind(&self) -> &'static Kind {
        &EMAIL_TEMPLATE
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        let is_taken = old.is_none() && tx.get(&EMAIL_TEMPLATE, &new.id)?.is_some();
        if is_taken {
            return Err(ApiError::conflict(format!("Template {} already exists.", new.id)));
        }
        // The name in the path holds, whatever the body says.
        if call.operation.method != "POST" {
            new.document.insert("template".into(), new.id.as_str().into());
        }
        Ok(())
    }

    fn missing(&self, call: &Call) -> ApiError {
        match call.operation.method.as_str() {
            "PATCH" => ApiError::not_found("Template not found and cannot be updated."),
            _ => EMAIL_TEMPLATE.not_found(),
        }
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        let ordered = ORDER.iter().filter_map(|name| shown.shift_remove_entry(*name));
        *shown = ordered.collect();
        Ok(())
    }
}
