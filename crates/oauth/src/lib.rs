//! The OAuth 2.0 and OpenID Connect endpoints of tenants, and the bearer authentication of their Management APIs.

mod app_links;
mod authorize;
mod bearer;
mod capabilities;
mod client;
mod client_credentials;
mod code;
mod consent;
mod cors;
mod cross_origin;
mod dbconnections;
mod described;
mod error;
mod facts;
mod id_token;
mod issue;
mod log;
mod logout;
mod mfa;
mod opaque;
mod organization;
mod par;
mod password;
mod passwordless;
mod post_login;
mod profile;
mod refresh_token;
mod request;
mod revoke;
mod rights;
mod session;
mod signed_in;
mod third_parties;
mod token;
mod token_exchange;
mod turns;
mod user_grant;
mod userinfo;
mod v1;
mod views;
mod well_known;

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    extract::FromRequestParts,
    middleware,
    routing::{get, post},
};
use http::request::Parts;
use identity::{AccessToken, Services, SigningKeys, Verifier};
use kernel::Tenant;
use model::login::Pages;
use store::Store;

pub use bearer::Bearer;
pub use described::DocumentReader;
pub use error::OAuthError;
pub use session::cookie_names;

use crate::{
    app_links::{ANDROID, APPLE, AppLinks},
    authorize::{AUTHORIZE, RESUME},
    described::DescribedClients,
    token::Grant,
    turns::Turns,
    views::Views,
    well_known::Documents,
};

/// What the endpoints of all tenants share.
pub struct OAuth {
    store: Store,
    keys: SigningKeys,
    grants: Vec<Box<dyn Grant>>,
    services: Services,
    pages: Arc<dyn Pages>,
    user_tokens: Verifier<AccessToken>,
    views: Views,
    consents: consent::Consents,
    documents: Documents,
    described: DescribedClients,
    app_links: AppLinks,
    turns: Turns,
}

impl OAuth {
    /// The endpoints of the tenants in this store.
    pub fn new(
        store: Store,
        keys: SigningKeys,
        services: Services,
        pages: Arc<dyn Pages>,
        reader: Arc<dyn DocumentReader>,
    ) -> Arc<Self> {
        let grants: Vec<Box<dyn Grant>> = vec![
            Box::new(client_credentials::ClientCredentials),
            Box::new(code::AuthorizationCode),
            Box::new(refresh_token::RefreshTokens),
            Box::new(password::Password),
            Box::new(password::PasswordRealm),
            Box::new(passwordless::Otp),
            Box::new(token_exchange::TokenExchange),
        ];
        let user_tokens =
            Verifier::new(store.clone(), keys.clone(), |_, issuer| format!("{issuer}userinfo"), AccessToken::clone);
        let (documents, turns) = (Documents::default(), Turns::default());
        let views = Views::default();
        let described = DescribedClients::new(reader);
        Arc::new(Self {
            store,
            keys,
            grants,
            services,
            pages,
            user_tokens,
            views,
            consents: consent::Consents::default(),
            documents,
            described,
            app_links: AppLinks::default(),
            turns,
        })
    }
}

/// The endpoints as one request sees them: what all tenants share, and the tenant that the request is for.
#[derive(Clone)]
pub struct Site {
    oauth: Arc<OAuth>,
    tenant: Tenant,
}

impl Site {
    /// The endpoints for this tenant.
    pub fn new(oauth: Arc<OAuth>, tenant: Tenant) -> Self {
        Self { oauth, tenant }
    }
}

impl Deref for Site {
    type Target = OAuth;

    fn deref(&self) -> &OAuth {
        &self.oauth
    }
}

impl FromRequestParts<Arc<OAuth>> for Site {
    type Rejection = OAuthError;

