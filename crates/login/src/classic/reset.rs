//! `/lo/reset`: the page for new passwords that a tenant wrote itself (`change_password`). Its Liquid names `email`, `ticket`, `csrf_token`,
//! what passwords must be, and the tenant.

use delivery::liquid::{self, escaped};
use http::StatusCode;
use kernel::{Document, TenantId, Value, object};
use model::login::{Browser, LoginRequest};
use serde_json::json;
use store::{Snapshot, StoreResult};

use super::{
    clients, config,
    own_page::{self, is_from_page},
    sign_in::{refusal, told},
};
use crate::{
    accounts::{Refused, ResetTicket},
    form::Form,
    paths::encoded,
    reply::{Answer, Reply},
    service::{Login, Scene},
    step::{Fault, Show},
};

/// Longest ticket.
const LONGEST: usize = 128;
/// Where tickets are redeemed of tenants that wrote no page.
const OURS: &str = "/u/reset-verify";

/// A ticket as it was presented.
fn ticket(presented: &str) -> String {
    presented.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter)).take(LONGEST).collect()
}

impl Login {
    /// Shows the page to whoever has a ticket that holds.
    pub(super) async fn reset_page(
        &self,
        tenant: &TenantId,
        presented: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let ticket = ticket(presented);
        let mut scene = self.scene(tenant, "", browser, "reset-password", locales).await?;
        let found = self.accounts.reset_ticket(&scene.call(tenant, browser, ""), &ticket).await;
        let page = match found {
            Ok(found) => self.own_reset_page(tenant, &mut scene, &ticket, found, browser, "").await?,
            Err(_) => None,
        };
        Ok(page.unwrap_or_else(|| Reply::to(format!("{OURS}?ticket={}", encoded(&ticket)))))
    }

    /// The page with what it is told; `None` where the tenant has none that can be shown.
    async fn own_reset_page(
        &self,
        tenant: &TenantId,
        scene: &mut Scene,
        ticket: &str,
        found: ResetTicket,
        browser: &Browser,
        fault: &str,
    ) -> StoreResult<Option<Reply>> {
        let request = LoginRequest {
            client_id: found.client_id,
            connection: Some(found.connection.clone()),
            ..LoginRequest::default()
        };
        let (asked, ip, name) = (request.clone(), browser.ip.clone(), found.connection);
        let settings = self.reading(tenant);
        let read = move |reader: &Snapshot| {
            let connection = reader.find(&model::CONNECTION, "name", &name)?;
            let realm = connection.as_ref().map(identity::users::Realm::of).transpose()?;
            let least = realm.map(|realm| realm.password_rules().min_length());
            let policy = connection.as_ref().map(clients::policy).unwrap_or_default();
            Ok::<_, store::StoreError>((settings.setting(reader, &asked, &ip)?, policy, least))
        };
        let (setting, policy, least) = self.store.read(tenant, read).await?;
        scene.setting = setting;
        let Some(template) = scene.setting.reset_page.clone() else { return Ok(None) };
        let (token, cookie) = self.token_of_page(browser, ticket);
        let mut known = object(json!({
            "email": escaped(found.email.as_deref().unwrap_or_default()),
            "ticket": ticket,
            "csrf_token": token,
            "password_policy": policy,
            "password_complexity_options": {"min_length": least},
            "min_length": least,
            "lang": scene.language,
            "error": escaped(fault),
            "tenant": escaped_members(&scene.setting.told_tenant),
        }));
        known.retain(|_, value| !value.is_null());
        let of_config = Value::from(known.clone());
        let rendered = tokio::task::spawn_blocking(move || liquid::render(&template, &known)).await;
        let html = match rendered {
            Ok(Ok(html)) => html,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a tenant's own page for new passwords cannot be shown");
                return Ok(None);
            }
            Err(_) => return Ok(None),
        };
        let mut reply = own_page::own(scene, &request, browser, config::embedded(&html, &of_config));
        if let Reply::Page { cookies, status, .. } = &mut reply {
            cookies.push(cookie);
            if !fault.is_empty() {
                *status = StatusCode::BAD_REQUEST;
            }
        }
        Ok(Some(reply))
    }

    /// Sets the password that the page sends. Scripts are answered in JSON, browsers that post a form with a page.
    pub(super) async fn reset_by_page(
        &self,
        tenant: &TenantId,
        form: &Form,
        browser: &Browser,
        locales: &[String],
        is_for_people: bool,
    ) -> StoreResult<http::Response<String>> {
        let ticket = ticket(form.get("ticket"));
        let mut scene = self.scene(tenant, "", browser, "reset-password", locales).await?;
        let is_own = is_from_page(browser, &ticket, form.get("_csrf"));
        let new = form.get("newPassword");
        let transaction = self.transaction(LoginRequest::default());
        let fault = if !is_own {
            return Ok(refusal(StatusCode::FORBIDDEN, "invalid_csrf_token", "invalid csrf token").response());
        } else if new.is_empty() {
            Some(Fault::at("password-reset", "no-password-reset"))
        } else if form.has("confirmNewPassword") && form.get("confirmNewPassword") != new {
            Some(Fault::at("re-enter-password", "password-mismatch"))
        } else {
            None
        };
        let call = scene.call(tenant, browser, "");
        let found = self.accounts.reset_ticket(&call, &ticket).await;
        let done = match fault {
            Some(fault) => Err(Refused::Fault(fault)),
            None => self.accounts.set_password(&call, &ticket, form.secret("newPassword")).await,
        };
        let texts = self.texts(tenant, &scene, "reset-password", &transaction).await?;
        match done {
            Ok(()) if is_for_people => {
                let show = Show::of("reset-password-success");
                Ok(self.told(tenant, &scene, show, transaction).await?.response())
            }
            Ok(()) => Ok(Answer::json(StatusCode::OK, &json!({})).response()),
            Err(refused) => {
                let (code, text) = match &refused {
                    Refused::Fault(fault) => {
                        (fault.code.clone(), fault.text.clone().unwrap_or_else(|| texts.get(&fault.code)))
                    }
                    _ => return Ok(told(refused, &texts).response()),
                };
                if is_for_people
                    && let Ok(found) = found
                    && let Some(page) = self.own_reset_page(tenant, &mut scene, &ticket, found, browser, &text).await?
                {
                    return Ok(page.response());
                }
                Ok(refusal(StatusCode::BAD_REQUEST, &code.replace('-', "_"), &text).response())
            }
        }
    }
}

fn escaped_members(told: &Document) -> Document {
    let member = |(name, value): (&String, &Value)| (name.clone(), escaped(value.as_str().unwrap_or_default()).into());
    told.iter().map(member).collect()
}
