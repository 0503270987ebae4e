//! Rate limit policies of the tenant's own.

use rest::{Area, Kind, ListFilter, Times};

use crate::Services;

/// What is served of `rate-limit-policies`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("rate-limit-policies").collection("/rate-limit-policies", &RATE_LIMIT_POLICY)
}

/// Rate limit policies.
pub(crate) static RATE_LIMIT_POLICY: Kind = Kind::of(&model::RATE_LIMIT_POLICY)
    .missing("The rate limit policy does not exist.", None)
    .forgiving()
    .times(Times::Micros)
    .filters(&[
        ("resource", ListFilter::Equals("resource")),
        ("consumer", ListFilter::Equals("consumer")),
        ("consumer_selector", ListFilter::Equals("consumer_selector")),
    ]);
