//! Our own classic page: for tenants that have chosen the classic experience and wrote no page. It works by script alone, through the same
//! endpoints as Lock.

use askama::Template;
use http::StatusCode;
use kernel::Value;
use model::{languages, login::LoginRequest};

use super::config;
use crate::{
    policy::{self, Policy},
    reply::{self, Reply},
    service::Scene,
    texts::Texts,
};

/// The screens whose texts it has: the login, the sign-up and the way to a new password.
pub(super) const SCREENS: [&str; 3] = ["login", "signup", "reset-password-request"];

#[derive(Template)]
#[template(path = "classic.html")]
#[expect(clippy::struct_excessive_bools, reason = "each shows a part of the page")]
struct Html<'a> {
    language: &'a str,
    is_right_to_left: bool,
    title: String,
    company: &'a str,
    logo: &'a str,
    favicon: &'a str,
    color_scheme: &'a str,
    style: &'a str,
    variables: &'a str,
    nonce: &'a str,
    script: &'a str,
    config: String,
    connection: &'a str,
    /// What users are asked for by name of the field and label.
    identifier: (&'static str, String),
    asks_username: bool,
    username: String,
    hint: &'a str,
    allows_signup: bool,
    allows_reset: bool,
    begins_with_signup: bool,
    login: &'a Texts,
    signup: &'a Texts,
    reset: &'a Texts,
}

/// The page.
pub(super) fn reply(
    scene: &Scene,
    request: &LoginRequest,
    [login, signup, reset]: &[Texts; 3],
    told: &Value,
    nonce: &str,
) -> Reply {
    let setting = &scene.setting;
    let database = setting.world.database.as_ref();
    let name = |database: &crate::world::Database| {
        let is_by_name = database.identifier_label() != "emailPlaceholder";
        if is_by_name { "username" } else { "email" }
    };
    let identifier =
        (database.map_or("email", name), login.get(database.map_or("emailPlaceholder", |d| d.identifier_label())));
    let asks_username = database.is_some_and(|database| {
        database.signup.iter().any(|asked| asked.identifier == crate::world::Identifier::Username)
    });
    let [style, _, script] = reply::assets();
    let html = Html {
        language: languages::short(&scene.language),
        is_right_to_left: languages::is_right_to_left(&scene.language),
        title: login.get("pageTitle"),
        company: &setting.world.company,
        logo: &setting.brand.logo,
        favicon: &setting.brand.favicon,
        color_scheme: setting.brand.color_scheme,
        style,
        variables: &setting.brand.style,
        nonce,
        script,
        config: config::encoded(told),
        connection: database.map_or("", |database| database.name.as_str()),
        identifier,
        asks_username,
        username: login.get("usernameOnlyPlaceholder"),
        hint: request.login_hint.as_deref().unwrap_or_default(),
        allows_signup: database.is_some_and(|database| database.allows_signup),
        allows_reset: database.is_some_and(|database| database.allows_reset),
        begins_with_signup: request.screen_hint.as_deref() == Some("signup"),
        login,
        signup,
        reset,
    };
    let html = html.render().expect("a template is written to memory");
    let target = request.redirect_uri.as_deref();
    let policy = policy::of(&Policy { setting, nonce, target, written: None, own: None });
    Reply::page(StatusCode::OK, reply::headers(setting, &scene.language, &policy), html)
}
