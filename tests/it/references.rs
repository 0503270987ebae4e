//! What becomes of sessions and refresh tokens when what they name is deleted: the references of `model` whose holders come to be
//! by a login alone. All others are tested in `identity::deletion`.

use model::references::{Place, REFERENCES, Rows, Rule};
use store::{Held, Paging, Snapshot, StoreResult};

use crate::{
    browser::Browser,
    site::{EMAIL, PASSWORD, Site, code, error, user_path},
};

#[tokio::test]
async fn what_a_login_left_goes_with_its_user_or_client() {
    let mut places = 0;
    for reference in REFERENCES {
        let Place::Rows(rows @ (Rows::Sessions | Rows::RefreshTokensOfUser | Rows::RefreshTokensOfClient)) =
            reference.place
        else {
            continue;
        };
        assert_eq!(reference.rule, Rule::Cascade, "{reference:?}");
        places += 1;
        let site = Site::start().await;
        let mut browser = site.browser();
        let refresh_token = log_in(&site, &mut browser).await;
        assert_eq!(held(&site, rows).await, 1, "{reference:?}");
        let target = match reference.target.name {
            "user" => user_path(&site.user),
            "client" => format!("/clients/{}", site.client),
            other => panic!("nobody deletes a {other} here"),
        };
        assert_eq!(site.server.delete(&target).await.status, 204, "{reference:?}");
        assert_eq!(held(&site, rows).await, 0, "{reference:?}");
        let refused = site.refresh(&refresh_token).await;
        assert!(matches!(refused.status, 401 | 403), "{reference:?} {refused:?}");
        if reference.target.name == "user" {
            let silent = browser.visit(&site.authorize("&prompt=none")).await;
            assert_eq!(error(&silent).0, "login_required", "{reference:?}");
        }
        site.end().await;
    }
    assert_eq!(places, 3);
}

/// Signs the user in, who stays signed in, and gives what the application may come back with.
async fn log_in(site: &Site, browser: &mut Browser) -> String {
    let page = browser.visit(&site.authorize("&scope=openid%20offline_access")).await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    let done = browser.submit(&page, &[("password", PASSWORD), ("action", "default")]).await;
    let tokens = site.tokens(&code(&done)).await;
    tokens["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token: {tokens}")).to_owned()
}

/// How many rows name the user or the client: looked up behind the API, which tells nothing of who is gone.
async fn held(site: &Site, rows: Rows) -> usize {
    let store = &site.server.running.store;
    let tenant = store.tenants().await.unwrap().remove(0);
    let (user, client) = (site.user.clone(), site.client.clone());
    let count = move |reader: &Snapshot| -> StoreResult<usize> {
        let of = match rows {
            Rows::RefreshTokensOfClient => Held { client_id: Some(&client), ..Held::default() },
            _ => Held { user_id: Some(&user), ..Held::default() },
        };
        Ok(match rows {
            Rows::Sessions => reader.sessions_of(&user, &Paging::All, false)?.items.len(),
            _ => reader.refresh_tokens(of, &Paging::All, false)?.items.len(),
        })
    };
    store.read(&tenant, count).await.unwrap()
}
