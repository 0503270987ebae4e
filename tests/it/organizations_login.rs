//! Organizations at sign-in: what a request may name, who may enter, what users are asked, and what tokens say.

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, logged},
    browser::{Browser, Page},
    server::TestServer,
    site::{CALLBACK, CONNECTION, EMAIL, PASSWORD, REALM, Site, claims, code, error, user_path},
};

const API: &str = "https://orders.example.com";

/// A site whose client lets its users sign in to organizations.
pub(crate) async fn site(more: Value) -> Site {
    open(Site::start().await, more).await
}

pub(crate) async fn open(site: Site, more: Value) -> Site {
    let mut change = json!({"organization_usage": "allow", "initiate_login_uri": "https://app.example.com/login"});
    change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    set_client(&site, change).await;
    site
}

pub(crate) async fn set_client(site: &Site, change: Value) {
    let changed = site.server.patch(&format!("/clients/{}", site.client), change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

/// An organization that uses the database; gives its identifier.
pub(crate) async fn organization(site: &Site, name: &str, how: Value) -> String {
    let mut connection = json!({"connection_id": site.connection().await, "assign_membership_on_login": false});
    connection.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
    let body = json!({"name": name, "display_name": format!("The {name}"), "enabled_connections": [connection]});
    let made = site.server.post("/organizations", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn add_member(site: &Site, organization: &str, user: &str) {
    let added = site.server.post(&format!("/organizations/{organization}/members"), json!({"members": [user]})).await;
    assert_eq!(added.status, 204, "{added:?}");
}

/// The addresses of an organization's members.
pub(crate) async fn members(site: &Site, organization: &str) -> Vec<String> {
    let listed = site.server.get(&format!("/organizations/{organization}/members")).await.body;
    listed.as_array().unwrap().iter().map(|member| member["email"].as_str().unwrap().to_owned()).collect()
}

async fn remove_member(site: &Site, organization: &str, user: &str) {
    let path = format!("/organizations/{organization}/members");
    let gone = site.server.manage(http::Method::DELETE, &path, Some(json!({"members": [user]}))).await;
    assert_eq!(gone.status, 204, "{gone:?}");
}

/// An API that gives what roles permit; gives the identifier of a role with one permission each.
pub(crate) async fn api(site: &Site, permissions: &[&str]) -> Vec<String> {
    let scopes: Vec<Value> = permissions.iter().map(|value| json!({"value": value})).collect();
    let api = json!({
        "identifier": API, "name": "Orders", "scopes": scopes, "allow_offline_access": true, "enforce_policies": true,
        "token_dialect": "access_token_authz", "skip_consent_for_verifiable_first_party_clients": true,
    });
    assert_eq!(site.server.post("/resource-servers", api).await.status, 201);
    let mut roles = Vec::new();
    for name in permissions {
        let role = site.server.post("/roles", json!({"name": format!("may {name}")})).await.body;
        let id = role["id"].as_str().unwrap().to_owned();
        let permission = json!({"permissions": [{"resource_server_identifier": API, "permission_name": name}]});
        assert_eq!(site.server.post(&format!("/roles/{id}/permissions"), permission).await.status, 201);
        roles.push(id);
    }
    roles
}

async fn give_role(site: &Site, organization: &str, role: &str) {
    let path = format!("/organizations/{organization}/members/{}/roles", site.user.replace('|', "%7C"));
    assert_eq!(site.server.post(&path, json!({"roles": [role]})).await.status, 204);
}

/// Proves who one is on the login pages.
pub(crate) async fn prove(browser: &mut Browser, page: &Page, email: &str) -> Page {
    assert!(page.address.starts_with("/u/login/identifier?"), "{} {:?}", page.address, page.faults());
    let page = browser.submit(page, &[("username", email)]).await;
    browser.submit(&page, &[("password", PASSWORD)]).await
}

/// Signs in, and gives what the application is told.
async fn sign_in(site: &Site, browser: &mut Browser, more: &str) -> Page {
    let page = browser.visit(&site.authorize(more)).await;
    prove(browser, &page, EMAIL).await
}

/// What the ID token of a login says about the organization.
async fn organization_of(site: &Site, page: &Page) -> Value {
    claims(&site.tokens(&code(page)).await["id_token"])["org_id"].clone()
}

fn told(code: &str, description: impl Into<String>) -> (String, String) {
    (code.to_owned(), description.into())
}

#[tokio::test]
async fn a_member_signs_in_to_an_organization() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let other = organization(&site, "other", json!({})).await;
    let roles = api(&site, &["read:a", "read:b"]).await;
    for (organization, role) in [(&acme, &roles[0]), (&other, &roles[1])] {
        add_member(&site, organization, &site.user).await;
        give_role(&site, organization, role).await;
    }
    let mut browser = site.browser();
    let ask = format!("&organization={acme}&audience={API}&scope=openid%20email%20offline_access%20read:a%20read:b");
    let page = browser.visit(&site.authorize(&ask)).await;
    assert!(page.html.contains("Log in to The acme to continue to Shop."), "{}", page.html);
    let back = prove(&mut browser, &page, EMAIL).await;
    let tokens = site.tokens(&code(&back)).await;
    // Roles of other organizations do not count here.
    assert_eq!(tokens["scope"], "openid email offline_access read:a");
    for token in ["access_token", "id_token"] {
        let said = claims(&tokens[token]);
        assert_eq!((&said["org_id"], said.get("org_name")), (&json!(acme), None), "{token}");
    }
    assert_eq!(claims(&tokens["access_token"])["permissions"], json!(["read:a"]));
    let bearer = tokens["access_token"].as_str().unwrap();
    let profile = site.server.http.get(site.server.url("/userinfo")).bearer_auth(bearer).send().await.unwrap();
    let profile: Value = profile.json().await.unwrap();
    assert_eq!((&profile["org_id"], &profile["email"]), (&json!(acme), &json!(EMAIL)));
    let entry = logged(&site.server, "s").await;
    assert_eq!((&entry["organization_id"], &entry["organization_name"]), (&json!(acme), &json!("acme")));
    let exchanged = logged(&site.server, "seacft").await;
    assert_eq!(exchanged["organization_id"], json!(acme));
    // By its name, where the tenant allows that; then tokens tell it, too.
    let by_name = format!("&organization=acme&audience={API}");
    let refused = browser.visit(&site.authorize(&by_name)).await;
    assert_eq!(error(&refused), told("invalid_request", "parameter organization is invalid: acme"));
    site.server.patch("/tenants/settings", json!({"allow_organization_name_in_authentication_api": true})).await;
    let back = browser.visit(&site.authorize(&by_name)).await;
    let renewed = site.tokens(&code(&back)).await;
    let said = claims(&renewed["id_token"]);
    assert_eq!((&said["org_id"], &said["org_name"]), (&json!(acme), &json!("acme")));
    let refreshed = site.refresh(tokens["refresh_token"].as_str().unwrap()).await;
    let said = claims(&refreshed.body["access_token"]);
    assert_eq!((&said["org_id"], &said["org_name"]), (&json!(acme), &json!("acme")), "{refreshed:?}");
    assert_eq!(said["permissions"], json!(["read:a"]));
    // Without an API, the profile tells it all the same.
    let back = browser.visit(&site.authorize(&format!("&organization={acme}"))).await;
    let opaque = site.tokens(&code(&back)).await["access_token"].as_str().unwrap().to_owned();
    let profile = site.server.http.get(site.server.url("/userinfo")).bearer_auth(opaque).send().await.unwrap();
    let profile: Value = profile.json().await.unwrap();
    assert_eq!((&profile["org_id"], &profile["org_name"]), (&json!(acme), &json!("acme")));
    site.end().await;
}

#[tokio::test]
async fn what_a_request_says_about_an_organization_is_judged() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let bare = site.server.post("/organizations", json!({"name": "bare"})).await.body["id"].clone();
    let other = json!({
        "name": "Other", "strategy": "auth0", "enabled_clients": [site.client], "options": {"disable_signup": true},
    });
    assert_eq!(site.server.post("/connections", other).await.status, 201);
    // That of another tenant is as unknown as any.
    let elsewhere = TestServer::start().await;
    let foreign = elsewhere.post("/organizations", json!({"name": "acme"})).await.body["id"].clone();
    let mut browser = site.browser();
    let judge = async |browser: &mut Browser, more: &str| error(&browser.visit(&site.authorize(more)).await);
    let foreign = foreign.as_str().unwrap();
    for named in ["org_aaaaaaaaaaaaaaaa", "acme", foreign] {
        let text = format!("parameter organization is invalid: {named}");
        let found = judge(&mut browser, &format!("&organization={named}")).await;
        assert_eq!(found, told("invalid_request", text), "{named}");
    }
    for (more, text) in [
        (format!("&organization={}", bare.as_str().unwrap()), "no connections enabled for the organization"),
        (format!("&organization={acme}&connection=Other"), "connection is not enabled for the organization"),
        ("&invitation=abc".to_owned(), "Missing required parameter: organization"),
        (format!("&organization={acme}&invitation=abc"), "invitation not found or already used"),
    ] {
        assert_eq!(judge(&mut browser, &more).await, told("invalid_request", text), "{more}");
    }
    let silent = judge(&mut browser, &format!("&organization={acme}&prompt=none")).await;
    assert_eq!(silent, told("login_required", "Login required"));
    set_client(&site, json!({"organization_usage": "require"})).await;
    let text = "parameter organization is required for this client";
    assert_eq!(judge(&mut browser, "").await, told("invalid_request", text));
    let granted = site.password(EMAIL, PASSWORD).await;
    assert_eq!((granted.status, &granted.body["error_description"]), (400, &json!(text)));
    set_client(&site, json!({"organization_usage": "deny"})).await;
    let text = "parameter organization is not allowed for this client";
    assert_eq!(judge(&mut browser, &format!("&organization={acme}")).await, told("invalid_request", text));
    // A request that was handed in beforehand is judged where it is used.
    site.server.patch("/tenants/settings", json!({"pushed_authorization_requests_supported": true})).await;
    set_client(&site, json!({"organization_usage": "allow"})).await;
    let pushed = site
        .send(
            "/oauth/par",
            &json!({
                "client_id": site.client, "client_secret": site.secret, "response_type": "code", "redirect_uri": CALLBACK,
                "organization": acme, "state": "xyz", "scope": "openid",
            }),
        )
        .await;
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let uri = pushed.body["request_uri"].as_str().unwrap().replace(':', "%3A");
    let page = browser.visit(&format!("/authorize?client_id={}&request_uri={uri}", site.client)).await;
    assert!(page.html.contains("The acme"), "{}", page.html);
    elsewhere.end().await;
    site.end().await;
}

#[tokio::test]
async fn who_is_no_member_is_refused() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let ask = format!("&organization={acme}");
    let stranger = format!("user {} is not part of the {acme} organization", site.user);
    let mut browser = site.browser();
    let back = sign_in(&site, &mut browser, &ask).await;
    assert_eq!(error(&back), told("access_denied", stranger.clone()));
    let entry = logged(&site.server, "f").await;
    assert_eq!((&entry["organization_id"], &entry["description"]), (&json!(acme), &json!(stranger)));
    // Nobody is signed in by that.
    let page = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(error(&page).0, "login_required");
    // A session of somebody who does not belong there leads to a login.
    code(&sign_in(&site, &mut browser, "").await);
    let page = browser.visit(&site.authorize(&format!("{ask}&prompt=none"))).await;
    assert_eq!(error(&page), told("login_required", "Login required"));
    let page = browser.visit(&site.authorize(&ask)).await;
    assert!(page.address.starts_with("/u/login/identifier?") && page.html.contains("The acme"), "{page:?}");
    // Whoever is put out while the login lasts, is out.
    add_member(&site, &acme, &site.user).await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    let proven = browser.send(&page, &[("password", PASSWORD)]).await;
    remove_member(&site, &acme, &site.user).await;
    let back = browser.visit(&proven.location()).await;
    assert_eq!(error(&back), told("access_denied", stranger.clone()));
    // The same holds for a code, and for a connection.
    add_member(&site, &acme, &site.user).await;
    let back = browser.visit(&site.authorize(&ask)).await;
    let unused = code(&back);
    remove_member(&site, &acme, &site.user).await;
    let late = site.token(json!({"grant_type": "authorization_code", "code": unused, "redirect_uri": CALLBACK})).await;
    assert_eq!((late.status, &late.body), (403, &json!({"error": "invalid_grant", "error_description": stranger})));
    add_member(&site, &acme, &site.user).await;
    let mut fresh = site.browser();
    let page = fresh.visit(&site.authorize(&ask)).await;
    let page = fresh.submit(&page, &[("username", EMAIL)]).await;
    let proven = fresh.send(&page, &[("password", PASSWORD)]).await;
    let connection = format!("/organizations/{acme}/enabled_connections/{}", site.connection().await);
    assert_eq!(site.server.delete(&connection).await.status, 204);
    let back = fresh.visit(&proven.location()).await;
    assert_eq!(error(&back), told("invalid_request", "no connections enabled for the organization"));
    site.end().await;
}

#[tokio::test]
async fn users_name_their_organization_before_they_log_in() {
    let site = site(json!({
        "organization_usage": "require", "organization_require_behavior": "pre_login_prompt",
        "organization_discovery_methods": ["email", "organization_name"],
    }))
    .await;
    let mut ids = Vec::new();
    for name in ["acme", "apex", "nadir"] {
        ids.push(organization(&site, name, json!({})).await);
        add_member(&site, ids.last().unwrap(), &site.user).await;
    }
    let lead = async |organization: &str, domain: &str, more: Value| {
        let mut body = json!({ "domain": domain });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = site.server.post(&format!("/organizations/{organization}/discovery-domains"), body).await;
        assert_eq!(made.status, 201, "{made:?}");
    };
    let verified = json!({"status": "verified"});
    lead(&ids[0], "example.com", verified.clone()).await;
    lead(&ids[0], "both.example.com", verified.clone()).await;
    lead(&ids[1], "both.example.com", verified.clone()).await;
    lead(&ids[1], "pending.example.com", json!({})).await;
    lead(&ids[1], "hidden.example.com", json!({"status": "verified", "use_for_organization_discovery": false})).await;
    let mut browser = site.browser();
    let first = browser.visit(&site.authorize("")).await;
    assert_eq!((first.status, first.heading()), (200, "Enter Organization"));
    assert!(first.address.starts_with("/u/organization?state="), "{}", first.address);
    assert!(!first.html.contains("organizationSkipped"));
    // There is no way around it.
    let state = first.parameter("state").unwrap();
    for path in ["/u/login/identifier", "/u/signup/identifier", "/u/login/password"] {
        let page = browser.visit(&format!("{path}?state={state}")).await;
        assert_eq!(page.heading(), "Enter Organization", "{path}");
    }
    let skipped = browser.submit(&first, &[("organizationSkipped", "true")]).await;
    assert_eq!(skipped.status, 400);
    for wrong in ["nobody", "", "a@pending.example.com", "a@hidden.example.com", "a@nowhere.example.com", "org_x\u{0}"]
    {
        let page = browser.submit(&first, &[("organizationName", wrong)]).await;
        let expected = vec!["organizationName invalid-organization".to_owned()];
        assert_eq!((page.status, page.faults()), (400, expected), "{wrong}");
    }
    let page = browser.submit(&first, &[("organizationName", "Nadir")]).await;
    assert!(page.html.contains("Log in to The nadir"), "{}", page.html);
    let back = prove(&mut browser, &page, EMAIL).await;
    assert_eq!(organization_of(&site, &back).await, json!(ids[2]));
    // An address leads to its organization, and needs not be entered again. The session is enough then.
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let page = browser.submit(&page, &[("organizationName", EMAIL)]).await;
    assert!(page.html.contains("The acme") && page.html.contains(&format!("value=\"{EMAIL}\"")), "{}", page.html);
    let back = prove(&mut browser, &page, EMAIL).await;
    assert_eq!(organization_of(&site, &back).await, json!(ids[0]));
    let page = browser.visit(&site.authorize("")).await;
    let several = browser.submit(&page, &[("organizationName", "x@both.example.com")]).await;
    assert!(several.address.starts_with("/u/pre-organization-picker?"), "{}", several.address);
    assert!(several.html.contains("The apex") && !several.html.contains("The nadir"), "{}", several.html);
    let wrong = browser.submit(&several, &[("organization", &ids[2])]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["prompt-alert invalid-organization".to_owned()]));
    let back = browser.submit(&several, &[("organization", &ids[1])]).await;
    assert_eq!(organization_of(&site, &back).await, json!(ids[1]));
    // Silently, it is the one of the last time.
    let back = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(organization_of(&site, &back).await, json!(ids[1]));
    // By name alone, and without one where the client lets its users.
    set_client(&site, json!({"organization_usage": "allow", "organization_discovery_methods": ["organization_name"]}))
        .await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let by_email = browser.submit(&page, &[("organizationName", EMAIL)]).await;
    assert_eq!(by_email.status, 400);
    let page = browser.submit(&page, &[("organizationSkipped", "true")]).await;
    let back = prove(&mut browser, &page, EMAIL).await;
    assert_eq!(organization_of(&site, &back).await, Value::Null);
    site.end().await;
}

