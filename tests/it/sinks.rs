//! Servers that take what the product sends: they note it, and answer as a test wants.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse};
use serde_json::Value;
use tokio::net::TcpListener;

pub(crate) use aught_testing::SmtpSink;

/// A request that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Taken {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
struct Shared {
    taken: Arc<Mutex<Vec<Taken>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

/// A service that is called over HTTP.
pub(crate) struct HttpSink {
    pub(crate) address: String,
    shared: Shared,
}

impl HttpSink {
    /// A service that gives these answers, one after the other, and then 200 to everything.
    pub(crate) async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let shared = Shared { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Shared::default() };
        let take = async |State(shared): State<Shared>,
                          method: http::Method,
                          uri: axum::http::Uri,
                          headers: HeaderMap,
                          body: Bytes| {
            let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            shared.taken.lock().unwrap().push(Taken { method, path, headers, body });
            let answer = shared.answers.lock().unwrap().pop_front();
            let (status, body) = answer.unwrap_or_else(|| (200, serde_json::json!({})));
            (axum::http::StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        };
        let router = Router::new().fallback(take).with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }
}
