//! What running a program costs on each engine: the first call of a version, a warm call that does nothing, and memory.

use std::{hint::black_box, sync::Arc};

use aught_actions::{Engine, Invocation, Outbound, Program, ProgramKind, Runtime, Settings};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use futures::future::BoxFuture;
use http::{Request, Response};
use kernel::{Document, TenantId, Value};
use serde_json::json;

const NOTHING: &str = "exports.onExecutePostLogin = async (event, api) => {};";

/// No other servers.
struct Nobody;

impl Outbound for Nobody {
    fn send(&self, _: Request<Bytes>, _: usize) -> BoxFuture<'_, Result<Response<Bytes>, String>> {
        Box::pin(async { Err("there is nobody".into()) })
    }
}

fn program(tenant: &str, code: &str) -> Arc<Program> {
    Arc::new(Program {
        tenant: TenantId::new(tenant),
        id: "1".into(),
        name: "bench".into(),
        kind: ProgramKind::Action,
        code: code.into(),
        modules: Vec::new(),
        dependencies: Vec::new(),
        secrets: Document::new(),
        configuration: Document::new(),
    })
}

/// An event of about two kilobytes.
fn event() -> Value {
    let claims: Document =
        (0..40).map(|n| (format!("claim_{n}"), json!(format!("value number {n} of this user")))).collect();
    json!({"user": {"user_id": "auth0|1", "app_metadata": claims}, "request": {"ip": "198.51.100.7"}})
}

fn call() -> Invocation {
    Invocation::new("post-login", "onExecutePostLogin", event())
}

#[expect(clippy::disallowed_methods, reason = "where Node is, the machine tells")]
fn runtime(engine: Engine) -> Runtime {
    let mut settings = Settings::new(std::env::temp_dir().join("aught-bench-packages"));
    settings.engine = engine;
    settings.search_path = std::env::var_os("PATH").unwrap_or_default();
    settings.embedded = vec![env!("CARGO_BIN_EXE_script-worker").into()];
    Runtime::new(settings, Arc::new(Nobody))
}

fn benches(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Runtime::new().expect("threads can be started");
    for (name, engine) in [("node", Engine::Node), ("embedded", Engine::Embedded)] {
        let runtime = runtime(engine);
        let warm = program("warm", NOTHING);
        let first = tokio.block_on(runtime.run(&warm, call()));
        if let Some(error) = first.error {
            eprintln!("{name}: skipped: {}", error.message);
            continue;
        }
        criterion.bench_function(&format!("{name}: warm call"), |bencher| {
            bencher.iter(|| black_box(tokio.block_on(runtime.run(&warm, call()))));
        });
        cpu(&tokio, &runtime, name, &warm);
        let mut group = criterion.benchmark_group(format!("{name}: cold"));
        group.sample_size(20);
        let mut tenants = 0;
        group.bench_function("worker and version", |bencher| {
            bencher.iter(|| {
                tenants += 1;
                let fresh = program(&format!("cold {tenants}"), NOTHING);
                black_box(tokio.block_on(runtime.run(&fresh, call())))
            });
        });
        group.finish();
        memory(&tokio, &runtime, name);
    }
}

/// Processor time of the worker for a warm call.
fn cpu(tokio: &tokio::runtime::Runtime, runtime: &Runtime, name: &str, program: &Arc<Program>) {
    const CALLS: u32 = 5000;
    let total: std::time::Duration = (0..CALLS).map(|_| tokio.block_on(runtime.run(program, call())).stats.cpu).sum();
    eprintln!(
        "{name}: {:.1} µs of the worker's processor time for a warm call",
        total.as_secs_f64() * 1e6 / f64::from(CALLS)
    );
}

/// What the workers of twenty Actions hold together. Each has a worker of its own.
fn memory(tokio: &tokio::runtime::Runtime, runtime: &Runtime, name: &str) {
    const ACTIONS: usize = 20;
    let before = workers();
    let one = program("memory", NOTHING);
    for version in 0..ACTIONS {
        let mut action = Program::clone(&one);
        action.id = format!("action {version}");
        tokio.block_on(runtime.run(&Arc::new(action), call()));
    }
    let own: Vec<u64> = workers()
        .into_iter()
        .filter(|(id, _)| !before.iter().any(|(known, _)| known == id))
        .map(|(_, held)| held)
        .collect();
    let total: u64 = own.iter().sum();
    eprintln!("{name}: {} workers of {ACTIONS} Actions hold {total} kB for themselves", own.len());
}

/// Ids of this process's children, and the kilobytes that each holds for itself.
fn workers() -> Vec<(u32, u64)> {
    let children = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten().flat_map(|task| {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        listed.split_whitespace().filter_map(|id| id.parse::<u32>().ok()).collect::<Vec<_>>()
    });
    let held = |id: u32| {
        let told = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let own = told.lines().filter(|line| line.starts_with("Private_"));
        Some(own.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum())
    };
    children.filter_map(|id| Some((id, held(id)?))).collect()
}

criterion_group!(actions, benches);
criterion_main!(actions);
