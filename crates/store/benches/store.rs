//! What the store's hot paths cost, on a database file: `cargo bench -p aught-store`.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

use aught_store::{
    self as store, Database, Filter, Index, Kind, LogQuery, Options, Order, Paging, Query, RootKey, Store, StoreError,
};
use criterion::{Criterion, criterion_group, criterion_main};
use kernel::{Context, Document, Record, TenantId, object};
use serde_json::json;
use tokio::runtime::Runtime;

const USERS: u64 = 100_000;
static USER: Kind = Kind::new("user").indexed_by(index);

/// A user with 15 search terms, about as large as real ones.
fn user(number: u64, context: &Context) -> Record {
    let name = format!("user-{number:06}");
    let email = format!("{name}@example.com");
    let document = json!({
        "user_id": format!("auth0|{number:024x}"), "email": email, "email_verified": true, "name": name, "nickname": name,
        "picture": format!("https://s.example.com/avatar/{number:032x}?s=480&r=pg"),
        "identities": [{"connection": "Username-Password-Authentication", "user_id": format!("{number:024x}"), "provider": "auth0", "isSocial": false}],
        "user_metadata": {"color": "green", "plan": number % 7}, "app_metadata": {"group": format!("g{}", number % 100)},
        "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
    });
    let id = format!("auth0|{number:024x}");
    let mut record = Record::new(id, object(document), context.now());
    record.sealed.set("password_hash", "$2b$10$abcdefghijklmnopqrstuuJ0n6gFJy6Jb2cJH9o6mR7pJwqQ0GQy2");
    record
}

fn index(user: &Record) -> Index {
    let at = |path: &str| {
        kernel::value_at(&user.document, path).and_then(|value| value.as_str()).expect("a text").to_owned()
    };
    let identity = &user.document["identities"][0];
    let time = user.created.seconds();
    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
    let time = time as f64;
    Index::new()
        .key("email", at("email"))
        .term("user_id", at("user_id"))
        .term("email", at("email"))
        .term("email.domain", "example.com")
        .term("email_verified", true)
        .term("name", at("name"))
        .term("nickname", at("nickname"))
        .term("created_at", time)
        .term("updated_at", time)
        .term("identities.connection", identity["connection"].as_str().expect("a text"))
        .term("identities.provider", identity["provider"].as_str().expect("a text"))
        .term("identities.user_id", identity["user_id"].as_str().expect("a text"))
        .term("identities.isSocial", false)
        .term("user_metadata.color", at("user_metadata.color"))
        .term("user_metadata.plan", user.document["user_metadata"]["plan"].as_f64().expect("a number"))
        .term("app_metadata.group", at("app_metadata.group"))
}

async fn opened(path: &std::path::Path) -> (Store, TenantId) {
    let context = Context::system();
    let options =
        Options { database: Database::File(path.join("bench.db")), root_key: RootKey::generate(&context), context };
    let store = Store::open(options).await.expect("the database opens");
    let tenant = TenantId::new("bench");
    store.create_tenant(&tenant).await.expect("the tenant is new");
    (store, tenant)
}

