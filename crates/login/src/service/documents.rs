//! Pages of the service as documents, with what the tenant has written for them.

use http::StatusCode;
use kernel::TenantId;
use store::{Snapshot, StoreResult};

use super::{Login, Scene};
use crate::{
    document::Sheet,
    load::{self, Facts, Written},
    page::Page,
    reply::Reply,
    screens::View,
};

impl Login {
    /// The document of a page: all pages of screens become one here.
    pub(super) async fn document(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        view: &View<'_>,
        page: Page,
        status: StatusCode,
    ) -> StoreResult<Reply> {
        let screen = page.screen;
        if let Some(known) = self.known(tenant, scene, view, screen).await? {
            return Box::pin(self.drawn(tenant, scene, view, &page, status, &known)).await;
        }
        let sheet =
            Sheet { target: view.transaction.request.redirect_uri.as_deref(), ..self.sheet(scene, page, status) };
        // What tenants write is shown at their own domains alone.
        match self.written(tenant, scene, view, screen).await? {
            Some(written) => Ok(sheet.written(written, &scene.host).await),
            None => Ok(sheet.plain()),
        }
    }

    /// What the tenant has written for a screen at this domain, if anything.
    pub(super) async fn written(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        view: &View<'_>,
        screen: &'static str,
    ) -> StoreResult<Option<Written>> {
        let Some(domain) = scene.domain.clone() else { return Ok(None) };
        let facts = Facts::of(view, screen, &scene.language);
        self.store.read(tenant, move |reader: &Snapshot| load::written(reader, &facts, &domain)).await
    }

    /// A page with what surrounds it.
    pub(super) fn sheet<'s>(&self, scene: &'s Scene, page: Page, status: StatusCode) -> Sheet<'s> {
        let nonce = self.nonce();
        Sheet { setting: &scene.setting, language: &scene.language, page, status, target: None, nonce }
    }
}
