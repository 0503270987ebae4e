//! Links that log in. Opening one changes nothing, since programs open links in mails, too: a page is sent to log in. In the browser that
//! asked for the link it sends itself; in another one, where the tenant allows that at all, the page names the account and waits for a press.

use identity::passwordless::Link;
use kernel::{Secret, TenantId};
use model::login::{Browser, GivenIdentifier, LoginRequest, Redirect, Stage, Transaction};
use store::{Snapshot, StoreError, StoreResult};

use super::{Login, RESUME, Scene, carrier, find};
use crate::{
    accounts::{Call, Keep, Refused},
    reply::Reply,
    screens::passwordless::{ASKS, BROUGHT},
    step::{Coded, Fault, Show},
    world::Identifier,
};

const SCREEN: &str = "login-passwordless-email-link";
/// The page that sends itself.
const REDEEM: &str = "redeem-ticket";
/// Longest ticket.
const LONGEST: usize = 128;

/// A link that was opened, and the login that it goes on with.
struct Opened {
    link: Link,
    /// What proves that its reader has the address.
    code: Secret,
    transaction: Transaction,
    /// Whether this browser has begun the login.
    is_same_browser: bool,
}

impl Login {
    /// The link was opened.
    pub(crate) async fn open_link(
        &self,
        tenant: &TenantId,
        ticket: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let mut scene = self.scene(tenant, "", browser, SCREEN, locales).await?;
        match self.opened(tenant, &mut scene, ticket, browser).await? {
            Err(reply) => Ok(reply),
            Ok(Opened { transaction, is_same_browser, .. }) => {
                let show = if is_same_browser { Show::of(REDEEM) } else { Show::of(SCREEN).value(ASKS, "true") };
                self.told(tenant, &scene, show, transaction).await
            }
        }
    }

    /// The page of the link was sent.
    pub(crate) async fn redeem_link(
        &self,
        tenant: &TenantId,
        ticket: &str,
        browser: &Browser,
        locales: &[String],
    ) -> StoreResult<Reply> {
        let mut scene = self.scene(tenant, "", browser, SCREEN, locales).await?;
        let Opened { link, code, transaction, .. } = match self.opened(tenant, &mut scene, ticket, browser).await? {
            Err(reply) => return Ok(reply),
            Ok(opened) => opened,
        };
        let location = format!("{RESUME}?state={}", carrier::state(&transaction.id, 0));
        let call = Call { transaction: Some(transaction.clone()), ..scene.call(tenant, browser, &link.client_id) };
        let keep = Keep { transaction: transaction.clone(), screen: SCREEN, puzzle: None };
        let to = Coded { connection: link.connection, kind: Identifier::Email, identifier: link.address };
        let fault = match self.accounts.log_in_by_code(&call, to, code, keep).await {
            Ok(()) | Err(Refused::Twice) => {
                // The browser shows by its cookie that the login is its own.
                let now = self.store.context().now();
                let cookies = carrier::write(&scene.envelope, now, browser, &transaction).unwrap_or_default();
                return Ok(Reply::Redirect(Redirect { location, cookies }));
            }
            Err(Refused::Client(refusal)) => Fault::whole("authentication-failure").saying(refusal.description),
            Err(Refused::Fault(fault)) if fault.field.is_none() => fault,
            Err(Refused::Fault(_)) => Fault::whole("unknownErrorDescription"),
            Err(Refused::Failed(cause)) => {
                tracing::error!(%cause, "a link could not be redeemed");
                Fault::whole("custom-script-error-code")
            }
        };
        self.told(tenant, &scene, Show::fault(SCREEN, fault), transaction).await
    }

    /// What a ticket stands for in this browser; a page, where it is of no use here.
    async fn opened(
        &self,
        tenant: &TenantId,
        scene: &mut Scene,
        ticket: &str,
        browser: &Browser,
    ) -> StoreResult<Result<Opened, Reply>> {
        let ticket: String = ticket.chars().take(LONGEST).collect();
        let found = self.accounts.login_link(&scene.call(tenant, browser, ""), &ticket).await;
        let link = match found {
            Ok(Some(link)) => link,
            Ok(None) => {
                let mut transaction = self.transaction(LoginRequest::default());
                transaction.progress.fields.insert(BROUGHT.to_owned(), String::new());
                let show = Show::fault(SCREEN, Fault::whole("unknownErrorDescription"));
                return Ok(Err(self.told(tenant, scene, show, transaction).await?));
            }
            Err(Refused::Failed(cause)) => return Err(StoreError::Corrupt(cause)),
            Err(_) => return Err(StoreError::Corrupt("a link could not be read".to_owned())),
        };
        let request: LoginRequest = serde_json::from_value(link.request.clone())?;
        let (held, for_request, id) = (browser.clone(), request.clone(), link.transaction.clone());
        let settings = self.reading(tenant);
        let read = move |reader: &Snapshot| {
            let own = match &id {
                Some(id) => find(reader, &carrier::state(id, 0), &held)?.map(|found| found.transaction),
                None => None,
            };
            Ok::<_, StoreError>((own, settings.setting(reader, &for_request, &held.ip)?))
        };
        let (own, setting) = self.store.read(tenant, read).await?;
        scene.setting = setting;
        let is_same_browser = own.is_some();
        // An application that has asked for the link knows its own users' browsers by the state that it gets back.
        if !is_same_browser && link.transaction.is_some() && !scene.setting.world.allows_links_elsewhere {
            let transaction = self.transaction(request);
            let show = Show::fault("status", Fault::whole("passwordless-no-session"));
            return Ok(Err(self.told(tenant, scene, show, transaction).await?));
        }
        let mut transaction = own.unwrap_or_else(|| self.transaction(request));
        if transaction.progress.stage == Stage::Entry {
            let identifier = GivenIdentifier { kind: Some("email".to_owned()), value: link.address.clone() };
            transaction.progress.identifier = Some(identifier);
            transaction.progress.fields.insert(BROUGHT.to_owned(), String::new());
        }
        Ok(Ok(Opened { link, code: Secret::new(ticket), transaction, is_same_browser }))
    }
}
