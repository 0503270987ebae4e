//! What every database must do, run on SQLite in memory and on file, and on PostgreSQL where `TEST_POSTGRES` names a
//! server on which databases may be made. Each function has a database with two tenants to itself.

mod bearers;
mod faults;
mod logs;
mod trips;
mod veils;

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kernel::{Context, Document, FixedClock, Record, SystemRandom, TenantId, Timestamp, object};
use serde_json::json;

use crate::{
    Database, Domain, Filter, Index, Kind, LogOrder, LogPaging, LogQuery, Master, NewJob, Options, Order, Page, Paging,
    Query, RelationKind, RelationOrder, RelationQuery, Resealing, RootKey, Side, Snapshot, Store, StoreError,
    StoreResult, Term, Tx, seal::version_of,
};
use bearers::*;
use faults::*;
use logs::*;
use trips::*;
use veils::*;

static THING: Kind = Kind::new("thing");
static OTHER: Kind = Kind::new("other");
static DECOY: Kind = Kind::new("decoy");
static LIKES: RelationKind = RelationKind::new("likes");
static HATES: RelationKind = RelationKind::new("hates");
static R: RelationKind = RelationKind::new("r");

/// A database, two tenants, a clock that stands still.
struct Lab {
    store: Store,
    one: TenantId,
    two: TenantId,
    clock: Arc<FixedClock>,
    root_key: RootKey,
    database: Database,
    directory: Option<tempfile::TempDir>,
    /// The server's URL, where the database was made for this lab.
    server: Option<String>,
    /// What cuts connections, where faults are wanted.
    proxy: Option<Proxy>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    Memory,
    File,
    Postgres,
    /// Through the pooler in transaction mode that `TEST_POSTGRES_POOLER` names.
    Pooler,
    /// With serialization failures and lost connections.
    Faults,
}

impl Lab {
    /// None where there is no such database to test with.
    async fn of(on: On) -> Option<Self> {
        let (database, directory, server) = match on {
            On::Memory => (Database::Memory, None, None),
            On::File => {
                let directory = tempfile::tempdir().unwrap();
                (Database::File(directory.path().join("a.db")), Some(directory), None)
            }
            On::Postgres | On::Pooler | On::Faults => {
                let server = variable("TEST_POSTGRES")?;
                let access = if on == On::Pooler { variable("TEST_POSTGRES_POOLER")? } else { server.clone() };
                let name = format!("aught_test_{}", Context::system().text(kernel::id::HEX, 16));
                on_server(&server, &format!("CREATE DATABASE {name}")).await;
                let (base, parameters) = access.split_once('?').unwrap_or((&access, ""));
                let base = base.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                (Database::Postgres(format!("{base}/{name}?{parameters}")), None, Some(server))
            }
        };
        let proxy = (on == On::Faults).then(Proxy::default);
        let database = match (database, &proxy) {
            (Database::Postgres(url), Some(proxy)) => Database::Postgres(proxy.before(&url).await),
            (database, _) => database,
        };
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_800_000_000)));
        let root_key = RootKey::generate(&Context::system());
        let store = open(&database, &root_key, &clock).await.unwrap();
        if let (On::Faults, Database::Postgres(url)) = (on, &database) {
            on_server(url, &failures()).await;
        }
        let (one, two) = (TenantId::new("one"), TenantId::new("two"));
        store.create_tenant(&one).await.unwrap();
        store.create_tenant(&two).await.unwrap();
        Some(Self { store, one, two, clock, root_key, database, directory, server, proxy })
    }

    fn now(&self) -> Timestamp {
        kernel::Clock::now(&*self.clock)
    }

    /// A further node on the same database.
    async fn another(&self) -> StoreResult<Store> {
        open(&self.database, &self.root_key, &self.clock).await
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = self.another().await.unwrap();
    }

    async fn write<T: Send + 'static>(&self, run: impl Fn(&mut Tx) -> StoreResult<T> + Send + Sync + 'static) -> T {
        let run = Arc::new(run);
        let write = || {
            let run = Arc::clone(&run);
            self.store.write(&self.one, move |tx| run(tx))
        };
        if self.proxy.is_some() { surely(write).await.unwrap() } else { write().await.unwrap() }
    }

    async fn read<T: Send + 'static>(&self, run: impl Fn(&Snapshot) -> StoreResult<T> + Send + 'static) -> T {
        self.store.read(&self.one, run).await.unwrap()
    }

    /// Ends the lab: the store must be sound.
    async fn finish(self) {
        for tenant in [&self.one, &self.two] {
            assert_eq!(self.store.verify(tenant).await.unwrap(), Vec::<String>::new());
        }
        self.store.close().await;
        if let (Some(server), Database::Postgres(url)) = (&self.server, &self.database) {
            let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
            on_server(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

async fn open(database: &Database, root_key: &RootKey, clock: &Arc<FixedClock>) -> StoreResult<Store> {
    let context = Context::new(Arc::clone(clock) as _, Arc::new(SystemRandom));
    Store::open(Options { database: database.clone(), root_key: root_key.clone(), context }).await
}

#[expect(clippy::disallowed_methods, reason = "only the tests' own environment knows of servers")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn on_server(url: &str, sql: &str) {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    tokio::task::spawn_blocking(move || {
        ::postgres::Client::connect(&url, ::postgres::NoTls).unwrap().batch_execute(&sql).unwrap();
    })
    .await
    .unwrap();
}

/// Makes a test of each function for each database.
macro_rules! suite {
    ($($kind:ident $module:ident: $($name:ident)*;)*) => { $(
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let Some(mut lab) = super::Lab::of(super::On::$kind).await else { return };
                    super::$name(&mut lab).await;
                    lab.finish().await;
                }
            )*
        }
    )* };
}

/// The same functions for several databases.
macro_rules! suites {
    ($($name:ident)*; reopened: $($reopened:ident)*; many_nodes: $($many:ident)*) => {
        suite! {
            Memory memory: $($name)*;
            File file: $($name)* $($reopened)*;
            Postgres postgres: $($name)* $($reopened)* $($many)* few_answers_are_waited_for;
            Pooler through_a_pooler: $($name)* $($reopened)* $($many)*;
        }
    };
}

suites! {
    a_record_comes_back_as_it_was_written
    an_update_needs_the_version_it_replaces
    a_unique_key_is_taken_once
    a_refused_insert_leaves_nothing
    one_of_many_racing_inserts_wins
    no_update_is_lost
    an_error_of_the_closure_writes_nothing
    a_panic_harms_nobody
    what_fails_takes_nothing_of_others_along
    what_was_just_written_is_found_and_counted
    tenants_do_not_see_each_other
    every_filter_finds_what_it_means
    lists_come_in_every_order
    cursors_see_each_row_once_while_others_write
    fields_with_few_matches_sort_as_with_many
    a_cursor_of_another_list_is_refused
    odd_texts_are_found_again
    relations_are_found_from_both_sides
    log_ids_grow_while_the_clock_stands_still
    logs_are_searched_by_their_fields
    logs_are_followed_without_gaps
    what_strangers_send_is_cut_in_the_log
    a_list_of_scopes_is_stored_once_and_shown_in_every_event
    counters_count
    counts_follow_inserts_and_deletes
    the_cache_never_serves_what_was_overwritten
    a_record_leaves_the_cache_with_its_key
    a_singleton_that_was_not_there_is_seen_when_it_is_made
    epochs_grow_with_their_kind
    epochs_of_relations_grow_with_what_changes_them
    a_caller_that_goes_away_does_not_stop_the_write
    a_job_is_leased_to_one_worker
    a_lost_lease_ends_nothing
    a_job_waits_for_its_time
    a_tenants_key_can_be_renewed
    a_new_key_that_is_taken_back_encrypts_nothing
    keys_are_renewed_while_others_write
    hosts_of_this_machine_are_told_from_others
    a_host_leads_to_one_tenant
    a_deleted_tenant_leaves_nothing
    what_is_being_deleted_is_seen_by_nobody_and_holds_its_names
    a_session_is_found_by_what_its_browser_presents
    a_session_ends_when_it_is_idle_or_too_old
    sessions_of_a_user_are_listed_and_ended_together
    a_refresh_token_rotates_and_a_spent_one_ends_its_family
    a_refresh_token_is_good_for_its_own_tenant_and_time
    a_hundred_uses_of_one_refresh_token_log_nobody_out_within_the_leeway
    a_hundred_uses_of_one_refresh_token_leave_no_family_without_leeway
    refresh_tokens_are_found_and_ended_by_who_holds_them
    something_of_single_use_is_consumed_once
    something_of_single_use_goes_with_its_user_and_its_time
    a_tally_counts_every_attempt_until_it_is_forgotten
    a_rate_grants_a_burst_and_then_one_at_a_time
    what_bearers_present_outlives_new_keys;
    reopened:
    what_was_acknowledged_is_there_after_reopening
    sealed_values_are_not_in_the_file
    what_bearers_present_is_not_in_the_file
    a_session_takes_less_than_600_bytes
    only_the_owner_may_read_the_files
    another_root_key_is_refused;
    many_nodes:
    another_nodes_write_ends_a_cached_record
    another_node_sees_a_singleton_that_was_not_there
    another_node_hears_of_hosts
    another_node_hears_of_a_deletion
}

