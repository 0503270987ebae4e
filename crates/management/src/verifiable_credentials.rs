//! Templates of verifiable credentials: what a holder is asked to present.

use rest::{Area, Kind, Times, Unique};

use crate::Services;

/// What is served of `verifiable-credentials`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("verifiable-credentials").collection("/verifiable-credentials/verification/templates", &TEMPLATE)
}

/// Templates.
static TEMPLATE: Kind = Kind::of(&model::VERIFIABLE_CREDENTIAL_TEMPLATE)
    .unique(&[Unique { field: "name", message: "Template (name) already exists.", code: None }])
    .missing("The verifiable credential template does not exist.", None)
    .forgiving()
    .times(Times::Millis);
