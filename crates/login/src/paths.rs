//! The screens on which users begin, and the paths of pages.

use model::screens::Screen;

use crate::world::{Identifier, World};
use model::login::Progress;

/// The screen of forms.
pub(crate) const FORM: &str = "custom-form";
/// Where a protocol goes on in the code that sent its user away.
pub(crate) const CONTINUE: &str = "/continue";
/// Begins the paths of forms.
pub const FORMS: &str = "/u/custom-prompt/";

/// The screen on which a login begins.
pub fn login_screen(world: &World) -> &'static str {
    let takes_passwords = world.database.as_ref().is_none_or(|database| database.has_passwords);
    let is_first = world.identifier_first || world.passwordless.is_some() || !takes_passwords;
    if is_first { "login-id" } else { "login" }
}

/// The screen on which a sign-up begins.
pub fn signup_screen(world: &World) -> &'static str {
    let takes_passwords = world.database.as_ref().is_none_or(|database| database.has_passwords);
    if world.identifier_first || !takes_passwords { "signup-id" } else { "signup" }
}

/// The screen on which the code is entered that a database's user was sent to an identifier of this kind.
pub fn challenge(kind: Identifier) -> &'static str {
    if kind == Identifier::PhoneNumber { "phone-identifier-challenge" } else { "email-identifier-challenge" }
}

/// The path of the page on which a login begins.
pub fn start(world: &World, screen: &str) -> String {
    let path = of(screen);
    match (&world.database, screen) {
        (Some(database), "reset-password-request") => format!("{path}/{}", encoded(&database.name)),
        _ => path.to_owned(),
    }
}

/// The path of a screen.
pub fn of(screen: &str) -> &'static str {
    Screen::named(screen).and_then(|screen| screen.path).unwrap_or("/u/login")
}

/// The path of a form.
pub(crate) fn of_form(id: &str) -> String {
    format!("{FORMS}{}", encoded(id))
}

/// What follows the beginning that the paths of forms have: the form, and what of it is asked for.
pub(crate) fn form_at(path: &str) -> Option<&str> {
    path.strip_prefix(FORMS)
}

/// The path of a login's present prompt.
pub(crate) fn of_prompt(progress: &Progress) -> String {
    if progress.screen == FORM {
        let form = progress.shown.get("form").and_then(kernel::Value::as_str).unwrap_or_default();
        return of_form(form);
    }
    of(&progress.screen).to_owned()
}

/// A name within a path.
pub(crate) fn encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
        .replace("%5F", "_")
}
