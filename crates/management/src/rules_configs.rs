//! Values that rules read as `configuration`: written, never shown again.

use kernel::{Document, Record};
use rest::{ApiResult, Area, Call, Kind, Resource, Sorted};
use store::Snapshot;

use crate::Services;

/// What is served of `rules-configs`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("rules-configs").collection("/rules-configs", RulesConfigs)
}

/// Configuration values of rules.
pub(crate) static RULES_CONFIG: Kind = Kind::of(&model::RULES_CONFIG).forgiving().order(Sorted::Id);

struct RulesConfigs;

impl Resource for RulesConfigs {
    fn kind(&self) -> &'static Kind {
        &RULES_CONFIG
    }

    fn present(&self, _: &Snapshot, call: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        if call.operation.method == "PUT" {
            record.sealed.reveal("value", shown);
        }
        Ok(())
    }
}
