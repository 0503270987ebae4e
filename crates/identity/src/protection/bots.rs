//! Bot detection: when a puzzle must be solved (reference: protection §2).

use model::views::{BotDetection, PuzzlePolicy};
use store::{Snapshot, StoreResult};

use super::{is_listed, recent_failures};

/// What a puzzle must be solved for, by whoever comes from an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Puzzles {
    /// To log in with a password, or to sign up.
    pub password: bool,
    /// To reset a password.
    pub reset: bool,
    /// To be sent a code or a link that logs in.
    pub passwordless: bool,
}

/// Which puzzles the tenant's settings ask for.
///
/// # Errors
/// What the store fails with; settings that cannot be read are an error, never the lack of a rule.
pub fn puzzles(reader: &Snapshot, ip: &str) -> StoreResult<Puzzles> {
    let settings: BotDetection = super::settings(reader, &model::BOT_DETECTION)?;
    if settings.monitoring_mode_enabled || is_listed(&settings.allowlist, ip) {
        return Ok(Puzzles::default());
    }
    // How many failed logins of the last hour make an address look like a program's.
    let most = match settings.bot_detection_level.as_deref() {
        Some("high") => 0,
        Some("low") => 9,
        _ => 2,
    };
    let policies = [
        settings.challenge_password_policy,
        settings.challenge_password_reset_policy,
        settings.challenge_passwordless_policy,
    ];
    let is_asked = policies.contains(&PuzzlePolicy::WhenRisky);
    let is_risky = is_asked && recent_failures(reader, ip)? > most;
    let [password, reset, passwordless] = policies.map(|policy| match policy {
        PuzzlePolicy::Never => false,
        PuzzlePolicy::WhenRisky => is_risky,
        PuzzlePolicy::Always => true,
    });
    Ok(Puzzles { password, reset, passwordless })
}
