//! Quotas of machine tokens: how many a client, or an organization, may get in an hour and in a day of UTC (reference: protection §7).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use kernel::{Document, Timestamp, object};
use model::views::TokenQuota;
use serde_json::json;
use store::{StoreResult, Tx, Window};

use crate::OAuthError;

/// Tallies of tokens, by whom they are for and by bucket.
const TALLIES: &str = "token_quotas";
/// Of which consumption the tenant log warns, in percent; the highest first.
const WARNINGS: [u64; 3] = [100, 80, 60];

/// Whom a quota limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Client,
    Organization,
}

impl Entity {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Organization => "organization",
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Client => "auth0-client-quota-limit",
            Self::Organization => "auth0-organization-quota-limit",
        }
    }

    fn exceeded(self) -> &'static str {
        match self {
            Self::Client => "Client quota exceeded",
            Self::Organization => "Organization quota exceeded",
        }
    }
}

/// The quota of a client or of an organization.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    pub(crate) entity: Entity,
    pub(crate) id: String,
    pub(crate) limits: TokenQuota,
}

/// What counting a token leads to.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Headers of the answer, whether it is a token or a refusal.
    pub(crate) headers: HeaderMap,
    /// The refusal, where an enforced quota is used up. Nothing is counted then.
    pub(crate) refusal: Option<OAuthError>,
    /// What the tenant log is warned of: description and details.
    pub(crate) warnings: Vec<(String, Document)>,
}

/// A quota's state in one bucket.
struct Bucket<'q> {
    quota: &'q Quota,
    name: &'static str,
    limit: u64,
    used: u64,
    resets: Timestamp,
}

impl Quota {
    fn buckets(&self, tx: &Tx) -> StoreResult<Vec<Bucket<'_>>> {
        let limits = &self.limits.client_credentials;
        let now = tx.now();
        let kinds = [("per_hour", 3_600, limits.per_hour), ("per_day", 86_400, limits.per_day)];
        let mut buckets = Vec::new();
        for (name, length, limit) in kinds.into_iter().filter_map(|(name, length, limit)| Some((name, length, limit?)))
        {
            let resets = now + Duration::from_secs(length - now.seconds().unsigned_abs() % length);
            let used = tx.tally(TALLIES, &self.key(name))?.map_or(0, |tally| tally.value);
            buckets.push(Bucket { quota: self, name, limit, used, resets });
        }
        Ok(buckets)
    }

    fn key(&self, bucket: &str) -> String {
        format!("{} {} {bucket}", self.entity.name(), self.id)
    }
}

impl Bucket<'_> {
    fn is_exceeded(&self) -> bool {
        self.quota.limits.client_credentials.enforce && self.used >= self.limit
    }

    fn seconds_left(&self, now: Timestamp) -> i64 {
        self.resets.seconds() - now.seconds()
    }

    fn told(&self, now: Timestamp) -> String {
        let remaining = self.limit.saturating_sub(self.used);
        format!("b={};q={};r={remaining};t={}", self.name, self.limit, self.seconds_left(now))
    }

    fn refusal(&self, now: Timestamp) -> OAuthError {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", self.limit.into());
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
        headers.insert("x-ratelimit-reset", self.resets.seconds().into());
        headers.insert(header::RETRY_AFTER, self.seconds_left(now).into());
        OAuthError::quota_exceeded(self.quota.entity.exceeded()).with_headers(headers)
    }

    /// The warning that this token leads to, where it is the one that reaches a threshold.
    fn warning(&self) -> Option<(String, Document)> {
        let is_reached = |percent: &&u64| {
            self.used * 100 >= **percent * self.limit && (self.used - 1) * 100 < **percent * self.limit
        };
        let percent = WARNINGS.iter().find(is_reached)?;
        let entity = self.quota.entity.name();
        let details = object(json!({
            "bucket": self.name,
            "entity_type": entity,
            "entity_id": self.quota.id,
            "quota": self.limit,
            "quota_consumption_percentage": percent,
            "quota_consumption": self.used,
        }));
        Some((format!("{percent}% of {entity} {} quota consumed", self.name), details))
    }
}

/// Counts a token for all quotas, or for none where one that is enforced is used up.
pub(crate) fn take(tx: &mut Tx, quotas: &[Quota]) -> StoreResult<Taken> {
    let mut taken = Taken::default();
    let now = tx.now();
    let mut buckets = Vec::new();
    for quota in quotas {
        buckets.extend(quota.buckets(tx)?);
    }
    taken.refusal = buckets.iter().find(|bucket| bucket.is_exceeded()).map(|bucket| bucket.refusal(now));
    if taken.refusal.is_none() {
        for bucket in &mut buckets {
            let left = Duration::from_secs(bucket.seconds_left(now).unsigned_abs());
            bucket.used = tx.count_up(TALLIES, &bucket.quota.key(bucket.name), Window::FromFirst(left))?.value;
            taken.warnings.extend(bucket.warning());
        }
    }
    for quota in quotas {
        let own = buckets.iter().filter(|bucket| std::ptr::eq(bucket.quota, quota));
        let told = own.map(|bucket| bucket.told(now)).collect::<Vec<_>>().join(",");
        if let Ok(value) = HeaderValue::try_from(told) {
            taken.headers.insert(quota.entity.header(), value);
        }
    }
    Ok(taken)
}
