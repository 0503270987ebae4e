//! What rules can have the platform do while they run: `auth0.users`.

use std::sync::Arc;

use actions::Services;
use identity::triggers::BoxFuture;
use kernel::{Document, TenantId, Value, merge_first_level};
use store::{Store, Tx};

/// Answers the rules of one tenant.
pub(super) struct OfRules {
    store: Store,
    tenant: TenantId,
}

impl OfRules {
    pub(super) fn shared(store: Store, tenant: TenantId) -> Arc<dyn Services> {
        Arc::new(Self { store, tenant })
    }

    async fn update(&self, field: &'static str, arguments: Vec<Value>) -> Result<Value, String> {
        let mut arguments = arguments.into_iter();
        let (Some(Value::String(id)), Some(Value::Object(changes))) = (arguments.next(), arguments.next()) else {
            return Err("A user's identifier and an object of metadata are needed.".to_owned());
        };
        let work = move |tx: &mut Tx| -> identity::Result<Option<Value>> {
            let Some(mut user) = tx.get(&model::USER, &id)? else { return Ok(None) };
            let metadata = user.document.entry(field).or_insert_with(|| Document::new().into());
            if let Some(metadata) = metadata.as_object_mut() {
                merge_first_level(metadata, changes.clone());
            }
            let user = identity::users::update(tx, user, Document::new())?;
            Ok(Some(user.document.get(field).cloned().unwrap_or_default()))
        };
        match self.store.write(&self.tenant, work).await {
            Ok(Some(metadata)) => Ok(metadata),
            Ok(None) => Err("The user does not exist.".to_owned()),
            Err(error) => {
                tracing::warn!(tenant = %self.tenant, %error, "a rule could not change a user");
                Err("The user could not be changed.".to_owned())
            }
        }
    }
}

impl Services for OfRules {
    fn ask<'a>(&'a self, question: &'a str, arguments: Vec<Value>) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            match question {
                "users.updateAppMetadata" => self.update("app_metadata", arguments).await,
                "users.updateUserMetadata" => self.update("user_metadata", arguments).await,
                other => Err(format!("{other} is not available to rules.")),
            }
        })
    }
}