// With a hundred transactions on one row beside the faults, some give up: that is not asked here.
suite! {
    Faults under_faults:
        a_caller_that_goes_away_does_not_stop_the_write
        a_cursor_of_another_list_is_refused
        a_host_leads_to_one_tenant
        a_job_is_leased_to_one_worker
        a_job_waits_for_its_time
        a_list_of_scopes_is_stored_once_and_shown_in_every_event
        a_lost_lease_ends_nothing
        a_new_key_that_is_taken_back_encrypts_nothing
        a_panic_harms_nobody
        a_rate_grants_a_burst_and_then_one_at_a_time
        a_record_comes_back_as_it_was_written
        a_record_leaves_the_cache_with_its_key
        a_refresh_token_is_good_for_its_own_tenant_and_time
        a_refresh_token_rotates_and_a_spent_one_ends_its_family
        a_refused_insert_leaves_nothing
        a_session_ends_when_it_is_idle_or_too_old
        a_session_is_found_by_what_its_browser_presents
        an_update_needs_the_version_it_replaces
        an_error_of_the_closure_writes_nothing
        another_node_hears_of_a_deletion
        another_node_hears_of_hosts
        another_node_sees_a_singleton_that_was_not_there
        another_nodes_write_ends_a_cached_record
        another_root_key_is_refused
        a_commit_whose_answer_is_lost_is_seen
        faults_lose_nothing_and_write_nothing_twice;
}

fn record(id: &str, document: serde_json::Value) -> Record {
    Record::new(id, object(document), Timestamp::from_seconds(1_800_000_000))
}

fn ids(page: &Page<Record>) -> Vec<&str> {
    page.items.iter().map(|record| record.id.as_str()).collect()
}

async fn a_record_comes_back_as_it_was_written(lab: &mut Lab) {
    let mut new = record("1", json!({"z": 1, "a": {"ü": [null, 1.5, "\u{0}"]}}));
    new.sealed.set("secret", "s");
    let expected = Record { version: 1, ..new.clone() };
    let inserted = lab.write(move |tx| tx.insert_indexed(&THING, new.clone(), &Index::new().key("name", "N"))).await;
    assert_eq!(inserted, expected);
    let found = lab.read(|snapshot| Ok((snapshot.get(&THING, "1")?, snapshot.find(&THING, "name", "N")?))).await;
    assert_eq!(found, (Some(expected.clone()), Some(expected)));
    let missing = lab.read(|snapshot| Ok((snapshot.get(&THING, "2")?, snapshot.get(&OTHER, "1")?))).await;
    assert_eq!(missing, (None, None));

    lab.clock.advance(Duration::from_secs(5));
    let updated = lab
        .write(|tx| {
            let mut record = tx.get(&THING, "1")?.unwrap();
            record.document.insert("b".into(), true.into());
            record.sealed.take("secret");
            tx.update_indexed(&THING, record, &Index::new().key("name", "M"))
        })
        .await;
    assert_eq!(
        (updated.version, updated.updated.seconds(), updated.created.seconds()),
        (2, 1_800_000_005, 1_800_000_000)
    );
    let found =
        lab.read(|snapshot| Ok((snapshot.find(&THING, "name", "N")?, snapshot.find(&THING, "name", "M")?))).await;
    assert_eq!(found, (None, Some(updated.clone())));

    let deleted = lab.write(|tx| Ok((tx.delete(&THING, "1")?, tx.delete(&THING, "1")?))).await;
    assert_eq!(deleted, (Some(updated), None));
    assert_eq!(lab.read(|snapshot| snapshot.find(&THING, "name", "M")).await, None);
}

async fn an_update_needs_the_version_it_replaces(lab: &mut Lab) {
    let first = lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({})), &Index::new())).await;
    let old = first.clone();
    lab.write(move |tx| tx.update_indexed(&THING, first.clone(), &Index::new())).await;
    let again = old.clone();
    let outcome = lab.store.write(&lab.one, move |tx| tx.update_indexed(&THING, again.clone(), &Index::new())).await;
    assert_eq!(outcome, Err(StoreError::Conflict));
    lab.write(|tx| tx.delete(&THING, "1")).await;
    let outcome = lab.store.write(&lab.one, move |tx| tx.update_indexed(&THING, old.clone(), &Index::new())).await;
    assert_eq!(outcome, Err(StoreError::Conflict));
}

async fn a_unique_key_is_taken_once(lab: &mut Lab) {
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({})), &Index::new().key("name", "a"))).await;
    let second = |id: &'static str, name: &'static str| {
        lab.store.write(&lab.one, move |tx| {
            tx.insert_indexed(&THING, record(id, json!({})), &Index::new().key("name", name))
        })
    };
    assert_eq!(second("2", "a").await, Err(StoreError::Taken { key: "name".into() }));
    assert_eq!(second("1", "b").await, Err(StoreError::Taken { key: "id".into() }));
    assert!(second("2", "A").await.is_ok());
    lab.write(|tx| tx.insert_indexed(&OTHER, record("1", json!({})), &Index::new().key("name", "a"))).await;
    let renamed = lab.store.write(&lab.one, |tx| {
        let record = tx.get(&THING, "2")?.unwrap();
        tx.update_indexed(&THING, record, &Index::new().key("name", "a"))
    });
    assert_eq!(renamed.await, Err(StoreError::Taken { key: "name".into() }));
    lab.write(|tx| tx.delete(&THING, "1")).await;
    lab.write(|tx| {
        let record = tx.get(&THING, "2")?.unwrap();
        tx.update_indexed(&THING, record, &Index::new().key("name", "a"))
    })
    .await;
}

async fn a_refused_insert_leaves_nothing(lab: &mut Lab) {
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({})), &Index::new().key("b", "x"))).await;
    // The closure goes on after the refusal, and what it did before and after is kept.
    lab.write(|tx| {
        let index = Index::new().key("a", "x").key("b", "x").term("t", "x");
        assert_eq!(
            tx.insert_indexed(&THING, record("2", json!({})), &index),
            Err(StoreError::Taken { key: "b".into() })
        );
        tx.insert_indexed(&THING, record("3", json!({})), &Index::new().key("a", "x"))
    })
    .await;
    let page = lab.read(|snapshot| snapshot.list(&THING, &Query::default().with_total())).await;
    assert_eq!((ids(&page), page.total), (vec!["1", "3"], Some(2)));
}

async fn one_of_many_racing_inserts_wins(lab: &mut Lab) {
    let tasks = (0..20).map(|number| {
        let (store, tenant) = (lab.store.clone(), if number % 2 == 0 { lab.one.clone() } else { lab.two.clone() });
        tokio::spawn(async move {
            let id = number.to_string();
            store
                .write(&tenant, move |tx| {
                    tx.insert_indexed(&THING, record(&id, json!({})), &Index::new().key("n", "x"))
                })
                .await
        })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, StoreError::Taken { key: "n".into() }),
        }
    }
    assert_eq!(won, 2);
}

async fn no_update_is_lost(lab: &mut Lab) {
    for tenant in [&lab.one, &lab.two] {
        let start = |tx: &mut Tx| tx.insert_indexed(&THING, record("1", json!({"n": 0})), &Index::new().term("n", 0.0));
        lab.store.write(tenant, start).await.unwrap();
    }
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let (store, tenant) = (lab.store.clone(), if number % 2 == 0 { lab.one.clone() } else { lab.two.clone() });
            tokio::spawn(async move {
                let add = |tx: &mut Tx| {
                    let mut record = tx.get(&THING, "1")?.unwrap();
                    let n = record.document["n"].as_i64().unwrap() + 1;
                    record.document["n"] = n.into();
                    tx.update_indexed(&THING, record, &Index::new().term("n", f64::from(i32::try_from(n).unwrap())))
                };
                store.write(&tenant, add).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let count = lab.read(|snapshot| Ok(snapshot.get(&THING, "1")?.unwrap())).await;
    assert_eq!((count.document["n"].as_i64(), count.version), (Some(15), 16));
}

async fn an_error_of_the_closure_writes_nothing(lab: &mut Lab) {
    let refused = lab.store.write(&lab.one, |tx| {
        tx.insert_indexed(&THING, record("1", json!({})), &Index::new().key("k", "v").term("t", "v"))?;
        tx.relate(&R, "1", "2", Document::new())?;
        tx.append_log(object(json!({"type": "x"})))?;
        tx.next("counter")?;
        assert!(tx.get(&THING, "1")?.is_some());
        Err::<(), _>(StoreError::BadCursor)
    });
    assert_eq!(refused.await, Err(StoreError::BadCursor));
    let left = lab.read(|snapshot| {
        let records = snapshot.list(&THING, &Query::of(Filter::equals("t", "v")).with_total())?;
        let related = snapshot.relation(&R, "1", "2")?;
        Ok((
            records.items.len(),
            related,
            snapshot.logs(&LogQuery::default())?.items.len(),
            snapshot.count(&THING, &Filter::All)?,
        ))
    });
    assert_eq!(left.await, (0, None, 0, 0));
    // The names that the failed transaction made first are made again.
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({})), &Index::new().key("k", "v").term("t", "v"))).await;
    let found = lab.read(|snapshot| snapshot.list(&THING, &Query::of(Filter::equals("t", "v")))).await;
    assert_eq!(ids(&found), ["1"]);
}

