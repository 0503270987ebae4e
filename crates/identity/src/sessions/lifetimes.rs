//! How long sessions last, as the tenant's settings say.

use std::time::Duration;

use kernel::Document;
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

/// The part of the tenant's settings that decides.
#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    session_lifetime: f64,
    idle_session_lifetime: f64,
    ephemeral_session_lifetime: f64,
    idle_ephemeral_session_lifetime: f64,
    session_cookie: Option<Cookie>,
}

#[derive(Deserialize)]
struct Cookie {
    mode: Option<String>,
}

impl Default for Settings {
    /// What a new tenant has, in hours.
    fn default() -> Self {
        Self {
            session_lifetime: 168.0,
            idle_session_lifetime: 72.0,
            ephemeral_session_lifetime: 72.0,
            idle_ephemeral_session_lifetime: 24.0,
            session_cookie: None,
        }
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::from(Settings::default())
    }
}

impl From<Settings> for Lifetimes {
    fn from(settings: Settings) -> Self {
        let lifetime = |absolute, idle| Lifetime { absolute: hours(absolute), idle: hours(idle) };
        let mode = settings.session_cookie.and_then(|cookie| cookie.mode);
        Self {
            is_persistent: mode.as_deref() != Some("non-persistent"),
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
        Settings::deserialize(settings).map(Self::from)
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
