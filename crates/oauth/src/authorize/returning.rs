//! `/continue`: the user comes back from where the tenant's code sent them, and the login goes on in that code
//! (reference: sessions-and-login-rules §6, step 10).

use axum::{body::Body, response::Response};
use http::Request;
use model::login::{Outcome, Transaction};
use store::{StoreError, Tx};

use super::{
    admission::judge,
    browser::{self, Visit},
    failure::Failure,
    login::Return,
    parameters_of, proceed,
};
use crate::{Site, post_login, request::Parameters};

/// What a `state` is kept as that came back.
const KIND: &str = "returned_state";

/// `GET` and `POST /continue`.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let (visit, query, form) = match browser::read_all(request).await {
        Ok(read) => read,
        Err(error) => return Failure::Page(error).respond(&site, &Visit::default()).await,
    };
    match Box::pin(come_back(&site, &visit, &query, &form)).await {
        Ok(response) => response,
        Err(failure) => failure.respond(&site, &visit).await,
    }
}

async fn come_back(site: &Site, visit: &Visit, query: &Parameters, form: &Parameters) -> Result<Response, Failure> {
    let state = query.get("state").or_else(|| form.get("state")).unwrap_or_default();
    let outcome = site.pages.outcome(site.tenant.id(), state, &visit.browser).await;
    let transaction = match outcome.map_err(|error| Failure::Page(error.into()))? {
        Outcome::Authenticated(transaction) => transaction,
        Outcome::Pending(_) => {
            let sent = (query.all(), form.all());
            let back = site.pages.come_back(site.tenant.id(), state, sent, &visit.browser).await;
            let back = back.map_err(|error| Failure::Page(error.into()))?;
            return back.map(|redirect| browser::send(&redirect)).ok_or(Failure::Lost);
        }
        _ => return Err(Failure::Lost),
    };
    if !transaction.is_at(state) || !post_login::waits(&transaction) || !is_first(site, &transaction, state).await? {
        return Err(Failure::Lost);
    }
    // A form that is not filled in cannot be left out.
    if post_login::waits_for_form(&transaction) && transaction.progress.form.is_none() {
        return Err(Failure::Lost);
    }
    let asked = judge(site, &parameters_of(&transaction)).await?;
    let returned = Return { query: query.all(), body: form.all() };
    proceed(site, visit, &asked, *transaction, Some(returned)).await
}

/// Whether a `state` comes back for the first time. Of any number of visits one goes on; a login that the browser carries could be shown
/// again otherwise.
async fn is_first(site: &Site, transaction: &Transaction, state: &str) -> Result<bool, Failure> {
    let (state, expires) = (state.to_owned(), transaction.expires);
    let note = move |tx: &mut Tx| tx.put_single_use(KIND, &state, kernel::Document::new(), None, expires);
    match site.store.write(site.tenant.id(), note).await {
        Ok(()) => Ok(true),
        Err(StoreError::Taken { .. }) => Ok(false),
        Err(error) => Err(Failure::inside(error)),
    }
}
