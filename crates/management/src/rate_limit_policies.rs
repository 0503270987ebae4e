//! Rate limit policies of the tenant's own.

use kernel::id::Form;
use rest::{Area, Kind, ListFilter, Times};

use crate::Services;

/// What is served of `rate-limit-policies`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("rate-limit-policies").collection("/rate-limit-policies", &RATE_LIMIT_POLICY)
}

/// Rate limit policies.
pub(crate) static RATE_LIMIT_POLICY: Kind = Kind::new("rate_limit_policy")
    .id("id", Form::Base58("rlp_"))
    .missing("The rate limit policy does not exist.", None)
    .forgiving()
    .times(Times::Micros)
    .indexed(&["resource", "consumer", "consumer_selector"])
    .filters(&[
        ("resource", ListFilter::Equals("resource")),
        ("consumer", ListFilter::Equals("consumer")),
        ("consumer_selector", ListFilter::Equals("consumer_selector")),
    ]);
