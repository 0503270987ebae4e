//! E-mails by SMTP (RFC 5321): with encryption from the start or by STARTTLS (RFC 3207), on connections that are kept for a while.

mod greeting;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use kernel::{Record, Value, value_at};
use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, AsyncTokioStream},
        extension::ClientId,
    },
};
use outbound::Client;
use tokio::net::TcpStream;

use self::greeting::{Greeted, Offer};
use crate::messages::failure::Failure;

/// From the first byte to the last answer.
const TIME: Duration = Duration::from_secs(30);
/// How long a connection may wait for the next e-mail.
const IDLE: Duration = Duration::from_secs(30);
/// Connections that wait, for each server and account.
const MOST_IDLE: usize = 4;
/// The port on which encryption begins at once (RFC 8314 §7.3).
const TLS_PORT: u16 = 465;
/// The port on which it is demanded (RFC 6409, RFC 8314 §3.3).
const SUBMISSION_PORT: u16 = 587;

/// A server, and who sends through it.
struct Server<'p> {
    host: &'p str,
    port: u16,
    user: &'p str,
    password: &'p str,
}

impl<'p> Server<'p> {
    fn of(provider: &'p Record) -> Option<Self> {
        let text = |path: &str| value_at(&provider.document, path).and_then(Value::as_str);
        Some(Self {
            host: text("credentials.smtp_host")?,
            port: value_at(&provider.document, "credentials.smtp_port")?.as_u64()?.try_into().ok()?,
            user: text("credentials.smtp_user").unwrap_or_default(),
            password: provider.sealed.text("credentials.smtp_pass").unwrap_or_default(),
        })
    }

    /// What connections that can be used again have in common; no one can tell the password from it.
    fn key(&self) -> String {
        kernel::digest(&[self.host, &self.port.to_string(), self.user, self.password].join("\n"))
    }
}

/// Connections that wait for the next e-mail.
#[derive(Default)]
pub(in crate::messages) struct Pool(Mutex<HashMap<String, Vec<Waiting>>>);

struct Waiting {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// Sends an e-mail; the server's answer, or why it was not sent.
    pub(super) async fn send(
        &self,
        outbound: &Client,
        provider: &Record,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<String, Failure> {
        let server = Server::of(provider).ok_or_else(|| Failure::never("The provider names no server."))?;
        let work = async {
            let key = server.key();
            let mut connection = match self.take(&key).await {
                Some(connection) => connection,
                None => open(outbound, &server).await?,
            };
            let answer = connection.send(envelope, message).await.map_err(|error| failure(&error))?;
            self.give_back(key, connection);
            let text = answer.message().collect::<Vec<_>>().join(" ");
            Ok(format!("{} {text}", answer.code()))
        };
        let late = |_| Failure::for_now(format!("The server {} took too long.", server.host));
        tokio::time::timeout(TIME, work).await.map_err(late)?
    }

    /// A connection that is still there.
    async fn take(&self, key: &str) -> Option<AsyncSmtpConnection> {
        loop {
            let waiting = self.waiting().get_mut(key)?.pop()?;
            let mut connection = waiting.connection;
            if waiting.since.elapsed() < IDLE && connection.test_connected().await {
                return Some(connection);
            }
        }
    }

    fn give_back(&self, key: String, connection: AsyncSmtpConnection) {
        if connection.has_broken() {
            return;
        }
        let mut pool = self.waiting();
        // Those that nobody has asked for in time go.
        for waiting in pool.values_mut() {
            waiting.retain(|waiting| waiting.since.elapsed() < IDLE);
        }
        pool.retain(|own, waiting| !waiting.is_empty() || *own == key);
        let waiting = pool.entry(key).or_default();
        if waiting.len() < MOST_IDLE {
            waiting.push(Waiting { connection, since: Instant::now() });
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on which e-mails can be sent.
async fn open(outbound: &Client, server: &Server<'_>) -> Result<AsyncSmtpConnection, Failure> {
    let tcp = outbound.connect(server.host, server.port).await.map_err(|refused| Failure::of(&refused))?;
    begin(outbound, server, tcp).await
}

/// Begins to talk with a server, with encryption where its port or the server itself wants that.
async fn begin(outbound: &Client, server: &Server<'_>, tcp: TcpStream) -> Result<AsyncSmtpConnection, Failure> {
    let peer = tcp.peer_addr().map_err(|error| Failure::for_now(error.to_string()))?;
    let hello = ClientId::Ipv4([127, 0, 0, 1].into());
    let secure = async |tcp| outbound.secure(server.host, tcp).await.map_err(|refused| Failure::of(&refused));
    let (stream, is_secure): (Box<dyn AsyncTokioStream>, bool) = if server.port == TLS_PORT {
        (Box::new(Greeted::new(secure(tcp).await?, peer, false)), true)
    } else {
        match greeting::ask(tcp, &hello).await.map_err(Failure::for_now)? {
            (tcp, Offer::Encryption) => (Box::new(Greeted::new(secure(tcp).await?, peer, true)), true),
            (_, Offer::Nothing) if server.port == SUBMISSION_PORT => {
                return Err(Failure::never(format!("The server {} offers no encryption.", server.host)));
            }
            (tcp, Offer::Nothing) => (Box::new(Greeted::new(tcp, peer, true)), false),
        }
    };
    let mut connection =
        AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(|error| failure(&error))?;
    if !server.user.is_empty() {
        if !is_secure && !peer.ip().is_loopback() {
            let text = format!("The server {} offers no encryption, and a password is not sent without.", server.host);
            return Err(Failure::never(text));
        }
        let credentials = Credentials::new(server.user.to_owned(), server.password.to_owned());
        let authenticated = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        authenticated.map_err(|error| failure(&error))?;
    }
    Ok(connection)
}

/// What the server says is told; codes that begin with 5 are for good (RFC 5321 §4.2.1).
fn failure(error: &Error) -> Failure {
    let mut reason = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = inner.source();
    }
    if error.is_permanent() || error.is_client() { Failure::never(reason) } else { Failure::for_now(reason) }
}

#[cfg(test)]
mod tests;
