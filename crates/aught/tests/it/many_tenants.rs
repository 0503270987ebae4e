//! What 10,000 tenants cost: start, read and token of one of them, beside the same alone. It takes minutes and asserts nothing, so
//! it is run by name: `cargo test --workspace --test it -- --ignored many_tenants --nocapture`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use store::{Domain, Options, RootKey, Store, StoreError, Tx};

use crate::{
    crash::{Api, DOMAIN, serve},
    program::Server,
};

const TENANTS: u32 = 10_000;
const ASKED: usize = 300;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes minutes"]
async fn many_tenants_cost_little() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db").to_str().unwrap().to_owned();
    measure("first start", &database, folder.path()).await;
    measure("alone", &database, folder.path()).await;
    let began = Instant::now();
    fill(&database, folder.path()).await;
    eprintln!("{TENANTS} tenants were made in {:?}", began.elapsed());
    measure("among many", &database, folder.path()).await;
}

/// Starts the program and asks it for a role and for tokens.
async fn measure(when: &str, database: &str, state: &Path) {
    let began = Instant::now();
    let server = Server::start(serve(database, state));
    let start = began.elapsed();
    let api = Api::open(&server).await;
    let role = api.create_role(&format!("role {when}")).await.unwrap();
    let mut reads = Vec::new();
    let mut tokens = Vec::new();
    for _ in 0..ASKED {
        let began = Instant::now();
        assert_eq!(api.role(&role).await["id"], json!(role));
        reads.push(began.elapsed());
        let began = Instant::now();
        Api::open(&server).await;
        tokens.push(began.elapsed());
    }
    eprintln!("{when}: start {start:?}; read {}; token {}", told(&mut reads), told(&mut tokens));
    server.stop();
}

fn told(times: &mut [Duration]) -> String {
    times.sort_unstable();
    format!("median {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Makes tenants that have a domain and keys for their data. What else a tenant has is not looked at before somebody asks for it.
async fn fill(database: &str, state: &Path) {
    let root_key = std::fs::read_to_string(state.join("root-key")).unwrap();
    let root_key = RootKey::parse(&root_key).unwrap();
    let options = Options { database: database.parse().unwrap(), root_key, context: kernel::Context::system() };
    let store = Store::open(options).await.unwrap();
    for number in 0..TENANTS {
        let tenant = kernel::TenantId::new(&format!("tenant-{number}"));
        store.create_tenant(&tenant).await.unwrap();
        let domain = format!("tenant-{number}.{DOMAIN}");
        let work = move |tx: &mut Tx| tx.set_domain(&domain, Domain::Own);
        store.write::<_, StoreError>(&tenant, work).await.unwrap();
    }
    store.close().await;
}
