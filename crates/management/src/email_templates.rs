//! E-mail templates.

use kernel::Record;
use rest::{ApiError, ApiResult, Area, Call, Kind, Resource};
use store::Tx;

use crate::Services;

/// What is served of `email-templates`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("email-templates").collection("/email-templates", Templates)
}

/// Templates, by the name of the mail that they are for.
pub(crate) static EMAIL_TEMPLATE: Kind = Kind::of(&model::EMAIL_TEMPLATE)
    .missing("The template does not exist.", Some("inexistent_email_template"))
    .nullable(FIELDS);

/// The fields of a template, each of which may be null.
const FIELDS: &[&str] = &[
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
}
