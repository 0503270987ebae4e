use kernel::{Context, Document, Record, TenantId, Value, object};
use model::references::{By, Place, REFERENCES, Reference, Rows, Rule};
use serde_json::json;
use store::{Database, Options, Query, RelationQuery, RootKey, Side, Store, StoreError, Tx};

use super::*;

const TENANT: &str = "tenant";

async fn store() -> Store {
    let context = Context::system();
    let root_key = RootKey::generate(&context);
    let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
    store.create_tenant(&TenantId::new(TENANT)).await.unwrap();
    store
}

async fn write<T: Send + 'static>(store: &Store, work: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> Result<T> {
    store.write(&TenantId::new(TENANT), work).await
}

/// Puts a text at a dotted path.
fn put(document: &mut Document, path: &str, text: &str) {
    match path.split_once('.') {
        None => drop(document.insert(path.to_owned(), text.into())),
        Some((first, rest)) => {
            let inner = document.entry(first).or_insert_with(|| json!({}));
            put(inner.as_object_mut().unwrap(), rest, text);
        }
    }
}

fn insert(tx: &mut Tx, kind: &'static Kind, id: &str, mut document: Document) -> Result {
    if !kind.id_field.is_empty() {
        document.insert(kind.id_field.into(), id.into());
    }
    tx.insert(kind, Record::new(id, document, tx.now()))?;
    Ok(())
}

/// Makes what is named, and `count` things that name it. Gives the name.
fn make(tx: &mut Tx, reference: &Reference, count: usize) -> Result<String> {
    let mut target = object(json!({"scopes": [{"value": "read"}]}));
    if let By::Field(field) = reference.by {
        put(&mut target, field, "the-name");
    }
    put(&mut target, "identifier", "the-identifier");
    insert(tx, reference.target, "target", target)?;
    let target = tx.get(reference.target, "target")?.unwrap();
    let name = reference.names(&target).pop().unwrap();
    for number in 0..count {
        let id = format!("holder{number}");
        let mut document = Document::new();
        match reference.place {
            Place::Field(kind, field) | Place::FieldOfFew(kind, field) => {
                put(&mut document, field, &name);
                put(&mut document, "grant", &id);
                put(&mut document, "device", &id);
                put(&mut document, "identifier", &id);
                insert(tx, kind, &id, document)?;
            }
            Place::Items(kind, array, member) => {
                let mut item = Document::new();
                put(&mut item, member, &name);
                document.insert(array.into(), json!([item, {"other": 1}]));
                insert(tx, kind, &id, document)?;
            }
            Place::Id(kind) if number == 0 => insert(tx, kind, &name, document)?,
            Place::Left(relation) => drop(tx.relate(relation, &name, &id, document)?),
            Place::Right(relation) => drop(tx.relate(relation, &id, &name, document)?),
            Place::Accounts => {
                let account = json!({"connection": name, "provider": "auth0", "user_id": id});
                document.insert("identities".into(), json!([account]));
                insert(tx, &model::USER, &format!("auth0|{id}"), document)?;
            }
            Place::Rows(Rows::SingleUse) => {
                let expires = tx.now() + std::time::Duration::from_secs(60);
                tx.put_single_use("thing", &id, document, Some(&name), expires)?;
            }
            // Of an identifier there can be one. Sessions and refresh tokens come to be by a login, as `tests/it/references.rs` has it.
            Place::Id(_) | Place::Rows(_) => {}
        }
    }
    Ok(name)
}

/// How many things name the target, and how many of the records that did are there.
fn left(tx: &Tx, reference: &Reference, name: &str) -> Result<(usize, usize)> {
    let query = RelationQuery::default();
    Ok(match reference.place {
        Place::Field(kind, _) | Place::FieldOfFew(kind, _) | Place::Items(kind, ..) => {
            let all = tx.list(kind, &Query::default())?.items;
            (extent::few(tx, reference, name)?.len(), all.len())
        }
        Place::Id(kind) => (tx.list(kind, &Query::default())?.items.len(), 0),
        Place::Left(relation) => (tx.related(relation, Side::Left(name), &query)?.items.len(), 0),
        Place::Right(relation) => (tx.related(relation, Side::Right(name), &query)?.items.len(), 0),
        Place::Accounts => (tx.list(&model::USER, &Query::default())?.items.len(), 0),
        Place::Rows(Rows::SingleUse) => (usize::try_from(tx.count_single_use("thing", name)?).unwrap(), 0),
        Place::Rows(_) => (0, 0),
    })
}

#[tokio::test]
async fn every_reference_is_followed_as_its_rule_says() {
    for reference in REFERENCES {
        let store = store().await;
        let name = write(&store, |tx| make(tx, reference, 2)).await.unwrap();
        let deleted = write(&store, |tx| delete(tx, &Document::new(), reference.target, "target")).await;
        let named = name.clone();
        let (naming, there) = write(&store, move |tx| left(tx, reference, &named)).await.unwrap();
        match reference.rule {
            Rule::Cascade => assert_eq!((deleted.is_ok(), naming), (true, 0), "{reference:?}"),
            Rule::Clear(_) => assert_eq!((deleted.is_ok(), naming, there), (true, 0, 2), "{reference:?}"),
            Rule::Restrict => {
                assert!(matches!(deleted, Err(Error::Held(_))), "{reference:?}");
                let release = move |tx: &mut Tx| {
                    let target = tx.get(reference.target, "target")?.unwrap();
                    release(tx, reference.target, &target, holder_of(reference))?;
                    delete(tx, &Document::new(), reference.target, "target").map(|deleted| deleted.is_some())
                };
                assert!(write(&store, release).await.unwrap(), "{reference:?}");
            }
        }
        let gone = write(&store, |tx| Ok(tx.get(reference.target, "target")?.is_none())).await.unwrap();
        assert!(gone, "{reference:?}");
    }
}

