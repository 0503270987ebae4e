//! Invitations to organizations: who accepts one, what follows, and who cannot.

use http::Method;
use serde_json::{Value, json};

use crate::{
    actions::logged,
    app::server_at,
    organizations_login::{add_member, api, members, open, organization, prove, set_client, site},
    server::TestServer,
    site::{CALLBACK, CONNECTION, EMAIL, PASSWORD, Site, claims, code, error, user_path},
};

const INVITED: &str = "ann@example.com";

/// Invites somebody; gives the answer.
async fn invite(site: &Site, organization: &str, email: &str, more: Value) -> Value {
    let mut body = json!({"inviter": {"name": "Bob"}, "invitee": {"email": email}, "client_id": site.client});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = site.server.post(&format!("/organizations/{organization}/invitations"), body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body
}

/// What the application asks that the link of the invitation leads to: the link's own parameters are passed on.
fn accepting(site: &Site, invitation: &Value) -> String {
    let link = invitation["invitation_url"].as_str().unwrap();
    let query = link.strip_prefix("https://app.example.com/login?").unwrap_or_else(|| panic!("{link}"));
    site.authorize(&format!("&{query}"))
}

async fn user(site: &Site, email: &str, more: Value) -> String {
    let mut body = json!({"connection": CONNECTION, "email": email, "password": PASSWORD, "verify_email": false});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    site.server.post("/users", body).await.body["user_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_is_accepted_once() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let roles = api(&site, &["read:a"]).await;
    let more = json!({"roles": roles, "app_metadata": {"desk": 7}, "user_metadata": {"hobby": "chess"}});
    let invitation = invite(&site, &acme, INVITED, more).await;
    let scopes = "&scope=openid%20email%20read:a&audience=https://orders.example.com";
    let ask = accepting(&site, &invitation).replace("&scope=openid%20profile%20email", scopes);
    // Whoever looks at the link uses nothing up.
    site.browser().visit(&ask).await;
    let mut browser = site.browser();
    let page = browser.visit(&ask).await;
    assert_eq!((page.status, page.heading()), (200, "You&#39;ve Been Invited!"), "{}", page.html);
    assert!(page.html.contains("Bob&#39;s invitation to join The acme on Shop"), "{}", page.html);
    let state = page.parameter("state").unwrap();
    let around = browser.visit(&format!("/u/signup/identifier?state={state}")).await;
    assert!(around.address.starts_with("/u/invitation?"), "{}", around.address);
    let page = browser.submit(&page, &[]).await;
    assert!(page.address.starts_with("/u/signup/password?") && page.html.contains(INVITED), "{}", page.address);
    // The address cannot be changed.
    let weak = browser.submit(&page, &[("email", "eve@example.com"), ("password", "abc")]).await;
    assert_eq!(weak.status, 400);
    let back = browser.submit(&weak, &[("email", "eve@example.com"), ("password", PASSWORD)]).await;
    let tokens = site.tokens(&code(&back)).await;
    let said = claims(&tokens["id_token"]);
    assert_eq!(
        (&said["email"], &said["org_id"], &said["email_verified"]),
        (&json!(INVITED), &json!(acme), &json!(true))
    );
    // The roles count at once.
    assert_eq!(claims(&tokens["access_token"])["permissions"], json!(["read:a"]));
    assert_eq!(members(&site, &acme).await, [INVITED]);
    let id = said["sub"].as_str().unwrap();
    let made = site.server.get(&user_path(id)).await.body;
    assert_eq!((&made["app_metadata"]["desk"], &made["user_metadata"]["hobby"]), (&json!(7), &json!("chess")));
    let path = format!("/organizations/{acme}/members/{}/roles", id.replace('|', "%7C"));
    assert_eq!(site.server.get(&path).await.body[0]["id"], json!(roles[0]));
    let accepted = logged(&site.server, "si").await;
    assert_eq!(accepted["details"]["invitation"]["id"], invitation["id"], "{accepted}");
    assert_eq!((&accepted["user_id"], &accepted["organization_id"]), (&json!(id), &json!(acme)));
    // It is used up.
    assert_eq!(site.server.get(&format!("/organizations/{acme}/invitations")).await.body, json!([]));
    let again = site.browser().visit(&ask).await;
    let text = ("invalid_request".to_owned(), "invitation not found or already used".to_owned());
    assert_eq!(error(&again), text);
    assert_eq!(logged(&site.server, "fi").await["organization_id"], json!(acme));
    // Signing in needs none.
    let back = site.browser().visit(&site.authorize(&format!("&organization={acme}"))).await;
    assert!(back.address.starts_with("/u/login/identifier"), "{}", back.address);
    site.end().await;
}

#[tokio::test]
async fn somebody_who_signed_up_with_the_address_before_its_holder_came_is_out() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let id = user(&site, INVITED, json!({"email_verified": false})).await;
    let mut thief = site.browser();
    let ask = "&scope=openid%20offline_access";
    let page = thief.visit(&site.authorize(ask)).await;
    let back = prove(&mut thief, &page, INVITED).await;
    let stolen = site.tokens(&code(&back)).await;
    let invitation = invite(&site, &acme, INVITED, json!({})).await;
    let mut browser = site.browser();
    let page = browser.visit(&accepting(&site, &invitation)).await;
    let page = browser.submit(&page, &[]).await;
    assert!(page.address.starts_with("/u/login/password?"), "{}", page.address);
    assert!(page.html.contains("Log in to accept Bob&#39;s invitation to join The acme"), "{}", page.html);
    assert!(!page.html.contains("/u/signup") && !page.html.contains("edit-"), "{}", page.html);
    let back = browser.submit(&page, &[("username", EMAIL), ("password", PASSWORD)]).await;
    let said = claims(&site.tokens(&code(&back)).await["id_token"]);
    assert_eq!((&said["sub"], &said["org_id"], &said["email_verified"]), (&json!(id), &json!(acme), &json!(true)));
    assert_eq!(members(&site, &acme).await, [INVITED]);
    // What there was before the address was proven has ended; the new session stands.
    let silent = thief.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(error(&silent).0, "login_required");
    let renewed = site.refresh(stolen["refresh_token"].as_str().unwrap()).await;
    assert_eq!((renewed.status, &renewed.body["error"]), (403, &json!("invalid_grant")));
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    site.end().await;
}

#[tokio::test]
async fn an_invitation_whose_link_was_not_mailed_proves_no_address() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let invitation = invite(&site, &acme, INVITED, json!({"send_invitation_email": false})).await;
    let mut browser = site.browser();
    let page = browser.visit(&accepting(&site, &invitation)).await;
    let page = browser.submit(&page, &[]).await;
    let back = browser.submit(&page, &[("password", PASSWORD)]).await;
    let said = claims(&site.tokens(&code(&back)).await["id_token"]);
    assert_eq!((&said["org_id"], &said["email_verified"]), (&json!(acme), &json!(false)));
    site.end().await;
}