#[tokio::test]
async fn strangers_cannot_try_names_of_organizations_for_ever() {
    let site =
        site(json!({"organization_usage": "require", "organization_require_behavior": "pre_login_prompt"})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let mut tried = 0;
    let last = loop {
        let answer = browser.submit(&page, &[("organizationName", &format!("name-{tried}"))]).await;
        tried += 1;
        if answer.status != 400 || tried > 200 {
            break answer;
        }
    };
    assert_eq!((last.status, last.faults()), (429, vec!["prompt-alert too-many-requests".to_owned()]));
    site.end().await;
}

#[tokio::test]
async fn users_choose_among_their_organizations_after_the_login() {
    let more = json!({"organization_usage": "require", "organization_require_behavior": "post_login_prompt"});
    let site = site(more).await;
    let acme = organization(&site, "acme", json!({})).await;
    let apex = organization(&site, "apex", json!({})).await;
    let foreign = organization(&site, "foreign", json!({})).await;
    let mut browser = site.browser();
    let none = sign_in(&site, &mut browser, "").await;
    let text = "client requires organization membership, but user does not belong to any organization";
    assert_eq!(error(&none), told("invalid_request", text));
    add_member(&site, &acme, &site.user).await;
    let only = sign_in(&site, &mut browser, "").await;
    assert_eq!(organization_of(&site, &only).await, json!(acme));
    add_member(&site, &apex, &site.user).await;
    let mut browser = site.browser();
    let page = sign_in(&site, &mut browser, "").await;
    assert!(page.address.starts_with("/u/organization-picker?"), "{}", page.address);
    assert!(page.html.contains(">The acme<") && page.html.contains(">The apex<") && !page.html.contains("foreign"));
    assert!(!page.html.contains("personal account"), "{}", page.html);
    for wrong in [foreign.as_str(), "", "org_aaaaaaaaaaaaaaaa"] {
        let refused = browser.submit(&page, &[("organization", wrong)]).await;
        assert_eq!((refused.status, refused.faults()), (400, vec!["prompt-alert invalid-organization".to_owned()]));
    }
    assert_eq!(browser.submit(&page, &[("organizationSkipped", "true")]).await.status, 400);
    let back = browser.submit(&page, &[("organization", &apex)]).await;
    assert_eq!(organization_of(&site, &back).await, json!(apex));
    // Silently, it is that of the last time; else users are asked again.
    let silent = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(organization_of(&site, &silent).await, json!(apex));
    remove_member(&site, &apex, &site.user).await;
    add_member(&site, &foreign, &site.user).await;
    let silent = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(error(&silent).0, "interaction_required");
    let page = browser.visit(&site.authorize("")).await;
    let back = browser.submit(&page, &[("organization", &acme)]).await;
    assert_eq!(organization_of(&site, &back).await, json!(acme));
    // Where none is required, one may go on without.
    set_client(&site, json!({"organization_usage": "allow"})).await;
    let page = browser.visit(&site.authorize("")).await;
    assert!(page.html.contains("Continue with your personal account"), "{}", page.html);
    let back = browser.submit(&page, &[("organizationSkipped", "true")]).await;
    assert_eq!(organization_of(&site, &back).await, Value::Null);
    // The choice holds for this login, whatever the page before is sent again: it leads to where logins begin.
    let again = browser.submit(&page, &[("organization", &acme)]).await;
    assert!(again.address.starts_with("https://app.example.com/login?iss="), "{again:?}");
    site.end().await;
}

#[tokio::test]
async fn whoever_comes_by_a_connection_becomes_a_member_where_the_organization_says_so() {
    let site = site(json!({})).await;
    let closed = organization(&site, "closed", json!({})).await;
    let acme =
        organization(&site, "acme", json!({"assign_membership_on_login": true, "is_signup_enabled": true})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize(&format!("&organization={acme}"))).await;
    assert!(page.html.contains("/u/signup/identifier"));
    let back = prove(&mut browser, &page, EMAIL).await;
    assert_eq!(organization_of(&site, &back).await, json!(acme));
    assert_eq!(members(&site, &acme).await, [EMAIL]);
    let entry = logged(&site.server, "organization_member_added").await;
    assert_eq!((&entry["organization_id"], &entry["user_id"]), (&json!(acme), &json!(site.user)));
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize(&format!("&organization={acme}&screen_hint=signup"))).await;
    let page = browser.submit(&page, &[("email", "new@example.com")]).await;
    let back = browser.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!(organization_of(&site, &back).await, json!(acme));
    assert_eq!(members(&site, &acme).await.len(), 2);
    // Where the organization takes nobody in, nobody can sign up.
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize(&format!("&organization={closed}&screen_hint=signup"))).await;
    assert!(page.address.starts_with("/u/login/identifier") && !page.html.contains("/u/signup"), "{}", page.address);
    let state = page.parameter("state").unwrap();
    let page = browser.visit(&format!("/u/signup/identifier?state={state}")).await;
    assert!(page.address.starts_with("/u/login/identifier"), "{}", page.address);
    // Asked after the login, the only one that takes in whoever comes is meant.
    let more = json!({"organization_usage": "require", "organization_require_behavior": "post_login_prompt"});
    set_client(&site, more).await;
    let body =
        json!({"connection": CONNECTION, "email": "joe@example.com", "password": PASSWORD, "verify_email": false});
    assert_eq!(site.server.post("/users", body).await.status, 201);
    let page = browser.visit(&site.authorize("&prompt=login")).await;
    let back = prove(&mut browser, &page, "joe@example.com").await;
    assert_eq!(organization_of(&site, &back).await, json!(acme));
    assert_eq!(members(&site, &acme).await.len(), 3);
    assert!(members(&site, &closed).await.is_empty());
    // It takes nobody in at a third party's, as long as it is closed to these.
    set_client(&site, json!({"is_first_party": false})).await;
    let body =
        json!({"connection": CONNECTION, "email": "jim@example.com", "password": PASSWORD, "verify_email": false});
    assert_eq!(site.server.post("/users", body).await.status, 201);
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let back = prove(&mut browser, &page, "jim@example.com").await;
    assert_eq!(error(&back).0, "invalid_request", "{back:?}");
    assert_eq!(members(&site, &acme).await.len(), 3);
    let open = json!({"third_party_client_access": "allow"});
    assert_eq!(site.server.patch(&format!("/organizations/{acme}"), open).await.status, 200);
    let page = browser.visit(&site.authorize("")).await;
    let page = prove(&mut browser, &page, "jim@example.com").await;
    let back = browser.submit(&page, &[("action", "accept")]).await;
    assert_eq!(organization_of(&site, &back).await, json!(acme));
    site.end().await;
}

