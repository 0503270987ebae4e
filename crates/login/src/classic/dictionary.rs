//! `/js/lock/{version}/{language}.js`: what Lock says in a language, from the words of our own pages. Lock's own English stays.

use kernel::{Document, Value, script_literal};
use model::languages;

use crate::texts::Texts;

/// What Lock calls a text, by its path there, and which text of which screen of ours says it.
const WORDS: [(&str, &str, &str); 46] = [
    ("blankCaptchaErrorHint", "login", "invalid-captcha"),
    ("blankEmailErrorHint", "login", "no-email"),
    ("blankPasswordErrorHint", "login", "no-password"),
    ("blankUsernameErrorHint", "login", "no-username"),
    ("captchaCodeInputPlaceholder", "login", "captchaCodePlaceholder"),
    ("codeInputPlaceholder", "login-passwordless-email-code", "placeholder"),
    ("databaseAlternativeSignUpInstructions", "login", "separatorText"),
    ("databaseEnterpriseAlternativeLoginInstructions", "login", "separatorText"),
    ("emailInputPlaceholder", "login", "emailPlaceholder"),
    ("error.forgotPassword.invalid_captcha", "login", "invalid-captcha"),
    ("error.forgotPassword.lock.fallback", "reset-password-request", "reset-password-error"),
    ("error.forgotPassword.too_many_requests", "login", "too-many-requests"),
    ("error.login.blocked_user", "login", "user-blocked"),
    ("error.login.invalid_captcha", "login", "invalid-captcha"),
    ("error.login.invalid_user_password", "login", "wrong-credentials"),
    ("error.login.lock.fallback", "login", "authentication-failure"),
    ("error.login.lock.invalid_code", "login", "invalid-code"),
    ("error.login.lock.invalid_email_password", "login", "wrong-email-credentials"),
    ("error.login.lock.invalid_username_password", "login", "wrong-credentials"),
    ("error.login.password_leaked", "login", "password-breached"),
    ("error.login.session_missing", "login", "transaction-not-found"),
    ("error.login.too_many_attempts", "login", "user-blocked"),
    ("error.login.too_many_requests", "login", "same-user-login"),
    ("error.passwordless.bad.email", "login", "email-invalid"),
    ("error.passwordless.bad.phone_number", "login", "invalid-phone-number"),
    ("error.passwordless.invalid_captcha", "login", "invalid-captcha"),
    ("error.passwordless.lock.fallback", "login", "passwordless-unknown-error"),
    ("error.signUp.lock.fallback", "login", "auth0-users-validation"),
    ("error.signUp.password_dictionary_error", "signup", "password-too-common"),
    ("error.signUp.password_leaked", "signup", "password-breached"),
    ("error.signUp.password_no_user_info_error", "signup", "password-contains-user-information"),
    ("error.signUp.password_strength_error", "signup", "password-too-weak"),
    ("error.signUp.user_exists", "signup", "email-in-use"),
    ("error.signUp.username_exists", "signup", "username-taken"),
    ("forgotPasswordAction", "login", "forgotPasswordText"),
    ("forgotPasswordInstructions", "reset-password-request", "descriptionEmail"),
    ("forgotPasswordTitle", "reset-password-request", "title"),
    ("invalidEmailErrorHint", "login", "email-invalid"),
    ("passwordInputPlaceholder", "login", "passwordPlaceholder"),
    ("passwordStrength.nonEmpty", "login", "no-password"),
    ("passwordStrength.shouldContain", "signup", "passwordSecurityText"),
    ("phoneNumberInputPlaceholder", "login", "phonePlaceholder"),
    ("resendCodeAction", "login", "resendText"),
    ("resendLabel", "login", "resendActionText"),
    ("showPassword", "login", "showPasswordText"),
    ("usernameInputPlaceholder", "login", "usernameOnlyPlaceholder"),
];
/// The labels of its tabs and buttons.
const LABELS: [(&str, &str, &str); 10] = [
    ("forgotPasswordSubmitLabel", "login", "buttonText"),
    ("loginLabel", "login", "loginActionLinkText"),
    ("loginSubmitLabel", "login", "loginActionLinkText"),
    ("signUpLabel", "login", "signupActionLinkText"),
    ("signUpSubmitLabel", "login", "signupActionLinkText"),
    ("signUpTitle", "login", "signupActionLinkText"),
    ("submitLabel", "login", "buttonText"),
    ("unrecoverableError", "login", "custom-script-error-code"),
    ("usernameOrEmailInputPlaceholder", "login", "usernamePlaceholder"),
    ("retryLabel", "login", "buttonText"),
];
/// The rules of passwords, by the section of our words for them.
const RULES: [(&str, &str); 4] =
    [("lowerCase", "lower"), ("numbers", "digit"), ("specialCharacters", "special"), ("upperCase", "upper")];

/// The script of a language; `None` where there is no such language.
pub(super) fn script(language: &str) -> Option<String> {
    let known = languages::LANGUAGES.iter().find(|known| known.eq_ignore_ascii_case(language))?;
    let (name, words) = (script_literal(&language.into()), script_literal(&words(known).into()));
    Some(format!("Auth0.registerLanguageDictionary({name}, {words});"))
}

fn words(language: &str) -> Document {
    let mut dictionary = Document::new();
    if Texts::new(language, "login", None).is_english() {
        return dictionary;
    }
    for (path, screen, key) in WORDS.into_iter().chain(LABELS) {
        put(&mut dictionary, path, Texts::new(language, screen, None).get(key));
    }
    let texts = Texts::new(language, "signup", None);
    for (key, rule) in RULES {
        put(&mut dictionary, &format!("passwordStrength.{key}"), texts.own("rules", rule));
    }
    let button = texts.with("connectionName", "%s").get("federatedConnectionButtonText");
    put(&mut dictionary, "loginWithLabel", button.clone());
    put(&mut dictionary, "signUpWithLabel", button);
    dictionary
}

/// Puts a text at a path. Names of errors hold dots themselves: below `error` there are three members at most.
fn put(dictionary: &mut Document, path: &str, text: String) {
    let mut members = dictionary;
    let mut rest = path;
    for _ in 0..if path.starts_with("error.") { 2 } else { 1 } {
        let Some((name, below)) = rest.split_once('.') else { break };
        let entry = members.entry(name).or_insert_with(|| Document::new().into());
        let Value::Object(inner) = entry else { return };
        members = inner;
        rest = below;
    }
    members.insert(rest.to_owned(), text.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_speaks_each_language_that_our_pages_speak() {
        let german = words("de");
        assert_eq!(german["passwordInputPlaceholder"], Texts::new("de", "login", None).get("passwordPlaceholder"));
        assert!(german["error"]["login"]["lock.invalid_email_password"].is_string(), "{german:?}");
        assert!(german["passwordStrength"]["lowerCase"].is_string(), "{german:?}");
        assert!(german["loginWithLabel"].as_str().unwrap().contains("%s"), "{german:?}");
        for language in ["ar", "de", "es", "fr", "ja", "pt"] {
            let text = Value::from(words(language)).to_string();
            assert!(!text.contains("\"\"") && !text.contains("${"), "{language}: {text}");
        }
        assert!(script("pt-br").unwrap().starts_with("Auth0.registerLanguageDictionary(\"pt-br\", {"));
        assert_eq!(script("sw").as_deref(), Some("Auth0.registerLanguageDictionary(\"sw\", {});"));
        assert_eq!(script("nothing"), None);
    }
}
