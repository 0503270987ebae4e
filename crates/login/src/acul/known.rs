//! What is read for a screen that a tenant's own scripts draw.

use std::collections::HashMap;

use identity::organizations;
use kernel::{Document, Record};
use model::{
    login::{OrganizationChoice, Transaction},
    rendering::{self, HeadTag},
    screens::Screen,
    views::{Client, Concerned, Rendering, View as _},
};
use store::{Kind, Query, Snapshot, StoreResult};

use crate::{load::one, screens::organizations::CHOICES, world::World};

/// Most organizations that a page is told.
const ORGANIZATIONS: usize = 20;

/// A rendering, and what the page of its screen may be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(super) screen: &'static str,
    pub(super) prompt: &'static str,
    pub(super) rendering: Rendering,
    /// How the tenant is named.
    pub(super) tenant: String,
    pub(super) settings: Document,
    pub(super) branding: Document,
    pub(super) theme: Option<Record>,
    pub(super) client: Option<Record>,
    pub(super) organization: Option<Record>,
    pub(super) domain: Option<Record>,
    /// The connection that the page signs in to.
    pub(super) connection: Option<Record>,
    /// Who it is, once that is proven.
    pub(super) user: Option<Record>,
    /// The organizations among which the user chooses, or whose member the user is.
    pub(super) organizations: Vec<Record>,
}

impl Known {
    /// Whether the tenant's page template surrounds the page.
    pub(crate) fn uses_template(&self) -> bool {
        self.rendering.use_page_template
    }

    /// Whether the head has what our pages have there.
    pub(crate) fn has_default_head(&self) -> bool {
        !self.rendering.default_head_tags_disabled
    }

    /// What the tenant puts into the head.
    pub(crate) fn head_tags(&self) -> &[HeadTag] {
        &self.rendering.head_tags
    }
}

/// How the tenant's own scripts draw a screen in a login; `None` where they do not, and the page is ours.
pub(crate) fn read(
    reader: &Snapshot,
    screen: &str,
    world: &World,
    transaction: &Transaction,
    domain: Option<&Record>,
) -> StoreResult<Option<Known>> {
    let Some(screen) = Screen::named(screen).filter(|screen| rendering::is_open(screen.name)) else { return Ok(None) };
    let Some(record) = reader.get(&model::RENDERING, &format!("{}/{}", screen.prompt, screen.name))? else {
        return Ok(None);
    };
    let rendering = Rendering::of(&record)?;
    // Where nothing would draw it, ours is better than an empty page.
    let has_script = rendering.head_tags.iter().any(|tag| tag.tag == "script");
    if !rendering.is_advanced() || !(has_script || rendering.use_page_template) {
        return Ok(None);
    }
    let request = &transaction.request;
    let client = one(reader, &model::CLIENT, Some(&request.client_id))?;
    // Third parties have the users of somebody else: these see the tenant's pages as they know them.
    if let Some(client) = &client
        && !Client::of(client)?.is_first_party()
    {
        return Ok(None);
    }
    let organization = one(reader, &model::ORGANIZATION, request.organization.as_deref())?;
    let login = Concerned {
        client: client.as_ref().map(|client| (client.id.as_str(), metadata(client, "client_metadata"))),
        organization: organization.as_ref().map(|known| (known.id.as_str(), metadata(known, "metadata"))),
        domain: domain.map(|domain| (domain.id.as_str(), metadata(domain, "domain_metadata"))),
    };
    if !rendering.is_meant_for(login) {
        return Ok(None);
    }
    let connection = match (&world.passwordless, &world.database) {
        (Some(connection), _) => reader.find(&model::CONNECTION, "name", &connection.name)?,
        (None, Some(database)) => reader.get(&model::CONNECTION, &database.id)?,
        (None, None) => None,
    };
    let user = transaction.progress.authentication.as_ref().map(|known| known.user_id.as_str());
    let single = |kind: &Kind| -> StoreResult<Document> {
        Ok(reader.singleton(kind)?.map(|record| record.document).unwrap_or_default())
    };
    let (theme, branding) = if rendering.tells("branding.settings") || rendering.tells("branding.themes.default") {
        (reader.list(&model::THEME, &Query::default())?.items.into_iter().next(), single(&model::BRANDING)?)
    } else {
        (None, Document::new())
    };
    Ok(Some(Known {
        screen: screen.name,
        prompt: screen.prompt,
        tenant: reader.tenant().as_str().to_owned(),
        settings: single(&model::TENANT_SETTINGS)?,
        branding,
        theme,
        client,
        organization,
        domain: domain.cloned(),
        connection,
        user: one(reader, &model::USER, user)?,
        organizations: if rendering.tells("user.organizations") { choices(reader, transaction)? } else { Vec::new() },
        rendering,
    }))
}

/// The metadata of a record.
pub(super) fn metadata<'r>(record: &'r Record, field: &str) -> Option<&'r Document> {
    record.document.get(field)?.as_object()
}

/// The organizations that the page lists, else those of the user.
fn choices(reader: &Snapshot, transaction: &Transaction) -> StoreResult<Vec<Record>> {
    let shown = transaction.progress.shown.get(CHOICES).cloned();
    let shown: Vec<OrganizationChoice> = shown.and_then(|shown| serde_json::from_value(shown).ok()).unwrap_or_default();
    if !shown.is_empty() {
        let ids: Vec<String> = shown.into_iter().map(|choice| choice.id).take(ORGANIZATIONS).collect();
        let mut found: HashMap<String, Record> =
            reader.get_all(&model::ORGANIZATION, &ids)?.into_iter().map(|record| (record.id.clone(), record)).collect();
        // In the order of the page.
        return Ok(ids.iter().filter_map(|id| found.remove(id)).collect());
    }
    let Some(user) = &transaction.progress.authentication else { return Ok(Vec::new()) };
    let mut found = organizations::of_user(reader, &user.user_id)?;
    found.truncate(ORGANIZATIONS);
    Ok(found)
}