#[tokio::test]
async fn a_session_opens_the_other_organizations_of_its_user() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let apex = organization(&site, "apex", json!({})).await;
    for organization in [&acme, &apex] {
        add_member(&site, organization, &site.user).await;
    }
    let mut browser = site.browser();
    let back = sign_in(&site, &mut browser, &format!("&organization={acme}")).await;
    let first = claims(&site.tokens(&code(&back)).await["id_token"]);
    let back = browser.visit(&site.authorize(&format!("&organization={apex}&prompt=none"))).await;
    let second = claims(&site.tokens(&code(&back)).await["id_token"]);
    assert_eq!((&second["org_id"], &second["sid"]), (&json!(apex), &first["sid"]));
    // And none at all.
    let back = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(organization_of(&site, &back).await, Value::Null);
    site.end().await;
}

#[tokio::test]
async fn tokens_of_a_member_end_with_the_membership() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    api(&site, &["read:a"]).await;
    add_member(&site, &acme, &site.user).await;
    let mut browser = site.browser();
    let ask = format!("&organization={acme}&audience={API}&scope=openid%20offline_access");
    let back = sign_in(&site, &mut browser, &ask).await;
    let tokens = site.tokens(&code(&back)).await;
    assert_eq!(site.refresh(tokens["refresh_token"].as_str().unwrap()).await.status, 200);
    remove_member(&site, &acme, &site.user).await;
    let refused = site.refresh(tokens["refresh_token"].as_str().unwrap()).await;
    let text = format!("user {} is not part of the {acme} organization", site.user);
    assert_eq!((refused.status, refused.body), (403, json!({"error": "invalid_grant", "error_description": text})));
    let entry = logged(&site.server, "fertft").await;
    assert_eq!(entry["description"], json!(text));
    add_member(&site, &acme, &site.user).await;
    assert_eq!(site.refresh(tokens["refresh_token"].as_str().unwrap()).await.status, 200);
    assert_eq!(site.server.delete(&format!("/organizations/{acme}")).await.status, 204);
    assert_eq!(site.refresh(tokens["refresh_token"].as_str().unwrap()).await.status, 403);
    site.end().await;
}

