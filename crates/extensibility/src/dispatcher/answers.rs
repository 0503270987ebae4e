//! What Actions at a login can ask the platform while they run: the groups and roles of the user who logs in (reference: actions §3.2).

use std::sync::Arc;

use actions::Services;
use identity::{organizations, triggers::BoxFuture};
use kernel::{Document, Record, TenantId, Value, object, value_at};
use model::{GROUP, GROUP_MEMBERS, ROLE};
use serde::Deserialize;
use serde_json::json;
use store::{Paging, RelationQuery, Side, Snapshot, Store, StoreError, StoreResult};

/// How many groups or roles are told where the code does not say.
const USUAL: usize = 50;
/// How many are told at most.
const MOST: usize = 100;
/// How many roles of one user are looked at.
const MOST_ROLES: usize = 1_000;

/// Answers the Actions of one login.
pub(super) struct OfLogin {
    store: Store,
    tenant: TenantId,
    user: String,
    organization: Option<String>,
}

/// A page that is asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    take: Option<usize>,
    from: Option<String>,
}

impl OfLogin {
    /// For the login that an event tells of, before any code has seen it.
    pub(super) fn shared(store: &Store, event: &Document) -> Option<Arc<dyn Services>> {
        let text = |path: &str| value_at(event, path).and_then(Value::as_str).map(str::to_owned);
        let (tenant, user) = (TenantId::new(&text("tenant.id")?), text("user.user_id")?);
        Some(Arc::new(Self { store: store.clone(), tenant, user, organization: text("organization.id") }))
    }

    async fn groups(&self, wanted: Wanted) -> StoreResult<Value> {
        let (user, tenant) = (self.user.clone(), self.tenant.clone());
        let limit = wanted.take.unwrap_or(USUAL).min(MOST) as u64;
        let read = move |reader: &Snapshot| {
            let paging = Paging::After { cursor: wanted.from.clone(), limit };
            let page = reader.related(
                &GROUP_MEMBERS,
                Side::Right(&user),
                &RelationQuery { paging, ..RelationQuery::default() },
            )?;
            let mut groups = Vec::new();
            for membership in page.items {
                let Some(group) = reader.get(&GROUP, &membership.left)? else { continue };
                let mut shown = named(&group, &["id", "name", "external_id", "connection_id"]);
                shown.insert("tenant_name".into(), tenant.as_str().into());
                shown.insert("created_at".into(), group.created.into());
                shown.insert("updated_at".into(), group.updated.into());
                shown.insert("membership_created_at".into(), membership.created.into());
                shown.insert("assignment".into(), "direct".into());
                groups.push(shown);
            }
            Ok::<_, StoreError>(paged("groups", groups, page.next))
        };
        self.store.read(&self.tenant, read).await
    }

    async fn memberships(&self, ids: Vec<String>) -> StoreResult<Value> {
        let user = self.user.clone();
        let read = move |reader: &Snapshot| {
            let mut memberships = Document::new();
            for id in ids.iter().take(MOST) {
                let is_member = reader.relation(&GROUP_MEMBERS, id, &user)?.is_some();
                let mut shown = object(json!({ "is_member": is_member }));
                if let Some(group) = reader.get(&GROUP, id)?.filter(|_| is_member) {
                    let mut matched = named(&group, &["id", "name"]);
                    let kind = if group.text("connection_id").is_some() { "connection" } else { "tenant" };
                    matched.insert("group_type".into(), kind.into());
                    shown.insert("matches".into(), json!([matched]));
                }
                memberships.insert(id.clone(), shown.into());
            }
            Ok::<_, StoreError>(json!({ "memberships": memberships }))
        };
        self.store.read(&self.tenant, read).await
    }

    /// The roles that the user has everywhere, and in the organization of the login; of them those that the code asks for.
    async fn roles(
        &self,
        wanted: Wanted,
        is_asked: impl Fn(&Record) -> bool + Send + Sync + 'static,
    ) -> StoreResult<Value> {
        let (user, organization) = (self.user.clone(), self.organization.clone());
        let start: usize = wanted.from.as_deref().and_then(|from| from.parse().ok()).unwrap_or(0);
        let take = wanted.take.unwrap_or(USUAL).min(MOST);
        let read = move |reader: &Snapshot| {
            let mut roles = Vec::new();
            for id in organizations::roles_of(reader, &user, organization.as_deref())?.iter().take(MOST_ROLES) {
                roles.extend(reader.get(&ROLE, id)?.filter(|role| is_asked(role)));
            }
            let next = (roles.len() > start.saturating_add(take)).then(|| (start + take).to_string());
            let shown = roles.iter().skip(start).take(take).map(|role| named(role, &["id", "name", "description"]));
            Ok::<_, StoreError>(paged("roles", shown.collect(), next))
        };
        self.store.read(&self.tenant, read).await
    }
}

fn named(record: &Record, fields: &[&str]) -> Document {
    let known = |field: &&str| Some(((*field).to_owned(), record.document.get(*field)?.clone()));
    fields.iter().filter_map(known).collect()
}

fn paged(name: &str, items: Vec<Document>, next: Option<String>) -> Value {
    let mut page = Document::from_iter([(name.to_owned(), items.into())]);
    if let Some(next) = next {
        page.insert("next".into(), next.into());
    }
    page.into()
}

fn texts(argument: Value) -> Vec<String> {
    serde_json::from_value(argument).unwrap_or_default()
}

impl Services for OfLogin {
    fn ask<'a>(&'a self, question: &'a str, arguments: Vec<Value>) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let argument = arguments.into_iter().next().unwrap_or_default();
            let all = Wanted { take: Some(MOST), from: None };
            let answer = match question {
                "groups.getUserGroups" => self.groups(Wanted::deserialize(argument).unwrap_or_default()).await,
                "groups.hasGroupMembership" => self.memberships(texts(argument)).await,
                "roles.getUserEffectiveRoles" => {
                    self.roles(Wanted::deserialize(argument).unwrap_or_default(), |_| true).await
                }
                "roles.getUserEffectiveRolesByIds" => {
                    let ids = texts(argument);
                    self.roles(all, move |role| ids.contains(&role.id)).await
                }
                "roles.getUserEffectiveRolesByNames" => {
                    let names = texts(argument);
                    self.roles(all, move |role| names.iter().any(|name| role.text("name") == Some(name))).await
                }
                other => return Err(format!("{other} is not available on this server.")),
            };
            answer.map_err(|error| {
                if !matches!(error, StoreError::BadCursor) {
                    tracing::warn!(tenant = %self.tenant, %error, "a question of an Action could not be answered");
                }
                "The request could not be answered.".to_owned()
            })
        })
    }
}
