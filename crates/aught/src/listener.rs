//! Connections: one port that answers http and https, HTTP/1.1 and HTTP/2, until it is told to stop.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use futures::StreamExt;
use http::{Response, header};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::server::Acceptor;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::LazyConfigAcceptor;

use crate::{
    Failure,
    certificates::Certificates,
    connections::{Connections, Counted},
    edge::{Arrival, Edge},
    usage::{Usage, Using},
    wire::Wire,
};

/// How long a client may take for its first bytes, for the TLS handshake, and for the header of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where there is room for few clients.
const LITTLE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection may be open without a request.
const IDLE: Duration = Duration::from_secs(75);
/// What is read of a head: more than what is accepted, so that the refusal is ours in both versions.
const READ_LIMIT: u32 = 128 * 1024;
/// How many may ask for metrics at the same time.
const MOST_PLAIN: usize = 16;
/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// What begins an HTTP/2 connection and no request of HTTP/1 (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8; 3] = b"PRI";

/// Opens the port. Where `localhost` is listened on by IPv4 only, IPv6 is added if the machine has it: some clients
/// try nothing else.
pub(crate) async fn open(address: &str) -> Result<Vec<TcpListener>, Failure> {
    let failed = |error: io::Error| Failure::new(format!("listening on {address}"), error);
    let first = TcpListener::bind(address).await.map_err(failed)?;
    let bound = first.local_addr().map_err(failed)?;
    let mut listeners = vec![first];
    if bound.ip() == std::net::Ipv4Addr::LOCALHOST {
        listeners.extend(TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, bound.port())).await.ok());
    }
    Ok(listeners)
}

/// Answers plain http on an address of its own, which the operator keeps inside.
pub(crate) async fn serve_plainly(address: &str, routes: Router) -> Result<JoinHandle<()>, Failure> {
    let failed = |error: io::Error| Failure::new(format!("listening on {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    tracing::info!(%addr, "metrics are answered");
    let few = Arc::new(Semaphore::new(MOST_PLAIN));
    Ok(tokio::spawn(async move {
        loop {
            let Ok(permit) = Arc::clone(&few).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let service = TowerToHyperService::new(routes.clone());
            tokio::spawn(async move {
                let _permit = permit;
                let builder = builder(Version::Http1);
                let connection = builder.serve_connection(TokioIo::new(Wire::of_lines(stream)), service);
                let _ = timeout(IDLE, connection).await;
            });
        }
    }))
}

/// What every connection needs.
pub(crate) struct Door {
    pub(crate) edge: Edge,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) connections: Arc<Connections>,
    /// Turns true when the server should stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// How long connections may then go on.
    pub(crate) drain: Duration,
}

impl Door {
    /// Accepts connections until the server should stop, then waits for the requests that are being answered.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut stopping = self.stopping.clone();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        // One too many is closed at once: what it would wait for may never come.
                        let is_proxy = self.edge.proxies.contains(peer.ip());
                        if let Some(counted) = self.connections.admit(peer, is_proxy) {
                            connections.spawn(Arc::clone(&self).connection(stream, peer, counted));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        // Without file descriptors left, the next attempt fails at once too.
                        sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(self.drain, drained).await.is_err() {
            tracing::warn!(connections = connections.len(), "requests took too long and were cut off");
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, counted: Counted) {
        let is_reserve = counted.is_reserve;
        let patience = if is_reserve { LITTLE_PATIENCE } else { PATIENCE };
        let mut stopping = self.stopping.clone();
        tokio::select! {
            // Nothing is lost with a connection that has not asked for anything yet.
            () = stopped(&mut stopping) => {}
            opened = timeout(patience, self.handshake(stream)) => match opened {
                Ok(Ok(Opened::Plain(stream, version))) => {
                    self.requests(stream, version, Arrival { peer, is_tls: false, server_name: None, is_reserve }).await;
                }
                Ok(Ok(Opened::Tls(stream, version))) => {
                    let server_name = stream.get_ref().1.server_name().map(str::to_owned);
                    self.requests(*stream, version, Arrival { peer, is_tls: true, server_name, is_reserve }).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no connection came about"),
                Err(_) => tracing::debug!(%peer, "the client was silent for too long"),
            },
        }
    }

    async fn handshake(&self, stream: TcpStream) -> io::Result<Opened> {
        stream.set_nodelay(true)?;
        let mut first = [0; HTTP2_PREFACE.len()];
        let mut seen = stream.peek(&mut first).await?;
        if first[..seen].first() == Some(&TLS_HANDSHAKE) {
            let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let config = self.certificates.config(begun.client_hello().server_name()).await.map_err(|failure| {
                tracing::error!(%failure, "https is not available");
                io::Error::other(failure)
            })?;
            let stream = begun.into_stream(config).await?;
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Version::Http2,
                _ => Version::Http1,
            };
            return Ok(Opened::Tls(Box::new(stream), version));
        }
        while seen > 0 && seen < first.len() && HTTP2_PREFACE.starts_with(&first[..seen]) {
            // `peek` would answer at once with the same bytes.
            sleep(Duration::from_millis(5)).await;
            seen = stream.peek(&mut first).await?;
        }
        Ok(Opened::Plain(stream, if first == *HTTP2_PREFACE { Version::Http2 } else { Version::Http1 }))
    }

    async fn requests<S>(self: Arc<Self>, stream: S, version: Version, arrival: Arrival)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut stopping = self.stopping.clone();
        let peer = arrival.peer;
        let arrival = Arc::new(arrival);
        let usage = Arc::new(Usage::default());
        let counter = Arc::clone(&usage);
        let service = service_fn(move |request| {
            let (door, arrival) = (Arc::clone(&self), Arc::clone(&arrival));
            let using = Using::of(&counter);
            async move {
                let response = door.edge.answer(request, &arrival).await;
                let response = until_stopped(response, door.stopping.clone());
                Ok::<_, Infallible>(response.map(|body| using.until_sent(body)))
            }
        });
        let builder = builder(version);
        let stream = match version {
            Version::Http1 => Wire::of_lines(stream),
            Version::Http2 => Wire::of_frames(stream),
        };
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = usage.idle_for(IDLE) => {
                connection.as_mut().graceful_shutdown();
                timeout(PATIENCE, connection).await.unwrap_or(Ok(()))
            }
            () = stopped(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection broke off");
        }
    }
}

/// Lets a stream of events, which has no end of its own, end when the server should stop.
fn until_stopped(response: Response<Body>, mut stopping: watch::Receiver<bool>) -> Response<Body> {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    if media_type.is_none_or(|media_type| media_type != "text/event-stream") {
        return response;
    }
    let end = async move { stopped(&mut stopping).await };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(end)))
}

enum Opened {
    Plain(TcpStream, Version),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>, Version),
}

#[derive(Clone, Copy)]
enum Version {
    Http1,
    Http2,
}

fn builder(version: Version) -> Builder<TokioExecutor> {
    let mut builder = match version {
        Version::Http1 => Builder::new(TokioExecutor::new()).http1_only(),
        Version::Http2 => Builder::new(TokioExecutor::new()).http2_only(),
    };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(READ_LIMIT as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(READ_LIMIT)
        .max_concurrent_streams(200)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

/// Resolves when the server should stop, also when whoever started it is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
