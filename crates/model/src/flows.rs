//! Flows and forms.

use kernel::id::Form;
use store::Kind;

/// A flow.
pub static FLOW: Kind = Kind::new("flow").id("id", Form::Base58("af_")).indexed(&["synchronous"]);
/// What a flow uses to reach another service.
pub static FLOW_VAULT_CONNECTION: Kind =
    Kind::new("flow_vault_connection").id("id", Form::Base58("ac_")).sealed(&["setup"]);
/// A run of a flow.
pub static FLOW_EXECUTION: Kind = Kind::new("flow_execution").id("id", Form::Base58("aex_")).under(&FLOW, "flow_id");
/// A form.
pub static FORM: Kind = Kind::new("form").id("id", Form::Base58("ap_"));

pub(crate) static KINDS: &[&Kind] = &[&FLOW, &FLOW_VAULT_CONNECTION, &FLOW_EXECUTION, &FORM];
