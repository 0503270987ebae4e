//! Every screen of universal login: its prompt, its texts, and of those that are served the path, the fields and the actions.

use std::{collections::HashMap, sync::OnceLock};

/// Keys of each screen's texts: those that are published, and after a `;` those that only our pages have.
const TEXTS: &str = include_str!("screens/keys.txt");
/// Texts that any screen may have, though no list names them.
const ANY_SCREEN: &[&str] = &[
    "badgeUrl",
    "badgeAltText",
    "error",
    "qrCode",
    "spinner_push_notification_label",
    "captchaCodePlaceholder",
    "footerText",
    "footerLinkText",
    "devKeysAlertTitle",
    "devKeysAlertMessage",
    "devKeysAlertUrl",
    "devKeysAlertLinkText",
];
/// How keys begin by which tenants name texts of their own.
const OWN_TEXT: &str = "var-";

/// Whether a key is a tenant's own name for a text.
pub fn is_own_text(key: &str) -> bool {
    key.starts_with(OWN_TEXT)
}

/// A screen.
#[derive(Debug, PartialEq, Eq)]
pub struct Screen {
    /// Its name, as texts and renderings know it.
    pub name: &'static str,
    /// The prompt that it belongs to.
    pub prompt: &'static str,
    /// Its page; `None` for a screen that is not served yet, or that is shown in place of another.
    pub path: Option<&'static str>,
    /// What its form sends, beside `state`.
    pub fields: &'static [&'static str],
    /// Values of `action`.
    pub actions: &'static [&'static str],
}

impl Screen {
    /// The screen with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCREENS.iter().find(|screen| screen.name == name)
    }

    /// Keys of its published texts, and of ours; none where no list names the screen.
    pub fn texts(&self) -> &'static [&'static str] {
        static LISTS: OnceLock<HashMap<&'static str, Vec<&'static str>>> = OnceLock::new();
        let lists = LISTS.get_or_init(|| {
            let line = |line: &'static str| {
                let (screen, keys) = line.split_once(" = ").expect("each line is a screen and its keys");
                (screen, keys.split(' ').filter(|key| *key != ";").collect())
            };
            TEXTS.lines().map(line).collect()
        });
        lists.get(self.name).map_or(&[], Vec::as_slice)
    }

    /// Whether tenants can write a text with this key: one of the screen or of another of its prompt, an error that any screen
    /// may tell of, or one of their own. Where no list names the screen, it may be any.
    pub fn has_text(&self, key: &str) -> bool {
        if self.texts().is_empty() || is_own_text(key) || ANY_SCREEN.contains(&key) {
            return true;
        }
        // Older names of factors are members of one key.
        let key = key.split('.').next().unwrap_or(key);
        let is_of = |screen: &Self| screen.texts().contains(&key);
        is_of(self) || SCREENS.iter().any(|other| other.prompt == self.prompt && is_of(other)) || is_fault(key)
    }

    /// Whether a prompt has a screen of this name.
    pub fn is_of(name: &str, prompt: &str) -> bool {
        SCREENS.iter().any(|screen| screen.name == name && screen.prompt == prompt)
    }

    const fn new(prompt: &'static str, name: &'static str) -> Self {
        Self { name, prompt, path: None, fields: &[], actions: &[] }
    }

    const fn at(mut self, path: &'static str) -> Self {
        self.path = Some(path);
        self
    }

    const fn fields(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    const fn actions(mut self, actions: &'static [&'static str]) -> Self {
        self.actions = actions;
        self
    }
}

/// Whether a key names an error: those are written with hyphens, other texts are not.
fn is_fault(key: &str) -> bool {
    key.contains('-') && SCREENS.iter().any(|screen| screen.texts().contains(&key))
}

/// What a browser without script leaves at `false`.
pub const CAPABILITIES: &[&str] = &["js-available", "webauthn-available", "is-brave", "webauthn-platform-available"];

