//! The views of attack protection: brute force, suspicious addresses, leaked passwords and bots.

use kernel::Record;
use serde::Deserialize;

use super::View;

/// The settings of protection against brute force.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct BruteForceProtection {
    /// Whether it acts.
    pub enabled: bool,
    /// What it does: `block`, `user_notification`.
    pub shields: Vec<String>,
    /// `count_per_identifier_and_ip` or `count_per_identifier`.
    pub mode: String,
    /// Addresses on which it does not act.
    pub allowlist: Vec<String>,
    /// Failures after which an account is blocked.
    pub max_attempts: u64,
}

impl Default for BruteForceProtection {
    fn default() -> Self {
        Self {
            enabled: true,
            shields: vec!["block".into(), "user_notification".into()],
            mode: "count_per_identifier_and_ip".into(),
            allowlist: Vec::new(),
            max_attempts: 10,
        }
    }
}

/// The settings of throttling addresses that try many accounts.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct SuspiciousIpThrottling {
    /// Whether it acts.
    pub enabled: bool,
    /// What it does: `block`, `admin_notification`.
    pub shields: Vec<String>,
    /// Addresses on which it does not act.
    pub allowlist: Vec<String>,
    /// Its limits.
    pub stage: ThrottlingStages,
}

impl Default for SuspiciousIpThrottling {
    fn default() -> Self {
        Self {
            enabled: true,
            shields: vec!["block".into(), "admin_notification".into()],
            allowlist: Vec::new(),
            stage: ThrottlingStages::default(),
        }
    }
}

/// The limits of an address.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct ThrottlingStages {
    /// Of failed logins.
    #[serde(rename = "pre-login")]
    pub pre_login: ThrottlingStage,
    /// Of sign-ups.
    #[serde(rename = "pre-user-registration")]
    pub pre_user_registration: ThrottlingStage,
    /// Of foreign tokens that an Action rejects.
    #[serde(rename = "pre-custom-token-exchange")]
    pub pre_custom_token_exchange: ThrottlingStage,
}

impl Default for ThrottlingStages {
    fn default() -> Self {
        Self {
            pre_login: ThrottlingStage { max_attempts: 100, rate: 864_000 },
            pre_user_registration: ThrottlingStage { max_attempts: 50, rate: 1_200 },
            pre_custom_token_exchange: ThrottlingStage { max_attempts: 10, rate: 600_000 },
        }
    }
}

/// A limit of an address.
#[derive(Debug, Deserialize)]
pub struct ThrottlingStage {
    /// Attempts at once.
    pub max_attempts: u32,
    /// Milliseconds after which one more attempt is granted.
    pub rate: u64,
}

/// The settings of protection against passwords that are known to others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BreachedPasswordDetection {
    /// Whether it acts.
    pub enabled: bool,
    /// What it does at logins: `block`, `user_notification`, `admin_notification`.
    pub shields: Vec<String>,
    /// What it does elsewhere.
    pub stage: BreachedPasswordStages,
}

/// What is done about leaked passwords elsewhere than at logins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BreachedPasswordStages {
    /// At sign-up.
    #[serde(rename = "pre-user-registration")]
    pub pre_user_registration: Shielded,
    /// When a password is changed.
    #[serde(rename = "pre-change-password")]
    pub pre_change_password: Shielded,
}

/// What is done at a stage.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shielded {
    /// `block`, `admin_notification`.
    pub shields: Vec<String>,
}

/// When a puzzle is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PuzzlePolicy {
    /// Never.
    #[default]
    Never,
    /// Of addresses that look like a risk.
    WhenRisky,
    /// Always.
    Always,
}

/// The settings of bot detection.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BotDetection {
    /// Puzzles at logins with passwords and at sign-ups.
    pub challenge_password_policy: PuzzlePolicy,
    /// Puzzles where passwords are reset.
    pub challenge_password_reset_policy: PuzzlePolicy,
    /// Puzzles where codes or links are sent that log in.
    pub challenge_passwordless_policy: PuzzlePolicy,
    /// What counts as a risk: `low`, `medium` or `high`.
    pub bot_detection_level: Option<String>,
    /// Addresses of which no puzzle is asked.
    pub allowlist: Vec<String>,
    /// Whether it only watches.
    pub monitoring_mode_enabled: bool,
}

macro_rules! of_settings {
    ($($view:ty),*) => {
        $(impl View for $view {
            fn complete(self, _: &Record) -> Self {
                self
            }
        })*
    };
}

of_settings!(BruteForceProtection, SuspiciousIpThrottling, BreachedPasswordDetection, BotDetection);