async fn a_panic_harms_nobody(lab: &mut Lab) {
    let write = |id: &'static str| {
        lab.store.write(&lab.one, move |tx| {
            tx.insert_indexed(&THING, record(id, json!({})), &Index::new())?;
            assert!(id != "2", "two is not allowed");
            Ok::<_, StoreError>(())
        })
    };
    let outcomes = tokio::join!(write("1"), write("2"), write("3"));
    assert_eq!((outcomes.0, outcomes.2), (Ok(()), Ok(())));
    assert!(matches!(outcomes.1, Err(StoreError::Panicked(text)) if text.contains("two is not allowed")));
    let read = lab.store.read(&lab.one, |_: &Snapshot| -> StoreResult { panic!("no") });
    assert!(matches!(read.await, Err(StoreError::Panicked(_))));
    let mut left = lab.read(|snapshot| snapshot.list(&THING, &Query::default().order(Order::Id))).await;
    assert_eq!(ids(&left), ["1", "3"]);
    left.items.clear();
}

/// Transactions that wait together are committed together: those that fail, before or after they have written, leave the others alone.
async fn what_fails_takes_nothing_of_others_along(lab: &mut Lab) {
    static ENDED: AtomicU32 = AtomicU32::new(0);
    let insert = |tx: &mut Tx, id: &str| {
        let index = Index::new().key("n", id).term("t", "x");
        tx.insert_indexed(&THING, record(id, json!({})), &index).map(drop)
    };
    let turn = |round: u32, kind: u32| {
        let (store, tenant) = (lab.store.clone(), if kind == 4 { lab.two.clone() } else { lab.one.clone() });
        let id = format!("{round}-{kind}");
        async move {
            let outcome = store.write(&tenant, move |tx| {
                match kind {
                    // Nothing is written yet.
                    1 => return Err(StoreError::Conflict),
                    // A record with a term that nobody has asked for.
                    2 => insert(tx, &id).and(Err(StoreError::BadCursor))?,
                    // What others have pending is written by the list.
                    3 => {
                        insert(tx, &id)?;
                        tx.list(&THING, &Query::of(Filter::equals("t", "x")))?;
                        panic!("as hostile code may");
                    }
                    _ => insert(tx, &id)?,
                }
                Ok(())
            });
            let outcome = outcome.await;
            ENDED.fetch_add(1, Ordering::SeqCst);
            assert_eq!(outcome.is_ok(), matches!(kind, 0 | 4 | 5), "{kind}: {outcome:?}");
        }
    };
    for round in 0..4 {
        tokio::join!(turn(round, 0), turn(round, 1), turn(round, 2), turn(round, 4), turn(round, 3), turn(round, 5));
    }
    assert!(ENDED.load(Ordering::SeqCst) >= 24);
    let mut there = lab
        .read(|snapshot| {
            let page = snapshot.list(&THING, &Query::of(Filter::equals("t", "x")).with_total())?;
            assert_eq!(page.total, Some(8));
            assert_eq!(snapshot.count(&THING, &Filter::All)?, 8);
            Ok(ids(&page).into_iter().map(str::to_owned).collect::<Vec<_>>())
        })
        .await;
    there.sort_unstable();
    assert_eq!(there, ["0-0", "0-5", "1-0", "1-5", "2-0", "2-5", "3-0", "3-5"]);
}

async fn what_was_just_written_is_found_and_counted(lab: &mut Lab) {
    lab.write(|tx| {
        let total = |tx: &mut Tx, text: &str| {
            let page = tx.list(&THING, &Query::of(Filter::equals("t", text)).with_total())?;
            Ok::<_, StoreError>((page.total, page.items.len(), tx.count(&THING, &Filter::All)?))
        };
        let new = tx.insert_indexed(&THING, record("1", json!({})), &Index::new().term("t", "x"))?;
        assert_eq!(total(tx, "x")?, (Some(1), 1, 1));
        let new = tx.update_indexed(&THING, new, &Index::new().term("t", "y").term("t", "z"))?;
        assert_eq!((total(tx, "x")?, total(tx, "z")?), ((Some(0), 0, 1), (Some(1), 1, 1)));
        tx.update_indexed(&THING, new, &Index::new().term("t", "y"))?;
        tx.insert_indexed(&THING, record("2", json!({})), &Index::new().term("t", "y"))?;
        tx.delete(&THING, "2")?;
        assert_eq!((total(tx, "y")?, total(tx, "z")?), ((Some(1), 1, 1), (Some(0), 0, 1)));
        Ok(())
    })
    .await;
}