#[tokio::test]
async fn a_password_is_exchanged_for_tokens_of_an_organization() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let open = organization(&site, "open", json!({"assign_membership_on_login": true})).await;
    let bare = site.server.post("/organizations", json!({"name": "bare"})).await.body["id"].clone();
    let ask = async |organization: &Value| {
        let body = json!({
            "grant_type": REALM, "realm": CONNECTION, "username": EMAIL, "password": PASSWORD, "scope": "openid",
            "organization": organization,
        });
        site.token(body).await
    };
    let stranger = ask(&json!(acme)).await;
    let text = format!("user {} is not part of the {acme} organization", site.user);
    let expected = json!({"error": "access_denied", "error_description": text});
    assert_eq!((stranger.status, stranger.body), (403, expected));
    add_member(&site, &acme, &site.user).await;
    let tokens = ask(&json!(acme)).await;
    assert_eq!(claims(&tokens.body["id_token"])["org_id"], json!(acme), "{tokens:?}");
    let tokens = ask(&json!(open)).await;
    assert_eq!(claims(&tokens.body["id_token"])["org_id"], json!(open), "{tokens:?}");
    let listed = site.server.get(&format!("/organizations/{open}/members")).await.body;
    assert_eq!(listed[0]["user_id"], json!(site.user));
    for (organization, text) in [
        (bare, "connection is not enabled for the organization"),
        (json!("org_aaaaaaaaaaaaaaaa"), "parameter organization is invalid: org_aaaaaaaaaaaaaaaa"),
    ] {
        let refused = ask(&organization).await;
        assert_eq!((refused.status, &refused.body["error_description"]), (400, &json!(text)));
    }
    site.end().await;
}