/// Whatever it is that many name, it is gone at once with all of them, its names stay taken, and the job ends it.
#[tokio::test]
async fn what_many_name_is_gone_at_once_and_deleted_by_a_job() {
    let many = REFERENCES.iter().filter(|reference| {
        let is_counted =
            matches!(reference.place, Place::Field(..) | Place::Left(_) | Place::Right(_) | Place::Accounts);
        is_counted && reference.rule == Rule::Cascade
    });
    let mut kinds = std::collections::BTreeSet::new();
    for reference in many.filter(|reference| kinds.insert(reference.target.name)) {
        let store = store().await;
        let most = usize::try_from(MOST_AT_ONCE).unwrap();
        let name = write(&store, move |tx| make(tx, reference, most + 1)).await.unwrap();
        let deleted = write(&store, |tx| delete(tx, &Document::new(), reference.target, "target")).await.unwrap();
        assert!(matches!(deleted, Some(Deleted::Begun(_))), "{reference:?}");
        let named = name.clone();
        let seen = write(&store, move |tx| {
            let naming = match reference.place {
                // Relations to what is gone lead nowhere, and are not counted.
                Place::Left(_) | Place::Right(_) => 0,
                _ => left(tx, reference, &named)?.0,
            };
            let count = tx.count(reference.target, &store::Filter::All)?;
            Ok((tx.get(reference.target, "target")?.is_none(), count, naming))
        });
        assert_eq!(seen.await.unwrap(), (true, 0, 0), "{reference:?}");
        let again = write(&store, |tx| insert(tx, reference.target, "target", Document::new())).await;
        assert!(matches!(again, Err(Error::Store(StoreError::Taken { .. }))), "{reference:?}");

        let lease = std::time::Duration::from_secs(60);
        let job = store.lease_jobs(model::queues::MANAGEMENT, 1, lease).await.unwrap().pop().unwrap();
        go_on(&store, &job).await.unwrap();
        let named = name.clone();
        let end = write(&store, move |tx| {
            let pending = pending(tx, reference.target, "target")?;
            Ok((left(tx, reference, &named)?.0, pending.is_none(), dangling(tx)?))
        });
        assert_eq!(end.await.unwrap(), (0, true, Vec::new()), "{reference:?}");
        write(&store, |tx| insert(tx, reference.target, "target", Document::new())).await.unwrap();
        assert_eq!(store.verify(&TenantId::new(TENANT)).await.unwrap(), Vec::<String>::new(), "{reference:?}");
    }
}

#[tokio::test]
async fn whoever_has_an_account_elsewhere_loses_only_the_one_of_the_connection() {
    let store = store().await;
    let kept = write(&store, |tx| {
        insert(tx, &model::CONNECTION, "con_1", object(json!({"name": "google", "strategy": "google-oauth2"})))?;
        let accounts = json!([
            {"connection": "db", "provider": "auth0", "user_id": "1"},
            {"connection": "google", "provider": "google-oauth2", "user_id": "2"},
        ]);
        insert(tx, &model::USER, "auth0|1", object(json!({ "identities": accounts })))?;
        delete(tx, &Document::new(), &model::CONNECTION, "con_1")?;
        Ok(tx.get(&model::USER, "auth0|1")?.map(|user| user.document["identities"].clone()))
    });
    let kept: Option<Value> = kept.await.unwrap();
    assert_eq!(kept.unwrap(), json!([{"connection": "db", "provider": "auth0", "user_id": "1"}]));
}

/// A server that dies in the middle of a deletion is followed by one that goes on with it.
#[tokio::test]
async fn a_deletion_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(kernel::FixedClock::at(kernel::Timestamp::from_seconds(1_800_000_000)));
    let context = Context::new(clock.clone(), std::sync::Arc::new(kernel::SystemRandom));
    let root_key = RootKey::generate(&context);
    let open = async || {
        let database = Database::File(folder.path().join("a.db"));
        Store::open(Options { database, root_key: root_key.clone(), context: context.clone() }).await.unwrap()
    };
    let first = open().await;
    first.create_tenant(&TenantId::new(TENANT)).await.unwrap();
    let reference = REFERENCES.iter().find(|reference| reference.target.name == model::ORGANIZATION.name).unwrap();
    let name = write(&first, move |tx| make(tx, reference, 1_100)).await.unwrap();
    write(&first, |tx| delete(tx, &Document::new(), reference.target, "target").map(drop)).await.unwrap();
    let lease = std::time::Duration::from_secs(60);
    let job = first.lease_jobs(model::queues::MANAGEMENT, 1, lease).await.unwrap().pop().unwrap();
    assert!(!write(&first, move |tx| work::batch(tx, &job)).await.unwrap());
    first.close().await;

    let second = open().await;
    assert!(second.lease_jobs(model::queues::MANAGEMENT, 1, lease).await.unwrap().is_empty());
    clock.advance(2 * lease);
    let job = second.lease_jobs(model::queues::MANAGEMENT, 1, lease).await.unwrap().pop().unwrap();
    go_on(&second, &job).await.unwrap();
    let left = write(&second, move |tx| left(tx, reference, &name)).await.unwrap();
    assert_eq!(left.0, 0);
    assert_eq!(second.verify(&TenantId::new(TENANT)).await.unwrap(), Vec::<String>::new());
}
