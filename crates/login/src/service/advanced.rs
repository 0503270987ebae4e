//! Pages of screens that a tenant's own scripts draw.

use std::sync::Arc;

use http::StatusCode;
use kernel::{Record, TenantId};
use store::{Snapshot, StoreResult};

use super::{Found, Login, Scene};
use crate::{
    acul::{self, Known},
    document::{self, Rendered},
    load::Written,
    named::Named,
    page::Page,
    reply::{self, Reply},
    screens::View,
    world::World,
};

/// How a screen is drawn in a login.
pub(super) struct Drawn {
    screen: String,
    transaction: String,
    known: Option<Arc<Known>>,
}

impl Drawn {
    pub(super) fn read(
        reader: &Snapshot,
        screen: &str,
        world: &World,
        found: &Found,
        domain: Option<&Record>,
    ) -> StoreResult<Self> {
        let known = acul::read(reader, screen, world, &found.transaction, domain)?;
        Ok(Self { screen: screen.to_owned(), transaction: found.transaction.id.clone(), known: known.map(Arc::new) })
    }

    /// Whether the tenant's own scripts draw it.
    pub(super) fn is_by_tenant(&self) -> bool {
        self.known.is_some()
    }
}

impl Login {
    /// How the tenant's own scripts draw the page of a view; `None` where they do not.
    pub(super) async fn known(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        view: &View<'_>,
        screen: &'static str,
    ) -> StoreResult<Option<Arc<Known>>> {
        if let Some(drawn) = &scene.drawn
            && drawn.screen == screen
            && drawn.transaction == view.transaction.id
        {
            return Ok(drawn.known.clone());
        }
        let (world, transaction, domain) = (view.world.clone(), view.transaction.clone(), scene.domain.clone());
        let read = move |reader: &Snapshot| acul::read(reader, screen, &world, &transaction, domain.as_ref());
        Ok(self.store.read(tenant, read).await?.map(Arc::new))
    }

    /// The document of such a page.
    pub(super) async fn drawn(
        &self,
        tenant: &TenantId,
        scene: &Scene,
        view: &View<'_>,
        page: &Page,
        status: StatusCode,
        known: &Known,
    ) -> StoreResult<Reply> {
        let (setting, language) = (&scene.setting, scene.language.as_str());
        let (submitted, kept_rules) = (&scene.submitted, scene.kept_rules.as_slice());
        let context = acul::context(&acul::Facts { known, view, page, language, submitted, kept_rules });
        let written = if known.uses_template() { self.written(tenant, scene, view, page.screen).await? } else { None };
        let variables = acul::variables(known, language);
        let tags = known.head_tags().to_vec();
        let making = tokio::task::spawn_blocking(move || acul::head(&tags, &variables));
        let Ok(head) = making.await else { return Ok(Self::failed(&"the head of a page could not be made")) };
        let parts = acul::Parts {
            setting,
            language,
            host: &scene.host,
            title: &page.title,
            has_default_head: known.has_default_head(),
            head: &head,
            context: &context,
            target: view.transaction.request.redirect_uri.as_deref(),
        };
        if let Some(Written { template, variables, .. }) = written {
            let (nonce, pieces) = (self.nonce(), (parts.head(), acul::ROOT.to_owned()));
            let mark = nonce.clone();
            let making = tokio::task::spawn_blocking(move || {
                document::around(pieces, &template, variables, &mark, Named::default())
            });
            if let Ok(Some(Rendered { html, named })) = making.await {
                let policy = parts.policy(Some((&named, &nonce)));
                return Ok(Reply::page(status, reply::headers(setting, language, &policy), html));
            }
        }
        Ok(Reply::page(status, reply::headers(setting, language, &parts.policy(None)), parts.html()))
    }
}