async fn tenants_do_not_see_each_other(lab: &mut Lab) {
    for (tenant, text) in [(&lab.one, "of one"), (&lab.two, "of two")] {
        let write = move |tx: &mut Tx| {
            let mut new = record("1", json!({"text": text}));
            new.sealed.set("s", text);
            tx.insert_indexed(&THING, new, &Index::new().key("k", "v").term("t", "v"))?;
            tx.relate(&R, "1", text, Document::new())?;
            tx.append_log(object(json!({"type": text})))?;
            assert_eq!(tx.next("c")?, 1);
            Ok::<_, StoreError>(())
        };
        lab.store.write(tenant, write).await.unwrap();
    }
    for (tenant, text) in [(&lab.one, "of one"), (&lab.two, "of two")] {
        let check = move |snapshot: &Snapshot| {
            let expected = [Some(text); 1];
            let of = |page: &Page<Record>| {
                page.items.iter().map(|record| record.text("text").unwrap().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(of(&snapshot.list(&THING, &Query::default().with_total())?), [text]);
            assert_eq!(of(&snapshot.list(&THING, &Query::of(Filter::equals("t", "v")))?), [text]);
            assert_eq!(of(&snapshot.list(&THING, &Query::of(Filter::equals("t", "x").negated()))?), [text]);
            assert_eq!(snapshot.count(&THING, &Filter::All)?, 1);
            assert_eq!(snapshot.find(&THING, "k", "v")?.unwrap().sealed.text("s"), Some(text));
            let related = snapshot.related(&R, Side::Left("1"), &RelationQuery::default())?;
            assert_eq!(
                related.items.iter().map(|relation| Some(relation.right.as_str())).collect::<Vec<_>>(),
                expected
            );
            let logs = snapshot.logs(&LogQuery::default())?;
            assert_eq!(logs.items.iter().map(|log| log.document["type"].as_str()).collect::<Vec<_>>(), expected);
            Ok::<_, StoreError>(())
        };
        lab.store.read(tenant, check).await.unwrap();
    }
    lab.write(|tx| tx.delete(&THING, "1")).await;
    assert!(lab.store.cached(&lab.two, &THING, "1").await.unwrap().is_some());
    assert_eq!(lab.store.cached(&lab.one, &THING, "1").await.unwrap(), None);
    let nobody = lab.store.read(&TenantId::new("nobody"), |_| Ok(())).await;
    assert_eq!(nobody, Err(StoreError::UnknownTenant(TenantId::new("nobody"))));
}

/// Ten things: `n` 0 to 9, `name` a0 to a4 and B5 to B9, `even`, and for the first three the tags x, y and `t<n>`.
async fn ten_things(lab: &Lab) {
    lab.write(|tx| {
        for n in 0..10u8 {
            let name = format!("{}{n}", if n < 5 { "a" } else { "B" });
            let mut index = Index::new().term("n", f64::from(n)).term("name", name).term("even", n % 2 == 0);
            if n < 3 {
                index = index.term("tag", "x").term("tag", "y").term("tag", format!("t{n}"));
            }
            tx.insert_indexed(&THING, record(&n.to_string(), json!({"n": n})), &index)?;
            if n >= 7 {
                tx.relate(&LIKES, "somebody", &n.to_string(), Document::new())?;
            }
        }
        tx.insert_indexed(
            &DECOY,
            record("0", json!({})),
            &Index::new().term("n", 0.0).term("name", "a0").term("tag", "x"),
        )
    })
    .await;
}

async fn every_filter_finds_what_it_means(lab: &mut Lab) {
    ten_things(lab).await;
    let range = |from, to| Filter::Range { field: "n".into(), from, to };
    let number = |n: f64| Term::Number(n);
    let cases: Vec<(Filter, &str)> = vec![
        (Filter::All, "0123456789"),
        (Filter::Nothing, ""),
        (Filter::Ids(vec!["3".into(), "1".into(), "x".into()]), "13"),
        (Filter::Ids(vec![]), ""),
        (Filter::equals("name", "a3"), "3"),
        (Filter::equals("name", "b5"), ""),
        (Filter::equals("n", 3.0), "3"),
        (Filter::equals("n", "3"), ""),
        (Filter::equals("even", true), "02468"),
        (Filter::equals("even", 1.0), ""),
        (Filter::equals("nothing", "x"), ""),
        (Filter::equals("tag", "y"), "012"),
        (Filter::any_of("name", ["a1", "a2", "x"]), "12"),
        (Filter::any_of("name", [] as [&str; 0]), ""),
        (Filter::Prefix("name".into(), "a".into()), "01234"),
        (Filter::Prefix("name".into(), String::new()), "0123456789"),
        (Filter::Prefix("n".into(), String::new()), ""),
        (Filter::Glob("name".into(), "*3".into()), "3"),
        (Filter::Glob("name".into(), "B*".into()), "56789"),
        (Filter::Glob("name".into(), "*".into()), "0123456789"),
        (Filter::Glob("name".into(), "a*2".into()), "2"),
        (Filter::Glob("name".into(), "a?".into()), ""),
        (Filter::Glob("name".into(), "*[23]".into()), ""),
        (Filter::Glob("name".into(), "*%".into()), ""),
        (Filter::Glob("name".into(), "a_*".into()), ""),
        (Filter::Glob("name".into(), "a4".into()), "4"),
        (Filter::Glob("tag".into(), "*t*".into()), "012"),
        (range(Bound::Included(number(3.0)), Bound::Included(number(5.0))), "345"),
        (range(Bound::Excluded(number(3.0)), Bound::Excluded(number(5.0))), "4"),
        (range(Bound::Unbounded, Bound::Included(number(1.5))), "01"),
        (range(Bound::Included(number(8.5)), Bound::Unbounded), "9"),
        (range(Bound::Unbounded, Bound::Unbounded), "0123456789"),
        (range(Bound::Included(Term::from("3")), Bound::Unbounded), ""),
        (range(Bound::Included(Term::from("3")), Bound::Included(number(5.0))), ""),
        (
            Filter::Range {
                field: "name".into(),
                from: Bound::Included("B8".into()),
                to: Bound::Excluded("a2".into()),
            },
            "0189",
        ),
        (Filter::Exists("tag".into()), "012"),
        (Filter::Exists("nothing".into()), ""),
        (Filter::related(&LIKES, Side::Left("somebody")), "789"),
        (Filter::related(&LIKES, Side::Right("somebody")), ""),
        (Filter::related(&HATES, Side::Left("somebody")), ""),
        (Filter::equals("even", true).and(Filter::Prefix("name".into(), "a".into())), "024"),
        (Filter::equals("even", true).and(Filter::Exists("tag".into()).negated()), "468"),
        (Filter::Or(vec![Filter::equals("n", 1.0), Filter::Prefix("name".into(), "B".into())]), "156789"),
        (Filter::Or(vec![Filter::equals("n", 1.0), Filter::Exists("tag".into()).negated()]), "13456789"),
        (Filter::Exists("tag".into()).negated(), "3456789"),
        (Filter::equals("nothing", "x").negated(), "0123456789"),
        (Filter::equals("n", 1.0).negated().negated(), "1"),
        (Filter::And(vec![]), "0123456789"),
        (Filter::Or(vec![]), ""),
        (
            Filter::And(vec![
                Filter::Or(vec![
                    Filter::And(vec![
                        Filter::equals("tag", "x"),
                        Filter::equals("tag", "y"),
                        Filter::equals("tag", "t2"),
                    ]),
                    Filter::related(&LIKES, Side::Left("somebody")).and(Filter::equals("even", false)),
                ]),
                Filter::Not(Box::new(Filter::And(vec![Filter::equals("n", 9.0), Filter::Exists("n".into())]))),
            ]),
            "27",
        ),
    ];
    for (filter, expected) in cases {
        let asked = filter.clone();
        let (page, count) = lab
            .read(move |snapshot| {
                Ok((snapshot.list(&THING, &Query::of(asked.clone()).with_total())?, snapshot.count(&THING, &asked)?))
            })
            .await;
        assert_eq!(ids(&page).concat(), expected, "{filter:?}");
        assert_eq!((page.total, count), (Some(expected.len() as u64), expected.len() as u64), "{filter:?}");
    }
    let mut deep = Filter::equals("n", 1.0);
    for _ in 0..1000 {
        deep = deep.negated().and(Filter::equals("n", 2.0)).negated();
    }
    let outcome = lab.store.read(&lab.one, move |snapshot| snapshot.count(&THING, &deep)).await;
    assert_eq!(outcome, Err(StoreError::TooComplex));
}

async fn lists_come_in_every_order(lab: &mut Lab) {
    ten_things(lab).await;
    let by = |field: &'static str, descending| Order::Field { field: field.into(), descending };
    let cases = [
        (Order::Created, "0123456789"),
        (Order::CreatedDescending, "9876543210"),
        (Order::Id, "0123456789"),
        (Order::IdDescending, "9876543210"),
        (by("name", false), "5678901234"),
        (by("name", true), "4321098765"),
        (by("even", false), "1357902468"),
        (by("n", true), "9876543210"),
        // Records without the field come last; of several values the least counts, or descending the greatest.
        (by("tag", false), "0123456789"),
        (by("tag", true), "2109876543"),
        (by("nothing", false), "0123456789"),
    ];
    for (order, expected) in cases {
        let whole = Query::default().order(order.clone());
        let page = lab.read(move |snapshot| snapshot.list(&THING, &whole)).await;
        assert_eq!((ids(&page).concat().as_str(), page.next), (expected, None), "{order:?}");
        let mut by_offset = String::new();
        for offset in [0, 3, 6, 9, 12] {
            let query = Query::default().order(order.clone()).page(Paging::Offset { offset, limit: 3 });
            by_offset += &ids(&lab.read(move |snapshot| snapshot.list(&THING, &query)).await).concat();
        }
        assert_eq!(by_offset, expected, "{order:?}");
        assert_eq!(walk(lab, &order, &Filter::All, 3).await, expected, "{order:?}");
    }
}

/// All identifiers, page by page.
async fn walk(lab: &Lab, order: &Order, filter: &Filter, limit: u64) -> String {
    let (mut all, mut cursor) = (String::new(), None);
    loop {
        let query = Query::of(filter.clone()).order(order.clone()).page(Paging::After { cursor, limit });
        let page = lab.read(move |snapshot| snapshot.list(&THING, &query)).await;
        all += &ids(&page).concat();
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

async fn fields_with_few_matches_sort_as_with_many(lab: &mut Lab) {
    ten_things(lab).await;
    let odd = Filter::equals("even", false);
    for (field, descending, expected) in
        [("name", false, "57913"), ("name", true, "31975"), ("tag", false, "13579"), ("tag", true, "19753")]
    {
        let order = Order::Field { field: field.into(), descending };
        for filter in [odd.clone(), Filter::equals("even", true).negated()] {
            for limit in [1, 2, 5] {
                assert_eq!(walk(lab, &order, &filter, limit).await, expected, "{order:?} {filter:?}");
            }
            let query = Query::of(filter).order(order.clone()).page(Paging::Offset { offset: 1, limit: 3 });
            let page = lab.read(move |snapshot| snapshot.list(&THING, &query)).await;
            assert_eq!(ids(&page).concat(), expected[1..4]);
        }
    }
}

async fn cursors_see_each_row_once_while_others_write(lab: &mut Lab) {
    ten_things(lab).await;
    for order in [Order::Created, Order::Id, Order::Field { field: "n".into(), descending: false }] {
        let (mut seen, mut cursor, mut round) = (Vec::new(), None, 0);
        loop {
            let query = Query::default().order(order.clone()).page(Paging::After { cursor, limit: 2 });
            let page = lab.read(move |snapshot| snapshot.list(&THING, &query)).await;
            seen.extend(ids(&page).iter().map(|id| (*id).to_owned()));
            // A row that was seen goes, and one comes in front of the cursor and one behind it.
            let gone = ids(&page)[0].to_owned();
            let made = round;
            lab.write(move |tx| {
                let old = tx.delete(&THING, &gone)?.unwrap();
                tx.insert_indexed(&THING, Record { version: 0, ..old }, &Index::new().term("n", -1.0))?;
                let new = format!("new {made}");
                tx.insert_indexed(&THING, record(&new, json!({})), &Index::new().term("n", -2.0))
            })
            .await;
            round += 1;
            cursor = page.next;
            if cursor.is_none() || round > 20 {
                break;
            }
        }
        let unique: BTreeSet<_> = seen.iter().collect();
        let originals = (0..10).map(|n| n.to_string()).filter(|id| seen.contains(id)).count();
        assert_eq!(originals, 10, "{order:?}: {seen:?}");
        if order != Order::Created {
            // In order of creation a row that is made anew is a new row.
            assert_eq!(unique.len(), seen.len(), "{order:?}: {seen:?}");
        }
        lab.write(|tx| {
            for record in tx.list(&THING, &Query::default())?.items {
                tx.delete(&THING, &record.id)?;
            }
            for record in tx.list(&DECOY, &Query::default())?.items {
                tx.delete(&DECOY, &record.id)?;
            }
            tx.unrelate_all(&LIKES, Side::Left("somebody"))
        })
        .await;
        ten_things(lab).await;
    }
}

async fn a_cursor_of_another_list_is_refused(lab: &mut Lab) {
    ten_things(lab).await;
    let first = Query::default().page(Paging::After { cursor: None, limit: 2 });
    let cursor = lab.read(move |snapshot| snapshot.list(&THING, &first)).await.next;
    for (order, cursor) in [
        (Order::Id, cursor.clone()),
        (Order::Field { field: "n".into(), descending: true }, cursor),
        (Order::Created, Some("garbage".to_owned())),
    ] {
        let query = Query::default().order(order).page(Paging::After { cursor, limit: 2 });
        let outcome = lab.store.read(&lab.one, move |snapshot| snapshot.list(&THING, &query)).await;
        assert_eq!(outcome, Err(StoreError::BadCursor));
    }
}

async fn odd_texts_are_found_again(lab: &mut Lab) {
    let long = "long ".repeat(2000);
    let texts = [
        "",
        " ",
        "%",
        "_",
        "*",
        "?",
        "[a]",
        "\\",
        "'",
        "\"",
        "$1",
        "ß",
        "日本語",
        "\u{10FFFF}",
        "\u{0}",
        "a\nb",
        long.as_str(),
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let (id, text) = (number.to_string(), text.to_owned());
        lab.write(move |tx| {
            tx.insert_indexed(&THING, record(&id, json!({})), &Index::new().term("text", text.as_str()))
        })
        .await;
    }
    for (number, text) in texts.into_iter().enumerate() {
        let filter = Filter::equals("text", text);
        let page = lab.read(move |snapshot| snapshot.list(&THING, &Query::of(filter.clone()))).await;
        assert_eq!(ids(&page), [number.to_string()], "{text}");
        let filter = Filter::Glob("text".into(), format!("{text}*"));
        let page = lab.read(move |snapshot| snapshot.list(&THING, &Query::of(filter.clone()))).await;
        let is_pattern = text.contains('*');
        assert!(is_pattern || ids(&page).contains(&number.to_string().as_str()), "{text}");
    }
    let filter = Filter::Glob("text".into(), "*[a*".into());
    let page = lab.read(move |snapshot| snapshot.list(&THING, &Query::of(filter.clone()))).await;
    assert_eq!(ids(&page), ["6"]);
    // What PostgreSQL cannot store is refused everywhere, and looking for it finds nothing.
    for (id, key) in [("a\0", "k"), ("a", "k\0")] {
        let write = move |tx: &mut Tx| tx.insert_indexed(&THING, record(id, json!({})), &Index::new().key("k", key));
        assert!(matches!(lab.store.write(&lab.one, write).await, Err(StoreError::Unstorable(_))));
    }
    let found = lab.read(|snapshot| Ok((snapshot.get(&THING, "a\0")?, snapshot.find(&THING, "k", "k\0")?))).await;
    assert_eq!(found, (None, None));
}

async fn relations_are_found_from_both_sides(lab: &mut Lab) {
    let made = lab
        .write(|tx| {
            let document = object(json!({"n": 1}));
            let mut made = Vec::new();
            for (left, right) in [("a", "2"), ("a", "1"), ("a", "3"), ("b", "1"), ("a", "1")] {
                made.push(tx.relate(&R, left, right, document.clone())?);
            }
            made.push(tx.relate_update(&R, "b", "1", object(json!({"n": 2})))?);
            made.push(tx.relate_update(&R, "b", "2", Document::new())?);
            Ok(made)
        })
        .await;
    assert_eq!(made, [true, true, true, true, false, true, false]);
    let cases = [
        (RelationOrder::Created, "213"),
        (RelationOrder::CreatedDescending, "312"),
        (RelationOrder::Other, "123"),
        (RelationOrder::OtherDescending, "321"),
    ];
    for (order, expected) in cases {
        let (mut walked, mut cursor) = (String::new(), None);
        loop {
            let query = RelationQuery {
                order,
                paging: Paging::After { cursor, limit: 1 },
                with_total: true,
                is_open_ended: false,
            };
            let page = lab.read(move |snapshot| snapshot.related(&R, Side::Left("a"), &query)).await;
            assert_eq!(page.total, Some(3));
            walked.extend(page.items.iter().map(|relation| relation.right.as_str()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(walked, expected, "{order:?}");
    }
    let query = RelationQuery { paging: Paging::Offset { offset: 1, limit: 5 }, ..RelationQuery::default() };
    let right = lab.read(move |snapshot| snapshot.related(&R, Side::Right("1"), &query)).await;
    assert_eq!(right.items.len(), 1);
    assert_eq!((right.items[0].left.as_str(), &right.items[0].document["n"]), ("b", &json!(2)));
    let ended = lab
        .write(|tx| Ok((tx.unrelate(&R, "a", "1")?, tx.unrelate(&R, "a", "1")?, tx.unrelate_all(&R, Side::Left("a"))?)))
        .await;
    assert_eq!(ended, (true, false, 2));
    let left = lab.read(|snapshot| Ok((snapshot.relation(&R, "a", "2")?, snapshot.relation(&R, "b", "1")?.is_some())));
    assert_eq!(left.await, (None, true));
}

async fn log_ids_grow_while_the_clock_stands_still(lab: &mut Lab) {
    let first = lab
        .write(|tx| (0..5).map(|_| tx.append_log(object(json!({"type": "x"})))).collect::<Result<Vec<_>, _>>())
        .await;
    lab.clock.advance(Duration::from_millis(1));
    let second = lab.write(|tx| tx.append_log(object(json!({"type": "x"})))).await;
    let all: Vec<_> = first.into_iter().chain([second]).collect();
    assert!(all.is_sorted() && all.iter().collect::<BTreeSet<_>>().len() == 6, "{all:?}");
    for id in &all {
        assert!(
            id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit()) && id.starts_with("90020270115080000"),
            "{id}"
        );
    }
    let id = all[0].clone();
    let event = lab.read(move |snapshot| snapshot.log(&id)).await.unwrap();
    assert_eq!(json!(event.document).to_string(), json!({"_id": all[0], "log_id": all[0], "type": "x"}).to_string());
    assert_eq!(lab.read(|snapshot| snapshot.log("1")).await, None);
}

async fn logs_are_searched_by_their_fields(lab: &mut Lab) {
    let events = [
        json!({"type": "s", "date": "2027-01-01T00:00:00.000Z", "user_id": "auth0|1", "client_name": "A b", "ip": "1.2.3.4"}),
        json!({"type": "f", "date": "2027-01-03T00:00:00.000Z", "user_id": "auth0|2", "description": "Wrong [x]", "ip": ""}),
        json!({"type": "sapi", "date": "2027-01-02T00:00:00.000Z", "user_id": null, "description": "Create a Role"}),
    ];
    let ids = lab
        .write(move |tx| events.iter().map(|event| tx.append_log(object(event.clone()))).collect::<Result<Vec<_>, _>>())
        .await;
    let date = |day: i64| Term::Number(f64::from(i32::try_from(1_798_761_600 + (day - 1) * 86_400).unwrap()));
    let cases: Vec<(Filter, &[&str])> = vec![
        (Filter::All, &["sapi", "f", "s"]),
        (Filter::equals("type", "s"), &["s"]),
        (Filter::equals("type", "S"), &[]),
        (Filter::equals("user_id", "auth0|2"), &["f"]),
        (Filter::equals("user_id", "auth0|2").negated(), &["sapi", "s"]),
        (Filter::Exists("ip".into()), &["s"]),
        (Filter::Prefix("type".into(), "s".into()), &["sapi", "s"]),
        (Filter::Glob("description".into(), "*Role".into()), &["sapi"]),
        (Filter::Glob("description".into(), "*[x]*".into()), &["f"]),
        (Filter::Glob("client_name".into(), "A*".into()), &["s"]),
        (
            Filter::Range { field: "date".into(), from: Bound::Excluded(date(1)), to: Bound::Included(date(2)) },
            &["sapi"],
        ),
        (Filter::Range { field: "date".into(), from: Bound::Included(date(1)), to: Bound::Excluded(date(2)) }, &["s"]),
        (Filter::Or(vec![Filter::equals("type", "s"), Filter::equals("type", "f")]), &["f", "s"]),
        (Filter::equals("type", "s").and(Filter::equals("ip", "1.2.3.4")), &["s"]),
        (Filter::Ids(vec![ids[1].clone()]), &["f"]),
        (Filter::equals("log_id", ids[2].as_str()), &["sapi"]),
        (Filter::Prefix("log_id".into(), "900".into()), &["sapi", "f", "s"]),
        (Filter::equals("details", "s"), &[]),
        (Filter::Nothing.negated(), &["sapi", "f", "s"]),
    ];
    for (filter, expected) in cases {
        let query = LogQuery { filter: filter.clone(), with_total: true, ..LogQuery::default() };
        let page = lab.read(move |snapshot| snapshot.logs(&query)).await;
        let types: Vec<_> = page.items.iter().map(|event| event.document["type"].as_str().unwrap()).collect();
        assert_eq!(types, expected, "{filter:?}");
        assert_eq!(page.total, Some(expected.len() as u64));
    }
    let by = |field: &'static str, descending| LogOrder::Field { field: field.into(), descending };
    for (order, expected) in [
        (LogOrder::Oldest, ["s", "f", "sapi"]),
        (by("date", false), ["s", "sapi", "f"]),
        (by("type", true), ["sapi", "s", "f"]),
        (by("client_name", true), ["s", "sapi", "f"]),
        (by("details", true), ["sapi", "f", "s"]),
    ] {
        let query = LogQuery { order: order.clone(), ..LogQuery::default() };
        let page = lab.read(move |snapshot| snapshot.logs(&query)).await;
        let types: Vec<_> = page.items.iter().map(|event| event.document["type"].as_str().unwrap()).collect();
        assert_eq!(types, expected, "{order:?}");
    }
    let before = Timestamp::from_seconds(1_800_000_001);
    assert_eq!(lab.store.tenants_with_logs_before(before).await.unwrap(), std::slice::from_ref(&lab.one));
    assert_eq!(lab.write(move |tx| tx.prune_logs(before, 2)).await, 2);
    assert_eq!(lab.write(move |tx| tx.prune_logs(before, 2)).await, 1);
    assert_eq!(lab.store.tenants_with_logs_before(before).await.unwrap(), []);
}

async fn logs_are_followed_without_gaps(lab: &mut Lab) {
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (store, tenant) = (lab.store.clone(), lab.one.clone());
            tokio::spawn(async move {
                for _ in 0..10 {
                    let append = |tx: &mut Tx| tx.append_log(object(json!({"type": "x"})));
                    store.write(&tenant, append).await.unwrap();
                }
            })
        })
        .collect();
    let (mut seen, mut last) = (Vec::new(), None);
    while seen.len() < 40 {
        let query = LogQuery { paging: LogPaging::After { log_id: last.clone(), limit: 7 }, ..LogQuery::default() };
        let page = lab.read(move |snapshot| snapshot.logs(&query)).await;
        assert!(page.items.len() <= 7);
        seen.extend(page.items.into_iter().map(|event| event.log_id));
        last = seen.last().cloned();
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(seen.is_sorted() && seen.iter().collect::<BTreeSet<_>>().len() == 40);
}

async fn counters_count(lab: &mut Lab) {
    let numbers = lab.write(|tx| Ok([tx.next("a")?, tx.next("a")?, tx.next("b")?])).await;
    assert_eq!(numbers, [1, 2, 1]);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (store, tenant) = (lab.store.clone(), lab.one.clone());
            tokio::spawn(async move { store.write(&tenant, |tx| tx.next("a")).await.unwrap() })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.insert(task.await.unwrap());
    }
    assert_eq!(numbers, (3..13).collect());
}

async fn counts_follow_inserts_and_deletes(lab: &mut Lab) {
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let (store, tenant) = (lab.store.clone(), lab.one.clone());
            tokio::spawn(async move {
                let id = number.to_string();
                let write = move |tx: &mut Tx| {
                    tx.insert_indexed(&THING, record(&id, json!({})), &Index::new())?;
                    let inside = tx.count(&THING, &Filter::All)?;
                    assert_eq!(inside, tx.list(&THING, &Query::default())?.items.len() as u64);
                    if number % 3 == 0 { tx.delete(&THING, &id).map(drop) } else { Ok(()) }
                };
                store.write(&tenant, write).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(lab.read(|snapshot| snapshot.count(&THING, &Filter::All)).await, 8);
}

async fn the_cache_never_serves_what_was_overwritten(lab: &mut Lab) {
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({"n": 0})), &Index::new().key("k", "v"))).await;
    let is_done = Arc::new(AtomicU32::new(0));
    let readers: Vec<_> = (0..4)
        .map(|number| {
            let (store, tenant, acknowledged) = (lab.store.clone(), lab.one.clone(), Arc::clone(&is_done));
            tokio::spawn(async move {
                loop {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let record = if number % 2 == 0 {
                        store.cached(&tenant, &THING, "1").await
                    } else {
                        store.cached_by(&tenant, &THING, "k", "v").await
                    };
                    let n = record.unwrap().unwrap().document["n"].as_u64().unwrap();
                    assert!(n >= u64::from(least), "{n} after {least} was acknowledged");
                    if least == 100 {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 1..=100u32 {
        lab.write(move |tx| {
            let mut record = tx.get(&THING, "1")?.unwrap();
            record.document["n"] = n.into();
            tx.update_indexed(&THING, record, &Index::new().key("k", "v"))
        })
        .await;
        is_done.store(n, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

async fn a_record_leaves_the_cache_with_its_key(lab: &mut Lab) {
    let by = |value: &'static str| lab.store.cached_by(&lab.one, &THING, "k", value);
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({})), &Index::new().key("k", "a"))).await;
    assert_eq!(by("a").await.unwrap().unwrap().id, "1");
    assert_eq!(by("a").await.unwrap().unwrap().id, "1");
    assert_eq!(by("b").await.unwrap(), None);
    lab.write(|tx| {
        let record = tx.get(&THING, "1")?.unwrap();
        tx.update_indexed(&THING, record, &Index::new().key("k", "b"))
    })
    .await;
    assert_eq!(by("a").await.unwrap(), None);
    assert_eq!(by("b").await.unwrap().unwrap().id, "1");
    lab.write(|tx| tx.insert_indexed(&THING, record("2", json!({})), &Index::new().key("k", "a"))).await;
    assert_eq!(by("a").await.unwrap().unwrap().id, "2");
    lab.write(|tx| tx.delete(&THING, "2")).await;
    assert_eq!(by("a").await.unwrap(), None);
    assert_eq!(lab.store.cached(&lab.one, &THING, "2").await.unwrap(), None);
}

async fn epochs_grow_with_their_kind(lab: &mut Lab) {
    let epoch = |tenant: &TenantId, kind: &Kind| lab.store.epoch(tenant, kind);
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({})), &Index::new())).await;
    let (thing, other, elsewhere) = (epoch(&lab.one, &THING), epoch(&lab.one, &OTHER), epoch(&lab.two, &THING));
    lab.write(|tx| {
        let record = tx.get(&THING, "1")?.unwrap();
        tx.update_indexed(&THING, record, &Index::new())
    })
    .await;
    assert!(epoch(&lab.one, &THING) > thing);
    assert_eq!((epoch(&lab.one, &OTHER), epoch(&lab.two, &THING)), (other, elsewhere));
    let thing = epoch(&lab.one, &THING);
    let refused = lab.store.write(&lab.one, |tx| tx.delete(&THING, "1").and(Err::<(), _>(StoreError::Conflict))).await;
    assert_eq!((refused, epoch(&lab.one, &THING)), (Err(StoreError::Conflict), thing));
}

async fn epochs_of_relations_grow_with_what_changes_them(lab: &mut Lab) {
    let epochs = |lab: &Lab| [&LIKES, &HATES].map(|relation| lab.store.epoch_of_relation(&lab.one, relation));
    let [mut likes, hates] = epochs(lab);
    let named = |n: u64| json!({"n": n}).as_object().cloned().unwrap();
    lab.write(|tx| tx.relate(&LIKES, "a", "b", Document::new())).await;
    for change in 0..4 {
        let [now, other] = epochs(lab);
        assert!(now > likes && other == hates, "{change}");
        likes = now;
        // What is as it was is no change.
        lab.write(|tx| tx.relate(&LIKES, "a", "b", Document::new()).and(tx.unrelate(&LIKES, "a", "nobody"))).await;
        assert_eq!(epochs(lab), [likes, hates], "{change}");
        lab.write(move |tx| match change {
            0 => tx.relate_update(&LIKES, "a", "b", named(1)).map(drop),
            1 => tx.unrelate(&LIKES, "a", "b").and(tx.relate(&LIKES, "a", "b", Document::new())).map(drop),
            _ => tx.unrelate_all(&LIKES, Side::Left("a")).and(tx.relate(&LIKES, "a", "b", Document::new())).map(drop),
        })
        .await;
    }
}

async fn a_caller_that_goes_away_does_not_stop_the_write(lab: &mut Lab) {
    let (store, tenant) = (lab.store.clone(), lab.one.clone());
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let (started, has_started) = tokio::sync::oneshot::channel();
    let started = std::sync::Mutex::new(Some(started));
    let task = tokio::spawn(async move {
        store
            .write(&tenant, move |tx| {
                tx.insert_indexed(&THING, record("1", json!({})), &Index::new())?;
                if let Some(started) = started.lock().unwrap().take() {
                    started.send(()).unwrap();
                    receiver.lock().unwrap().recv().unwrap();
                }
                tx.insert_indexed(&THING, record("2", json!({})), &Index::new())
            })
            .await
    });
    has_started.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    sender.send(()).unwrap();
    while lab.read(|snapshot| snapshot.count(&THING, &Filter::All)).await < 2 {
        tokio::task::yield_now().await;
    }
}

async fn what_was_acknowledged_is_there_after_reopening(lab: &mut Lab) {
    let last = lab
        .write(|tx| {
            let mut new = record("1", json!({"a": 1}));
            new.sealed.set("s", "x");
            tx.insert_indexed(&THING, new, &Index::new().key("k", "v").term("t", "v"))?;
            tx.relate(&R, "1", "2", Document::new())?;
            tx.next("c")?;
            tx.append_log(object(json!({"type": "x"})))
        })
        .await;
    lab.reopen().await;
    assert_eq!(lab.store.tenants().await.unwrap(), [lab.one.clone(), lab.two.clone()]);
    assert_eq!(lab.store.create_tenant(&lab.one).await, Err(StoreError::Taken { key: "tenant".into() }));
    let found = lab.read(|snapshot| snapshot.find(&THING, "k", "v")).await.unwrap();
    assert_eq!(found.sealed.text("s"), Some("x"));
    assert!(lab.read(|snapshot| snapshot.relation(&R, "1", "2")).await.is_some());
    assert_eq!(lab.write(|tx| tx.next("c")).await, 2);
    assert!(lab.write(|tx| tx.append_log(object(json!({"type": "x"})))).await > last);
}

async fn sealed_values_are_not_in_the_file(lab: &mut Lab) {
    lab.write(|tx| {
        let mut new = record("1", json!({"name": "visible-text"}));
        new.sealed.set("client_secret", "hidden-text");
        tx.insert_indexed(&THING, new, &Index::new())
    })
    .await;
    let Some(directory) = &lab.directory else { return };
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("visible-text") && !has("hidden-text") && !has("client_secret"));
}

async fn only_the_owner_may_read_the_files(lab: &mut Lab) {
    use std::os::unix::fs::PermissionsExt;
    let Database::File(path) = lab.database.clone() else { return };
    lab.store.close().await;
    // As an earlier version left it.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    lab.store = lab.another().await.unwrap();
    lab.write(|tx| tx.next("n")).await;
    let mut files = 0;
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        files += 1;
    }
    assert_eq!(files, 4);
}

async fn another_root_key_is_refused(lab: &mut Lab) {
    lab.store.close().await;
    let other = RootKey::generate(&Context::system());
    let outcome = open(&lab.database, &other, &lab.clock).await;
    assert_eq!(outcome.err(), Some(StoreError::WrongRootKey));
    lab.store = lab.another().await.unwrap();
}

async fn another_nodes_write_ends_a_cached_record(lab: &mut Lab) {
    lab.write(|tx| tx.insert_indexed(&THING, record("1", json!({"n": 0})), &Index::new())).await;
    let other = lab.another().await.unwrap();
    let epoch = other.epoch(&lab.one, &THING);
    let likes = other.epoch_of_relation(&lab.one, &LIKES);
    assert_eq!(other.cached(&lab.one, &THING, "1").await.unwrap().unwrap().document["n"], 0);
    lab.write(|tx| {
        let mut record = tx.get(&THING, "1")?.unwrap();
        record.document["n"] = 1.into();
        tx.relate(&LIKES, "1", "2", Document::new())?;
        tx.update_indexed(&THING, record, &Index::new())
    })
    .await;
    while other.cached(&lab.one, &THING, "1").await.unwrap().unwrap().document["n"] == 0 {
        tokio::task::yield_now().await;
    }
    assert!(other.epoch(&lab.one, &THING) > epoch);
    // What is relied on is told of together with the record.
    assert!(other.epoch_of_relation(&lab.one, &LIKES) > likes);
    other.close().await;
}

async fn a_singleton_that_was_not_there_is_seen_when_it_is_made(lab: &mut Lab) {
    let seen = || lab.store.cached_singleton(&lab.one, &THING);
    assert_eq!(seen().await.unwrap(), None);
    assert_eq!(seen().await.unwrap(), None);
    lab.write(|tx| tx.insert_indexed(&THING, record(THING.name, json!({})), &Index::new())).await;
    assert_eq!(seen().await.unwrap().unwrap().id, THING.name);
    lab.write(|tx| tx.delete(&THING, THING.name)).await;
    assert_eq!(seen().await.unwrap(), None);
}

async fn another_node_sees_a_singleton_that_was_not_there(lab: &mut Lab) {
    let other = lab.another().await.unwrap();
    assert_eq!(other.cached_singleton(&lab.one, &THING).await.unwrap(), None);
    lab.write(|tx| tx.insert_indexed(&THING, record(THING.name, json!({})), &Index::new())).await;
    while other.cached_singleton(&lab.one, &THING).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    other.close().await;
}

async fn another_node_hears_of_hosts(lab: &mut Lab) {
    let other = lab.another().await.unwrap();
    assert_eq!(other.tenant_at("one.example").await.unwrap(), None);
    lab.write(|tx| tx.set_domain("one.example:8080", Domain::Own)).await;
    while other.tenant_at("one.example").await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(lab.store.delete_tenant(&lab.one).await.unwrap());
    while other.tenant_at("one.example").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    let gone = other.read(&lab.one, |snapshot| snapshot.get(&THING, "1")).await;
    assert_eq!(gone, Err(StoreError::UnknownTenant(lab.one.clone())));
    other.close().await;
    lab.store.create_tenant(&lab.one).await.unwrap();
}

async fn hosts_of_this_machine_are_told_from_others(lab: &mut Lab) {
    for domain in ["localhost:8080", "acme.localhost:8080", "127.0.0.1:80", "[::1]:80"] {
        lab.write(move |tx| tx.set_domain(domain, Domain::Installation)).await;
        assert!(!lab.store.is_reached_from_outside().await.unwrap(), "{domain}");
    }
    for domain in ["login.example", "localhost.example", "10.0.0.1"] {
        lab.write(move |tx| tx.set_domain(domain, Domain::Installation)).await;
        assert!(lab.store.is_reached_from_outside().await.unwrap(), "{domain}");
    }
}

async fn a_host_leads_to_one_tenant(lab: &mut Lab) {
    let at = async |host: &str| {
        let found = lab.store.tenant_at(host).await.unwrap();
        found.map(|tenant| (tenant.id().clone(), tenant.domain().to_owned(), tenant.host().to_owned()))
    };
    let known = |id: &TenantId, domain: &str, host: &str| Some((id.clone(), domain.to_owned(), host.to_owned()));
    let (one, two) = (lab.one.clone(), lab.two.clone());
    assert_eq!(at("one.example").await, None);
    lab.write(|tx| tx.set_domain("one.example:8080", Domain::Installation)).await;
    for host in ["one.example", "ONE.example.", "one.example:9"] {
        assert_eq!(at(host).await, known(&one, "one.example:8080", "one.example:8080"), "{host}");
    }
    assert_eq!(lab.store.only_tenant().await.unwrap().map(|tenant| tenant.id().clone()), Some(one.clone()));
    let taken = lab.store.write(&two, |tx| tx.set_domain("one.example", Domain::Own)).await;
    assert_eq!(taken, Err(StoreError::Taken { key: "domain".to_owned() }));
    lab.store.write(&two, |tx| tx.set_domain("two.one.example:8080", Domain::Follower)).await.unwrap();
    assert_eq!(lab.store.only_tenant().await.unwrap(), None);

    // Custom domains, of which each tenant has any number.
    lab.write(|tx| tx.claim_host("login.example")).await;
    lab.write(|tx| tx.claim_host("login.example")).await;
    assert_eq!(at("login.example").await, known(&one, "one.example:8080", "login.example:8080"));
    let taken = lab.store.write(&two, |tx| tx.claim_host("login.example")).await;
    assert_eq!(taken, Err(StoreError::Taken { key: "domain".to_owned() }));
    // What is not the tenant's own is not let go.
    lab.store.write(&two, |tx| tx.release_host("login.example")).await.unwrap();
    lab.write(|tx| tx.release_host("one.example")).await;
    assert!(at("login.example").await.is_some() && at("one.example").await.is_some());
    lab.write(|tx| tx.release_host("login.example")).await;
    assert_eq!(at("login.example").await, None);

    // The installation moves to another port, and takes along whoever follows.
    lab.write(|tx| tx.set_domain("other.example:9090", Domain::Installation)).await;
    lab.store.move_followers(":9090").await.unwrap();
    assert_eq!(at("one.example").await, None);
    assert_eq!(at("two.one.example").await, known(&two, "two.one.example:9090", "two.one.example:9090"));
    let domain = lab.store.tenant(&one).await.unwrap().map(|tenant| tenant.domain().to_owned());
    assert_eq!(domain.as_deref(), Some("other.example:9090"));
    assert_eq!(lab.store.installation_tenant().await.unwrap(), (Some(one.clone()), true));
    for odd in ["", "\u{0}", "[", &"a".repeat(300), "' OR 1=1"] {
        assert_eq!(at(odd).await, None, "{odd}");
    }
}

async fn a_deleted_tenant_leaves_nothing(lab: &mut Lab) {
    let fill = |tx: &mut Tx| {
        for n in 0..600 {
            let mut new = record(&n.to_string(), json!({"n": n}));
            new.sealed.set("secret", "s");
            tx.insert_indexed(&THING, new, &Index::new().key("name", n.to_string()).term("n", f64::from(n)))?;
        }
        tx.relate(&LIKES, "1", "2", Document::new())?;
        tx.append_event("user.created", &Document::new())?;
        tx.append_log(Document::new())?;
        tx.next("counter")?;
        tx.enqueue(NewJob::new("queue", Document::new()))
    };
    lab.store.write(&lab.one, fill).await.unwrap();
    lab.store.write(&lab.two, fill).await.unwrap();
    assert!(lab.store.cached(&lab.one, &THING, "1").await.unwrap().is_some());
    assert!(lab.store.delete_tenant(&lab.one).await.unwrap());
    assert!(!lab.store.delete_tenant(&lab.one).await.unwrap());
    assert_eq!(lab.store.cached(&lab.one, &THING, "1").await, Err(StoreError::UnknownTenant(lab.one.clone())));
    assert_eq!(lab.store.tenants().await.unwrap(), std::slice::from_ref(&lab.two));
    assert_eq!(lab.store.lease_jobs("queue", 9, Duration::from_secs(1)).await.unwrap().len(), 1);
    // The name is free, and what comes back has nothing of what was.
    lab.store.create_tenant(&lab.one).await.unwrap();
    assert_eq!(lab.store.cached(&lab.one, &THING, "1").await.unwrap(), None);
    assert_eq!(lab.read(|snapshot| snapshot.find(&THING, "name", "1")).await, None);
    assert_eq!(lab.store.write(&lab.one, |tx| tx.next("counter")).await.unwrap(), 1);
}

async fn a_job_is_leased_to_one_worker(lab: &mut Lab) {
    let woken = lab.store.jobs_enqueued();
    for tenant in [&lab.one, &lab.two] {
        let enqueue = |tx: &mut Tx| {
            for n in 0..10 {
                let mut job = NewJob::new("mail", object(json!({"n": n})));
                job.sealed.set("link", "hidden");
                tx.enqueue(job)?;
            }
            tx.enqueue(NewJob::new("other", Document::new()))
        };
        lab.store.write(tenant, enqueue).await.unwrap();
    }
    woken.await;
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = lab.store.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                loop {
                    let jobs = store.lease_jobs("mail", 3, Duration::from_secs(60)).await.unwrap();
                    if jobs.is_empty() {
                        return done;
                    }
                    for job in jobs {
                        assert_eq!((job.attempts, job.sealed.text("link")), (1, Some("hidden")));
                        assert!(store.complete_job(&job).await.unwrap());
                        done.push((job.tenant, job.id));
                    }
                }
            })
        })
        .collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    // A worker passes over what another one is just taking, and may find nothing; the next round finds the rest.
    for job in lab.store.lease_jobs("mail", 99, Duration::from_secs(60)).await.unwrap() {
        done.push((job.tenant, job.id));
    }
    assert_eq!((done.len(), done.iter().collect::<BTreeSet<_>>().len()), (20, 20));
    assert_eq!(done.iter().filter(|(tenant, _)| *tenant == lab.one).count(), 10);
}

