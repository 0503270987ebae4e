//! Risk assessment settings.

use kernel::{Document, object};
use rest::{Area, Call, Kind, Resource};
use serde_json::json;

use crate::Services;

/// What is served of `risk-assessments`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("risk-assessments")
        .singleton("/risk-assessments/settings", Settings)
        .singleton("/risk-assessments/settings/new-device", NewDevice)
}

static SETTINGS: Kind = Kind::of(&model::RISK_ASSESSMENTS);
static NEW_DEVICE: Kind = Kind::of(&model::NEW_DEVICE_ASSESSOR);

struct Settings;

impl Resource for Settings {
    fn kind(&self) -> &'static Kind {
        &SETTINGS
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(object(json!({"enabled": false})))
    }
}

/// How long a device counts as known, in days.
struct NewDevice;

impl Resource for NewDevice {
    fn kind(&self) -> &'static Kind {
        &NEW_DEVICE
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(object(json!({"remember_for": 30})))
    }
}
