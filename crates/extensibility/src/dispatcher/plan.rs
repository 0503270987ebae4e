//! What runs at a trigger: the hook that is enabled there, then the deployed versions of the bound actions in their order.

use std::sync::Arc;

use actions::{Program, ProgramKind};
use identity::triggers::Trigger;
use kernel::{Document, Record, TenantId, Value};
use model::{ACTION, HOOK, TRIGGER_BINDINGS};
use store::{Filter, Query, Snapshot, Store, StoreResult};

use crate::{bindings, scripts, versions};

/// The state of the kinds of records that a plan is made of. Versions never change.
pub(super) type Epochs = [u64; 3];

pub(super) fn epochs(store: &Store, tenant: &TenantId) -> Epochs {
    [&TRIGGER_BINDINGS, &ACTION, &HOOK].map(|kind| store.epoch(tenant, kind))
}

/// What runs at a trigger, in order.
pub(super) struct Plan {
    pub(super) epochs: Epochs,
    pub(super) steps: Vec<Step>,
}

/// Code at a trigger.
pub(super) struct Step {
    pub(super) program: Arc<Program>,
    /// The version of the trigger that the code is written for.
    pub(super) version: String,
    /// How executions name the code.
    pub(super) label: Document,
}

impl Step {
    /// The identifier of the Action; none of a hook.
    pub(super) fn action(&self) -> Option<&str> {
        self.label.get("action_id").and_then(Value::as_str)
    }
}

impl Plan {
    /// The step of an Action: at this place, or where it is bound now.
    pub(super) fn place_of(&self, action: &str, place: usize) -> Option<usize> {
        let is_it = |step: &Step| step.action() == Some(action);
        let stays = self.steps.get(place).is_some_and(is_it);
        if stays { Some(place) } else { self.steps.iter().position(is_it) }
    }

    /// Reads what runs. The epochs are those from before.
    pub(super) fn read(reader: &Snapshot, trigger: Trigger, epochs: Epochs) -> StoreResult<Self> {
        let mut steps = Vec::new();
        if let Some(hook) = enabled_hook(reader, trigger)? {
            steps.push(hook_step(reader, &hook));
        }
        let bound = bindings::of_trigger(reader, trigger.name())?;
        let secrets = if bound.is_empty() { None } else { reader.get(&TRIGGER_BINDINGS, trigger.name())? };
        for binding in bound {
            let Some(action) = reader.get(&ACTION, &binding.action_id)? else { continue };
            let Some(version) = versions::deployed(reader, &action)? else { continue };
            let own = secrets.as_ref().map(|record| scripts::secrets_under(&record.sealed, &binding.prefix()));
            steps.push(action_step(reader, trigger, &binding.id, &action, &version, own.unwrap_or_default())?);
        }
        Ok(Self { epochs, steps })
    }

    /// Reads the one action that something else than the trigger names: a stream, a profile, a provider.
    pub(super) fn of_action(reader: &Snapshot, trigger: Trigger, action: &str) -> StoreResult<Option<Self>> {
        let Some(action) = reader.get(&ACTION, action)? else { return Ok(None) };
        let Some(version) = versions::deployed(reader, &action)? else { return Ok(None) };
        let step = action_step(reader, trigger, "", &action, &version, Document::new())?;
        Ok(Some(Self { epochs: Epochs::default(), steps: vec![step] }))
    }
}

fn enabled_hook(reader: &Snapshot, trigger: Trigger) -> StoreResult<Option<Record>> {
    let filter = Filter::equals("triggerId", trigger.name()).and(Filter::equals("enabled", true));
    Ok(reader.list(&HOOK, &Query::of(filter))?.items.pop())
}

fn hook_step(reader: &Snapshot, hook: &Record) -> Step {
    let dependencies = hook.document.get("dependencies").and_then(Value::as_object).into_iter().flatten();
    let program = Program {
        tenant: reader.tenant().clone(),
        id: format!("{}.{}", hook.id, hook.version),
        name: hook.text("name").unwrap_or_default().to_owned(),
        kind: ProgramKind::Hook,
        code: hook.text("script").unwrap_or_default().to_owned(),
        modules: Vec::new(),
        dependencies: dependencies
            .map(|(name, version)| scripts::dependency(name, version.as_str().unwrap_or_default()))
            .collect(),
        secrets: scripts::secrets_under(&hook.sealed, scripts::SECRETS),
        configuration: Document::new(),
    };
    let label = Document::from_iter([("action_name".to_owned(), program.name.as_str().into())]);
    Step { program: Arc::new(program), version: String::new(), label }
}

fn action_step(
    reader: &Snapshot,
    trigger: Trigger,
    binding: &str,
    action: &Record,
    version: &Record,
    own: Document,
) -> StoreResult<Step> {
    let name = action.text("name").unwrap_or_default();
    // Secrets of a binding belong to the content that the runtime keeps under the identifier.
    let id = if own.is_empty() { version.id.clone() } else { format!("{}.{binding}", version.id) };
    let mut program = scripts::program(reader, version, id, name)?;
    program.secrets.extend(own);
    let triggers = version.document.get("supported_triggers").and_then(Value::as_array).into_iter().flatten();
    let mut supported = triggers.filter(|supported| supported.get("id").is_some_and(|id| id == trigger.name()));
    let of_trigger = supported.find_map(|supported| supported.get("version")?.as_str());
    let label = [
        ("action_name", name),
        ("action_id", action.id.as_str()),
        ("binding_id", binding),
        ("version_id", version.id.as_str()),
    ];
    let label = label.into_iter().filter(|(_, value)| !value.is_empty());
    let label = label.map(|(name, value)| (name.to_owned(), value.into())).collect();
    Ok(Step { program: Arc::new(program), version: of_trigger.unwrap_or_default().to_owned(), label })
}
