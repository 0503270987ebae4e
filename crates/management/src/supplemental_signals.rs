//! Supplemental signals from the network edge.

use kernel::{Document, object};
use rest::{Area, Call, Kind, Resource};
use serde_json::json;

use crate::Services;

/// What is served of `supplemental-signals`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("supplemental-signals").singleton("/supplemental-signals", Signals)
}

static SUPPLEMENTAL_SIGNALS: Kind = Kind::of(&model::SUPPLEMENTAL_SIGNALS);

struct Signals;

impl Resource for Signals {
    fn kind(&self) -> &'static Kind {
        &SUPPLEMENTAL_SIGNALS
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(object(json!({"akamai_enabled": false})))
    }
}
