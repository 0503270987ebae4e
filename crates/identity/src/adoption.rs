//! What databases of before hold as records and is a thing of single use now.

use kernel::Document;
use model::{TICKET, USED_ASSERTION, USED_ASSERTIONS};
use store::{Paging, Query, Store, StoreResult, Tx};

use crate::{discard::discard, tickets};

/// Records that one transaction moves.
const ADOPTED: u64 = 500;
/// Field of a used assertion: the time until which it would have been good.
const EXPIRES: &str = "expires";

/// Moves the tickets and used assertions of databases of before to where they are looked for now.
///
/// # Errors
/// Those of the store.
pub async fn adopt(store: &Store) -> StoreResult<()> {
    for tenant in store.tenants_with(TICKET.name).await? {
        while store.write(&tenant, |tx| tickets::adopt(tx, ADOPTED)).await? > 0 {}
    }
    for tenant in store.tenants_with(USED_ASSERTION.name).await? {
        while store.write(&tenant, adopt_assertions).await? > 0 {}
    }
    Ok(())
}

fn adopt_assertions(tx: &mut Tx) -> StoreResult<usize> {
    let query = Query { paging: Paging::Offset { offset: 0, limit: ADOPTED }, ..Query::default() };
    let old = tx.list(&USED_ASSERTION, &query)?.items;
    for record in &old {
        let expires = record.text(EXPIRES).and_then(|time| time.parse().ok()).filter(|expires| *expires > tx.now());
        if let Some(expires) = expires {
            tx.put_single_use(USED_ASSERTIONS, &record.id, Document::new(), None, expires)?;
        }
        discard(tx, &USED_ASSERTION, &record.id)?;
    }
    Ok(old.len())
}

#[cfg(test)]
mod tests {
    use kernel::{Context, Record, TenantId, object};
    use serde_json::json;
    use store::{Database, Options, RootKey, StoreError};

    use super::*;
    use crate::expiring::key;

    #[tokio::test]
    async fn tickets_and_assertions_of_before_are_known_and_used_once() {
        let context = Context::system();
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let old = |tx: &mut Tx| {
            let expires = tx.now() + std::time::Duration::from_secs(60);
            let ticket = json!({"purpose": "reset-password", "user_id": "auth0|1", "email": "a@b.example", "expires_at": expires});
            let id = crate::hash::hex(sha256(b"presented").as_ref());
            let mut ticket = Record::new(id, object(ticket), tx.now());
            ticket.sealed.set(tickets::PASSWORD_HASH, "hash");
            tx.insert(&TICKET, ticket)?;
            let used = Record::new(key("client jti"), object(json!({ "expires": expires })), tx.now());
            tx.insert(&USED_ASSERTION, used).map(drop)
        };
        store.write(&tenant, old).await.unwrap();
        adopt(&store).await.unwrap();
        let used = |tx: &mut Tx| tickets::use_up(tx, tickets::RESET, "presented");
        let (ticket, sealed) = store.write(&tenant, used).await.unwrap();
        assert_eq!((ticket.user_id.as_str(), sealed.text(tickets::PASSWORD_HASH)), ("auth0|1", Some("hash")));
        assert!(store.write(&tenant, used).await.is_err());
        let again = |tx: &mut Tx| {
            let expires = tx.now() + std::time::Duration::from_secs(60);
            tx.put_single_use(USED_ASSERTIONS, &key("client jti"), Document::new(), None, expires)
        };
        assert!(matches!(store.write(&tenant, again).await, Err(StoreError::Taken { .. })));
        assert!(store.tenants_with(TICKET.name).await.unwrap().is_empty());
    }

    fn sha256(text: &[u8]) -> aws_lc_rs::digest::Digest {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text)
    }
}
