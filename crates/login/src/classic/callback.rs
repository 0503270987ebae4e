//! What a login from a classic page is answered with, and `/login/callback`, where the page sends it: a form with a signed statement of who
//! has logged in. It proves nothing that the store does not know: the login stands in its transaction, which only its own browser goes on with.

use std::time::Duration;

use delivery::liquid::escaped;
use http::StatusCode;
use identity::{jwt, signature};
use kernel::{Document, TenantId, Value};
use model::login::{Browser, Transaction};
use serde_json::json;
use store::{Snapshot, Store, StoreResult};

use super::config;
use crate::{
    accounts::TRANSACTION,
    carrier,
    form::Form,
    reply::{Answer, Reply},
    service::{Login, RESUME},
};

/// For what the key of the statements is.
const KEY: &str = "statements of classic logins";
/// How long a statement holds.
const LIFETIME: Duration = Duration::from_secs(60);
/// Who makes statements.
const ISSUER: &str = "urn:auth0";
/// What statements tell of a user.
const TOLD: [&str; 6] = ["user_id", "email", "email_verified", "name", "nickname", "username"];
/// The member that binds a statement to its login.
const LOGIN: &str = "login";

/// The form for a login whose user is known.
pub(super) async fn form(
    store: &Store,
    tenant: &TenantId,
    browser: &Browser,
    transaction: &Transaction,
) -> StoreResult<Answer> {
    let (id, name) = (transaction.id.clone(), tenant.as_str().to_owned());
    let work = move |reader: &Snapshot| {
        let stored = reader.peek_single_use(TRANSACTION, &id)?;
        let stored = stored.map(|stored| serde_json::from_value::<Transaction>(stored.payload.into())).transpose()?;
        let known = stored.and_then(|stored| stored.progress.authentication);
        let user = known.as_ref().map(|known| reader.get(&model::USER, &known.user_id)).transpose()?.flatten();
        let connection = known.map(|known| known.connection).unwrap_or_default();
        let mut claims: Document = user
            .iter()
            .flat_map(|user| {
                TOLD.iter().filter_map(|name| Some(((*name).to_owned(), user.document.get(*name)?.clone())))
            })
            .collect();
        let now = reader.now();
        claims.insert(LOGIN.into(), kernel::digest(&id).into());
        claims.insert("iat".into(), now.seconds().into());
        claims.insert("exp".into(), (now + LIFETIME).seconds().into());
        claims.insert("aud".into(), format!("urn:auth0:{name}:{connection}").into());
        claims.insert("iss".into(), ISSUER.into());
        let header = jwt::Header { alg: "HS256", typ: "JWT", kid: None };
        let input = jwt::signing_input(&header, &claims)?;
        let signature = signature::hmac_sha256(&key(reader)?, input.as_bytes());
        Ok::<_, store::StoreError>((jwt::finish(input, &signature), connection))
    };
    let (statement, connection) = store.read(tenant, work).await?;
    let parameters = transaction.request.protocol.get("parameters");
    let parameter = |name: &str| parameters.and_then(|all| all.get(name)).cloned().unwrap_or(Value::Null);
    let mut context = json!({
        "strategy": "auth0",
        "auth0Client": "",
        "tenant": tenant.as_str(),
        "connection": connection,
        "client_id": transaction.request.client_id,
        "response_type": parameter("response_type"),
        "scope": parameter("scope"),
        "protocol": "oauth2",
        "redirect_uri": transaction.request.redirect_uri,
        "state": carrier::state(&transaction.id, 0),
        "nonce": parameter("nonce"),
        "realm": connection,
        "audience": parameter("audience"),
    });
    if let Some(context) = context.as_object_mut() {
        context.retain(|_, value| !value.is_null());
    }
    let action = format!("{}/login/callback", config::origin(browser));
    let html = format!(
        "<form method=\"post\" name=\"hiddenform\" action=\"{action}\">\
         <input type=\"hidden\" name=\"wa\" value=\"wsignin1.0\"><input type=\"hidden\" name=\"wresult\" value=\"{statement}\">\
         <input type=\"hidden\" name=\"wctx\" value=\"{context}\"><noscript><p>Script is disabled. Click Submit to continue.</p>\
         <input type=\"submit\" value=\"Submit\"></noscript></form>",
        action = escaped(&action),
        context = escaped(&context.to_string()),
    );
    Ok(Answer::html(StatusCode::OK, html))
}

/// The key of the tenant's statements.
fn key(reader: &Snapshot) -> StoreResult<Vec<u8>> {
    Ok(reader.keyed_hash(KEY, "key")?.to_text().into_bytes())
}

/// Whether a statement is ours, holds still, and is about this login.
fn is_sound(reader: &Snapshot, statement: &str, id: &str) -> StoreResult<bool> {
    let Some(statement) = jwt::Jwt::parse(statement) else { return Ok(false) };
    let is_signed = signature::verify_hmac_sha256(&key(reader)?, statement.signed, &statement.signature);
    let is_fresh = statement.seconds("exp").is_some_and(|expires| expires > reader.now().seconds());
    let is_ours = statement.text("iss") == Some(ISSUER) && statement.text(LOGIN) == Some(kernel::digest(id).as_str());
    Ok(is_signed && is_fresh && is_ours)
}

impl Login {
    /// `/login/callback`: the browser goes on to where its login stands.
    pub(super) async fn classic_callback(
        &self,
        tenant: &TenantId,
        browser: &Browser,
        form: &Form,
    ) -> StoreResult<Reply> {
        let context: Value = serde_json::from_str(form.get("wctx")).unwrap_or_default();
        let state = context.get("state").and_then(Value::as_str).unwrap_or_default();
        if let Some((id, _)) = carrier::parse(state) {
            let (statement, named) = (form.get("wresult").to_owned(), id.to_owned());
            let check = move |reader: &Snapshot| is_sound(reader, &statement, &named);
            if self.store.read(tenant, check).await? {
                return Ok(Reply::to(format!("{RESUME}?state={}", carrier::state(id, 0))));
            }
        }
        let scene = self.scene(tenant, "", browser, "login", &[]).await?;
        Ok(self.lost_page(&scene).await)
    }
}
