//! Tools for whoever develops against this server: the outbox of messages, logins without pages, and a start page. They are there where only this machine reaches the
//! server, and elsewhere by the operator's explicit will, for callers with a token of the Management API.

mod guard;
mod html;
mod outbox;
mod page;
mod sessions;
mod start;
mod trial;

use std::sync::Arc;

use axum::{
    Extension, Router, middleware,
    routing::{MethodRouter, get, post},
};
use delivery::Outbox;
use identity::SigningKeys;
use kernel::Secret;
use oauth::Bearer;
use store::Store;

/// What the tools share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tools {
    store: Store,
    outbox: Outbox,
    secret: Secret,
}

impl Tools {
    /// The tools of the tenants in this store; logins without pages ask for the secret.
    pub(crate) fn new(store: &Store, secret: Secret) -> Self {
        Self { store: store.clone(), outbox: Outbox::default(), secret }
    }

    /// What takes the messages that are sent.
    pub(crate) fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// What pages of the tools show that their requests come from them. Pages that tenants wrote are of the same origin, and must not use the
    /// tools.
    pub(crate) fn page_token(&self) -> String {
        kernel::digest(&format!("a page of the tools {}", self.secret.reveal()))
    }

    /// What logins without pages ask for.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// What the person is told who starts a server with tools.
pub(crate) fn told(domain: &str, secret: &Secret) -> String {
    format!("Tools for developers: https://{domain}/_aught/outbox\n  developer secret  {}\n\n", secret.reveal())
}

/// The routes of the tools. `login` has the endpoints that give tokens, which are signed with the `keys`.
pub(crate) fn router(tools: &Tools, bearer: Bearer, login: Router, keys: SigningKeys) -> Router {
    let guard = Arc::new(guard::Guard::new(bearer, tools.page_token()));
    Router::new()
        .route("/", get(start::show))
        .route("/_aught/sessions", post(sessions::create))
        .route(trial::PATH, post(trial::begin))
        .route(trial::CALLBACK, get(trial::end))
        .route("/_aught/outbox", outbox_routes())
        .route("/_aught/outbox/{id}/html", get(outbox::html))
        .layer(middleware::from_fn_with_state(guard, guard::admit))
        .layer(Extension(Arc::new(login)))
        .layer(Extension(keys))
        .with_state(tools.clone())
}

fn outbox_routes() -> MethodRouter<Tools> {
    get(outbox::list).delete(outbox::clear)
}