/// All screens, by prompt.
pub static SCREENS: &[Screen] = &[
    Screen::new("login", "login").at("/u/login").fields(&["username", "password", "captcha"]).actions(&["default"]),
    Screen::new("login-id", "login-id")
        .at("/u/login/identifier")
        .fields(&["username", "captcha"])
        .actions(&["default"]),
    Screen::new("login-password", "login-password")
        .at("/u/login/password")
        .fields(&["username", "password", "captcha"])
        .actions(&["default", "switch-to-otp-auth"]),
    Screen::new("signup", "signup")
        .at("/u/signup")
        .fields(&["email", "username", "phone_number", "password", "captcha"])
        .actions(&["default"]),
    Screen::new("signup-id", "signup-id")
        .at("/u/signup/identifier")
        .fields(&["email", "username", "phone_number", "captcha"])
        .actions(&["default"]),
    Screen::new("signup-password", "signup-password")
        .at("/u/signup/password")
        .fields(&["email", "username", "phone_number", "password", "captcha"])
        .actions(&["default"]),
    Screen::new("login-passwordless", "login-passwordless-email-code")
        .at("/u/login/passwordless-email-challenge")
        .fields(&["code"])
        .actions(&["default", "resend"]),
    Screen::new("login-passwordless", "login-passwordless-email-link")
        .at("/u/login/passwordless-email-link")
        .actions(&["default", "resend"]),
    Screen::new("login-passwordless", "login-passwordless-sms-otp")
        .at("/u/login/passwordless-sms-challenge")
        .fields(&["code"])
        .actions(&["default", "resend"]),
    Screen::new("login-email-verification", "login-email-verification"),
    Screen::new("email-otp-challenge", "email-otp-challenge"),
    Screen::new("email-identifier-challenge", "email-identifier-challenge")
        .at("/u/email-identifier/challenge")
        .fields(&["code"])
        .actions(&["default", "resend-code", "back-action", "switch-to-password-auth"]),
    Screen::new("phone-identifier-enrollment", "phone-identifier-enrollment"),
    Screen::new("phone-identifier-challenge", "phone-identifier-challenge")
        .at("/u/phone-identifier/challenge")
        .fields(&["code"])
        .actions(&["default", "resend-code", "back-action", "switch-to-password-auth"]),
    Screen::new("reset-password", "reset-password-request")
        .at("/u/reset-password/request")
        .fields(&["email", "username", "captcha"])
        .actions(&["default", "back-to-login"]),
    Screen::new("reset-password", "reset-password-email")
        .at("/u/reset-password/email")
        .actions(&["resend-email-action"]),
    Screen::new("reset-password", "reset-password")
        .at("/u/reset-password/change")
        .fields(&["password-reset", "re-enter-password"])
        .actions(&["default"]),
    Screen::new("reset-password", "reset-password-success").at("/u/reset-password/success"),
    Screen::new("reset-password", "reset-password-error").at("/u/reset-password/error"),
    Screen::new("reset-password", "reset-password-mfa-email-challenge"),
    Screen::new("reset-password", "reset-password-mfa-otp-challenge"),
    Screen::new("reset-password", "reset-password-mfa-phone-challenge"),
    Screen::new("reset-password", "reset-password-mfa-push-challenge-push"),
    Screen::new("reset-password", "reset-password-mfa-recovery-code-challenge"),
    Screen::new("reset-password", "reset-password-mfa-sms-challenge"),
    Screen::new("reset-password", "reset-password-mfa-voice-challenge"),
    Screen::new("reset-password", "reset-password-mfa-webauthn-platform-challenge"),
    Screen::new("reset-password", "reset-password-mfa-webauthn-roaming-challenge"),
    Screen::new("email-verification", "email-verification-result").at("/u/email-verification"),
    Screen::new("common", "redeem-ticket").actions(&["default"]),
    Screen::new("consent", "consent").at("/u/consent").actions(&["accept", "deny"]),
    Screen::new("customized-consent", "customized-consent"),
    Screen::new("logout", "logout").at("/u/logout").actions(&["accept", "deny"]),
    Screen::new("logout", "logout-complete").at("/u/logout/complete"),
    Screen::new("logout", "logout-aborted").at("/u/logout/aborted"),
    Screen::new("status", "status"),
    Screen::new("custom-form", "custom-form"),
    Screen::new("captcha", "interstitial-captcha"),
    Screen::new("organizations", "organization-selection")
        .at("/u/organization")
        .fields(&["organizationName", "organizationSkipped"])
        .actions(&["default"]),
    Screen::new("organizations", "organization-picker")
        .at("/u/organization-picker")
        .fields(&["organization", "organizationSkipped"]),
    Screen::new("organizations", "pre-login-organization-picker")
        .at("/u/pre-organization-picker")
        .fields(&["organization"]),
    Screen::new("invitation", "accept-invitation").at("/u/invitation").actions(&["default"]),
    Screen::new("passkeys", "passkey-enrollment"),
    Screen::new("passkeys", "passkey-enrollment-local"),
    Screen::new("device-flow", "device-code-activation"),
    Screen::new("device-flow", "device-code-activation-allowed"),
    Screen::new("device-flow", "device-code-activation-denied"),
    Screen::new("device-flow", "device-code-confirmation"),
    Screen::new("brute-force-protection", "brute-force-protection-unblock").at("/u/unblock").actions(&["default"]),
    Screen::new("brute-force-protection", "brute-force-protection-unblock-success"),
    Screen::new("brute-force-protection", "brute-force-protection-unblock-failure"),
    Screen::new("async-approval-flow", "async-approval-error"),
    Screen::new("async-approval-flow", "async-approval-accepted"),
    Screen::new("async-approval-flow", "async-approval-denied"),
    Screen::new("async-approval-flow", "async-approval-wrong-user"),
    Screen::new("mfa", "mfa-detect-browser-capabilities"),
    Screen::new("mfa", "mfa-enroll-result"),
    Screen::new("mfa", "mfa-login-options"),
    Screen::new("mfa", "mfa-begin-enroll-options"),
    Screen::new("mfa-email", "mfa-email-challenge"),
    Screen::new("mfa-email", "mfa-email-list"),
    Screen::new("mfa-otp", "mfa-otp-enrollment-qr"),
    Screen::new("mfa-otp", "mfa-otp-enrollment-code"),
    Screen::new("mfa-otp", "mfa-otp-challenge"),
    Screen::new("mfa-phone", "mfa-phone-challenge"),
    Screen::new("mfa-phone", "mfa-phone-enrollment"),
    Screen::new("mfa-push", "mfa-push-welcome"),
    Screen::new("mfa-push", "mfa-push-enrollment-qr"),
    Screen::new("mfa-push", "mfa-push-enrollment-code"),
    Screen::new("mfa-push", "mfa-push-success"),
    Screen::new("mfa-push", "mfa-push-challenge-push"),
    Screen::new("mfa-push", "mfa-push-list"),
    Screen::new("mfa-recovery-code", "mfa-recovery-code-enrollment"),
    Screen::new("mfa-recovery-code", "mfa-recovery-code-challenge-new-code"),
    Screen::new("mfa-recovery-code", "mfa-recovery-code-challenge"),
    Screen::new("mfa-sms", "mfa-country-codes"),
    Screen::new("mfa-sms", "mfa-sms-country-codes"),
    Screen::new("mfa-sms", "mfa-sms-enrollment"),
    Screen::new("mfa-sms", "mfa-sms-challenge"),
    Screen::new("mfa-sms", "mfa-sms-list"),
    Screen::new("mfa-voice", "mfa-voice-enrollment"),
    Screen::new("mfa-voice", "mfa-voice-challenge"),
    Screen::new("mfa-webauthn", "mfa-webauthn-platform-enrollment"),
    Screen::new("mfa-webauthn", "mfa-webauthn-roaming-enrollment"),
    Screen::new("mfa-webauthn", "mfa-webauthn-platform-challenge"),
    Screen::new("mfa-webauthn", "mfa-webauthn-roaming-challenge"),
    Screen::new("mfa-webauthn", "mfa-webauthn-change-key-nickname"),
    Screen::new("mfa-webauthn", "mfa-webauthn-enrollment-success"),
    Screen::new("mfa-webauthn", "mfa-webauthn-error"),
    Screen::new("mfa-webauthn", "mfa-webauthn-not-available-error"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_screen_has_a_name_of_its_own() {
        let names: HashSet<&str> = SCREENS.iter().map(|screen| screen.name).collect();
        assert_eq!(names.len(), SCREENS.len());
        let paths: Vec<&str> = SCREENS.iter().filter_map(|screen| screen.path).collect();
        assert_eq!(paths.iter().collect::<HashSet<_>>().len(), paths.len());
    }

    #[test]
    fn each_screen_knows_its_texts() {
        let lists = TEXTS.lines().count();
        assert_eq!(SCREENS.iter().filter(|screen| !screen.texts().is_empty()).count(), lists);
        let has = |screen: &str, key: &str| Screen::named(screen).unwrap().has_text(key);
        assert!(has("login", "title") && has("login", "var-terms") && has("login", "footerText"));
        assert!(has("mfa-login-options", "authenticatorNames.sms"));
        // Of another screen of the prompt, and of any screen if it is an error.
        assert!(has("reset-password-email", "descriptionUsed") && has("login", "password-mismatch"));
        assert!(!has("login", "descriptionUsed") && !has("login", "tittle"));
        assert!(!has("mfa-push-enrollment-qr", "copyCodeLinkText"));
        assert!(has("customized-consent", "anything"));
    }

    #[test]
    fn a_screen_belongs_to_its_prompt() {
        assert!(Screen::is_of("reset-password-email", "reset-password"));
        assert!(!Screen::is_of("reset-password-email", "login"));
        assert!(!Screen::is_of("nothing", "login"));
    }
}
