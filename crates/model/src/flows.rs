//! Flows and forms.

use kernel::id::Form;
use store::Kind;

/// Where a flow's actions, those of branches too, hold secrets of their own; those of connections are kept in the vault.
pub const FLOW_SECRETS: &[&str] = &[
    "actions.**.params.basic.password",
    "actions.**.params.changes.password",
    "actions.**.params.headers.*",
    "actions.**.params.payload.password",
    "actions.**.params.token",
];
/// Where a form's components hold keys of other services.
pub const FORM_SECRETS: &[&str] = &[
    "nodes.*.config.components.*.config.access_token",
    "nodes.*.config.components.*.config.api_key",
    "nodes.*.config.components.*.config.secret_key",
    "nodes.*.config.components.*.config.credentials.private_key",
];

/// A flow.
pub static FLOW: Kind = Kind::new("flow").id("id", Form::Base58("af_")).sealed(FLOW_SECRETS).indexed(&["synchronous"]);
/// What a flow uses to reach another service.
pub static FLOW_VAULT_CONNECTION: Kind =
    Kind::new("flow_vault_connection").id("id", Form::Base58("ac_")).sealed(&["setup"]);
/// A run of a flow.
pub static FLOW_EXECUTION: Kind = Kind::new("flow_execution")
    .id("id", Form::Base58("aex_"))
    .under(&FLOW, "flow_id")
    .sealed(&["state", "outcome"])
    .indexed(&["expires"])
    .dates(&["expires"]);
/// When a flow was run last; its id is the flow's.
pub static FLOW_TIMES: Kind = Kind::new("flow_times").id_given("");
/// A form.
pub static FORM: Kind = Kind::new("form").id("id", Form::Base58("ap_")).sealed(FORM_SECRETS);

/// When a form was last shown and submitted.
pub static FORM_TIMES: Kind = Kind::new("form_times").id_given("");
/// A file that a visitor sent with a form.
pub static FORM_FILE: Kind = Kind::new("form_file").id_given("").indexed(&["form_id", "user_id"]).sealed(&["content"]);

pub(crate) static KINDS: &[&Kind] =
    &[&FLOW, &FLOW_VAULT_CONNECTION, &FLOW_EXECUTION, &FLOW_TIMES, &FORM, &FORM_TIMES, &FORM_FILE];
