//! Connections to other servers that speak no HTTP, under the same rules.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Client, Refused, is_private, trust};

/// A server has this long to take a connection.
const TIME: Duration = Duration::from_secs(10);

impl Client {
    /// A connection to a host, if it may be called.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Refused> {
        let unresolved = |_| Refused::Unresolved(host.to_owned());
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = lookup_host((bare, port)).await.map_err(unresolved)?;
        let allowed: Vec<SocketAddr> = found.filter(|found| self.allows_private || !is_private(found.ip())).collect();
        if allowed.is_empty() {
            return Err(Refused::Private(host.to_owned()));
        }
        let connected = tokio::time::timeout(TIME, TcpStream::connect(&allowed[..])).await;
        let connected = connected.map_err(|_| Refused::Timeout(host.to_owned()))?;
        connected.map_err(|error| Refused::Failed(host.to_owned(), error.to_string()))
    }

    /// Begins encryption on a connection with a host, which has to prove that it is the one.
    pub async fn secure(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Refused> {
        let failed = |cause: String| Refused::Failed(host.to_owned(), cause);
        let config = self.tls.get_or_try_init(|| async {
            let mut config = trust::config(self.own.as_ref(), self.identity.as_ref()).await?;
            config.alpn_protocols.clear();
            Ok(Arc::new(config))
        });
        let config = config.await.map_err(failed)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| failed(error.to_string()))?;
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        let secured = tokio::time::timeout(TIME, handshake).await.map_err(|_| Refused::Timeout(host.to_owned()))?;
        secured.map_err(|error| failed(error.to_string()))
    }
}
