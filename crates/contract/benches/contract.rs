//! How long the contract takes to read, and a request to be checked.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;

fn contract(c: &mut Criterion) {
    let start = std::time::Instant::now();
    let contract = aught_contract::Contract::load();
    let first = start.elapsed();
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("first load: {first:?}\n").as_bytes());
    c.bench_function("route", |b| b.iter(|| contract.route(&http::Method::GET, black_box("/users/auth0%7C123/roles"))));
    let users = contract.find("POST /users").expect("the contract has users");
    let body =
        json!({"email": "jane@example.com", "connection": "Username-Password-Authentication", "password": "x y z",
        "user_metadata": {"a": 1}, "given_name": "Jane"})
        .to_string();
    c.bench_function("body of POST /users", |b| {
        b.iter(|| users.body(Some("application/json"), black_box(body.as_bytes())));
    });
    let list = contract.find("GET /users").expect("the contract has users");
    let path = aught_contract::PathValues::default();
    c.bench_function("query of GET /users", |b| {
        b.iter(|| {
            list.arguments(&path, Some("page=1&per_page=50&include_totals=true&q=email%3Ax&fields=user_id%2Cemail"))
        });
    });
    let user = json!({"user_id": "auth0|1", "email": "jane@example.com", "identities": [{"provider": "auth0", "connection": "x",
        "user_id": "1", "isSocial": false}], "created_at": "2021-01-01T00:00:00.000Z", "other": 1});
    c.bench_function("projection of a user", |b| b.iter(|| users.project(black_box(user.clone()))));
}

criterion_group!(benches, contract);
criterion_main!(benches);
