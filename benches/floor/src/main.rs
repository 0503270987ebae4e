//! The yardstick of the load bench: a trivial route that returns the bytes of a file, on the same HTTP stack as aught.
//!
//! `aught-floor ADDRESS FILE` answers every request to ADDRESS with FILE's bytes as JSON. `aught-floor --bcrypt` prints how many passwords
//! it hashes in a second, on one core, with the library and at the cost that aught does.
#![expect(clippy::print_stdout, reason = "what it counts is read from its output")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, http::header, response::IntoResponse};

/// For how long hashes are counted.
const COUNTED: Duration = Duration::from_secs(3);
/// The cost of new passwords' hashes.
const COST: u32 = 10;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = || std::io::Error::other("usage: aught-floor ADDRESS FILE");
    let address = arguments.next().ok_or_else(usage)?;
    if address == "--bcrypt" {
        println!("{:.2}", hashes_per_second());
        return Ok(());
    }
    let bytes: Arc<[u8]> = std::fs::read(arguments.next().ok_or_else(usage)?)?.into();
    let answer = move || {
        let bytes = axum::body::Bytes::from_owner(Arc::clone(&bytes));
        async move { ([(header::CONTENT_TYPE, "application/json")], bytes).into_response() }
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, Router::new().fallback(answer)).await
}

fn hashes_per_second() -> f64 {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < COUNTED {
        let salt = count.to_be_bytes().repeat(4).try_into().expect("four times four bytes");
        bcrypt::hash_with_salt("a password", COST, salt).expect("the cost is one that bcrypt knows");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}