#[tokio::test]
async fn an_invitation_is_for_one_address_whoever_is_signed_in() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    user(&site, INVITED, json!({"email_verified": true})).await;
    let invitation = invite(&site, &acme, INVITED, json!({})).await;
    // Somebody else is signed in at this browser: a page comes all the same, and no silent way.
    let mut browser = site.browser();
    code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await);
    let ask = accepting(&site, &invitation);
    let silent = browser.visit(&format!("{ask}&prompt=none")).await;
    assert_eq!(error(&silent).0, "login_required");
    let page = browser.visit(&ask).await;
    assert_eq!(page.heading(), "You&#39;ve Been Invited!");
    let page = browser.submit(&page, &[]).await;
    // The other's password opens nothing here.
    site.server.patch(&user_path(&site.user), json!({"password": "Other-Horse-8"})).await;
    let wrong = browser.submit(&page, &[("username", EMAIL), ("password", "Other-Horse-8")]).await;
    assert_eq!(wrong.status, 400);
    // Its address changes while the login lasts.
    let ann = site.server.get(&format!("/users-by-email?email={INVITED}")).await.body[0]["user_id"].clone();
    let proven = browser.send(&page, &[("password", PASSWORD)]).await;
    let moved = json!({"email": "elsewhere@example.com", "verify_email": false});
    assert_eq!(site.server.patch(&user_path(ann.as_str().unwrap()), moved).await.status, 200);
    let back = browser.visit(&proven.location()).await;
    let text = "invitation is for another email address".to_owned();
    assert_eq!(error(&back), ("access_denied".to_owned(), text.clone()));
    assert_eq!(logged(&site.server, "fi").await["description"], json!(text));
    assert!(members(&site, &acme).await.is_empty());
    // It can be accepted still.
    let listed = site.server.get(&format!("/organizations/{acme}/invitations")).await.body;
    assert_eq!(listed[0]["id"], invitation["id"]);
    site.end().await;
}

