//! The yardstick of the load bench: a trivial route that returns the bytes of a file, on the same HTTP stack as aught.
//!
//! `aught-floor ADDRESS FILE` answers every request to ADDRESS with FILE's bytes as JSON.

use std::sync::Arc;

use axum::{Router, http::header, response::IntoResponse};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = || std::io::Error::other("usage: aught-floor ADDRESS FILE");
    let address = arguments.next().ok_or_else(usage)?;
    let bytes: Arc<[u8]> = std::fs::read(arguments.next().ok_or_else(usage)?)?.into();
    let answer = move || {
        let bytes = axum::body::Bytes::from_owner(Arc::clone(&bytes));
        async move { ([(header::CONTENT_TYPE, "application/json")], bytes).into_response() }
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, Router::new().fallback(answer)).await
}