#[tokio::test]
async fn code_is_told_the_organization() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let roles = api(&site, &["read:a"]).await;
    site.server.patch(&format!("/organizations/{acme}"), json!({"metadata": {"tier": "gold"}})).await;
    add_member(&site, &acme, &site.user).await;
    give_role(&site, &acme, &roles[0]).await;
    let tell = "exports.onExecutePostLogin = async (event, api) => {
        api.idToken.setCustomClaim('https://x.example/o', event.organization || null);
        api.idToken.setCustomClaim('https://x.example/r', event.authorization.roles);
        const { roles, next } = await api.roles.getUserEffectiveRoles({ take: 1 });
        const named = await api.roles.getUserEffectiveRolesByNames(['may read:a', 'other']);
        const { groups } = await api.groups.getUserGroups();
        const { memberships } = await api.groups.hasGroupMembership(['grp_aaaaaaaaaaaaaaaa']);
        const asked = [roles.map((role) => role.name), next, named.roles.length, groups, memberships];
        api.idToken.setCustomClaim('https://x.example/a', JSON.stringify(asked));
    };";
    let action = deployed(&site.server, "Tell", ("post-login", "v3"), tell).await;
    bind(&site.server, "post-login", &[&action]).await;
    let rule = "function (user, context, callback) {
        context.idToken['https://x.example/c'] = context.organization ? context.organization.metadata.tier : '';
        callback(null, user, context);
    }";
    assert_eq!(site.server.post("/rules", json!({"name": "r", "script": rule})).await.status, 201);
    let mut browser = site.browser();
    let back = sign_in(&site, &mut browser, &format!("&organization={acme}")).await;
    let said = claims(&site.tokens(&code(&back)).await["id_token"]);
    let shown = json!({"id": acme, "name": "acme", "display_name": "The acme", "metadata": {"tier": "gold"}});
    assert_eq!((&said["https://x.example/o"], &said["https://x.example/c"]), (&shown, &json!("gold")));
    assert_eq!(said["https://x.example/r"], json!(["may read:a"]));
    let asked = r#"[["may read:a"],null,1,[],{"grp_aaaaaaaaaaaaaaaa":{"is_member":false}}]"#;
    assert_eq!(said["https://x.example/a"], asked);
    let back = browser.visit(&site.authorize("")).await;
    let said = claims(&site.tokens(&code(&back)).await["id_token"]);
    assert_eq!((&said["https://x.example/o"], &said["https://x.example/r"]), (&Value::Null, &json!([])));
    site.end().await;
}

