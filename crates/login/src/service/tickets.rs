//! Links in mails: a page redeems them, so that whatever only looks at links uses nothing up.

use identity::reset::challenge::{Back, Judgement};
use kernel::{Document, TenantId};
use store::StoreResult;

use super::{Found, Login, Scene, carrier, screens};
use crate::{
    accounts::{Call, TicketError, Verified},
    paths,
    reply::Reply,
    screens::{View, reset},
    step::{At, Fault, Show},
    texts::Texts,
};
use model::login::{Browser, LoginRequest, Transaction};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To verify an address.
    EmailVerification,
    /// To set a password.
    Reset,
    /// To end the blocks of an account.
    Unblock,
}

/// Longest ticket.
const LONGEST: usize = 128;

impl Login {
    /// The link was opened.
    pub(crate) async fn open_ticket(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        ticket: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let screen = match purpose {
            Purpose::Unblock => "brute-force-protection-unblock",
            Purpose::EmailVerification | Purpose::Reset => "redeem-ticket",
        };
        let scene = self.scene(tenant, "", browser, screen, locales).await?;
        if purpose == Purpose::Reset && scene.setting.reset_page.is_some() {
            let ticket: String = ticket.chars().take(LONGEST).collect();
            let found = self.accounts.reset_ticket(&scene.call(tenant, browser, ""), &ticket).await;
            if found.is_ok() {
                let asked = locales.join(" ");
                let asked = if asked.is_empty() { asked } else { format!("&ui_locales={}", paths::encoded(&asked)) };
                return Ok(Reply::to(format!("/lo/reset?ticket={}{asked}", paths::encoded(&ticket))));
            }
        }
        self.told(tenant, &scene, Show::of(screen), self.transaction(LoginRequest::default())).await
    }

    /// The page of the link was sent.
    pub(crate) async fn redeem_ticket(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        ticket: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let ticket: String = ticket.chars().take(LONGEST).collect();
        let scene = self.scene(tenant, "", browser, "email-verification-result", locales).await?;
        let call = scene.call(tenant, browser, "");
        match purpose {
            Purpose::EmailVerification => {
                let verified = self.accounts.verify_email(&call, &ticket).await;
                self.verified(tenant, &scene, verified).await
            }
            Purpose::Unblock => {
                let show = match self.accounts.unblock(&call, &ticket).await {
                    Ok(()) => Show::of("brute-force-protection-unblock-success"),
                    Err(error) => Show::fault("brute-force-protection-unblock-failure", Fault::whole(error.code())),
                };
                self.told(tenant, &scene, show, self.transaction(LoginRequest::default())).await
            }
            Purpose::Reset => {
                let found = self.accounts.reset_ticket(&call, &ticket).await;
                let asked = LoginRequest { ui_locales: locales.to_vec(), ..LoginRequest::default() };
                let mut transaction = self.transaction(asked);
                let judged = match found {
                    Ok(found) => {
                        transaction.request.client_id = found.client_id;
                        transaction.request.connection = Some(found.connection);
                        self.accounts.judge_reset(&call, &ticket, None).await
                    }
                    Err(error) => Err(error),
                };
                let found = Found { transaction, is_stored: false, step: 0 };
                self.judged(tenant, &scene, browser, found, &ticket, judged).await
            }
        }
    }

    /// The user comes back from where the tenant's code has sent them in a reset; `None` where no reset waits for this.
    pub(super) async fn reset_goes_on(
        &self,
        tenant: &TenantId,
        state: &str,
        browser: &Browser,
        (query, body): (Document, Document),
    ) -> StoreResult<Option<Reply>> {
        let mut scene = self.scene(tenant, state, browser, "reset-password", &[]).await?;
        let Some(found) = scene.found.take() else { return Ok(None) };
        let Some((ticket, waiting)) = reset::waiting(&found.transaction) else { return Ok(None) };
        if !found.transaction.is_at(state) {
            return Ok(None);
        }
        let form = found.transaction.progress.form.as_deref().cloned();
        // A form that is not filled in cannot be left out.
        if waiting.form.is_some() && form.is_none() {
            return Ok(None);
        }
        let transaction = Some(found.transaction.clone());
        let call = Call { transaction, ..scene.call(tenant, browser, &found.transaction.request.client_id) };
        let judged = self.accounts.judge_reset(&call, &ticket, Some(Back { waiting, query, body, form })).await;
        self.judged(tenant, &scene, browser, found, &ticket, judged).await.map(Some)
    }

    /// Goes on with a reset as the tenant's code says.
    async fn judged(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        browser: &Browser,
        mut found: Found,
        ticket: &str,
        judged: Result<Judgement, TicketError>,
    ) -> StoreResult<Reply> {
        let before = found.transaction.clone();
        let mut at = At { world: &scene.setting.world, transaction: &mut found.transaction };
        let step = match judged {
            Ok(judgement) => reset::judged(&mut at, ticket, judgement),
            Err(error) => reset::failed(&mut at, error.code()),
        };
        self.respond(tenant, scene, browser, found, &before, step).await
    }

    /// The result of a verification: at the address that the ticket names, else a page of ours.
    async fn verified(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        verified: Result<Verified, TicketError>,
    ) -> StoreResult<Reply> {
        let mut transaction = self.transaction(LoginRequest::default());
        let mut show = Show::of("email-verification-result");
        match verified {
            Ok(verified) => {
                if let Some(mut address) = verified.result_url.as_deref().and_then(|url| url::Url::parse(url).ok()) {
                    let message = if verified.is_already {
                        "This email address has already been verified."
                    } else {
                        "Your email was verified. You can continue using the application."
                    };
                    let mut query = address.query_pairs_mut();
                    query.append_pair("supportSignUp", "true").append_pair("supportForgotPassword", "true");
                    if let Some(email) = &verified.email {
                        query.append_pair("email", email);
                    }
                    query.append_pair("success", "true").append_pair("code", "success").append_pair("message", message);
                    drop(query);
                    return Ok(Reply::to(String::from(address)));
                }
                transaction.request.client_id = verified.client_id;
                if verified.is_already {
                    show.faults.push(Fault::whole("already-verified"));
                }
            }
            Err(error) => show.faults.push(Fault::whole(match error {
                TicketError::Failed => "custom-script-error-code",
                error => error.code(),
            })),
        }
        self.told(tenant, scene, show, transaction).await
    }

    /// A page that is no step of a login.
    pub(crate) async fn told(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        show: Show,
        transaction: Transaction,
    ) -> StoreResult<Reply> {
        let Some(behaviour) = screens::named(show.screen) else { return Ok(self.lost_page(scene).await) };
        let texts: Texts = self.texts(tenant, scene, behaviour.name(), &transaction).await?;
        let state = carrier::state(&transaction.id, 0);
        let view =
            View { world: &scene.setting.world, transaction: &transaction, state, texts, show: &show, captcha: None };
        let page = behaviour.page(&view).without_gaps();
        let is_wrong = show.faults.iter().any(|fault| fault.code != "already-verified");
        let status = if is_wrong { http::StatusCode::BAD_REQUEST } else { http::StatusCode::OK };
        Box::pin(self.document(tenant, scene, &view, page, status)).await
    }
}
