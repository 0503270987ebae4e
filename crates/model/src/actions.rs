//! Actions and what came before them: rules and hooks.

use kernel::id::Form;
use store::Kind;

/// An Action.
pub static ACTION: Kind =
    Kind::new("action").id("id", Form::Uuid).indexed(&["name", "trigger_ids", "deployed", "installed"]);
/// A version of an Action.
pub static ACTION_VERSION: Kind = Kind::new("action_version").id("id", Form::Uuid).under(&ACTION, "action_id");
/// A module that Actions share.
pub static ACTION_MODULE: Kind = Kind::new("action_module").id("id", Form::Uuid).unique(&["name"]);
/// A version of a module.
pub static ACTION_MODULE_VERSION: Kind =
    Kind::new("action_module_version").id("id", Form::Uuid).under(&ACTION_MODULE, "module_id");
/// What happened when code of the tenant ran; of use until it expires.
pub static ACTION_EXECUTION: Kind =
    Kind::new("action_execution").id("id", Form::Uuid).indexed(&["expires"]).dates(&["expires"]);
/// What code was told when it ran, for developers; its id is the execution's.
pub static ACTION_EVENT: Kind =
    Kind::new("action_event").id_given("").sealed(&["events"]).indexed(&["user_id", "expires"]).dates(&["expires"]);
/// The Actions bound to a trigger, in their order; its id is the trigger's.
pub static TRIGGER_BINDINGS: Kind = Kind::new("trigger_bindings").id_given("trigger_id");
/// A hook.
pub static HOOK: Kind = Kind::new("hook").id("id", Form::Ulid).unique(&["name"]).indexed(&["enabled", "triggerId"]);
/// A rule.
pub static RULE: Kind =
    Kind::new("rule").id("id", Form::Alnum16("rul_")).unique(&["name", "place"]).indexed(&["enabled", "order"]);
/// A setting that all rules read.
pub static RULES_CONFIG: Kind = Kind::new("rules_config").id_given("key").sealed(&["value"]);

pub(crate) static KINDS: &[&Kind] = &[
    &ACTION,
    &ACTION_VERSION,
    &ACTION_MODULE,
    &ACTION_MODULE_VERSION,
    &ACTION_EXECUTION,
    &ACTION_EVENT,
    &TRIGGER_BINDINGS,
    &HOOK,
    &RULE,
    &RULES_CONFIG,
];
