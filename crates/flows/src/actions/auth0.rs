//! `AUTH0`: the Management API of a tenant, mostly of this one.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use kernel::Value;
use model::CUSTOM_DOMAIN;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use store::Query;

use super::http as requests;
use crate::{
    Failure,
    doing::Doing,
    outgoing::{Auth, Body, Outgoing, is_segment, output},
    params::Params,
    site::Site,
    vault::Connection,
};

impl Doing<'_> {
    /// Sends a request with the connection's token. A token that is refused is fetched anew, once.
    async fn authorized(
        &mut self,
        connection: &Connection,
        make: impl Fn(&Site) -> Result<Outgoing, Failure> + Send + Sync,
    ) -> Result<Response<Bytes>, Failure> {
        let site = self.site(&connection.text("domain")?).await?;
        let mut has_tried = false;
        loop {
            let mut outgoing = make(&site)?;
            outgoing.authorize(Auth::Bearer(self.token(connection).await?));
            let response = self.send_to(&site, outgoing).await?;
            if response.status() != StatusCode::UNAUTHORIZED || has_tried {
                return Ok(response);
            }
            self.forget_token(connection);
            has_tried = true;
        }
    }

    pub(super) async fn create_user(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let connection = self.connection(params).await?;
        let payload = params.object("payload")?;
        self.check_domain(&connection).await?;
        let response = self.authorized(&connection, |site| {
            let mut outgoing = site.request(Method::POST, "/api/v2/users")?;
            // Of several, the user's messages name the one that the connection has.
            if let Some(domain) = site.custom_domain() {
                outgoing.header("auth0-custom-domain", domain);
            }
            outgoing.body = Body::Json(payload.clone().into());
            Ok(outgoing)
        });
        user(&response.await?)
    }

    pub(super) async fn get_user(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let path = path_of(params)?;
        let connection = self.connection(params).await?;
        let response = self.authorized(&connection, |site| site.request(Method::GET, &path));
        user(&response.await?)
    }

    pub(super) async fn update_user(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let path = path_of(params)?;
        let changes = params.object("changes")?;
        let connection = self.connection(params).await?;
        let response = self.authorized(&connection, |site| {
            let mut outgoing = site.request(Method::PATCH, &path)?;
            outgoing.body = Body::Json(changes.clone().into());
            Ok(outgoing)
        });
        user(&response.await?)
    }

    pub(super) async fn call_api(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let (method, path) = (requests::method(params)?, params.required("pathname")?);
        let connection = self.connection(params).await?;
        let response = self.authorized(&connection, |site| {
            let mut outgoing = site.request(method.clone(), &path)?;
            requests::complete(&mut outgoing, params);
            outgoing.body = match params.value("payload") {
                None => Body::None,
                Some(Value::String(text)) => Body::Text { media_type: "application/json", text: text.clone() },
                Some(payload) => Body::Json(payload.clone()),
            };
            Ok(outgoing)
        });
        Ok(output(&response.await?))
    }

    async fn connection(&mut self, params: Params<'_>) -> Result<Connection, Failure> {
        self.open(&params.required("connection_id")?, "AUTH0").await
    }

    /// Users are not created by the canonical domain of this tenant where it has several custom ones: which of them the user's messages
    /// would name is not known.
    async fn check_domain(&self, connection: &Connection) -> Result<(), Failure> {
        let site = self.site(&connection.text("domain")?).await?;
        if site.own.is_none_or(|tenant| tenant.host() != tenant.domain()) {
            return Ok(());
        }
        let store = &self.services.store;
        let read = store.read(self.tenant.id(), |reader| reader.list(&CUSTOM_DOMAIN, &Query::default()));
        let ready = read.await?.items.iter().filter(|domain| domain.text("status") == Some("ready")).count();
        if ready < 2 {
            return Ok(());
        }
        let message = "Users cannot be created by the canonical domain of a tenant with several custom domains. \
                       Set the vault connection's domain to one of these.";
        Err(Failure::new("CUSTOM_DOMAIN_REQUIRED", message))
    }
}

fn path_of(params: Params<'_>) -> Result<String, Failure> {
    let id = params.required("user_id")?;
    if !is_segment(&id) {
        return Err(Failure::invalid("user_id", "the identifier of a user"));
    }
    Ok(format!("/api/v2/users/{}", utf8_percent_encode(&id, NON_ALPHANUMERIC)))
}

/// The user that a response holds; a response that refuses fails the action.
fn user(response: &Response<Bytes>) -> Result<Value, Failure> {
    let shown = output(response);
    if response.status().is_success() {
        return Ok(shown["body"].clone());
    }
    let told = shown["body"]["message"].as_str().unwrap_or("no message");
    let message = format!("The Management API answered with status {}: {told}", response.status().as_u16());
    Err(Failure { response: Some(shown), ..Failure::new("REQUEST_REFUSED", message) })
}