#[tokio::test]
async fn consent_is_given_to_an_application_in_one_organization() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let apex = organization(&site, "apex", json!({})).await;
    for organization in [&acme, &apex] {
        add_member(&site, organization, &site.user).await;
    }
    let api = json!({
        "identifier": API, "name": "Orders", "scopes": [{"value": "read:a"}],
        "skip_consent_for_verifiable_first_party_clients": false,
    });
    assert_eq!(site.server.post("/resource-servers", api).await.status, 201);
    let mut browser = site.browser();
    let ask = |organization: &str| {
        site.authorize(&format!("&organization={organization}&audience={API}&scope=openid%20read:a"))
    };
    let page = browser.visit(&ask(&acme)).await;
    let page = prove(&mut browser, &page, EMAIL).await;
    assert!(page.address.starts_with("/u/consent?"), "{}", page.address);
    code(&browser.submit(&page, &[("action", "accept")]).await);
    code(&browser.visit(&ask(&acme)).await);
    let page = browser.visit(&ask(&apex)).await;
    assert!(page.address.starts_with("/u/consent?"), "{}", page.address);
    site.end().await;
}

#[tokio::test]
async fn pages_of_an_organization_look_like_it() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let branding = json!({
        "logo_url": "https://acme.example.com/logo.png", "colors": {"primary": "#112233", "page_background": "#445566"},
    });
    let changed = site.server.patch(&format!("/organizations/{acme}"), json!({"branding": branding})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let text = json!({"login-id": {"description": "Welcome at ${companyName}"}});
    assert_eq!(site.put("/prompts/login-id/custom-text/en", text).await.status, 200);
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize(&format!("&organization={acme}"))).await;
    for part in ["src=\"https://acme.example.com/logo.png\"", "#112233", "#445566", "Welcome at The acme"] {
        assert!(page.html.contains(part), "{part}: {}", page.html);
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("https://acme.example.com"), "{policy}");
    let page = browser.visit(&site.authorize("")).await;
    assert!(!page.html.contains("acme"), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn a_member_who_fails_to_log_in_is_logged_with_the_organization() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize(&format!("&organization={acme}"))).await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    assert_eq!(browser.submit(&page, &[("password", "wrong")]).await.status, 400);
    let entry = logged(&site.server, "fp").await;
    assert_eq!((&entry["organization_id"], &entry["user_id"]), (&json!(acme), &json!(site.user)));
    let user = site.server.get(&user_path(&site.user)).await.body;
    assert_eq!(user.get("logins_count"), None);
    site.end().await;
}
