//! What leaves for other servers: questions to the domain name system, and the one client for outbound HTTP: what tenants can make the server call, and no more. Addresses of private networks are
//! refused unless the installation allows them; time, redirects and the size of answers are bounded.

mod address;
mod connect;
mod dns;
mod trust;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, Uri, header};
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::{Host, Url};

pub use address::is_private;
pub use dns::{Dns, Proof, System};
use tokio::sync::OnceCell;
pub use trust::Roots;

/// Bounds of one call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the start until the last byte of the answer.
    pub time: Duration,
    /// Bytes of the answer's body, after decompression.
    pub bytes: usize,
    /// Redirects that are followed; with none, a redirect is the answer.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), bytes: 5 << 20, redirects: 5 }
    }
}

/// Why there is no answer. The texts may be shown to tenants: they tell nothing of the server's network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// The address cannot be read, or is neither http nor https.
    #[error("The address \"{0}\" is not an http or https address.")]
    Address(String),
    /// The name stands for an address of a private network, and the installation does not allow those.
    #[error("Calls to \"{0}\" are not allowed: it is not a public address.")]
    Private(String),
    /// The name is not known.
    #[error("The host \"{0}\" could not be resolved.")]
    Unresolved(String),
    /// No connection, a failed handshake, or an answer that is not HTTP.
    #[error("The call to \"{0}\" failed: {1}.")]
    Failed(String, String),
    /// [`Limits::time`] is over.
    #[error("The call to \"{0}\" took too long.")]
    Timeout(String),
    /// The answer is longer than [`Limits::bytes`].
    #[error("The answer of \"{0}\" is too large.")]
    TooLarge(String),
    /// More redirects than [`Limits::redirects`].
    #[error("\"{0}\" redirects too often.")]
    Redirects(String),
}

/// Sends requests to other servers. Cheap to clone; connections are pooled.
#[derive(Clone)]
pub struct Client {
    /// Made at the first call: reading the system's trusted certificates takes longer than a start should.
    http: Arc<OnceCell<reqwest::Client>>,
    allows_private: bool,
    own: Option<Roots>,
    /// What servers are shown that ask who calls.
    identity: Option<trust::Identity>,
    /// How other servers than those of HTTP are verified, made at the first of them.
    tls: Arc<OnceCell<Arc<rustls::ClientConfig>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("allows_private", &self.allows_private).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that reaches private networks only if `allows_private`.
    pub fn new(allows_private: bool) -> Self {
        Self { http: Arc::default(), tls: Arc::default(), allows_private, own: None, identity: None }
    }

    /// The same, with more authorities trusted than the system's: the one that signs for this server itself. They are asked for
    /// at the first call.
    pub fn trusting(self, own: Roots) -> Self {
        Self { http: Arc::default(), tls: Arc::default(), own: Some(own), ..self }
    }

    /// The same, which shows servers a certificate (with those that vouch for it after it) for this key in PKCS#8. It has connections of
    /// its own.
    pub fn showing(self, chain: Vec<Vec<u8>>, key: Arc<[u8]>) -> Self {
        let identity = Some(trust::Identity { chain: chain.into(), key });
        Self { http: Arc::default(), tls: Arc::default(), identity, ..self }
    }

