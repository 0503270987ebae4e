//! kill -9 in the middle of a deletion that takes many steps: what is deleted stays gone, and the next process finishes it.

use std::{path::Path, sync::Arc, time::Duration};

use aught_testing::PostgresDatabase;
use kernel::{Context, FixedClock, SystemRandom, TenantId, Timestamp};
use model::{ROLE_PERMISSIONS, queues};
use reqwest::Method;
use serde_json::{Value, json};
use store::{Options, RootKey, Snapshot, Store, StoreError, Tx};

use crate::{
    crash::{Api, serve},
    program::Server,
};

/// Permissions of a role, so many that a job deletes them, and how many one API has.
const PERMISSIONS: usize = 4_000;
const OF_API: usize = 1_000;
/// So often is a process killed until that is in the middle: nobody knows how fast the machine is.
const TRIES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_takes_many_steps_survives_a_kill_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db").to_str().unwrap().to_owned();
    survive_a_kill(&database, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_takes_many_steps_survives_a_kill_on_postgresql() {
    let Some(database) = PostgresDatabase::create() else { return };
    let folder = tempfile::tempdir().unwrap();
    survive_a_kill(&database.url(), folder.path()).await;
}

async fn survive_a_kill(database: &str, state: &Path) {
    let mut server = Server::start(serve(database, state));
    let permissions = permissions(&Api::open(&server).await).await;
    let mut tries = 0..TRIES;
    let (role, name) = loop {
        let number = tries.next().expect("a kill comes in the middle of the deletion");
        let name = format!("role {number}");
        let api = Api::open(&server).await;
        let role = role_with(&api, &name, &permissions).await;
        let (path, deleting) = (format!("/roles/{role}"), api.clone());
        // Whether it is acknowledged before the kill makes no difference.
        let deletion = tokio::spawn(async move { deleting.ask(Method::DELETE, &path, None).await });
        while api.role(&role).await["statusCode"] != 404 {}
        // Each kill comes later than the one before: from before the first step on.
        for _ in 0..number * number {
            api.role(&role).await;
        }
        server.kill();
        drop(deletion.await);
        let left = permissions_left(database, state, &role).await;
        server = Server::start(serve(database, state));
        if left > 0 && left < PERMISSIONS {
            break (role, name);
        }
    };
    let api = Api::open(&server).await;
    assert_eq!(api.role(&role).await["statusCode"], 404, "what is being deleted is shown");
    let again = json!({ "name": name });
    let (status, answer) = api.ask(Method::POST, "/roles", Some(&again)).await.unwrap();
    assert_eq!(status, 409, "the name is free before the role is gone: {answer}");
    assert!(server.stop().status.success());

    a_minute_passes(database, state).await;
    let server = Server::start(serve(database, state));
    let api = Api::open(&server).await;
    while api.ask(Method::POST, "/roles", Some(&again)).await.unwrap().0 != 200 {}
    assert!(server.stop().status.success());
    assert_eq!(permissions_left(database, state, &role).await, 0);
    let (store, tenant) = open(database, state, Context::system()).await;
    assert_eq!(store.verify(&tenant).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.read(&tenant, identity::deletion::dangling).await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// Makes APIs, and gives their permissions.
async fn permissions(api: &Api) -> Vec<Value> {
    let mut permissions = Vec::new();
    for number in 0..PERMISSIONS / OF_API {
        let identifier = format!("https://api.example.com/{number}");
        let names = (0..OF_API).map(|scope| format!("do:{scope}"));
        let scopes: Vec<Value> = names.clone().map(|name| json!({ "value": name })).collect();
        let server = json!({"name": identifier, "identifier": identifier, "scopes": scopes});
        let (status, answer) = api.ask(Method::POST, "/resource-servers", Some(&server)).await.unwrap();
        assert!(status.is_success(), "{answer}");
        permissions
            .extend(names.map(|name| json!({"resource_server_identifier": identifier, "permission_name": name})));
    }
    permissions
}

/// Makes a role with these permissions.
async fn role_with(api: &Api, name: &str, permissions: &[Value]) -> String {
    let role = api.create_role(name).await.unwrap();
    for some in permissions.chunks(OF_API) {
        let some = json!({ "permissions": some });
        let (status, answer) = api.ask(Method::POST, &format!("/roles/{role}/permissions"), Some(&some)).await.unwrap();
        assert!(status.is_success(), "{answer}");
    }
    role
}

/// How many permissions of a role the database still holds.
async fn permissions_left(database: &str, state: &Path, role: &str) -> usize {
    let (store, tenant) = open(database, state, Context::system()).await;
    let pairs = store.read(&tenant, |reader: &Snapshot| reader.related_pairs(&ROLE_PERMISSIONS)).await.unwrap();
    store.close().await;
    pairs.iter().filter(|(left, _)| left == role).count()
}

/// The lease of the process that was killed runs out: whoever looks later gets the job, and gives it back.
async fn a_minute_passes(database: &str, state: &Path) {
    let later = Timestamp::of_system() + Duration::from_secs(120);
    let context = Context::new(Arc::new(FixedClock::at(later)), Arc::new(SystemRandom));
    let (store, tenant) = open(database, state, context).await;
    for job in store.lease_jobs(queues::MANAGEMENT, 100, Duration::from_secs(1)).await.unwrap() {
        let give_back = move |tx: &mut Tx| tx.retry_job(&job, Timestamp::EPOCH, "");
        assert!(store.write::<_, StoreError>(&tenant, give_back).await.unwrap());
    }
    store.close().await;
}

async fn open(database: &str, state: &Path, context: Context) -> (Store, TenantId) {
    let root_key = std::fs::read_to_string(state.join("root-key")).unwrap();
    let root_key = RootKey::parse(&root_key).unwrap();
    let store = Store::open(Options { database: database.parse().unwrap(), root_key, context }).await.unwrap();
    let tenant = store.tenants().await.unwrap().remove(0);
    (store, tenant)
}
