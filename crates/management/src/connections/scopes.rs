//! Scopes of social connections: derived from the booleans of the options at every write.

use kernel::{Document, Value, fill};
use serde_json::json;

/// Booleans of social strategies that stand for scopes, where the scope has another name than the boolean.
const SCOPE_NAMES: &[(&str, &str, &str)] = &[
    ("google-oauth2", "gmail", "https://mail.google.com/mail/feed/atom"),
    ("google-oauth2", "youtube", "https://gdata.youtube.com"),
    ("google-oauth2", "calendar", "https://www.googleapis.com/auth/calendar"),
    ("google-oauth2", "contacts", "https://www.google.com/m8/feeds"),
    ("google-oauth2", "tasks", "https://www.googleapis.com/auth/tasks"),
    ("github", "email", "user:email"),
    ("github", "profile", ""),
    ("github", "read_user", "read:user"),
    ("github", "follow", "user:follow"),
    ("github", "repo_deployment", "repo_deployment"),
    ("github", "repo_status", "repo:status"),
    ("github", "admin_org", "admin:org"),
    ("github", "read_org", "read:org"),
    ("github", "write_org", "write:org"),
    ("github", "admin_public_key", "admin:public_key"),
    ("github", "read_public_key", "read:public_key"),
    ("github", "write_public_key", "write:public_key"),
    ("github", "admin_repo_hook", "admin:repo_hook"),
    ("github", "read_repo_hook", "read:repo_hook"),
    ("github", "write_repo_hook", "write:repo_hook"),
    ("linkedin", "profile", "r_liteprofile"),
    ("linkedin", "basic_profile", "r_basicprofile"),
    ("linkedin", "email", "r_emailaddress"),
    ("windowslive", "signin", ""),
    ("line", "email", "email"),
];

/// Booleans that are no scopes.
const NO_SCOPES: &[&str] = &[
    "set_user_root_attributes",
    "brute_force_protection",
    "disable_self_service_change_password",
    "allowed_audiences",
];

/// The order of scopes, by their booleans; those that are not named follow by the alphabet.
const ORDER: &[(&str, &[&str])] = &[
    ("apple", &["name", "email"]),
    (
        "facebook",
        &[
            "email",
            "groups_access_member_info",
            "publish_to_groups",
            "user_age_range",
            "user_birthday",
            "ads_management",
            "ads_read",
            "read_audience_network_insights",
            "read_insights",
            "manage_notifications",
            "publish_actions",
            "read_mailbox",
            "public_profile",
        ],
    ),
    (
        "github",
        &[
            "email",
            "read_user",
            "follow",
            "public_repo",
            "repo",
            "repo_deployment",
            "repo_status",
            "delete_repo",
            "notifications",
            "gist",
            "read_repo_hook",
            "write_repo_hook",
            "admin_repo_hook",
            "read_org",
            "admin_org",
            "read_public_key",
            "write_public_key",
            "admin_public_key",
            "write_org",
        ],
    ),
    ("google-oauth2", &["email", "profile", "contacts"]),
    ("linkedin", &["email", "profile", "basic_profile"]),
];

/// Sets `scope` where the strategy derives it. A boolean that is completed comes last.
pub(super) fn derive(strategy: &str, options: &mut Document) {
    let completed = match strategy {
        "google-oauth2" => Some("email"),
        "linkedin" | "wordpress" => Some("profile"),
        "apple" | "facebook" | "github" | "line" | "salesforce" | "windowslive" => None,
        _ => return,
    };
    if strategy == "line" {
        fill(options, "profile", true);
    }
    let mut scopes = asked(strategy, options);
    if let Some(name) = completed.filter(|name| !options.contains_key(*name)) {
        options.insert(name.to_owned(), true.into());
        scopes.extend(scope(strategy, name));
    }
    let scope = match strategy {
        "apple" if scopes.is_empty() => return,
        "apple" => scopes.join(" ").into(),
        "facebook" => scopes.join(",").into(),
        "line" => {
            let is_held = |scope: &&str| *scope == "openid" || scopes.iter().any(|held| held == scope);
            ["openid", "email", "profile"].iter().filter(|scope| is_held(scope)).copied().collect()
        }
        "windowslive" => {
            fill(options, "signin", true);
            json!(scopes)
        }
        _ => json!(scopes),
    };
    options.insert("scope".into(), scope);
}

/// The scopes that the options' booleans ask for, in an order that does not depend on that of the booleans.
fn asked(strategy: &str, options: &Document) -> Vec<String> {
    let order = ORDER.iter().find(|(of, _)| *of == strategy).map_or(&[][..], |(_, order)| order);
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
    let is_asked =
        |(name, value): &(&String, &Value)| **value == Value::Bool(true) && !NO_SCOPES.contains(&name.as_str());
    let mut names: Vec<&str> = options.iter().filter(is_asked).map(|(name, _)| name.as_str()).collect();
    names.sort_by_key(|name| (place(name), *name));
    names.into_iter().filter_map(|name| scope(strategy, name)).collect()
}

/// The scope that a boolean stands for, if any.
fn scope(strategy: &str, name: &str) -> Option<String> {
    let special = SCOPE_NAMES.iter().find(|(of, boolean, _)| *of == strategy && *boolean == name);
    let scope = special.map_or(name, |(_, _, scope)| scope);
    (!scope.is_empty()).then(|| scope.to_owned())
}
