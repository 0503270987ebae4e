//! The view of the tenant's settings of how long sessions last.

use serde::Deserialize;

/// How long sessions last, in hours.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct SessionLifetimes {
    /// Of a session that browsers keep, in any case.
    pub session_lifetime: f64,
    /// Of such a session, without being used.
    pub idle_session_lifetime: f64,
    /// Of a session that ends with the browser, in any case.
    pub ephemeral_session_lifetime: f64,
    /// Of such a session, without being used.
    pub idle_ephemeral_session_lifetime: f64,
    session_cookie: Option<SessionCookie>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SessionCookie {
    mode: Option<String>,
}

impl SessionLifetimes {
    /// Whether browsers keep sessions when they are closed.
    pub fn is_persistent(&self) -> bool {
        let mode = self.session_cookie.as_ref().and_then(|cookie| cookie.mode.as_deref());
        mode != Some("non-persistent")
    }
}

impl Default for SessionLifetimes {
    /// What a new tenant has.
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