#[tokio::test]
async fn an_invitation_is_of_one_organization_and_can_be_revoked() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let apex = organization(&site, "apex", json!({})).await;
    let invitation = invite(&site, &acme, INVITED, json!({})).await;
    let ticket = invitation["ticket_id"].as_str().unwrap();
    let text = ("invalid_request".to_owned(), "invitation not found or already used".to_owned());
    let crossed = site.browser().visit(&site.authorize(&format!("&invitation={ticket}&organization={apex}"))).await;
    assert_eq!(error(&crossed), text);
    // Nor of another tenant, whose organization has the same name.
    let elsewhere = open(Site::on(TestServer::start().await).await, json!({})).await;
    let theirs = organization(&elsewhere, "acme", json!({})).await;
    let ask = elsewhere.authorize(&format!("&invitation={ticket}&organization={theirs}"));
    assert_eq!(error(&elsewhere.browser().visit(&ask).await), text);
    // Two tabs: the organization of one does not become that of the other.
    add_member(&site, &apex, &site.user).await;
    let mut browser = site.browser();
    let accepts = browser.visit(&accepting(&site, &invitation)).await;
    let other = browser.visit(&site.authorize(&format!("&organization={apex}"))).await;
    let accepts = browser.submit(&accepts, &[]).await;
    let other = prove(&mut browser, &other, EMAIL).await;
    assert_eq!(claims(&site.tokens(&code(&other)).await["id_token"])["org_id"], json!(apex));
    // Revoked while the user signs up: nobody gets in by it, and no account comes of it.
    let path = format!("/organizations/{acme}/invitations/{}", invitation["id"].as_str().unwrap());
    assert_eq!(site.server.delete(&path).await.status, 204);
    let back = browser.submit(&accepts, &[("password", PASSWORD)]).await;
    assert_eq!(error(&back), text);
    assert!(members(&site, &acme).await.is_empty());
    assert_eq!(site.server.get(&format!("/users-by-email?email={INVITED}")).await.body, json!([]));
    elsewhere.end().await;
    site.end().await;
}

#[tokio::test]
async fn an_invitation_has_its_time() {
    let (server, clock) = server_at(1_800_000_000).await;
    let site = open(Site::on(server).await, json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let invitation = invite(&site, &acme, INVITED, json!({"ttl_sec": 60})).await;
    let mut browser = site.browser();
    let page = browser.visit(&accepting(&site, &invitation)).await;
    clock.advance(std::time::Duration::from_secs(61));
    let late = site.browser().visit(&accepting(&site, &invitation)).await;
    assert_eq!((late.status, late.heading()), (400, "Oops!, something went wrong"));
    assert!(late.html.contains("invitation has expired"), "{}", late.html);
    // Also for whoever came in time.
    let back = browser.submit(&page, &[]).await;
    assert!(back.address.starts_with(CALLBACK), "{}", back.address);
    assert_eq!(error(&back).1, "invitation not found or already used");
    site.end().await;
}

#[tokio::test]
async fn two_organizations_of_a_tenant_see_nothing_of_each_other() {
    let site = site(json!({})).await;
    let acme = organization(&site, "acme", json!({})).await;
    let apex = organization(&site, "apex", json!({})).await;
    let roles = api(&site, &["read:a"]).await;
    let invitation = invite(&site, &acme, INVITED, json!({"roles": roles})).await;
    let mut browser = site.browser();
    let page = browser.visit(&accepting(&site, &invitation)).await;
    let page = browser.submit(&page, &[]).await;
    let back = browser.submit(&page, &[("password", PASSWORD)]).await;
    let ann = claims(&site.tokens(&code(&back)).await["id_token"])["sub"].as_str().unwrap().to_owned();
    let open = invite(&site, &acme, "joe@example.com", json!({})).await;
    for (path, count) in [("members", 1), ("invitations", 1)] {
        let own = site.server.get(&format!("/organizations/{acme}/{path}")).await.body;
        assert_eq!(own.as_array().unwrap().len(), count, "{path}");
        assert_eq!(site.server.get(&format!("/organizations/{apex}/{path}")).await.body, json!([]), "{path}");
    }
    let id = open["id"].as_str().unwrap();
    let path = format!("/organizations/{apex}/invitations/{id}");
    assert_eq!(site.server.get(&path).await.status, 404);
    assert_eq!(site.server.manage(Method::DELETE, &path, None).await.status, 404);
    assert_eq!(site.server.get(&format!("/organizations/{acme}/invitations/{id}")).await.status, 200);
    let encoded = ann.replace('|', "%7C");
    let of_member = |organization: &str| format!("/organizations/{organization}/members/{encoded}/roles");
    assert_eq!(site.server.get(&of_member(&acme)).await.body.as_array().unwrap().len(), 1);
    assert_eq!(site.server.get(&of_member(&apex)).await.body, json!([]));
    // What she may do there, she may not here: not even as a member.
    add_member(&site, &apex, &ann).await;
    let ask = |organization: &str| {
        site.authorize(&format!(
            "&organization={organization}&audience=https://orders.example.com&scope=openid%20read:a"
        ))
    };
    for (organization, permissions) in [(&apex, json!([])), (&acme, json!(["read:a"]))] {
        let back = browser.visit(&ask(organization)).await;
        let tokens = site.tokens(&code(&back)).await;
        assert_eq!(claims(&tokens["access_token"])["permissions"], permissions);
    }
    // Nor does a membership of one open the other's login.
    set_client(&site, json!({"organization_usage": "require", "organization_require_behavior": "post_login_prompt"}))
        .await;
    let page = browser.visit(&site.authorize("")).await;
    assert!(page.html.contains("The acme") && page.html.contains("The apex"), "{}", page.html);
    site.end().await;
}