async fn a_lost_lease_ends_nothing(lab: &mut Lab) {
    let lease = Duration::from_secs(60);
    let id = lab.write(|tx| tx.enqueue(NewJob::new("mail", Document::new()))).await;
    let first = lab.store.lease_jobs("mail", 1, lease).await.unwrap().remove(0);
    assert_eq!(first.id, id);
    assert_eq!(lab.store.lease_jobs("mail", 1, lease).await.unwrap(), []);
    lab.clock.advance(Duration::from_secs(50));
    assert!(lab.store.continue_job(&first, &object(json!({"done": 1})), lease).await.unwrap());
    lab.clock.advance(Duration::from_secs(50));
    assert_eq!(lab.store.lease_jobs("mail", 1, lease).await.unwrap(), []);
    lab.clock.advance(Duration::from_secs(10));
    let second = lab.store.lease_jobs("mail", 1, lease).await.unwrap().remove(0);
    assert_eq!((second.attempts, &second.progress["done"]), (2, &json!(1)));
    assert!(!lab.store.complete_job(&first).await.unwrap());
    assert!(!lab.store.fail_job(&first, "late").await.unwrap());
    assert!(!lab.store.continue_job(&first, &Document::new(), lease).await.unwrap());
    let job = lab.read(move |snapshot| snapshot.job(&id)).await.unwrap();
    assert_eq!(job, second);
    assert!(lab.store.fail_job(&second, "no such host").await.unwrap());
    lab.clock.advance(Duration::from_secs(1000));
    assert_eq!(lab.store.lease_jobs("mail", 1, lease).await.unwrap(), []);
    let id = job.id.clone();
    let failed = lab.read(move |snapshot| snapshot.job(&id)).await.unwrap();
    assert_eq!((failed.has_failed, failed.error.as_deref()), (true, Some("no such host")));
    let now = lab.store.context().now();
    assert_eq!(lab.store.prune_jobs(now, 0).await.unwrap(), 0);
    assert_eq!(lab.store.prune_jobs(now, 1).await.unwrap(), 1);
}