    async fn from_request_parts(parts: &mut Parts, oauth: &Arc<OAuth>) -> Result<Self, OAuthError> {
        let tenant = parts.extensions.get::<Tenant>().cloned();
        let tenant = tenant.ok_or_else(|| OAuthError::internal("a request without a tenant"))?;
        Ok(Self::new(Arc::clone(oauth), tenant))
    }
}

const TOKEN: &str = "/oauth/token";
const USERINFO: &str = "/userinfo";
const REVOKE: &str = "/oauth/revoke";
const PUSHED: &str = "/oauth/par";
const LOGOUT: [&str; 3] = ["/v2/logout", "/oidc/logout", "/oidc/logout/resume"];
const DATABASES: [&str; 2] = ["/dbconnections/signup", "/dbconnections/change_password"];
const PASSWORDLESS: [&str; 4] =
    ["/passwordless/start", "/passwordless/verify", "/passwordless/verify_redirect", "/otp/challenge"];
const CROSS_ORIGIN: &str = "/co/authenticate";
const SSO_DATA: &str = "/user/ssodata";
const KEYS: &str = "/.well-known/jwks.json";
const METADATA: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// Where applications register themselves: served beside the Management API, which makes the clients.
pub const REGISTRATION: &str = "/oidc/register";

/// The paths of the endpoints, by which requests are counted.
pub const PATHS: [&str; 24] = [
    TOKEN,
    KEYS,
    METADATA[0],
    METADATA[1],
    AUTHORIZE,
    RESUME,
    post_login::CONTINUE,
    USERINFO,
    REVOKE,
    PUSHED,
    LOGOUT[0],
    LOGOUT[1],
    LOGOUT[2],
    DATABASES[0],
    DATABASES[1],
    PASSWORDLESS[0],
    PASSWORDLESS[1],
    PASSWORDLESS[2],
    PASSWORDLESS[3],
    REGISTRATION,
    APPLE,
    ANDROID,
    CROSS_ORIGIN,
    SSO_DATA,
];

/// The routes of the endpoints.
pub fn router(oauth: Arc<OAuth>) -> Router {
    let for_scripts = Router::new()
        .route(TOKEN, post(token::endpoint).options(cors::no_content))
        .route(USERINFO, get(userinfo::endpoint).post(userinfo::endpoint).options(cors::no_content))
        .route(REVOKE, post(revoke::endpoint).options(cors::no_content))
        .route(DATABASES[0], post(dbconnections::sign_up).options(cors::no_content))
        .route(DATABASES[1], post(dbconnections::change_password).options(cors::no_content))
        .route(PASSWORDLESS[0], post(passwordless::start).options(cors::no_content))
        .route(PASSWORDLESS[1], post(passwordless::verify).options(cors::no_content))
        .route(PASSWORDLESS[3], post(passwordless::challenge).options(cors::no_content))
        .layer(middleware::from_fn(cors::any_origin));
    for_scripts
        .route(AUTHORIZE, get(authorize::endpoint).post(authorize::endpoint))
        .route(RESUME, get(authorize::resume).post(authorize::resume))
        .route(post_login::CONTINUE, get(authorize::returning::endpoint).post(authorize::returning::endpoint))
        .route(PASSWORDLESS[2], get(passwordless::redirect).post(passwordless::redirect))
        .route(CROSS_ORIGIN, post(cross_origin::endpoint).options(cross_origin::preflight))
        .route(SSO_DATA, get(cross_origin::ssodata))
        .route(PUSHED, post(par::endpoint))
        .route(LOGOUT[0], get(logout::v2))
        .route(LOGOUT[1], get(logout::oidc).post(logout::oidc))
        .route(LOGOUT[2], get(logout::resume))
        .route(KEYS, get(well_known::jwks).options(well_known::preflight))
        .route(METADATA[0], get(well_known::metadata).options(well_known::preflight))
        .route(METADATA[1], get(well_known::metadata).options(well_known::preflight))
        .route(APPLE, get(app_links::apple))
        .route(ANDROID, get(app_links::android))
        .with_state(oauth)
}
