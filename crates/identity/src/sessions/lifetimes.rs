//! How long sessions last, as the tenant's settings say.

use std::time::Duration;

use kernel::Document;
use model::views::SessionLifetimes;
use serde::Deserialize;

/// Longest of all lifetimes: 365 days.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Whether browsers keep sessions when they are closed, where nothing else decides it.
    pub is_persistent: bool,
    persistent: Lifetime,
    ephemeral: Lifetime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lifetime {
    absolute: Duration,
    idle: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::from(SessionLifetimes::default())
    }
}

impl From<SessionLifetimes> for Lifetimes {
    fn from(settings: SessionLifetimes) -> Self {
        let lifetime = |absolute, idle| Lifetime { absolute: hours(absolute), idle: hours(idle) };
        Self {
            is_persistent: settings.is_persistent(),
            persistent: lifetime(settings.session_lifetime, settings.idle_session_lifetime),
            ephemeral: lifetime(settings.ephemeral_session_lifetime, settings.idle_ephemeral_session_lifetime),
        }
    }
}

impl Lifetimes {
    /// The lifetimes in the tenant's settings.
    ///
    /// # Errors
    /// Settings that cannot be read: no session is given a lifetime that nobody chose.
    pub fn of(settings: &Document) -> serde_json::Result<Self> {
        SessionLifetimes::deserialize(settings).map(Self::from)
    }

    /// How long a session lasts in any case.
    pub fn absolute(&self, is_persistent: bool) -> Duration {
        self.lifetime(is_persistent).absolute
    }

    /// How long it lasts without being used.
    pub fn idle(&self, is_persistent: bool) -> Duration {
        self.lifetime(is_persistent).idle
    }

    fn lifetime(&self, is_persistent: bool) -> &Lifetime {
        if is_persistent { &self.persistent } else { &self.ephemeral }
    }
}

fn hours(hours: f64) -> Duration {
    Duration::try_from_secs_f64(hours * 3600.0).unwrap_or(LONGEST).min(LONGEST)
}
