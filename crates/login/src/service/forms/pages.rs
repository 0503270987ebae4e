//! The pages of a form: its step, its end, what it frames and what it was sent.

use base64::{Engine, engine::general_purpose::STANDARD};
use flows::journey::FieldFault;
use http::StatusCode;
use kernel::TenantId;
use store::{Snapshot, StoreResult};

use super::{Sent, Standing};
use crate::{
    forms::{self, PageTexts, Shown, Written},
    page::Page,
    paths::{self, CONTINUE},
    reply::Reply,
    router::Visit,
    screens::View,
    service::{Login, SentFile},
    step::Show,
};

impl Login {
    /// A file that was sent with a form, for whoever knows where it is.
    pub(crate) async fn file(&self, tenant: &TenantId, form: &str, id: &str) -> StoreResult<Option<SentFile>> {
        let (form, id) = (form.to_owned(), id.to_owned());
        let record = self.store.read(tenant, move |reader: &Snapshot| reader.get(&model::FORM_FILE, &id)).await?;
        let record = record.filter(|record| record.text("form_id") == Some(&form));
        Ok(record.and_then(|record| {
            let content = STANDARD.decode(record.sealed.text("content")?).ok()?;
            Some(SentFile { name: record.text("name")?.to_owned(), content })
        }))
    }

    /// The page of the step.
    pub(super) async fn step(
        &self,
        visit: &Visit,
        standing: &Standing,
        refused: Option<(&Sent, &[FieldFault])>,
    ) -> StoreResult<Reply> {
        let context = self.store.context().clone();
        let frame = self.page_texts(visit, standing).await?;
        let shown = Shown {
            form: &standing.form,
            journey: &standing.journey,
            known: &standing.known(&context),
            state: standing.state(),
            refused: refused.map(|(sent, faults)| (&sent.entered, faults)),
            maps_keys: standing.maps_keys(),
            frame,
        };
        let page = forms::page(&shown);
        let is_faulty = refused.is_some() || page.alert.is_some();
        let status = if is_faulty { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        self.form_page(visit, standing, page, status).await
    }

    /// The journey has ended: on to what the form or the tenant's code wants.
    pub(super) async fn end(&self, visit: &Visit, standing: &Standing) -> StoreResult<Reply> {
        let state = standing.state();
        let context = self.store.context().clone();
        let target = standing.form.ending.redirection.clone().and_then(|(target, seconds)| {
            let known = standing.known(&context);
            let written = Written::of(&known, &standing.journey, &standing.form);
            Some((forms::destination(&written.text(&target))?, seconds))
        });
        let Some((target, seconds)) = target else { return Ok(Reply::to(format!("{CONTINUE}?state={state}"))) };
        let texts = self.page_texts(visit, standing).await?;
        let page = forms::ending(&texts, &state, &target, seconds);
        self.form_page(visit, standing, page, StatusCode::OK).await
    }

    /// A component of the tenant's own script.
    pub(super) fn component(&self, standing: &Standing, id: &str) -> Reply {
        let step = standing.journey.step(&standing.form);
        let field = step.and_then(|step| step.fields().find(|field| field.id == id && field.kind == "CUSTOM"));
        let Some(field) = field else { return standing.page() };
        let known = standing.known(self.store.context());
        let written = Written::of(&known, &standing.journey, &standing.form);
        forms::frame(field, &standing.form, &standing.journey, &written, &self.nonce())
    }

    pub(super) async fn page_texts(&self, visit: &Visit, standing: &Standing) -> StoreResult<PageTexts> {
        let texts = self.texts(&visit.tenant, &standing.scene, paths::FORM, &standing.found.transaction).await?;
        let title = texts.find("pageTitle").unwrap_or_else(|| standing.scene.setting.world.client.name.clone());
        Ok(PageTexts { title, again: texts.get("buttonText"), error_label: texts.own("labels", "error") })
    }

    pub(super) async fn form_page(
        &self,
        visit: &Visit,
        standing: &Standing,
        mut page: Page,
        status: StatusCode,
    ) -> StoreResult<Reply> {
        let texts = self.texts(&visit.tenant, &standing.scene, paths::FORM, &standing.found.transaction).await?;
        page.logo_alt = texts.get("logoAltText");
        let show = Show::of(paths::FORM);
        let view = View {
            world: &standing.scene.setting.world,
            transaction: &standing.found.transaction,
            state: standing.state(),
            texts,
            show: &show,
            captcha: None,
        };
        Box::pin(self.document(&visit.tenant, &standing.scene, &view, page, status)).await
    }
}