    async fn http(&self) -> Result<&reqwest::Client, String> {
        let make = || async {
            let config = trust::config(self.own.as_ref(), self.identity.as_ref()).await?;
            reqwest::Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .user_agent(concat!("aught/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(Resolver { allows_private: self.allows_private }))
                .tls_backend_preconfigured(config)
                .build()
                .map_err(|error| error.to_string())
        };
        self.http.get_or_try_init(make).await
    }

    /// Sends a request with an absolute address and returns the whole answer; its redirects are followed as browsers do
    /// (RFC 9110, section 15.4), without credentials to another origin.
    pub async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, Refused> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        tokio::time::timeout(limits.time, self.follow(request, limits))
            .await
            .unwrap_or_else(|_| Err(Refused::Timeout(host)))
    }

    /// The body of a document at an address.
    pub async fn get(&self, address: &str, limits: Limits) -> Result<Response<Bytes>, Refused> {
        let request = Request::get(address).body(Bytes::new());
        self.send(request.map_err(|_| Refused::Address(address.to_owned()))?, limits).await
    }

    async fn follow(&self, mut request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, Refused> {
        for _ in 0..=limits.redirects {
            let address = self.checked(request.uri())?;
            let response = self.once(request.clone(), &address, limits).await?;
            let target = response.headers().get(header::LOCATION).filter(|_| is_redirect(response.status()));
            let Some(target) = target.filter(|_| limits.redirects > 0) else { return Ok(response) };
            let target = target.to_str().ok().and_then(|target| address.join(target).ok());
            let target = target.ok_or_else(|| Refused::Address("Location".into()))?;
            redirected(&mut request, response.status(), &address, &target)?;
        }
        Err(Refused::Redirects(request.uri().host().unwrap_or_default().to_owned()))
    }

    /// The address, if it may be called. A name is looked at when it is resolved.
    fn checked(&self, uri: &Uri) -> Result<Url, Refused> {
        let refused = || Refused::Address(uri.to_string());
        let address = Url::parse(&uri.to_string()).map_err(|_| refused())?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(refused());
        }
        let literal = match address.host().ok_or_else(refused)? {
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
            Host::Domain(_) => None,
        };
        if !self.allows_private && literal.is_some_and(is_private) {
            return Err(Refused::Private(address.host_str().unwrap_or_default().to_owned()));
        }
        Ok(address)
    }

    async fn once(&self, request: Request<Bytes>, address: &Url, limits: Limits) -> Result<Response<Bytes>, Refused> {
        let host = address.host_str().unwrap_or_default();
        let failed = |error: reqwest::Error| failure(host, &error);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let http = self.http().await.map_err(|cause| Refused::Failed(host.to_owned(), cause))?;
        let mut response = http.execute(request).await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limits.bytes {
                return Err(Refused::TooLarge(host.to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Makes the request that a redirect asks for: `GET` without a body except after 307 and 308.
fn redirected(request: &mut Request<Bytes>, status: StatusCode, from: &Url, to: &Url) -> Result<(), Refused> {
    if !matches!(status.as_u16(), 307 | 308) && request.method() != http::Method::HEAD {
        *request.method_mut() = http::Method::GET;
        *request.body_mut() = Bytes::new();
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            request.headers_mut().remove(name);
        }
    }
    if from.origin() != to.origin() {
        for name in [header::AUTHORIZATION, header::COOKIE, header::HOST] {
            request.headers_mut().remove(name);
        }
    }
    *request.uri_mut() = to.as_str().parse().map_err(|_| Refused::Address(to.to_string()))?;
    Ok(())
}

/// Names the failure by its innermost cause, or by what the resolver said.
fn failure(host: &str, error: &reqwest::Error) -> Refused {
    let mut cause: &dyn std::error::Error = error;
    loop {
        match cause.downcast_ref::<Refused>() {
            Some(Refused::Private(_)) => return Refused::Private(host.to_owned()),
            Some(_) => return Refused::Unresolved(host.to_owned()),
            None => match cause.source() {
                Some(source) => cause = source,
                None => return Refused::Failed(host.to_owned(), cause.to_string()),
            },
        }
    }
}

/// Resolves names to the addresses that may be called: the connection goes to exactly those, so that a name cannot
/// change its meaning between check and call.
#[derive(Debug)]
struct Resolver {
    allows_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allows_private = self.allows_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let unresolved = |_| Refused::Unresolved(name.as_str().to_owned());
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(unresolved)?;
            let allowed: Vec<SocketAddr> = found.filter(|found| allows_private || !is_private(found.ip())).collect();
            if allowed.is_empty() {
                return Err(Refused::Private(host).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        http::HeaderMap,
        response::Redirect,
        routing::{get, post},
    };
    use tokio::net::TcpListener;

    use super::*;

    async fn server() -> String {
        let headers = |headers: HeaderMap| async move { format!("{}", headers.contains_key("authorization")) };
        let router = Router::new()
            .route("/small", get(async || "small").post(async |body: String| body))
            .route("/moved", post(async || Redirect::to("/small")))
            .route("/round", get(async || Redirect::to("/round")))
            .route("/large", get(async || "x".repeat(4096)))
            .route("/never", get(std::future::pending::<String>))
            .route("/headers", get(headers));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn limits() -> Limits {
        Limits { time: Duration::from_secs(5), bytes: 1024, redirects: 2 }
    }

    #[tokio::test]
    async fn an_answer_is_whole_or_refused() {
        let (client, server) = (Client::new(true), server().await);
        let body = async |path: &str| client.get(&format!("{server}{path}"), limits()).await.map(Response::into_body);
        assert_eq!(body("/small").await, Ok(Bytes::from("small")));
        assert_eq!(body("/large").await, Err(Refused::TooLarge("127.0.0.1".into())));
        assert_eq!(body("/round").await, Err(Refused::Redirects("127.0.0.1".into())));
        let short = Limits { time: Duration::from_millis(50), ..limits() };
        let never = client.get(&format!("{server}/never"), short).await.map(|_| ());
        assert_eq!(never, Err(Refused::Timeout("127.0.0.1".into())));
    }

    #[tokio::test]
    async fn a_redirect_after_a_post_is_fetched() {
        let (client, server) = (Client::new(true), server().await);
        let request = Request::post(format!("{server}/moved")).body(Bytes::from("sent")).unwrap();
        assert_eq!(client.send(request, limits()).await.unwrap().into_body(), "small");
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let mut request =
            Request::get("https://a.example/x").header("authorization", "secret").body(Bytes::new()).unwrap();
        let (from, to) = (Url::parse("https://a.example/x").unwrap(), Url::parse("https://b.example/y").unwrap());
        redirected(&mut request, StatusCode::FOUND, &from, &to).unwrap();
        assert!(request.headers().is_empty());
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_number_and_by_name() {
        let client = Client::new(false);
        for host in
            ["127.0.0.1", "10.1.2.3", "[::1]", "169.254.169.254", "localhost", "0x7f000001", "[::ffff:10.0.0.1]"]
        {
            let answer = client.get(&format!("http://{host}:9/"), limits()).await.map(|_| ());
            assert!(matches!(answer, Err(Refused::Private(_))), "{host}: {answer:?}");
        }
        let answer = client.get("ftp://example.com/", limits()).await.map(|_| ());
        assert_eq!(answer, Err(Refused::Address("ftp://example.com/".into())));
    }
}
