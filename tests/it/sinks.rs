//! Servers that take what the product sends: they note it, and answer as a test wants.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// An SMTP server without encryption.
pub(crate) struct SmtpSink {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<String>>>,
}

impl SmtpSink {
    /// A server that takes everything but what goes to an address that holds a code: it is answered with that.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let shared = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&shared)));
            }
        });
        Self { port, taken }
    }

    /// What was taken: commands and messages, in order.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn talk(stream: TcpStream, taken: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let note = |text: String| taken.lock().unwrap().push(text);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
            "AUTH" => "235 welcome\r\n".to_owned(),
            "RCPT" if line.contains("refused") => "550 no such user here\r\n".to_owned(),
            "RCPT" if line.contains("busy") => "451 come back later\r\n".to_owned(),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
                        break;
                    }
                    message.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                note(message);
                "250 queued as 1\r\n".to_owned()
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => "250 ok\r\n".to_owned(),
        };
        if !matches!(verb.as_str(), "DATA" | "NOOP" | "EHLO") {
            note(line);
        }
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// A request that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
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
        let take = async |State(shared): State<Shared>, uri: axum::http::Uri, headers: HeaderMap, body: Bytes| {
            let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            shared.taken.lock().unwrap().push(Taken { path, headers, body });
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
