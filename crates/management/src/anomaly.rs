//! Addresses that are blocked after suspicious behaviour.

use identity::{blocks, protection};

use rest::{Answer, ApiError, Area};

use crate::Services;

/// What is served of `anomaly`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("anomaly")
        .read("GET /anomaly/blocks/ips/{id}", |reader, call| {
            if blocks::is_ip_blocked(reader, call.path("id"))? {
                Ok(Answer::empty())
            } else {
                Err(ApiError::not_found("Not Found"))
            }
        })
        .write("DELETE /anomaly/blocks/ips/{id}", |tx, call| {
            protection::lift_ip(tx, call.path("id"))?;
            Ok(Answer::empty())
        })
}