async fn a_job_waits_for_its_time(lab: &mut Lab) {
    let lease = Duration::from_secs(60);
    let start = lab.store.context().now();
    let at = move |seconds| start + Duration::from_secs(seconds);
    assert_eq!(lab.store.next_job_at("mail").await.unwrap(), None);
    lab.write(move |tx| tx.enqueue(NewJob { run_at: Some(at(10)), ..NewJob::new("mail", Document::new()) })).await;
    assert_eq!(lab.store.next_job_at("mail").await.unwrap(), Some(at(10)));
    assert_eq!(lab.store.lease_jobs("mail", 9, lease).await.unwrap(), []);
    lab.clock.advance(Duration::from_secs(10));
    let job = lab.store.lease_jobs("mail", 9, lease).await.unwrap().remove(0);
    assert_eq!(lab.store.next_job_at("mail").await.unwrap(), Some(at(70)));
    assert!(lab.store.retry_job(&job, at(30), "busy").await.unwrap());
    assert_eq!(lab.store.next_job_at("mail").await.unwrap(), Some(at(30)));
    lab.clock.advance(Duration::from_secs(20));
    let again = lab.store.lease_jobs("mail", 9, lease).await.unwrap().remove(0);
    assert_eq!((again.attempts, again.error.as_deref()), (2, Some("busy")));
    // Completed in the transaction of its effects, or not at all.
    let done = again.clone();
    lab.write(move |tx| {
        assert!(tx.complete_job(&done)?);
        tx.insert_indexed(&THING, record("1", json!({})), &Index::new())
    })
    .await;
    assert_eq!(lab.read(move |snapshot| snapshot.job(&again.id)).await, None);
}

