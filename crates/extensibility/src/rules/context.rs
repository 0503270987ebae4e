//! What rules are told of a login, `user` and `context`, and what their changes of it mean (reference: actions §5).

use identity::triggers::{Effect, Suspension, Verdict};
use kernel::{Document, Timestamp, Value, object, value_at};
use serde_json::json;

use super::RuleRun;

/// Members of a user that application metadata does not hide.
const OWN: &[&str] = &["user_id", "identities", "user_metadata", "app_metadata", "blocked"];

/// `user`: the profile, with application metadata over it.
pub(crate) fn user(event: &Document) -> Document {
    let mut user = event.get("user").and_then(Value::as_object).cloned().unwrap_or_default();
    let metadata = user.get("app_metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    user.extend(metadata.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())));
    user
}

/// The members of `auth0`.
pub(crate) fn globals(event: &Document) -> Document {
    let domain = value_at(event, "request.hostname").and_then(Value::as_str).unwrap_or_default();
    object(json!({"domain": domain, "baseUrl": format!("https://{domain}/api/v2")}))
}

/// `context`. `is_back` tells that the user comes back from where rules sent them.
pub(crate) fn of(event: &Document, is_back: bool) -> Document {
    let at = |path: &str| value_at(event, path).cloned().unwrap_or_default();
    let object_at = |path: &str| value_at(event, path).cloned().unwrap_or_else(|| Document::new().into());
    let clients = value_at(event, "session.clients").and_then(Value::as_array).into_iter().flatten();
    let clients: Vec<Value> = clients.filter_map(|client| client.get("client_id").cloned()).collect();
    let methods = value_at(event, "authentication.methods").and_then(Value::as_array).into_iter().flatten();
    let methods: Vec<Value> = methods.map(|method| in_seconds(method.clone())).collect();
    let mut context = object(json!({
        "tenant": at("tenant.id"),
        "clientID": at("client.client_id"),
        "clientName": at("client.name"),
        "clientMetadata": object_at("client.metadata"),
        "connectionID": at("connection.id"),
        "connection": at("connection.name"),
        "connectionStrategy": at("connection.strategy"),
        "connectionOptions": {},
        "connectionMetadata": object_at("connection.metadata"),
        "protocol": if is_back { "redirect-callback".into() } else { at("transaction.protocol") },
        "stats": {"loginsCount": at("stats.logins_count")},
        "sso": {
            "with_auth0": !clients.is_empty(),
            "with_dbconn": at("connection.strategy") == "auth0",
            "current_clients": clients,
        },
        "accessToken": {},
        "idToken": {},
        "request": {
            "userAgent": at("request.user_agent"),
            "ip": at("request.ip"),
            "hostname": at("request.hostname"),
            "query": object_at("request.query"),
            "body": object_at("request.body"),
            "geoip": object_at("request.geoip"),
        },
        "authentication": {"methods": methods},
        "authorization": {"roles": value_at(event, "authorization.roles").cloned().unwrap_or_else(|| json!([]))},
    }));
    let optional = [("sessionID", value_at(event, "session.id")), ("organization", event.get("organization"))];
    for (name, value) in optional {
        if let Some(value) = value {
            context.insert(name.to_owned(), value.clone());
        }
    }
    context
}

/// Rules know times in seconds.
fn in_seconds(mut method: Value) -> Value {
    let time = method.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    if let Some(time) = time {
        method["timestamp"] = time.seconds().into();
    }
    method
}

/// What the rules decided together.
pub(crate) fn interpret(run: RuleRun, is_back: bool, verdict: &mut Verdict) {
    let RuleRun { context, denied, .. } = run;
    verdict.denied = denied;
    if verdict.denied.is_some() {
        return;
    }
    let claims = |token: &str| context.get(token).and_then(Value::as_object).cloned().unwrap_or_default();
    verdict.id_token.extend(claims("idToken"));
    let mut access_token = claims("accessToken");
    verdict.scopes = access_token.shift_remove("scope").as_ref().and_then(scopes);
    verdict.access_token.extend(access_token);
    if let Some(provider) = value_at(&context, "multifactor.provider").filter(|provider| *provider != "none") {
        verdict.effects.push(Effect { name: "multifactor.enable".to_owned(), arguments: vec![provider.clone()] });
    }
    if let Some(user) = context.get("primaryUser").filter(|user| !user.is_null()) {
        let name = "authentication.setPrimaryUser".to_owned();
        verdict.effects.push(Effect { name, arguments: vec![user.clone()] });
    }
    // Once in a login: a rule that goes on asking would never let the user in.
    if let Some(url) = value_at(&context, "redirect.url").and_then(Value::as_str).filter(|_| !is_back) {
        verdict.suspended = Some(Suspension { url: url.to_owned(), ..Suspension::default() });
    }
}

/// A list of scopes, or a text of them.
fn scopes(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Value::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Document {
        object(json!({
            "tenant": {"id": "t"},
            "client": {"client_id": "c", "name": "App", "metadata": {"tier": "1"}},
            "connection": {"id": "con_1", "name": "db", "strategy": "auth0"},
            "request": {"ip": "::1", "hostname": "t.example", "user_agent": "x", "query": {"a": "1"}},
            "session": {"id": "s", "clients": [{"client_id": "c"}]},
            "stats": {"logins_count": 3},
            "authentication": {"methods": [{"name": "pwd", "timestamp": "2026-01-01T00:00:00.000Z"}]},
            "transaction": {"protocol": "oidc-basic-profile"},
            "user": {"user_id": "auth0|1", "name": "Jane", "app_metadata": {"plan": "gold", "user_id": "auth0|2"}},
        }))
    }

    #[test]
    fn a_rule_is_told_of_the_login_in_the_older_names() {
        let context = json!(of(&event(), false));
        assert_eq!(context["clientID"], "c");
        assert_eq!(context["connection"], "db");
        assert_eq!(context["protocol"], "oidc-basic-profile");
        assert_eq!(context["stats"], json!({"loginsCount": 3}));
        assert_eq!(context["sso"], json!({"with_auth0": true, "with_dbconn": true, "current_clients": ["c"]}));
        assert_eq!(context["authentication"]["methods"], json!([{"name": "pwd", "timestamp": 1_767_225_600}]));
        assert_eq!(of(&event(), true)["protocol"], "redirect-callback");
        let user = json!(user(&event()));
        assert_eq!((&user["plan"], &user["user_id"]), (&json!("gold"), &json!("auth0|1")));
        assert_eq!(json!(globals(&event())), json!({"domain": "t.example", "baseUrl": "https://t.example/api/v2"}));
    }

    #[test]
    fn what_rules_leave_in_the_context_has_its_effect() {
        let context = object(json!({
            "idToken": {"https://x/a": 1},
            "accessToken": {"https://x/b": 2, "scope": ["read:a"]},
            "multifactor": {"provider": "any"},
            "redirect": {"url": "https://elsewhere.example"},
        }));
        let run = |context: &Document, is_back| {
            let mut verdict = Verdict::default();
            let run = RuleRun { user: Document::new(), context: context.clone(), executed: Vec::new(), denied: None };
            interpret(run, is_back, &mut verdict);
            verdict
        };
        let verdict = run(&context, false);
        assert_eq!(json!(verdict.id_token), json!({"https://x/a": 1}));
        assert_eq!(json!(verdict.access_token), json!({"https://x/b": 2}));
        assert_eq!(verdict.scopes, Some(vec!["read:a".to_owned()]));
        assert_eq!(verdict.effects[0].name, "multifactor.enable");
        assert_eq!(verdict.suspended.map(|suspended| suspended.url).as_deref(), Some("https://elsewhere.example"));
        assert_eq!(run(&context, true).suspended, None);
    }
}