async fn load(store: &Store, tenant: &TenantId, from: u64, to: u64) {
    for start in (from..to).step_by(1000) {
        let insert = move |tx: &mut store::Tx| {
            for number in start..(start + 1000).min(to) {
                let record = user(number, tx.context());
                tx.insert(&USER, record)?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(tenant, insert).await.expect("users are new");
    }
}

async fn list(store: &Store, tenant: &TenantId, query: Query) -> usize {
    let read = move |snapshot: &store::Snapshot| snapshot.list(&USER, &query);
    store.read(tenant, read).await.expect("the list is read").items.len()
}

fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("threads can be made");
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (store, tenant) = runtime.block_on(opened(directory.path()));
    runtime.block_on(load(&store, &tenant, 0, USERS));
    let id = format!("auth0|{:024x}", USERS / 2);
    let next = AtomicU64::new(USERS);

    criterion.bench_function("point read", |bencher| {
        bencher.iter(|| {
            let id = id.clone();
            runtime.block_on(store.read(&tenant, move |snapshot| snapshot.get(&USER, &id))).expect("it is there")
        });
    });
    criterion.bench_function("100 reads in one snapshot", |bencher| {
        bencher.iter(|| {
            let id = id.clone();
            let read = move |snapshot: &store::Snapshot| (0..100).try_for_each(|_| snapshot.get(&USER, &id).map(drop));
            runtime.block_on(store.read(&tenant, read)).expect("it is there");
        });
    });
    criterion.bench_function("cached read", |bencher| {
        bencher.iter(|| runtime.block_on(store.cached(&tenant, &USER, black_box(&id))).expect("it is there"));
    });
    criterion.bench_function("64 inserts of 15 terms, grouped", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let writes = (0..64).map(|_| {
                    let (store, tenant, number) = (store.clone(), tenant.clone(), next.fetch_add(1, Ordering::Relaxed));
                    tokio::spawn(async move {
                        let insert = move |tx: &mut store::Tx| {
                            let record = user(number, tx.context());
                            tx.insert(&USER, record)
                        };
                        store.write(&tenant, insert).await.expect("the user is new")
                    })
                });
                for write in writes.collect::<Vec<_>>() {
                    write.await.expect("no insert panics");
                }
            });
        });
    });
    criterion.bench_function("64 log events, grouped", |bencher| {
        let event: Document = object(json!({
            "date": "2026-01-01T00:00:00.000Z", "type": "seccft", "client_id": "abc", "client_name": "A client", "ip": "127.0.0.1",
            "user_agent": "Other 0.0.0 / Other 0.0.0", "audience": "https://example.com/", "scope": "read:users", "hostname": "localhost",
        }));
        bencher.iter(|| {
            runtime.block_on(async {
                let writes = (0..64).map(|_| {
                    let (store, tenant, event) = (store.clone(), tenant.clone(), event.clone());
                    tokio::spawn(async move { store.write(&tenant, move |tx| tx.append_log(event.clone())).await })
                });
                for write in writes.collect::<Vec<_>>() {
                    write.await.expect("no append panics").expect("the log takes it");
                }
            });
        });
    });
    let page = Paging::Offset { offset: 0, limit: 50 };
    let queries = [
        ("list 50 of 100k with total", Query::default().page(page.clone()).with_total()),
        ("exact search", Query::of(Filter::equals("email", "user-050000@example.com")).page(page.clone()).with_total()),
        (
            "prefix search of 10",
            Query::of(Filter::Prefix("name".into(), "user-05000".into())).page(page.clone()).with_total(),
        ),
        (
            "prefix search of 1000",
            Query::of(Filter::Prefix("name".into(), "user-050".into())).page(page.clone()).with_total(),
        ),
        ("one group of 100", Query::of(Filter::equals("app_metadata.group", "g7")).page(page.clone()).with_total()),
        (
            "sorted by a field",
            Query::default()
                .order(Order::Field { field: "email".into(), descending: true })
                .page(page.clone())
                .with_total(),
        ),
        (
            "exact search, sorted",
            Query::of(Filter::equals("email", "user-050000@example.com"))
                .order(Order::Field { field: "email".into(), descending: true })
                .page(page),
        ),
    ];
    for (name, query) in queries {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(list(&store, &tenant, query.clone())));
        });
    }
    criterion.bench_function("newest 50 log events", |bencher| {
        bencher.iter(|| {
            let read = |snapshot: &store::Snapshot| snapshot.logs(&LogQuery::default());
            runtime.block_on(store.read(&tenant, read)).expect("the log is read")
        });
    });
    runtime.block_on(store.close());
}

criterion_group!(store_benches, benches);
criterion_main!(store_benches);