async fn a_tenants_key_can_be_renewed(lab: &mut Lab) {
    lab.write(|tx| {
        for n in 0..250 {
            let mut new = record(&n.to_string(), json!({}));
            new.sealed.set("s", n.to_string());
            tx.insert_indexed(&THING, new, &Index::new())?;
        }
        let mut job = NewJob::new("mail", Document::new());
        job.sealed.set("s", "job");
        tx.enqueue(job)
    })
    .await;
    lab.write(Tx::renew_master_key).await;
    let (root, version) = lab
        .write(|tx| {
            let root = tx.add_root_key(None)?;
            tx.wrap_master_key(root)?;
            Ok((root, tx.renew_master_key()?))
        })
        .await;
    let mut from = Some(Resealing::default());
    while let Some(at) = from {
        let note = Resealing::from_document(&at.to_document());
        from = lab.write(move |tx| tx.reseal(version, note)).await;
    }
    lab.write(move |tx| tx.destroy_keys_before(version)).await;
    assert_eq!(lab.read(Snapshot::master_key).await, Master { version, root });
    let all = lab.read(|snapshot| snapshot.list(&THING, &Query::default())).await;
    assert!(all.items.iter().all(|record| record.sealed.text("s") == Some(record.id.as_str())));
    let job = lab.store.lease_jobs("mail", 1, Duration::from_secs(1)).await.unwrap().remove(0);
    assert_eq!(job.sealed.text("s"), Some("job"));
    let versions = lab.read(|snapshot| {
        let sql = "SELECT sealed FROM records WHERE tenant = $1 UNION SELECT sealed FROM jobs WHERE tenant = $2";
        let tenant = [snapshot.number(), snapshot.number()];
        snapshot.connection.query(sql, &tenant, |row| Ok(version_of(row.bytes(0)?.unwrap()).unwrap().0))
    });
    assert!(versions.await.into_iter().all(|version| version == 3));
    let left = lab.read(|snapshot| {
        let sql = "SELECT count(*) FROM root_keys WHERE tenant = $1 AND wrapped IS NOT NULL";
        let roots = snapshot.connection.only(sql, &[snapshot.number()], |row| row.int(0))?;
        let sql = "SELECT count(*) FROM data_keys WHERE tenant = $1";
        Ok((roots, snapshot.connection.only(sql, &[snapshot.number()], |row| row.int(0))?))
    });
    assert_eq!(left.await, (1, 1));
}

async fn a_new_key_that_is_taken_back_encrypts_nothing(lab: &mut Lab) {
    let refused = lab.store.write(&lab.one, |tx| {
        tx.renew_master_key()?;
        let mut new = record("1", json!({}));
        new.sealed.set("s", "lost");
        tx.insert_indexed(&THING, new, &Index::new())?;
        Err::<(), _>(StoreError::Conflict)
    });
    assert_eq!(refused.await, Err(StoreError::Conflict));
    lab.write(|tx| {
        let mut new = record("1", json!({}));
        new.sealed.set("s", "kept");
        tx.insert_indexed(&THING, new, &Index::new())
    })
    .await;
    lab.write(Tx::renew_master_key).await;
    let read = lab.read(|snapshot| snapshot.get(&THING, "1")).await.unwrap();
    assert_eq!(read.sealed.text("s"), Some("kept"));
}

async fn keys_are_renewed_while_others_write(lab: &mut Lab) {
    let writers = (0..4).map(|writer| {
        let (store, tenant) = (lab.store.clone(), lab.one.clone());
        tokio::spawn(async move {
            for n in 0..40 {
                let id = format!("{writer}-{n}");
                let write = move |tx: &mut Tx| {
                    let mut new = record(&id, json!({}));
                    new.sealed.set("s", id.as_str());
                    tx.insert_indexed(&THING, new, &Index::new())
                };
                store.write(&tenant, write).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..4 {
        let version = lab.write(Tx::renew_master_key).await;
        let mut from = Some(Resealing::default());
        while let Some(at) = from {
            from = lab.write(move |tx| tx.reseal(version, at)).await;
        }
        lab.write(move |tx| tx.destroy_keys_before(version)).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let all = lab.read(|snapshot| snapshot.list(&THING, &Query::default())).await;
    assert_eq!(all.items.len(), 160);
    assert!(all.items.iter().all(|record| record.sealed.text("s") == Some(record.id.as_str())));
}
